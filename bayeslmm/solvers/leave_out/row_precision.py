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

from ...types import Array
from ..compiled import jit
from ..dual import Dual
from ..dual_score import dual_density
from ..lapack import whiten_rows
from .algebra import LOST
from .left import Left, Units, predict, with_constants


class Precision:
    """Any rows at a time, from E."""

    def __init__(self, solver: Dual, units: Units) -> None:
        self.solver, self.work, self.units = solver, solver.work(), units
        self.own = (*units.members(), units.copies)
        self.constants = units.constants(solver.problem)

    def at(self, scales: Array, sigma: float) -> Left:
        found = np.empty((self.units.count, 3))
        leave_precision(*self._point(scales, sigma), self.own, found)
        return with_constants(found, sigma, self.constants)

    def _point(self, scales: Array, sigma: float) -> tuple[Array, Array, Array]:
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


@jit
def leave_precision(E, rho, floor, units, found):
    """Fill `found` (units, 3) as `predict` does; `units` is (members, ends, copies)."""
    members, ends, copies = units
    for unit in range(ends.size - 1):
        rows = members[ends[unit] : ends[unit + 1]]
        if rows.size == 0:
            found[unit] = 0.0
            continue
        own = E[rows]
        Pi = np.dot(own, own.T)
        predict(Pi, rho[rows], floor[rows], copies[rows[0]], found[unit])
