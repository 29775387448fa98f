"""Leaving rows out exactly: log p(y_I | y_-I, theta) for every unit I, never an n x n matrix.

Given the scales, y is normal with every coefficient integrated out, and the law of y_I given all
other rows follows from the precision P of y: Sigma_I = (P_II)^-1, y_I - mean_I = Sigma_I (P y)_I
(Sundararajan & Keerthi 2001; Buerkner, Gabry & Vehtari 2021, equation 8, where it is not factorised
by rows). Four kinds of unit, one answer each, `at(scales, sigma)`:

* `Rows`: one observation; a row that counts f times is f observations, and one of them is left out;
* `Groups`: all rows of one level of the eliminated factor;
* `Units`: any rows, at the price of a matrix of their own size;
* `Refits`: any rows, as the difference of two log densities: for units that are a large part.

Where a model has more columns than rows, `precision` does the same from the whole of P.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...types import Array
from ..beta import FixedPrior
from ..primal import Primal
from ..problem import Columns, Factor, Problem
from .groups import compress, leave_groups
from .left import Left, of_rows, with_constants
from .rotated import Rotated, rotate
from .rows import leave_rows
from .units import leave_units

KEPT = 400e6  # bytes of solvers that `Refits` keeps from one point to the next


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

    def solver(self, keep: NDArray[np.bool_] | None = None) -> Primal:
        """The solver of the rows that are kept."""
        problem = Problem(
            self.y,
            self.X,
            self.factors,
            self.blocks,
            self.offset,
            self.weights,
            self.frequency,
        )
        return Primal.of(problem if keep is None else problem.only(keep), self.prior)

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
        # For every triangular factor, entry by entry: z'z of the effect of its row. Levels of a
        # factor share no row, so that the largest counts; columns of a block share all of them.
        grouped, largest = len(sums.factors) - len(table.blocks), []
        for number, (a, levels, q) in enumerate(sums.layout):
            own = norms[a : a + levels * q].reshape(levels, q)
            own = own.max(axis=0) if number < grouped else own.sum(axis=0)
            largest.append(np.repeat(own, q))
        self.largest = np.concatenate([*largest, np.zeros(0)])

    def at(self, scales: Array, sigma: float) -> tuple[Array, Array, Array, float]:
        """L of the eliminated factor; mean, covariance and condition of the remainder.

        The covariance is known to eps times the condition of L'S L + I, S at most Z'Z / sigma^2.
        """
        q = self.solver.sums.effects
        L = np.ascontiguousarray(scales[: q * q]).reshape(q, q)
        condition = 1.0 + float(scales[q * q :] ** 2 @ self.largest) / sigma**2
        mean, cov = self.solver.remainder(scales, sigma, self.work)
        return L, mean, cov, condition


class Rows:
    """One observation at a time."""

    def __init__(self, table: Table, solver: Primal) -> None:
        self.point, self.order = Point(table, solver), solver.sums.rows.order
        self.frequency, self.half = table.frequency, 0.5 * np.log(table.weights)

    def at(self, scales: Array, sigma: float) -> Left:
        n = self.order.size
        found = np.empty((2, n))
        L, mean, cov, condition = self.point.at(scales, sigma)
        leave_rows(L, sigma, mean, cov, condition, self.point.rotated, found[0], found[1])
        pi, rho = np.empty((2, n))
        pi[self.order], rho[self.order] = found
        return of_rows(pi, rho, self.frequency, self.half, sigma)


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
        return with_constants(out, kept, sigma, self.size, self.half)


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
        return with_constants(out, kept, sigma, self.size, self.half)


class Refits:
    """Any rows at a time, by log p(y) - log p(y_-I), and log p(y, y_I) - log p(y)."""

    def __init__(self, table: Table, solver: Primal, codes: NDArray[np.intp], units: int) -> None:
        self.table, self.solver, self.codes, self.units = table, solver, codes, units
        self.work = solver.work()
        self.kept: dict[tuple[int, bool], Primal] = {}
        sums = solver.sums
        size = 2 * sums.B.nbytes + sums.C.nbytes + 2 * sums.rows.X.nbytes + sums.rows.values.nbytes
        self.most = int(KEPT / size)

    def at(self, scales: Array, sigma: float) -> Left:
        def value(unit: int, twice: bool) -> float:
            if not twice and (self.codes == unit).all():
                return 0.0  # nothing is left
            return self._other(unit, twice).value(scales, sigma, self.work)

        whole = self.solver.value(scales, sigma, self.work)
        without = np.array([value(unit, False) for unit in range(self.units)])
        twice = np.array([value(unit, True) for unit in range(self.units)])
        return Left(whole - without, twice - whole, np.zeros(0))

    def _other(self, unit: int, twice: bool) -> Primal:
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
    table: Table, solver: Primal, codes: NDArray[np.intp], levels: int, eliminated: bool
) -> LeftOut:
    """Whole levels of one factor, in the cheapest of the exact ways."""
    if eliminated:
        return Groups(table, solver)
    largest = float(np.bincount(codes).max())
    whole = float(solver.sums.random + solver.sums.fixed) ** 3 + 100.0 * table.y.size
    return (Units if largest**3 < whole else Refits)(table, solver, codes, levels)


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
