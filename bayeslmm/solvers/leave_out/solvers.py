"""Leaving rows out exactly: log p(y_I | y_-I, theta) for every unit I, never an n x n matrix.

Given the scales, y is normal with every coefficient integrated out, and the law of y_I given all
other rows follows from the precision P of y: Sigma_I = (P_II)^-1, y_I - mean_I = Sigma_I (P y)_I
(Sundararajan & Keerthi 2001; Buerkner, Gabry & Vehtari 2021, equation 8, where it is not factorised
by rows). `left_out` takes the cheapest of four exact ways, each `at(scales, sigma)`:

* `LeftRows`: any rows, at the price of a matrix of their own size; one observation is the smallest;
* `Groups`: all rows of one level of the eliminated factor;
* `Refits`: any rows, as the difference of two log densities: for units that are a large part;
* `Precision`: from the whole of P, where a model has more columns than rows.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...types import Array
from ..beta import Beta, prior_of
from ..dual import Dual
from ..primal import Primal
from ..solver import Solver
from .groups import compress, leave_groups
from .left import Left, LeftOut, Units, with_constants
from .rotated import Rotated, rotate
from .row_precision import Precision
from .units import leave_units

KEPT = 400e6  # bytes of solvers that `Refits` keeps from one point to the next


class LeftPoint:
    """What all units share: the solver, its scratch memory, and the rotated rows."""

    def __init__(self, solver: Primal) -> None:
        self.solver = solver.compiled  # asked at every draw
        self.rotated: Rotated = rotate(solver.sums, solver.problem.y)
        sums = solver.sums
        squares = (sums.rows.values**2).ravel()
        norms = np.bincount(sums.rows.columns.ravel(), squares, minlength=sums.random)
        # For every triangular factor, entry by entry: z'z of the effect of its row. Levels of a
        # factor share no row, so that the largest counts; columns of a block share all of them.
        grouped, largest = len(sums.factors) - len(solver.problem.blocks), []
        for number, (a, levels, q) in enumerate(sums.layout):
            own = norms[a : a + levels * q].reshape(levels, q)
            own = own.max(axis=0) if number < grouped else own.sum(axis=0)
            largest.append(np.repeat(own, q))
        self.largest = np.concatenate([*largest, np.zeros(0)])

    def at(self, scales: Array, sigma: float) -> tuple[Array | float | Rotated, ...]:
        """L of the eliminated factor; mean, covariance and condition of the remainder; the rows.

        The covariance is known to eps times the condition of L'S L + I, S at most Z'Z / sigma^2.
        """
        q = self.solver.sums.effects
        L = np.ascontiguousarray(scales[: q * q]).reshape(q, q)
        condition = 1.0 + float(scales[q * q :] ** 2 @ self.largest) / sigma**2
        mean, cov = self.solver.remainder(scales, sigma)
        return L, sigma, mean, cov, condition, self.rotated


class LeftRows:
    """Any rows at a time."""

    def __init__(self, solver: Primal, units: Units) -> None:
        self.point, self.constants = LeftPoint(solver), units.constants(solver.problem)
        self.order, starts = solver.sums.rows.order, solver.sums.rows.starts
        self.alone = units.alone
        batches = (np.arange(self.order.size), starts) if self.alone else units.members(self.order)
        group = np.repeat(np.arange(starts.size - 1), np.diff(starts))
        self.own = (group, *batches, units.copies[self.order], self.alone)

    def at(self, scales: Array, sigma: float) -> Left:
        found = np.empty((self.constants[0].size, 3))
        leave_units(*self.point.at(scales, sigma), self.own, found)
        if self.alone:
            found[self.order] = found.copy()
        return with_constants(found, sigma, self.constants)


class Groups:
    """All rows of one level of the eliminated factor at a time."""

    def __init__(self, solver: Primal, units: Units) -> None:
        self.units, self.point = units, LeftPoint(solver)
        self.constants = units.constants(solver.problem)
        rotated = self.point.rotated
        lines = np.minimum(np.diff(rotated.starts), np.diff(rotated.first) + 1)
        starts = np.concatenate([[0], np.cumsum(lines)])
        widest = int(np.diff(rotated.first).max(initial=0)) + 1
        triangle = np.zeros((int(starts[-1]), widest))
        compress(rotated, starts, triangle)
        self.own = (starts, triangle)

    def at(self, scales: Array, sigma: float) -> Left:
        found = np.empty((self.units.count, 3))
        leave_groups(*self.point.at(scales, sigma), self.own, found)
        return with_constants(found, sigma, self.constants)


class Refits:
    """Any rows at a time, by log p(y) - log p(y_-I), and log p(y, y_I) - log p(y)."""

    def __init__(self, solver: Primal, units: Units) -> None:
        self.solver, self.units = solver, units
        self.work = None if solver.light else solver.work()
        self.kept: dict[tuple[int, bool], Primal] = {}
        sums = solver.sums
        size = 2 * sums.B.nbytes + sums.C.nbytes + 2 * sums.rows.X.nbytes + sums.rows.values.nbytes
        self.most = int(KEPT / size)

    def at(self, scales: Array, sigma: float) -> Left:
        def value(unit: int, twice: bool) -> float:
            if not twice and (self.units.codes == unit).all():
                return 0.0  # nothing is left
            return self._other(unit, twice).value(scales, sigma, self.work)

        whole, each = self.solver.value(scales, sigma, self.work), range(self.units.count)
        without, twice = (np.array([value(u, more) for u in each]) for more in (False, True))
        return Left(whole - without, twice - whole, np.full(len(each), np.nan))

    def _other(self, unit: int, twice: bool) -> Primal:
        """The solver without the unit's rows, or with each of them once more."""
        if (unit, twice) in self.kept:
            return self.kept[unit, twice]
        inside, problem = self.units.codes == unit, self.solver.problem
        if twice:
            frequency = np.where(inside, 2.0, 1.0) * problem.frequency
            problem = replace(problem, frequency=frequency)
        else:
            problem = problem.only(~inside)
        other = Primal.of(problem, self.solver.beta)
        if len(self.kept) < self.most:
            self.kept[unit, twice] = other
        return other


def left_out(solver: Solver, units: Units) -> LeftOut:
    """The units, in the cheapest of the exact ways; any but `Primal` takes the rows' precision."""
    if not isinstance(solver, Primal):
        other = solver if isinstance(solver, Dual) else Dual.of(solver.problem, solver.beta)  # type: ignore[arg-type]
        return Precision(other, units)
    largest, problem = float(np.bincount(units.codes).max()), solver.problem
    if largest > 1 and problem.factors and np.array_equal(units.codes, problem.first.codes):
        return Groups(solver, units)
    whole = float(problem.remain) ** 3 + 100.0 * problem.y.size
    return (LeftRows if largest**3 < whole else Refits)(solver, units)


def undetermined(X: Array, beta: Beta, codes: NDArray[np.intp], units: int) -> NDArray[np.intp]:
    """Units without which some coefficient with a flat prior is not determined by the rest.

    Their predictive density does not exist. The rows' share in an orthonormal basis of [X; H] has
    then an eigenvalue of one, whatever the variances.
    """
    p = X.shape[1]
    prior = prior_of(beta, p)
    r = prior.H.shape[0]
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
