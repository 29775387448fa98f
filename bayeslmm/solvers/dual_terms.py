"""The terms of a dual solver at one point of the scales: prior draws, corrections, exact moments.

With P the precision of y after beta is integrated, coefficients of prior covariance G have mean
G Z'P y and covariance G - G Z'P Z G, known to eps of the prior's own.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..types import Array
from .dual_score import DualWork
from .lapack import whiten_rows


class DualTerm(Protocol):
    """What a solver asks of a term; draws z lie in rows (k, columns)."""

    def moments(self, work: DualWork) -> tuple[Array, Array]:
        """Mean (levels, q) and covariance (levels, q, q) of the coefficients."""
        ...

    def scale(self, z: Array) -> None:
        """In place: from standard normals to draws of the prior."""
        ...

    def times(self, z: Array) -> Array:
        """The scaled rows (k, n) that the coefficients z give."""
        ...

    def corrected(self, rest: Array) -> Array:
        """G Z' rest, for V^-1 times what prior draws leave of y (k, n)."""
        ...

    def place(self, z: Array, out: Array) -> None:
        """Into the user's shape (k, levels, q)."""
        ...


@dataclass(frozen=True, eq=False)
class Grouped:
    """One factor; its columns lie effect by effect, levels within."""

    columns: Array  # (q levels, n), scaled
    first: int  # its first row in the solver's columns
    levels: int
    L: Array

    def moments(self, work: DualWork) -> tuple[Array, Array]:
        q, levels, p = self.L.shape[0], self.levels, work.F.shape[0]
        here = slice(self.first, self.first + q * levels)
        white = work.white[here].reshape(q, levels, -1).transpose(1, 0, 2)
        found = work.D[here.start - p - 1 : here.stop - p - 1].reshape(q, levels, p + 1)
        found = found.transpose(1, 0, 2)
        mean = found[:, :, p] @ self.L @ self.L.T
        share = found[:, :, :p]
        told = white @ white.transpose(0, 2, 1) - share @ share.transpose(0, 2, 1)
        values, turn = np.linalg.eigh(np.eye(q) - self.L.T @ told @ self.L)
        half = self.L @ turn * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        return mean, half @ half.transpose(0, 2, 1)

    def scale(self, z: Array) -> None:
        z[:] = self._by(z, self.L)

    def _by(self, z: Array, A: Array) -> Array:
        return (A @ z.reshape(z.shape[0], -1, self.levels)).reshape(z.shape)

    def times(self, z: Array) -> Array:
        return z @ self.columns

    def corrected(self, rest: Array) -> Array:
        return self._by(rest @ self.columns.T, self.L @ self.L.T)

    def place(self, z: Array, out: Array) -> None:
        out[:] = z.reshape(z.shape[0], -1, self.levels).transpose(0, 2, 1)


@dataclass(frozen=True, eq=False)
class Each:
    """A block with one scale for every column."""

    columns: Array  # (P, n), scaled
    first: int
    scales: Array  # (P,)

    def moments(self, work: DualWork) -> tuple[Array, Array]:
        p, end = work.F.shape[0], self.first + self.scales.size
        found = work.D[self.first - p - 1 : end - p - 1]
        return _alone(self.scales**2, work.white[self.first : end], found)

    def scale(self, z: Array) -> None:
        z *= self.scales

    def times(self, z: Array) -> Array:
        return z @ self.columns

    def corrected(self, rest: Array) -> Array:
        return (rest @ self.columns.T) * self.scales**2

    def place(self, z: Array, out: Array) -> None:
        out[:] = z[:, :, None]


@dataclass(frozen=True, eq=False)
class Shared:
    """A block with one scale; its columns are read where the user left them."""

    Z: Array  # (n, P), not scaled
    root: Array  # (n,)
    own: float

    def moments(self, work: DualWork) -> tuple[Array, Array]:
        n, P = self.Z.shape
        mean, variance = np.empty((P, 1)), np.empty((P, 1, 1))
        step = max(4 * n, 1)
        for start in range(0, P, step):  # a few columns at a time: no further copy of Z
            part = slice(start, start + step)
            white = np.ascontiguousarray(self.Z[:, part].T) * self.root
            whiten_rows(work.V, white)
            found = white @ work.R.T
            mean[part], variance[part] = _alone(np.array(self.own**2), white, found)
        return mean, variance

    def scale(self, z: Array) -> None:
        z *= self.own

    def times(self, z: Array) -> Array:
        return z @ self.Z.T * self.root

    def corrected(self, rest: Array) -> Array:
        return (rest * self.root) @ self.Z * self.own**2

    def place(self, z: Array, out: Array) -> None:
        out[:] = z[:, :, None]


def _alone(prior: Array, white: Array, found: Array) -> tuple[Array, Array]:
    """Mean (P, 1) and variance (P, 1, 1) of independent coefficients of the prior's variances."""
    told = np.einsum("ij,ij->i", white, white) - (found[:, :-1] ** 2).sum(axis=1)
    variance = prior * np.maximum(1.0 - prior * told, 0.0)
    return (prior * found[:, -1])[:, None], variance[:, None, None]
