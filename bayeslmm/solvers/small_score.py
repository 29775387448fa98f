"""The gradient of the log density on whole arrays: `score`'s identities, at many points at once.

With P the precision of y after everything else is integrated and F F' the covariance of the
remainder, twice the slope in the covariance of one factor's effects is

    J = sum over levels of Z'P y y'P Z - Z'P Z,     Z'P Z = Z'V^-1 Z - (F'S_z)'(F'S_z)

and the slope in sigma follows from the density being homogeneous in (L, sigma, sd of the prior).
"""

import numpy as np

from ..types import Array
from .small import Rows, Solved


def scores(at: Solved) -> tuple[Array, Array]:
    """J of every factor, flat (k, entries), and the slopes in sigma (k,)."""
    with np.errstate(all="ignore"):
        data, k, q = at.data, at.sigma.size, at.data.R.shape[0]
        m2 = data.shift.size
        J = [_eliminated(at).reshape(k, q * q)]
        slope = at.quad - data.n - _trace(at.L, J[0].reshape(k, q, q))
        for start, levels, width in data.factors:
            L = at.Lambda[:, start : start + width, start : start + width]
            own = _remaining(at, L, start, levels)
            slope -= _trace(L, own)
            J.append(own.reshape(k, width * width))
        if data.prior.integrate:
            F = at.root[:, m2:, m2:]
            slope += data.fixed - np.einsum("ij,kif,kjf->k", data.prior.P0, F, F)
        return np.hstack(J), slope / at.sigma


def _trace(L: Array, J: Array) -> Array:
    """trace(L'J L) at every point: the slope in the log of one factor's scale."""
    return (L * (J @ L)).sum(axis=(1, 2))


def whiten(V: Rows, R: Array) -> Rows:
    """E = C^-1 R, [i][j] of (k, groups); R is upper triangular, E is full."""
    q = R.shape[0]
    E: Rows = [[] for _ in range(q)]
    for i in range(q):
        for j in range(q):
            value = np.broadcast_to(R[i, j], V[0][0].shape)
            for t in range(i):
                value = value - V[i][t] * E[t][j]
            E[i].append(value * V[i][i])
    return E


def _eliminated(at: Solved) -> Array:
    """J (k, q, q) of the factor that is eliminated: sum_g E'(r r' - I + T T')E."""
    data, k = at.data, at.sigma.size
    q, m = data.R.shape[0], data.C.shape[0] - 1
    groups = data.R.shape[2]
    if not q:
        return np.zeros((k, 0, 0))
    E = whiten(at.V, data.R)
    T = np.empty((k, m + 1, q, groups))
    T[:, 0] = at.residual
    spread = at.root.transpose(0, 2, 1) @ at.W[:, :m].reshape(k, m, q * groups)
    T[:, 1:] = spread.reshape(k, m, q, groups)
    told = np.empty((k, q, m + 1, groups))
    for a in range(q):
        told[:, a] = sum(E[i][a][:, None] * T[:, :, i] for i in range(q))
    flat = told.reshape(k, q, -1)
    own = np.empty((k, q, q, groups))
    for a in range(q):
        for i in range(q):
            own[:, a, i] = E[i][a]
    lost = own.reshape(k, q, -1)
    found: Array = flat @ flat.transpose(0, 2, 1) - lost @ lost.transpose(0, 2, 1)
    return found


def _remaining(at: Solved, L: Array, start: int, levels: int) -> Array:
    """J (k, q, q) of another factor, in the better of two exact forms.

    From the moments of v where the scale is large against what the data say (nothing cancels), from
    the score where it is small (nothing is divided by it).
    """
    data, k, q = at.data, at.sigma.size, L.shape[1]
    m = data.C.shape[0] - 1
    own = slice(start, start + levels * q)
    S = at.S[:, own]
    score = S[:, :, m] - (S[:, :, :m] @ at.delta[:, :, None])[:, :, 0]
    known = (S[:, :, :m] @ at.root).reshape(k, levels, q, m)
    score = score.reshape(k, levels, q)
    blocks = start + np.arange(levels * q).reshape(levels, q)
    information = at.S[:, blocks[:, :, None], blocks[:, None, :]].sum(axis=1)
    small = score.transpose(0, 2, 1) @ score - information
    small += np.einsum("klif,kljf->kij", known, known)
    mean = np.trace(information, axis1=1, axis2=2) / (levels * q)
    large = np.abs(np.diagonal(L, axis1=1, axis2=2)).min(axis=1) ** 2 * mean > 1.0
    if large.any():
        small[large] = _from_moments(at, L, own, levels)[large]
    return 0.5 * (small + small.transpose(0, 2, 1))


def _from_moments(at: Solved, L: Array, own: slice, levels: int) -> Array:
    """L^-T (sum of E v v' - I) L^-1 over the levels."""
    k, q = at.sigma.size, L.shape[1]
    v = at.scaled[:, own].reshape(k, levels, q)
    half = at.half[:, own].reshape(k, levels, q, -1)
    N = v.transpose(0, 2, 1) @ v + np.einsum("klif,kljf->kij", half, half) - levels * np.eye(q)
    inverse = np.full(L.shape, np.nan)
    firm = np.abs(np.diagonal(L, axis1=1, axis2=2)).min(axis=1) > 0.0
    inverse[firm] = np.linalg.inv(L[firm])
    found: Array = inverse.transpose(0, 2, 1) @ N @ inverse
    return found
