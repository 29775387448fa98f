"""The primal solver's algebra on whole arrays, at many points at once: for few numbers, in NumPy.

What `equations` says group by group is said here of all groups and all points together, so that
nothing has to be compiled: the first fit of a small table is as quick as the next one. The points
and the groups lie on the last two axes; the q random effects of a group are few, and looped over.

    V_g = sigma^2 I + (R_g L)(R_g L)',    W_g = C_g^-1 [B_g, y_g],    C_g C_g' = V_g
    S = sum_g W_g'W_g + D'D / sigma^2,    M = Lambda'S Lambda + I,    Lambda = diag(L_f, .., I)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..types import Array
from .beta import Beta, InBasis
from .sums import Sums
from .triangular import LOST

MOST = 2_500  # numbers of the groups' rotated rows up to which this is the way
WIDE = 80  # columns of the remainder

type Rows = list[list[Array]]  # [i][j] of the effects' own small matrices, each (k, groups)


class SmallData(NamedTuple):
    """The sums, groups last and no column left out; and what is done with beta."""

    R: Array  # (q, q, groups)
    B: Array  # (m + 1, q, groups)
    C: Array  # (m + 1, m + 1) products of the rest, y last
    shift: Array  # (m2,)
    factors: tuple[tuple[int, int, int], ...]  # of the remainder: first column, levels, effects
    prior: InBasis
    n: float
    constant: float

    @property
    def fixed(self) -> int:
        return int(self.C.shape[0]) - 1 - int(self.shift.size)


def is_small(groups: int, q: int, m: int) -> bool:
    """Whether NumPy does it at the price of compiled code, or near."""
    return m <= WIDE and (m + 1) * max(q, 1) * max(groups, m) <= MOST


def small_data(sums: Sums, beta: Beta, constant: float) -> SmallData:
    """The arrays of a solver's sums."""
    q, m, groups = sums.effects, sums.C.shape[0], sums.groups
    B = np.zeros((m + 1, q, groups))
    m2 = sums.random
    B[m2:] = _unchunked(sums.B, groups)
    group = np.repeat(np.arange(sums.starts.size - 1), np.diff(sums.starts))
    if q:
        B[sums.columns, :, group] = sums.values
    C = np.zeros((m + 1, m + 1))
    C[:m, :m], C[:m, m], C[m, :m], C[m, m] = sums.C, sums.g, sums.g, sums.rss
    layout = tuple((int(a), int(b), int(c)) for a, b, c in sums.layout)
    prior = InBasis.of(beta, sums.T, sums.origin, sums.log_det_T)
    R = _unchunked(sums.R, groups)
    return SmallData(R, B, C, sums.shift, layout, prior, sums.n, constant + prior.constant)


def _unchunked(A: Array, groups: int) -> Array:
    """(chunks, a, q, lanes) to (a, q, groups)."""
    a, q = A.shape[1:3]
    together = np.moveaxis(A, 0, 2).reshape(a, q, A.shape[0] * A.shape[3])
    return np.ascontiguousarray(together[..., :groups])


@dataclass(frozen=True, repr=False)
class Solved:
    """Everything at k points: factors, whitened columns, solution, log density."""

    data: SmallData
    sigma: Array  # (k,)
    L: Array  # (k, q, q) of the eliminated factor
    V: Rows  # Cholesky factors, the diagonal as its reciprocal
    W: Array  # (k, m + 1, q, groups)
    S: Array  # (k, m + 1, m + 1)
    Lambda: Array  # (k, m, m)
    chol: Array  # (k, m, m) of the scaled normal equations
    scaled: Array  # (k, m) solution before it is scaled
    mean: Array  # (k, m) the remainder's: other effects, gamma
    residual: Array  # (k, q, groups)
    quad: Array  # (k,)
    value: Array  # (k,) NaN where float64 cannot hold it

    @property
    def delta(self) -> Array:
        """The solution's distance from the stored fit (k, m)."""
        delta = self.mean.copy()
        delta[:, : self.data.shift.size] -= self.data.shift
        return delta

    @cached_property
    def half(self) -> Array:
        """Cov(scaled remainder) = half half', (k, m, m)."""
        k, m = self.scaled.shape
        half = np.broadcast_to(np.eye(m), (k, m, m)).copy()
        with np.errstate(all="ignore"):
            for i in range(m):  # C^-1, row by row
                if i:
                    half[:, i] -= (self.chol[:, i, None, :i] @ half[:, :i])[:, 0]
                half[:, i] /= self.chol[:, i, i, None]
        half = half.transpose(0, 2, 1)
        if not self.data.prior.integrate:  # beta is where it is
            half[:, :, self.data.shift.size :] = 0.0
        return half

    @cached_property
    def root(self) -> Array:
        """Cov(remainder) = root root', (k, m, m)."""
        return self.Lambda @ self.half if self.data.shift.size else self.half


def solve(scales: Array, sigma: Array, data: SmallData) -> Solved:
    """Solve at points scales (k, entries), sigma (k,)."""
    with np.errstate(all="ignore"):
        return _solve(scales, sigma, data)


def _solve(scales: Array, sigma: Array, data: SmallData) -> Solved:
    k, q, groups = sigma.size, data.R.shape[0], data.R.shape[2]
    m, m2 = data.C.shape[0] - 1, data.shift.size
    L = scales[:, : q * q].reshape(k, q, q)
    noise = sigma**2
    V, log_det = factor_groups(data.R, L, noise)
    W = np.empty((k, m + 1, q, groups))
    for i in range(q):
        own = W[:, :, i]
        own[:] = data.B[:, i]
        for t in range(i):
            own -= V[i][t][:, None] * W[:, :, t]
        own *= V[i][i][:, None]
    flat = W.reshape(k, m + 1, q * groups)
    S = flat @ flat.transpose(0, 2, 1)
    S += data.C / noise[:, None, None]
    Lambda = scaling(scales[:, q * q :], data)
    M = S[:, :m, :m].copy()
    if m2:
        M = Lambda.transpose(0, 2, 1) @ M @ Lambda
    M[:, np.arange(m2), np.arange(m2)] += 1.0
    M[:, m2:, m2:] += data.prior.P0
    right = S[:, :m, m] + S[:, :m, :m2] @ data.shift
    if m2:
        right = (Lambda.transpose(0, 2, 1) @ right[:, :, None])[:, :, 0]
    right[:, m2:] += data.prior.h0
    chol = _cholesky(M)
    scaled = _normal(chol, right)
    if m:  # once more: what the first time has rounded off
        scaled += _normal(chol, right - _times(M, scaled))
    mean = _times(Lambda, scaled) if m2 else scaled
    delta = mean.copy()
    delta[:, :m2] -= data.shift
    residual = W[:, m].copy()
    for j in range(m):
        residual -= delta[:, j, None, None] * W[:, j]
    away = np.column_stack([-delta, np.ones(k)])
    rest = ((away @ data.C) * away).sum(axis=1)
    quad = (residual**2).reshape(k, q * groups).sum(axis=1) + rest / noise
    quad += (scaled[:, :m2] ** 2).sum(axis=1)
    gap = scaled[:, m2:] @ data.prior.K.T - data.prior.known
    logs = 2.0 * np.log(np.diagonal(chol, axis1=1, axis2=2))
    total = data.n * np.log(noise) + log_det + logs[:, :m2].sum(axis=1) + quad
    total += (gap**2).sum(axis=1)
    if data.prior.integrate:
        total += logs[:, m2:].sum(axis=1)
    value = data.constant - 0.5 * total
    return Solved(data, sigma, L, V, W, S, Lambda, chol, scaled, mean, residual, quad, value)


def _normal(chol: Array, right: Array) -> Array:
    """(C C')^-1 right (k, m), by substitution at all points."""
    x = right.copy()
    m = x.shape[1]
    for i in range(m):
        if i:
            x[:, i] -= (chol[:, i, :i] * x[:, :i]).sum(axis=1)
        x[:, i] /= chol[:, i, i]
    for i in range(m - 1, -1, -1):
        if i + 1 < m:
            x[:, i] -= (chol[:, i + 1 :, i] * x[:, i + 1 :]).sum(axis=1)
        x[:, i] /= chol[:, i, i]
    return x


def _times(A: Array, x: Array) -> Array:
    """A x at every point."""
    found: Array = (A * x[:, None, :]).sum(axis=2)
    return found


def factor_groups(R: Array, L: Array, noise: Array) -> tuple[Rows, Array]:
    """Cholesky factors of V_g = noise I + (R_g L)(R_g L)', and the sum of log|V_g / noise| (k,)."""
    q, groups = R.shape[0], R.shape[2]
    A = times_root(R, L)
    V = [[_products(A[i], A[j]) for j in range(i + 1)] for i in range(q)]
    log_det = np.zeros(noise.size)
    for j in range(q):
        V[j][j] = V[j][j] + noise[:, None]
    for j in range(q):
        for t in range(j):
            V[j][j] = V[j][j] - V[j][t] ** 2
        log_det += np.log(V[j][j]).sum(axis=1)
        V[j][j] = 1.0 / np.sqrt(V[j][j])
        for i in range(j + 1, q):
            for t in range(j):
                V[i][j] = V[i][j] - V[i][t] * V[j][t]
            V[i][j] = V[i][j] * V[j][j]
    return V, log_det - groups * q * np.log(noise)


def times_root(R: Array, L: Array) -> Rows:
    """R_g L, [i][j] of (k, groups); R is upper triangular, L lower."""
    q = R.shape[0]
    return [
        [sum(R[i, t] * L[:, t, j, None] for t in range(max(i, j), q)) for j in range(q)]  # type: ignore[misc]
        for i in range(q)
    ]


def _products(a: list[Array], b: list[Array]) -> Array:
    total = a[0] * b[0]
    for x, y in zip(a[1:], b[1:]):
        total += x * y
    return total


def scaling(factors: Array, data: SmallData) -> Array:
    """Lambda (k, m, m): the other factors' L level by level, one for the fixed effects."""
    k, m = factors.shape[0], data.C.shape[0] - 1
    found = np.zeros((k, m, m))
    at = 0
    for start, levels, q in data.factors:
        L = factors[:, at : at + q * q].reshape(k, 1, q, q)
        own = start + np.arange(levels * q).reshape(levels, q)
        found[:, own[:, :, None], own[:, None, :]] = L
        at += q * q
    fixed = np.arange(data.shift.size, m)
    found[:, fixed, fixed] = 1.0
    return found


def _cholesky(M: Array) -> Array:
    """Lower factors; NaN where a pivot holds nothing but rounding in float64."""
    try:
        found = np.linalg.cholesky(M)
    except np.linalg.LinAlgError:
        found = np.array([_one_cholesky(one) for one in M])
    lost = LOST * (1.0 + M.shape[1] / 50.0)
    pivots, own = np.diagonal(found, axis1=1, axis2=2), np.diagonal(M, axis1=1, axis2=2)
    found[~(pivots**2 > lost * own).all(axis=1)] = np.nan
    return found


def _one_cholesky(M: Array) -> Array:
    try:
        return np.linalg.cholesky(M)
    except np.linalg.LinAlgError:
        return np.full(M.shape, np.nan)
