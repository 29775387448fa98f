"""The coefficients given the scales, on whole arrays: `recovery`'s laws at many points at once.

    u_g | remainder ~ N(Psi E_g' r_g, H_g' H_g),    H'H = L (I + L'R'R L / sigma^2)^-1 L'

with E_g = C_g^-1 R_g and r_g the whitened residual: a draw is a mean and a root times normals.
"""

from dataclasses import dataclass

import numpy as np

from ..types import Array
from .small import Rows, Solved, times_root
from .small_score import whiten


@dataclass(frozen=True, repr=False)
class GroupLaw:
    """The effects of the eliminated factor, given the remainder, at k points."""

    at: Solved
    gain: Rows  # [a][i] (k, groups): the mean is sum_i gain[a][i] r_i
    half: Rows  # [t][a] (k, groups): the covariance is sum_t half[t][a] half[t][b]

    @classmethod
    def of(cls, at: Solved) -> "GroupLaw":
        """At points that are solved."""
        q = at.data.R.shape[0]
        if not q:
            return cls(at, [], [])
        E, Psi = whiten(at.V, at.data.R), at.L @ at.L.transpose(0, 2, 1)
        gain = [
            [_sum(Psi[:, a, b, None] * E[i][b] for b in range(q)) for i in range(q)]
            for a in range(q)
        ]
        return cls(at, gain, _half(at))

    def mean(self, residual: Array) -> Array:
        """Conditional means (k, groups, q) at whitened residuals (k, q, groups)."""
        q, groups = len(self.gain), residual.shape[2]
        found = np.empty((residual.shape[0], groups, q))
        for a in range(q):
            found[:, :, a] = _sum(self.gain[a][i] * residual[:, i] for i in range(q))
        return found

    def draw(self, remainder: Array, normals: Array) -> Array:
        """Effects (n, groups, q) given draws of the remainder (n, m); normals (n, q, groups)."""
        data, q = self.at.data, len(self.gain)
        delta = remainder.copy()
        delta[:, : data.shift.size] -= data.shift
        k, m = self.at.W.shape[0], self.at.W.shape[1] - 1
        flat = self.at.W[:, :m].reshape(k, m, q * data.R.shape[2])
        taken = delta @ flat[0] if k == 1 else (delta[:, None] @ flat)[:, 0]
        u = self.mean(self.at.W[:, m] - taken.reshape(normals.shape))
        for a in range(q):
            u[:, :, a] += _sum(self.half[t][a] * normals[:, t] for t in range(q))
        return u

    def covariance(self) -> tuple[Array, Array]:
        """Covariances (k, groups, q, q): given the remainder, and with it free."""
        at, q = self.at, len(self.gain)
        k, groups, m = at.sigma.size, at.data.R.shape[2], at.W.shape[1] - 1
        spread = at.root.transpose(0, 2, 1) @ at.W[:, :m].reshape(k, m, q * groups)
        spread = spread.reshape(k, m, q, groups)
        moved = [
            _sum(self.gain[a][i][:, None] * spread[:, :, i] for i in range(q)) for a in range(q)
        ]
        own, total = np.empty((2, k, groups, q, q))
        for a in range(q):
            for b in range(q):
                own[..., a, b] = _sum(self.half[t][a] * self.half[t][b] for t in range(q))
                total[..., a, b] = own[..., a, b] + (moved[a] * moved[b]).sum(axis=1)
        return own, total


def _half(at: Solved) -> Rows:
    """C^-1 (sigma L') with C C' = sigma^2 I + (R L)'(R L): in this nothing cancels."""
    A, q, sigma = times_root(at.data.R, at.L), at.data.R.shape[0], at.sigma[:, None]
    C: Rows = [[_sum(A[t][i] * A[t][j] for t in range(q)) for j in range(i + 1)] for i in range(q)]
    for j in range(q):
        C[j][j] = np.sqrt(C[j][j] + sigma**2 - _sum((C[j][t] ** 2 for t in range(j)), 0.0))
        for i in range(j + 1, q):
            C[i][j] = (C[i][j] - _sum((C[i][t] * C[j][t] for t in range(j)), 0.0)) / C[j][j]
    half: Rows = [[] for _ in range(q)]
    for i in range(q):
        for a in range(q):
            known = sigma * at.L[:, a, i, None] if i <= a else 0.0
            half[i].append((known - _sum((C[i][t] * half[t][a] for t in range(i)), 0.0)) / C[i][i])
    return half


def _sum(terms, start=None):  # type: ignore[no-untyped-def]
    """Of arrays; without a start there is at least one."""
    total = start
    for term in terms:
        total = term if total is None else total + term
    return total
