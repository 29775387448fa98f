"""Leaving rows out where there are more columns than rows: from the whole precision of the rows.

With V = C C' the covariance of the scaled rows given beta, and K beta ~ N(k, I) its prior, let Q be
an orthonormal basis of the columns of [C^-1 X; K]. Then

    P = E'E,    E = (I - Q Q') [C^-1; 0]

is the precision of y with every coefficient integrated out, formed without a difference of squares,
and y_I given all other rows has the precision P_II and the mean y_I - P_II^-1 (P y)_I (Sundararajan
& Keerthi 2001, section 3; for more rows than one: Rasmussen & Williams 2006, appendix A.2). It
costs a factorisation and an inverse of the rows' covariance, whatever the number of units.
"""

import numpy as np
from numpy.typing import NDArray

from ...types import Array
from ..compiled import jit
from ..dual import Dual
from ..dual_score import dual_density
from ..lapack import whiten_rows
from .algebra import LOST, factor, in_sample, squared
from .left import Left, of_rows, with_constants


class Precision:
    """What both kinds of unit share: E, and its products with the residual."""

    def __init__(self, solver: Dual) -> None:
        self.solver, self.work = solver, solver.work()

    def at(self, scales: Array, sigma: float) -> tuple[Array, Array, Array]:
        """sigma E by rows (n, n + r), sigma P y (n,), and below which share pi is rounding (n,)."""
        data, work = self.solver.data, self.work
        (n, p), r = (data.y.size, data.h0.size), data.K.shape[0]
        E = np.zeros((n, n + r))
        if not np.isfinite(dual_density(scales, sigma, data, work, 0)[0]):
            return np.full_like(E, np.nan), np.full(n, np.nan), np.full(n, np.nan)
        white = sigma * np.eye(n)
        whiten_rows(work.V, white)
        E[:, :n] = white
        floor = LOST**2 * np.einsum("ij,ij->i", white, white)
        Q = np.linalg.qr(np.vstack([work.white[:p].T, data.K]))[0]
        for _ in range(2):  # the second time removes the rounding of the first
            E -= (E @ Q) @ Q.T
        residual = np.concatenate([work.R[p], data.known - data.K @ work.gamma])
        return E, E @ residual, floor


class PrecisionRows:
    """One observation at a time."""

    def __init__(self, solver: Dual) -> None:
        self.point, rows = Precision(solver), solver.problem
        self.frequency, self.half = rows.frequency, 0.5 * np.log(rows.weights)

    def at(self, scales: Array, sigma: float) -> Left:
        E, rho, floor = self.point.at(scales, sigma)
        pi = np.einsum("ij,ij->i", E, E)
        pi[~(pi > floor)] = np.nan
        return of_rows(pi, rho, self.frequency, self.half, sigma)


class PrecisionUnits:
    """Any rows at a time: those of one code in `codes` (n,)."""

    def __init__(self, solver: Dual, codes: NDArray[np.intp], units: int) -> None:
        self.point, rows = Precision(solver), solver.problem
        self.members = np.argsort(codes, kind="stable")
        self.ends = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=units))])
        self.size = np.bincount(codes, rows.frequency, minlength=units)
        logs = rows.frequency * np.log(rows.weights)
        self.half = 0.5 * np.bincount(codes, logs, minlength=units)

    def at(self, scales: Array, sigma: float) -> Left:
        out, kept = np.empty((2, self.size.size))
        E, rho, floor = self.point.at(scales, sigma)
        for unit in range(self.size.size):
            inside = self.members[self.ends[unit] : self.ends[unit + 1]]
            own = E[inside]
            out[unit], kept[unit] = one_unit(own @ own.T, rho[inside], floor[inside])
        return with_constants(out, kept, sigma, self.size, self.half)


@jit
def one_unit(Pi, rho, floor):
    """Log density of a unit left out, and of new rows given all of y; without constants."""
    kept = in_sample(Pi, rho)
    return factor(Pi, floor) - 0.5 * squared(Pi, rho.copy()), kept
