"""Leaving rows out exactly: log p(y_I | y_-I, theta) for every unit I, never an n x n matrix.

Given the scales, y is normal with every coefficient integrated out, and the law of y_I given all
other rows follows from the precision P of y: Sigma_I = (P_II)^-1, y_I - mean_I = Sigma_I (P y)_I
(Sundararajan & Keerthi 2001; Buerkner, Gabry & Vehtari 2021, equation 8, where it is not factorised
by rows). Five kinds of unit, one answer each, `at(scales, sigma)`:

* `Rows`: one observation; a row that counts f times is f observations, and one of them is left out;
* `WideRows`: the same by the dual solver, of models with more coefficients than rows;
* `Groups`: all rows of one level of the eliminated factor;
* `Units`: any rows, at the price of a matrix of their own size;
* `Refits`: any rows, as the difference of two log densities: for units that are a large part.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..dual import Dual
from ..dual_rows import DualRows
from ..primal import LOG_2PI, FixedPrior, Primal
from ..sums import Array, Columns, Factor, accumulate
from .groups import compress, leave_groups
from .rotated import Rotated, rotate
from .rows import leave_rows
from .units import leave_units

KEPT = 400e6  # bytes of solvers that `Refits` keeps from one point to the next


class Left(NamedTuple):
    """The answer at one point of the variances, each (units,)."""

    log_density: Array  # of the unit, given all other rows
    in_sample: Array  # of new responses at the unit's rows, given all rows
    z: Array  # (y_i - mean) / sd given all other rows; rows only, else empty


class LeftOut(Protocol):
    """Something that can be left out, at any point of the variances."""

    def at(self, scales: Array, sigma: float) -> Left: ...


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Rows with the prior of beta: all that the units need. Beta is always integrated."""

    y: Array
    X: Array
    factors: tuple[Factor, ...]
    offset: Array
    weights: Array
    frequency: Array
    prior: FixedPrior
    blocks: tuple[Columns, ...] = ()
    wide: bool = False  # whether the dual solver is the smaller one

    def solver(self, keep: NDArray[np.bool_] | None = None) -> Primal | Dual:
        """The solver of the rows that are kept."""
        keep = np.ones(self.y.size, bool) if keep is None else keep
        factors = tuple(Factor(f.codes[keep], f.levels, f.Z[keep]) for f in self.factors)
        blocks = tuple(Columns(b.Z[keep], b.shared) for b in self.blocks)
        if self.wide:
            beside = (self.offset[keep], self.weights[keep], self.frequency[keep])
            rows = DualRows(self.y[keep], self.X[keep], factors, blocks, *beside)
            return Dual.of(rows, self.prior)
        sums = accumulate(
            self.y[keep],
            self.X[keep],
            factors,
            blocks,
            offset=self.offset[keep],
            weights=self.weights[keep],
            frequency=self.frequency[keep],
        )
        return Primal.of(sums, self.prior)

    def constants(self, codes: NDArray[np.intp], units: int) -> tuple[Array, Array]:
        """Observations of each unit, and half of the log of the product of their weights."""
        count = np.bincount(codes, self.frequency, minlength=units)
        logs = np.bincount(codes, self.frequency * np.log(self.weights), minlength=units)
        return count, 0.5 * logs


class Point:
    """What all units share: the solver, its scratch memory, and the rotated rows."""

    def __init__(self, table: Table, solver: Primal) -> None:
        self.solver, self.work = solver, solver.work()
        self.rotated: Rotated = rotate(solver.sums, table.y)
        sums = solver.sums
        squares = (sums.rows.values**2).ravel()
        norms = np.bincount(sums.rows.columns.ravel(), squares, minlength=sums.random)
        layout = [tuple(int(v) for v in entry) for entry in sums.layout]
        terms = (norms[a : a + levels * q].reshape(levels, q) for a, levels, q in layout)
        wide = [i for i, (*_, q) in enumerate(layout) if q > 1]
        self.widths = [q for *_, q in layout[: wide[-1] + 1 if wide else 0]]
        self.largest = np.concatenate([np.zeros(0), *(t.max(axis=0) for t in terms)])

    def at(self, scales: Array, sigma: float) -> tuple[Array, Array, Array, float]:
        """L of the eliminated factor; mean, covariance and condition of the remainder.

        The covariance is known to eps times the condition of L'S L + I, S at most Z'Z / sigma^2.
        """
        sums, condition = self.solver.sums, 1.0
        at, first = sums.effects**2, 0
        L = np.ascontiguousarray(scales[:at]).reshape(sums.effects, sums.effects)
        for q in self.widths:  # of factors; what follows has one scale each, all taken at once
            own, largest = scales[at : at + q * q].reshape(q, q), self.largest[first : first + q]
            condition = max(condition, 1.0 + float((own**2).sum(axis=1) @ largest) / sigma**2)
            at, first = at + q * q, first + q
        rest = scales[at:] ** 2 * self.largest[first:]
        condition = max(condition, 1.0 + float(rest.max(initial=0.0)) / sigma**2)
        mean, cov = self.solver.remainder(scales, sigma, self.work)
        return L, mean, cov, condition


class Rows:
    """One observation at a time."""

    def __init__(self, table: Table, solver: Primal) -> None:
        self.point, self.order = Point(table, solver), solver.sums.rows.order
        self.frequency, self.half = table.frequency, 0.5 * np.log(table.weights)

    def at(self, scales: Array, sigma: float) -> Left:
        n, f = self.order.size, self.frequency
        found = np.empty((2, n))
        L, mean, cov, condition = self.point.at(scales, sigma)
        leave_rows(L, sigma, mean, cov, condition, self.point.rotated, found[0], found[1])
        pi, rho = np.empty((2, n))
        pi[self.order], rho[self.order] = found
        # One of f equal rows keeps f - 1 others: 1 - pi is f times the leverage of one.
        pi, rho = (f - 1.0 + pi) / f, rho / np.sqrt(f)
        return _rows_left(pi, rho, self.half - 0.5 * LOG_2PI - np.log(sigma))


class WideRows:
    """One observation at a time, by the dual solver."""

    def __init__(self, table: Table, solver: Dual) -> None:
        self.table, self.solver = table, solver

    def at(self, scales: Array, sigma: float) -> Left:
        """The solver leaves all f equal rows out; one of them keeps f - 1 others, as in `Rows`."""
        f, w = self.table.frequency, self.table.weights
        mean, variance = self.solver.leave_out_rows(scales, sigma)
        noise = sigma**2 / (w * f)
        without = variance - sigma**2 / w + noise  # 1 / P_ii
        pi = (f - 1.0 + noise / without) / f
        rho = np.sqrt(noise / f) * (self.table.y - mean) / without
        constant = 0.5 * np.log(w) - 0.5 * LOG_2PI - np.log(sigma)
        return _rows_left(pi, rho, constant)


class Groups:
    """All rows of one level of the eliminated factor at a time."""

    def __init__(self, table: Table, solver: Primal) -> None:
        self.point = Point(table, solver)
        rotated = self.point.rotated
        lines = np.minimum(np.diff(rotated.starts), np.diff(rotated.first) + 1)
        self.starts = np.concatenate([[0], np.cumsum(lines)])
        widest = int(np.diff(rotated.first).max(initial=0)) + 1
        self.triangle = np.zeros((int(self.starts[-1]), widest))
        compress(rotated, self.starts, self.triangle)
        self.size, self.half = table.constants(table.factors[0].codes, table.factors[0].levels)

    def at(self, scales: Array, sigma: float) -> Left:
        out, kept = np.empty((2, self.size.size))
        L, mean, cov, condition = self.point.at(scales, sigma)
        own = (self.starts, self.triangle)
        leave_groups(L, sigma, mean, cov, condition, self.point.rotated, own, out, kept)
        return _with_constants(out, kept, sigma, self.size, self.half)


class Units:
    """Any rows at a time: those of one code in `codes` (n,)."""

    def __init__(self, table: Table, solver: Primal, codes: NDArray[np.intp], units: int) -> None:
        self.point = Point(table, solver)
        order, starts = solver.sums.rows.order, solver.sums.rows.starts
        self.group = np.repeat(np.arange(starts.size - 1), np.diff(starts))
        inside = codes[order]
        self.members = np.argsort(inside, kind="stable")
        self.ends = np.concatenate([[0], np.cumsum(np.bincount(inside, minlength=units))])
        self.size, self.half = table.constants(codes, units)

    def at(self, scales: Array, sigma: float) -> Left:
        out, kept = np.empty((2, self.size.size))
        L, mean, cov, condition = self.point.at(scales, sigma)
        own = (self.group, self.members, self.ends)
        leave_units(L, sigma, mean, cov, condition, self.point.rotated, own, out, kept)
        return _with_constants(out, kept, sigma, self.size, self.half)


class Refits:
    """Any rows at a time, by log p(y) - log p(y_-I), and log p(y, y_I) - log p(y)."""

    def __init__(
        self, table: Table, solver: Primal | Dual, codes: NDArray[np.intp], units: int
    ) -> None:
        self.table, self.solver, self.codes, self.units = table, solver, codes, units
        self.work: Any = None if isinstance(solver, Dual) else solver.work()  # alike for all
        self.kept: dict[tuple[int, bool], Primal | Dual] = {}
        self.most = int(KEPT / _size(solver))

    def at(self, scales: Array, sigma: float) -> Left:
        def value(unit: int, twice: bool) -> float:
            if not twice and (self.codes == unit).all():
                return 0.0  # nothing is left
            return self._other(unit, twice).value(scales, sigma, self.work)

        whole = self.solver.value(scales, sigma, self.work)
        without = np.array([value(unit, False) for unit in range(self.units)])
        twice = np.array([value(unit, True) for unit in range(self.units)])
        return Left(whole - without, twice - whole, np.zeros(0))

    def _other(self, unit: int, twice: bool) -> Primal | Dual:
        """The solver without the unit's rows, or with each of them once more."""
        if (unit, twice) in self.kept:
            return self.kept[unit, twice]
        inside = self.codes == unit
        if twice:
            frequency = np.where(inside, 2.0, 1.0) * self.table.frequency
            other = replace(self.table, frequency=frequency).solver()
        else:
            other = self.table.solver(~inside)
        if len(self.kept) < self.most:
            self.kept[unit, twice] = other
        return other


def levels_out(
    table: Table, solver: Primal | Dual, codes: NDArray[np.intp], levels: int, eliminated: bool
) -> LeftOut:
    """Whole levels of one factor, in the cheapest of the exact ways."""
    if isinstance(solver, Dual):
        return Refits(table, solver, codes, levels)
    if eliminated:
        return Groups(table, solver)
    largest = float(np.bincount(codes).max())
    whole = float(solver.sums.random + solver.sums.fixed) ** 3 + 100.0 * table.y.size
    return (Units if largest**3 < whole else Refits)(table, solver, codes, levels)


def _size(solver: Primal | Dual) -> float:
    """Bytes of a solver."""
    if isinstance(solver, Dual):
        return float(solver.data.columns.nbytes + solver.rows.scaled.grams.nbytes)
    sums = solver.sums
    own = 2 * sums.B.nbytes + sums.C.nbytes + 2 * sums.rows.X.nbytes + sums.rows.values.nbytes
    return float(own)


def undetermined(
    X: Array, prior: FixedPrior, codes: NDArray[np.intp], units: int
) -> NDArray[np.intp]:
    """Units without which some coefficient with a flat prior is not determined by the rest.

    Their predictive density does not exist. The rows' share in an orthonormal basis of [X; H] has
    then an eigenvalue of one, whatever the variances.
    """
    p, r = X.shape[1], prior.H.shape[0]
    if r == p:
        return np.zeros(0, np.intp)
    scale = np.sqrt((X**2).sum(axis=0))
    H = prior.H / scale
    H = H / np.sqrt((H**2).sum(axis=1, keepdims=True)) if r else H
    Q = np.linalg.qr(np.vstack([X / scale, H]))[0][: X.shape[0]]
    share = np.zeros((units, p, p))
    for a in range(p):
        for b in range(p):
            share[:, a, b] = np.bincount(codes, Q[:, a] * Q[:, b], minlength=units)
    return np.flatnonzero(np.linalg.eigvalsh(share)[:, -1] > 1.0 - 1e-9)


def _rows_left(pi: Array, rho: Array, constant: Array) -> Left:
    """From pi_i = noise_i P_ii and rho_i = sqrt(noise_i) (P y)_i."""
    return Left(
        constant + 0.5 * np.log(pi) - 0.5 * rho**2 / pi,
        constant - 0.5 * np.log(2.0 - pi) - 0.5 * rho**2 / (2.0 - pi),
        rho / np.sqrt(pi),
    )


def _with_constants(out: Array, kept: Array, sigma: float, size: Array, half: Array) -> Left:
    constant = half - size * (0.5 * LOG_2PI + np.log(sigma))
    return Left(out + constant, kept + constant, np.zeros(0))
