"""Normal equations of the remainder, after the groups of one factor are eliminated.

For group g, V_g = sigma^2 I + (R_g L)(R_g L)' is its q rotated rows' covariance; with C_g C_g' =
V_g the whitened columns W_g = C_g^-1 B_g add up to

    S = sum_g W_g' W_g + D_rest' D_rest / sigma^2,     M = [L'S L + I, .; ., S_xx + P0]

(Henderson 1953; Bates, Maechler, Bolker & Walker 2015, section 3). The other factors are scaled by
their triangular factors L (u = L v, v ~ N(0, I)), so nothing is divided by a variance, and a
variance of zero is an ordinary point. The residual is measured at the solution, not as a
difference of squares: noise at a millionth of the signal keeps its digits.
"""

from typing import NamedTuple

import numpy as np

from .compiled import jit
from .lanes import cholesky, log_diagonal, outer_plus, solve_lower
from .pair import factor_pair, solve_pair
from .sums import Array

SMALL = 12  # below this many columns plain loops beat a call to BLAS
LOST = 1e-14  # a pivot below this share of its diagonal has lost all its digits to cancellation


class Work(NamedTuple):
    """Scratch of one thread: the factors and whitened columns of the last point."""

    V: Array  # (chunks, q, q, lanes) Cholesky factors, reciprocal diagonal
    W: Array  # (chunks, m + 1, q, lanes)
    M: Array  # (q, q, lanes)
    S: Array  # (m + 1, m + 1)
    chol: Array  # (m, m) lower factor of the scaled normal equations
    F: Array  # (m, m): Cov(remainder | theta, y) = F F'
    mean: Array  # (m,) scaled solution, then coefficients (b2, gamma)
    v: Array  # (m2,) scaled random effects of the other factors


class Data(NamedTuple):
    """The sums as a flat tuple of arrays, the form that compiled code takes."""

    R: Array
    B: Array
    C: Array
    g: Array
    shift: Array
    layout: np.ndarray  # (factors - 1, 3) first column, levels, effects
    K: Array  # (r, p) prior of gamma: K gamma ~ N(known, I); no rows where flat
    known: Array  # (r,)
    P0: Array  # (p, p) = K'K
    h0: Array  # (p,) = K'known
    constants: Array  # rss, n, groups, constant of the log density, integrate beta (1.0) or not


@jit
def scratch(chunks, m, m2, q, lanes):
    """Fresh `Work`."""
    return Work(
        np.zeros((chunks, q, q, lanes)),
        np.zeros((chunks, m + 1, q, lanes)),
        np.zeros((q, q, lanes)),
        np.zeros((m + 1, m + 1)),
        np.zeros((m, m)),
        np.zeros((m, m)),
        np.zeros(m),
        np.zeros(m2),
    )


@jit
def eliminate(L, sigma, data, work):
    """Whiten every group's columns and add up the normal equations; log|V_g| summed."""
    chunks, q, _, lanes = data.R.shape
    m = data.C.shape[0]
    noise = sigma * sigma
    work.S[:] = 0.0
    log_det = 0.0
    for c in range(chunks):
        V = work.V[c]
        if q == 2:
            factor_pair(data.R[c], L, noise, V)
            solve_pair(V, data.B[c], work.W[c])
        else:
            outer_plus(data.R[c], L, noise, work.M, V)
            cholesky(V)
            for j in range(m + 1):
                work.W[c, j] = data.B[c, j]
                solve_lower(V, work.W[c, j])
        log_det -= 2.0 * log_diagonal(V)
        gram(work.W[c].reshape(m + 1, q * lanes), work.S)
    return log_det - chunks * lanes * q * np.log(noise)


@jit
def gram(A, S):
    """S += A A'."""
    rows, n = A.shape
    if rows > SMALL:
        S += np.dot(A, A.T)
        return
    for i in range(rows):
        for j in range(i + 1):
            total = 0.0
            for k in range(n):
                total += A[i, k] * A[j, k]
            S[i, j] += total
            if i != j:
                S[j, i] += total


@jit
def factor_lower(M, chol):
    """Lower Cholesky factor of M; False where a pivot holds nothing but rounding in float64."""
    m = M.shape[0]
    lost = LOST * (1.0 + m / 50.0)
    if m > 48:
        for i in range(m):
            if not np.isfinite(M[i, i]) or M[i, i] <= 0.0:
                return False
        try:
            chol[:] = np.linalg.cholesky(M)
        except Exception:  # the one form of except that Numba compiles
            return False
        for i in range(m):  # noqa: SIM110  (a generator would not compile)
            if not chol[i, i] ** 2 > lost * M[i, i]:
                return False
        return True
    for j in range(m):
        pivot = M[j, j]
        for t in range(j):
            pivot -= chol[j, t] * chol[j, t]
        if not pivot > lost * M[j, j]:
            return False
        root = np.sqrt(pivot)
        chol[j, j] = root
        for i in range(j + 1, m):
            value = M[i, j]
            for t in range(j):
                value -= chol[i, t] * chol[j, t]
            chol[i, j] = value / root
    return True


@jit
def invert_lower(chol, inverse):
    """Inverse of a lower triangular matrix, transposed (upper)."""
    m = chol.shape[0]
    inverse[:] = 0.0
    for j in range(m):
        inverse[j, j] = 1.0 / chol[j, j]
        for i in range(j + 1, m):
            value = 0.0
            for t in range(j, i):
                value += chol[i, t] * inverse[j, t]
            inverse[j, i] = -value / chol[i, i]


@jit
def scale_rows(factors, layout, A):
    """A <- blockdiag(L', ..., I) A for the other factors' triangular factors."""
    offset = 0
    for f in range(layout.shape[0]):
        start, levels, q = layout[f, 0], layout[f, 1], layout[f, 2]
        for level in range(levels):
            at = start + level * q
            for j in range(q):  # row j of L'A needs rows j.. of A, so upwards in place is safe
                for c in range(A.shape[1]):
                    value = 0.0
                    for i in range(j, q):
                        value += factors[offset + i * q + j] * A[at + i, c]
                    A[at + j, c] = value
        offset += q * q


@jit
def unscale_rows(factors, layout, A):
    """A <- blockdiag(L, ..., I) A: from scaled effects v to effects u = L v."""
    offset = 0
    for f in range(layout.shape[0]):
        start, levels, q = layout[f, 0], layout[f, 1], layout[f, 2]
        for level in range(levels):
            at = start + level * q
            for i in range(q - 1, -1, -1):
                for c in range(A.shape[1]):
                    value = 0.0
                    for j in range(i + 1):
                        value += factors[offset + i * q + j] * A[at + j, c]
                    A[at + i, c] = value
        offset += q * q


@jit
def normal_equations(factors, sigma, data, work):
    """Solve the remainder; returns (log|M_vv|, log|M_xx.v|, ok). Leaves chol, v and mean."""
    m, m2 = data.C.shape[0], data.shift.size
    noise = sigma * sigma
    for i in range(m):
        for j in range(m):
            work.S[i, j] += data.C[i, j] / noise
        work.S[i, m] += data.g[i] / noise
    M = work.S[:m, :m].copy()
    rhs = np.empty((m, 1))
    for i in range(m):
        rhs[i, 0] = work.S[i, m]
        for j in range(m2):
            rhs[i, 0] += work.S[i, j] * data.shift[j]
    if m2 > 0:
        scale_rows(factors, data.layout, M)
        M = np.ascontiguousarray(M.T)
        scale_rows(factors, data.layout, M)
        scale_rows(factors, data.layout, rhs)
    for i in range(m2):
        M[i, i] += 1.0
    for i in range(m - m2):
        rhs[m2 + i, 0] += data.h0[i]
        for j in range(m - m2):
            M[m2 + i, m2 + j] += data.P0[i, j]
    if not factor_lower(M, work.chol):
        return np.nan, np.nan, False
    for i in range(m):
        for t in range(i):
            rhs[i, 0] -= work.chol[i, t] * rhs[t, 0]
        rhs[i, 0] /= work.chol[i, i]
    for i in range(m - 1, -1, -1):
        for t in range(i + 1, m):
            rhs[i, 0] -= work.chol[t, i] * rhs[t, 0]
        rhs[i, 0] /= work.chol[i, i]
    work.v[:] = rhs[:m2, 0]
    if m2 > 0:
        unscale_rows(factors, data.layout, rhs)
    work.mean[:] = rhs[:, 0]
    random = fixed = 0.0
    for i in range(m):
        if i < m2:
            random += 2.0 * np.log(work.chol[i, i])
        else:
            fixed += 2.0 * np.log(work.chol[i, i])
    return random, fixed, True


@jit
def residual(data, work, delta):
    """|whitened residual|^2 over the groups, at the solution."""
    chunks, width, q, lanes = work.W.shape
    total = 0.0
    r = np.empty(q * lanes)
    for c in range(chunks):
        W = work.W[c].reshape(width, q * lanes)
        r[:] = W[width - 1]
        for j in range(width - 1):
            d = delta[j]
            if d != 0.0:
                for k in range(r.size):
                    r[k] -= W[j, k] * d
        for k in range(r.size):
            total += r[k] * r[k]
    return total


@jit
def log_density(L, factors, sigma, data, work):
    """Log density of y given the scales, in the criterion that `data` declares; NaN on failure.

    Also returns the quadratic form Q = y'Py and the origin-free solution's distance `delta`.
    """
    m, m2 = data.C.shape[0], data.shift.size
    rss, n, _, constant, integrate = data.constants
    noise = sigma * sigma
    delta = np.zeros(m)
    log_det = eliminate(L, sigma, data, work)
    random, fixed, ok = normal_equations(factors, sigma, data, work)
    if not ok:
        return np.nan, np.nan, delta
    delta[:] = work.mean
    for j in range(m2):
        delta[j] -= data.shift[j]
    rest = rss
    for i in range(m):
        rest -= 2.0 * delta[i] * data.g[i]
        for j in range(m):
            rest += delta[i] * data.C[i, j] * delta[j]
    quad = residual(data, work, delta) + rest / noise
    for j in range(m2):
        quad += work.v[j] * work.v[j]
    prior = 0.0  # |K gamma - known|^2, not as a difference of squares
    for i in range(data.K.shape[0]):
        gap = -data.known[i]
        for j in range(m - m2):
            gap += data.K[i, j] * work.mean[m2 + j]
        prior += gap * gap
    total = n * np.log(noise) + log_det + random + quad + prior
    if integrate > 0.0:
        total += fixed
    return constant - 0.5 * total, quad, delta
