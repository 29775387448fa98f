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

from ..types import Array
from .compiled import jit
from .crossed import absorb, eliminate_crossed
from .lanes import cholesky, log_diagonal, outer_plus, solve_lower
from .pair import factor_pair, solve_pair
from .scaling import scale, scale_both, unscale
from .triangular import SMALL, backward, factor_lower, forward, symmetric_times


class PrimalWork(NamedTuple):
    """Scratch of one thread: the factors and whitened columns of the last point."""

    V: Array  # (chunks, q, q, lanes) Cholesky factors, reciprocal diagonal
    W: Array  # (chunks, p + 1, q, lanes) whitened X and y
    U: Array  # (entries, q) whitened crossed columns
    M: Array  # (q, q, lanes) in passing
    S: Array  # (m + 1, m + 1) lower triangle
    chol: Array  # (m, m) lower factor of the scaled normal equations
    F: Array  # (p, p): Cov(gamma | theta, y) = F F'
    cov: Array  # (m2, m2) lower triangle: Cov(v | gamma, theta, y)
    H: Array  # (p, m2): E(b2 | gamma, theta, y) falls by H'gamma
    K: Array  # (chunks, q, q, lanes) what cov adds to each group; only with other factors
    mean: Array  # (m,) scaled solution, then coefficients (b2, gamma)
    v: Array  # (m2,) scaled random effects of the other factors


class PrimalData(NamedTuple):
    """The sums as a flat tuple of arrays, the form that compiled code takes."""

    R: Array
    B: Array
    starts: np.ndarray
    columns: np.ndarray
    values: Array
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
def scratch(data):
    """Fresh `PrimalWork`."""
    chunks, q, _, lanes = data.R.shape
    m, m2 = data.C.shape[0], data.shift.size
    some = min(m2, 1)
    return PrimalWork(
        np.zeros((chunks, q, q, lanes)),
        np.zeros((chunks, m - m2 + 1, q, lanes)),
        np.zeros(data.values.shape),
        np.zeros((q, q, lanes)),
        np.zeros((m + 1, m + 1)),
        np.zeros((m, m)),
        np.zeros((m - m2, m - m2)),
        np.zeros((m2, m2)),
        np.zeros((m - m2, m2)),
        np.zeros((some * chunks, q, q, lanes)),
        np.zeros(m),
        np.zeros(m2),
    )


@jit
def factor_groups(L, sigma, data, work):
    """Cholesky factors of every V_g; log|V_g / sigma^2| summed."""
    chunks, q, _, lanes = data.R.shape
    noise = sigma * sigma
    log_det = 0.0
    for c in range(chunks):
        V = work.V[c]
        if q == 2:
            factor_pair(data.R[c], L, noise, V)
        else:
            outer_plus(data.R[c], L, noise, work.M, V)
            cholesky(V)
        log_det -= 2.0 * log_diagonal(V)
    return log_det - chunks * lanes * q * np.log(noise)


@jit
def eliminate(L, sigma, data, work):
    """Whiten every group's columns and add up the normal equations; log|V_g / sigma^2| summed."""
    chunks, q, _, lanes = data.R.shape
    width, m2 = work.W.shape[1], data.shift.size
    work.S[:] = 0.0
    log_det = factor_groups(L, sigma, data, work)
    dense = work.S[m2:, m2:]
    for c in range(chunks):
        V = work.V[c]
        if q == 2:
            solve_pair(V, data.B[c], work.W[c])
        else:
            for j in range(width):
                work.W[c, j] = data.B[c, j]
                solve_lower(V, work.W[c, j])
        gram(work.W[c].reshape(width, q * lanes), dense)
    if m2 > 0:
        eliminate_crossed(data, work)
    return log_det


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
def normal_equations(factors, sigma, data, work):
    """Solve the remainder; returns (log|M_vv|, log|M_xx.v|, ok). Leaves chol, v and mean."""
    m, m2 = data.C.shape[0], data.shift.size
    weight = 1.0 / (sigma * sigma)
    for i in range(m):
        for j in range(i + 1):
            work.S[i, j] += data.C[i, j] * weight
        work.S[m, i] += data.g[i] * weight
    M, x = work.chol, work.mean
    if m2 > 0:
        symmetric_times(work.S[:m, :m], data.shift, x)
        x += work.S[m, :m]
        scale_both(factors, data.layout, work.S, M)
        scale(factors, data.layout, x)
    else:
        x[:] = work.S[m, :m]
        for i in range(m):
            for j in range(i + 1):
                M[i, j] = work.S[i, j]
    for i in range(m2):
        M[i, i] += 1.0
    for i in range(m - m2):
        x[m2 + i] += data.h0[i]
        for j in range(i + 1):
            M[m2 + i, m2 + j] += data.P0[i, j]
    if not factor_lower(M):
        return np.nan, np.nan, False
    forward(M, x)
    backward(M, x)
    work.v[:] = x[:m2]
    if m2 > 0:
        unscale(factors, data.layout, x)
    random = fixed = 0.0
    for i in range(m):
        if i < m2:
            random += 2.0 * np.log(M[i, i])
        else:
            fixed += 2.0 * np.log(M[i, i])
    return random, fixed, True


@jit
def residual(data, work, delta):
    """|whitened residual|^2 over the groups, at the solution."""
    chunks, width, q, lanes = work.W.shape
    m2 = data.shift.size
    if m2 > 0:
        absorb(data, work, delta, work.W.shape[1] - 1)
    total = 0.0
    r = np.empty(q * lanes)
    for c in range(chunks):
        W = work.W[c].reshape(width, q * lanes)
        r[:] = W[width - 1]
        for j in range(width - 1):
            d = delta[m2 + j]
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
        total = 0.5 * data.C[i, i] * delta[i] - data.g[i]
        for j in range(i):
            total += data.C[i, j] * delta[j]
        rest += 2.0 * delta[i] * total
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
