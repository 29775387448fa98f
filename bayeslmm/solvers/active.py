"""The active set of a sparse Gaussian linear model: its variances and the noise, together.

    y ~ N(0, C),   C = v I + sum_{a kept} d_a phi_a phi_a',   columns phi of unit length

Every column that was ever kept lies in an orthonormal basis q_1, ..., q_m (Gram-Schmidt, done
twice), in which its coordinates are R (m x k) and those of y are z. Outside the basis C is v I, so

    log N(y; 0, C) = log N(z; 0, v I + R D R') + log N(rest of y; 0, v I),

exactly, and a move costs k x m sums whatever the number of rows. Every quadratic form is a sum of
squares of L^-1 R and L^-1 z, with L L' = v I + R D R' found by reflections, so that digits are kept
at a noise of 1e-6 of the signal.

The gradient and the exact Hessian in log d and log v give Newton steps. In Tipping and Faul's
(2003) letters S_a = phi_a'C^-1 phi_a and Q_a = phi_a'C^-1 y; with w = 1 - d_a S_a the column's own
part is taken off them: s_a = S_a / w, q_a = Q_a / w.
"""

from typing import NamedTuple

import numpy as np

from ..types import Array
from .compiled import jit
from .lapack import cholesky_lower

DEPENDENT = 1e-12  # a unit column with less than this outside the basis lies within it
FLOOR = 1e-16  # least variance of the noise, as a share of the mean of y^2
LONGEST = 3.0  # in logarithms: a Newton step changes no variance by more than a factor e^3


class ActiveBasis(NamedTuple):
    """The columns and y as seen from the directions that were needed so far.

    Shapes: n rows, P columns, room for min(n, P) directions, of which `size[0]` are in use.
    """

    Phi: Array  # (n, P) as the user gave it
    inverse: Array  # (P,) 1 / length of each column, zero for a column of zeros
    q: Array  # (room, n) orthonormal directions
    U: Array  # (room, P) q'phi
    z: Array  # (room,) q'y
    rest: Array  # (n,) y outside the basis
    left: Array  # (P,) squared length of each column outside the basis
    cross: Array  # (P,) phi'rest
    size: np.ndarray  # (1,)
    price: Array  # (P,) what each column must bring
    observations: Array  # (1,) the rows, and what repeats and what is projected out change


class ActiveState(NamedTuple):
    """A point of the search: the first `size[0]` entries of each array are in use."""

    columns: np.ndarray  # (room,)
    d: Array  # (room,) variances of their coefficients
    v: Array  # (1,) variance of the noise
    size: np.ndarray  # (1,)


class ActivePoint(NamedTuple):
    """What the moves read at a point."""

    value: float  # log density
    W: Array  # (m, m) L^-1
    X: Array  # (m, k) L^-1 R
    omega: Array  # (m,) L^-1 z


@jit
def enter(basis, j):
    """Widen the basis so that column j lies in it: one pass over the columns, if any."""
    m, n = basis.size[0], basis.rest.size
    if m == basis.z.size or basis.left[j] == 0.0:
        return
    f = basis.Phi[:, j] * basis.inverse[j]
    for _ in range(2):  # twice is enough (Parlett 1980, section 6.9)
        f -= np.dot(basis.q[:m].T, np.dot(basis.q[:m], f)) if m else 0.0 * f
    length = np.sqrt(np.dot(f, f))
    if length > DEPENDENT:
        f /= length
        u = np.dot(basis.Phi.T, f) * basis.inverse
        along = np.dot(f, basis.rest)
        basis.q[m], basis.U[m], basis.z[m] = f, u, along
        for i in range(n):
            basis.rest[i] -= along * f[i]
        for i in range(u.size):
            basis.left[i] = max(basis.left[i] - u[i] ** 2, 0.0)
            basis.cross[i] -= along * u[i]
        basis.size[0] = m + 1
    basis.left[j] = 0.0


@jit
def factor(R, d, v):
    """Lower L with L L' = v I + R D R', by Householder reflections of [sqrt(v) I; sqrt(D) R'].

    Nothing is squared, so that L keeps its digits where v is far below the trace. The upper block
    is diagonal: the reflection of column j touches its row j and the k rows below the block only.
    """
    m, k = R.shape
    E, L = R * np.sqrt(d), np.zeros((m, m))
    for j in range(m):
        total = v
        for a in range(k):
            total += E[j, a] ** 2
        length = np.sqrt(total)
        L[j, j] = length
        for c in range(j + 1, m):
            total = 0.0
            for a in range(k):
                total += E[j, a] * E[c, a]
            total /= length
            L[c, j] = total
            total /= length + np.sqrt(v)
            for a in range(k):
                E[c, a] -= total * E[j, a]
    return L


@jit
def inverse_lower(L):
    """L^-1 of a lower triangle, row by row."""
    m = L.shape[0]
    W = np.zeros((m, m))
    for i in range(m):
        for j in range(i):
            share = L[i, j]
            for c in range(j + 1):
                W[i, c] -= share * W[j, c]
        for c in range(i):
            W[i, c] /= L[i, i]
        W[i, i] = 1.0 / L[i, i]
    return W


@jit
def coordinates(basis, state):
    """R (m, k): the active columns in the basis."""
    m, k = basis.size[0], state.size[0]
    R = np.empty((m, k))
    for a in range(k):
        for i in range(m):
            R[i, a] = basis.U[i, state.columns[a]]
    return R


@jit
def condition(basis, R, d, v):
    """Log density and whitened columns at variances d and noise v."""
    m, n = basis.size[0], basis.observations[0]
    L = factor(R, d, v)
    W = inverse_lower(L)
    omega = np.dot(W, basis.z[:m])
    value = n * np.log(2.0 * np.pi) + (n - m) * np.log(v) + np.dot(basis.rest, basis.rest) / v
    for i in range(m):
        value += 2.0 * np.log(L[i, i]) + omega[i] ** 2
    return ActivePoint(-0.5 * value, W, np.dot(W, R), omega)


@jit
def slopes(basis, point, d, v):
    """Gradient (k + 1,) and minus the Hessian in (log d, log v)."""
    m, k, n = basis.size[0], d.size, basis.observations[0]
    S, Q = np.dot(point.X.T, point.X), np.dot(point.X.T, point.omega)
    B = np.dot(point.X.T, point.W)  # (C^-1 R)' within the basis
    c = np.dot(point.W.T, point.omega)  # C^-1 z
    M = np.dot(point.W.T, point.W)
    g, H = np.empty(k + 1), np.empty((k + 1, k + 1))
    for a in range(k):
        g[a] = 0.5 * d[a] * (Q[a] ** 2 - S[a, a])
        for b in range(a + 1):
            H[a, b] = d[a] * d[b] * S[a, b] * (Q[a] * Q[b] - 0.5 * S[a, b])
            H[b, a] = H[a, b]
        H[a, a] -= g[a]
        H[a, k] = d[a] * v * (Q[a] * np.dot(B[a], c) - 0.5 * np.dot(B[a], B[a]))
        H[k, a] = H[a, k]
    trace = squares = 0.0
    for i in range(m):
        trace += M[i, i]
        for j in range(m):
            squares += M[i, j] ** 2
    rest = np.dot(basis.rest, basis.rest) / v
    Wc = np.dot(point.W, c)
    inside = 0.5 * v * (np.dot(c, c) - trace)
    g[k] = inside + 0.5 * (rest - (n - m))
    H[k, k] = v * v * (np.dot(Wc, Wc) - 0.5 * squares) - inside + 0.5 * rest
    return g, H


@jit
def uphill(g, H):
    """Newton's step H^-1 g; where H is not positive, with |H| in its place.

    Neighbouring columns that share one effect make a saddle: there the eigenvalues' absolute values
    lead away from it (Dauphin et al. 2014). No eigenvector takes more than `LONGEST`.
    """
    k = g.size
    L = H.copy()
    if cholesky_lower(L):
        x = g.copy()
        for i in range(k):
            for j in range(i):
                x[i] -= L[i, j] * x[j]
            x[i] /= L[i, i]
        for i in range(k - 1, -1, -1):
            for j in range(i + 1, k):
                x[i] -= L[j, i] * x[j]
            x[i] /= L[i, i]
        return x
    values, vectors = np.linalg.eigh(H)
    along = np.dot(vectors.T, g)
    for i in range(k):
        most = LONGEST * max(abs(values[i]), 1e-300)
        along[i] = min(max(along[i], -most), most) / max(abs(values[i]), 1e-300)
    return np.dot(vectors, along)
