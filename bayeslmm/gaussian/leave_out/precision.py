"""Leaving rows out where there are more columns than rows: from the whole precision of the rows.

With V = C C' the covariance of the scaled rows given beta, and F F' the covariance of beta,

    P = C^-T (I - R'R) C^-1,    R = F'X'C^-T

is the precision of y with every coefficient integrated out, and y_I given all other rows has the
precision P_II and the mean y_I - P_II^-1 (P y)_I (Sundararajan & Keerthi 2001, section 3; for more
rows than one: Rasmussen & Williams 2006, appendix A.2). It costs a factorisation and an inverse of
the rows' covariance, whatever the number of units.
"""

import numpy as np
from numpy.typing import NDArray

from ..compiled import jit
from ..dual import Dual
from ..dual_score import dual_density, share_fixed
from ..lapack import whiten_rows
from ..sums import Array
from .algebra import LOST, factor, in_sample, squared
from .left import Left, of_rows, with_constants


class Precision:
    """What both kinds of unit share: C^-1 as rows, its products with R, and the loss of a pivot."""

    def __init__(self, solver: Dual) -> None:
        self.solver, self.work = solver, solver.work()
        self.white = np.empty((solver.rows.y.size, solver.rows.y.size))

    def at(self, scales: Array, sigma: float) -> tuple[Array, Array, float]:
        """Columns of C^-1 times sigma, as rows (n, n); times R' and the whitened residual."""
        value, _, loss = dual_density(scales, sigma, self.solver.data, self.work, 0)
        if not np.isfinite(value):
            self.white[:] = np.nan
            return self.white, np.full((len(self.white), self.work.R.shape[0]), np.nan), np.inf
        share_fixed(self.solver.data, self.work, True)
        self.white[:] = 0.0
        np.fill_diagonal(self.white, sigma)
        whiten_rows(self.work.V, self.white)
        return self.white, self.white @ self.work.R.T, loss


class PrecisionRows:
    """One observation at a time."""

    def __init__(self, solver: Dual) -> None:
        self.point, rows = Precision(solver), solver.rows
        self.frequency, self.half = rows.frequency, 0.5 * np.log(rows.weights)

    def at(self, scales: Array, sigma: float) -> Left:
        white, share, loss = self.point.at(scales, sigma)
        own = np.einsum("ij,ij->i", white, white)
        known = (share[:, :-1] ** 2).sum(axis=1)
        pi = own - known
        pi[~(pi > LOST * (own + loss * known))] = np.nan
        return of_rows(pi, share[:, -1], self.frequency, self.half, sigma)


class PrecisionUnits:
    """Any rows at a time: those of one code in `codes` (n,)."""

    def __init__(self, solver: Dual, codes: NDArray[np.intp], units: int) -> None:
        self.point, rows = Precision(solver), solver.rows
        self.members = np.argsort(codes, kind="stable")
        self.ends = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=units))])
        self.size = np.bincount(codes, rows.frequency, minlength=units)
        logs = rows.frequency * np.log(rows.weights)
        self.half = 0.5 * np.bincount(codes, logs, minlength=units)

    def at(self, scales: Array, sigma: float) -> Left:
        out, kept = np.empty((2, self.size.size))
        white, share, loss = self.point.at(scales, sigma)
        for unit in range(self.size.size):
            inside = self.members[self.ends[unit] : self.ends[unit + 1]]
            rows, fixed = white[inside], share[inside, :-1]
            own, known = rows @ rows.T, fixed @ fixed.T
            floor = LOST * (np.diag(own) + loss * np.diag(known))
            out[unit], kept[unit] = one_unit(own - known, share[inside, -1], floor)
        return with_constants(out, kept, sigma, self.size, self.half)


@jit
def one_unit(Pi, rho, floor):
    """Log density of a unit left out, and of new rows given all of y; without constants."""
    kept = in_sample(Pi, rho)
    return factor(Pi, floor) - 0.5 * squared(Pi, rho.copy()), kept
