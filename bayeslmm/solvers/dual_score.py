"""The log density through the n x n covariance of the rows, and its gradient.

    V = sigma^2 I + sum_t Z_t (I x L L')Z_t' + sum_b A_b diag(s_b^2) A_b' = C C'

With every column whitened, C^-1 [X, y, A, Z], nothing is formed as a difference of large squares:
beta solves (X'V^-1 X + K'K) b = X'V^-1 y + K'known, the residual is measured at the solution, and
with P the precision of y after beta is integrated

    J = Z'P y y'P Z - Z'P Z,    Z'P Z = |C^-1 Z|^2 - |F'X'V^-1 Z|^2,   F F' = Cov(beta)

is twice the derivative in the covariance of Z's coefficients (Harville 1977, section 5). Nothing is
divided by a scale. The columns lie in the rows of C-ordered arrays, as LAPACK wants them.
"""

from typing import NamedTuple

import numpy as np

from ..types import Array
from .compiled import jit
from .lapack import add_outer, cholesky_lower, whiten_rows
from .score import inner, lower_product
from .triangular import LOST, backward, factor_lower, forward, invert_lower

SHARED, EACH = -1, 0  # kinds of a block; a factor's kind is the number of its effects


class DualData(NamedTuple):
    """The rows as a flat tuple of arrays, the form that compiled code takes."""

    columns: Array  # (p + 1 + m, n): X T, room for y, then the terms; scaled by root
    y: Array  # (n,) its distance from a fit, scaled by root
    grams: Array  # (shared blocks, n, n): A A'
    codes: np.ndarray  # (factors, n) level of each row
    Z: Array  # (effects of all factors, n), scaled by root
    layout: np.ndarray  # (terms, 3): kind, first row in `columns`, levels or columns
    K: Array  # (r, p) prior of gamma: K gamma ~ N(known, I); no rows where flat
    known: Array  # (r,)
    P0: Array  # (p, p) = K'K
    h0: Array  # (p,) = K'known
    constants: Array  # n with frequency, constant of the log density, integrate beta (1.0) or not


class DualWork(NamedTuple):
    """Scratch of one thread: the factors and whitened columns of the last point."""

    V: Array  # (n, n) covariance, then its Cholesky factor, in the lower triangle
    white: Array  # (p + 1 + m, n) whitened columns
    M: Array  # (p, p) lower factor of beta's precision
    F: Array  # (p, p): Cov(gamma | theta, y) = F F'
    gamma: Array  # (p,) the solution
    R: Array  # (p + 1, n): F' C^-1 X, and the whitened residual
    D: Array  # (m, p + 1) whitened columns of the terms times R'


@jit
def dual_scratch(data):
    """Fresh `DualWork`."""
    w, n = data.columns.shape
    p = data.h0.size
    return DualWork(
        np.zeros((n, n)),
        np.zeros((w, n)),
        np.zeros((p, p)),
        np.zeros((p, p)),
        np.zeros(p),
        np.zeros((p + 1, n)),
        np.zeros((w - p - 1, p + 1)),
    )


@jit
def assemble(scales, sigma, data, work):
    """work.V <- covariance of the rows; columns whose scale is zero cost nothing."""
    V, B = work.V, work.white  # B in passing
    n = V.shape[0]
    V[:] = 0.0
    for i in range(n):
        V[i, i] = sigma * sigma
    at = gram = used = factor = effect = 0
    for t in range(data.layout.shape[0]):
        kind, first, count = data.layout[t, 0], data.layout[t, 1], data.layout[t, 2]
        if kind == SHARED:
            square = scales[at] * scales[at]
            if square != 0.0:
                for i in range(n):
                    for j in range(i + 1):
                        V[i, j] += square * data.grams[gram, i, j]
            gram += 1
            at += 1
        elif kind == EACH:
            for j in range(count):
                s = scales[at + j]
                if s != 0.0:
                    for i in range(n):
                        B[used, i] = s * data.columns[first + j, i]
                    used += 1
            at += count
        else:
            L = scales[at : at + kind * kind].copy().reshape(kind, kind)
            add_groups(L, data.codes[factor], data.Z[effect : effect + kind], V)
            factor += 1
            effect += kind
            at += kind * kind
    if used > 0:
        add_outer(B, used, V)


@jit
def add_groups(L, codes, Z, V):
    """V's lower triangle += (Z L)(Z L)' between rows of the same level."""
    q, n = Z.shape
    ZL = np.zeros(n)
    for b in range(q):
        ZL[:] = 0.0
        for a in range(b, q):
            for i in range(n):
                ZL[i] += L[a, b] * Z[a, i]
        for i in range(n):
            own, code = ZL[i], codes[i]
            if own != 0.0:
                for j in range(i + 1):  # without a branch: it vectorises
                    V[i, j] += own * ZL[j] if codes[j] == code else 0.0


@jit
def factor_rows(scales, sigma, data, work):
    """work.V <- C; returns (log|V|, largest loss of a pivot), NaN where float64 cannot hold it."""
    n = data.y.size
    assemble(scales, sigma, data, work)
    diagonal = np.empty(n)
    for i in range(n):
        diagonal[i] = work.V[i, i]
        if not np.isfinite(diagonal[i]) or diagonal[i] <= 0.0:
            return np.nan, np.nan
    if n > 0 and not cholesky_lower(work.V):
        return np.nan, np.nan
    lost = LOST * (1.0 + n / 50.0)
    log_det, largest = 0.0, 1.0
    for i in range(n):
        pivot = work.V[i, i] * work.V[i, i]
        if not pivot > lost * diagonal[i]:
            return np.nan, np.nan
        log_det += np.log(pivot)
        largest = max(largest, diagonal[i] / pivot)
    return log_det, largest


@jit
def solve_fixed(data, work):
    """gamma, its precision, the residual; returns (log|M|, |residual|^2, |K gamma - known|^2)."""
    p, n = data.h0.size, data.y.size
    X, y, r = work.white[:p], work.white[p], work.R[p]
    M, gamma = work.M, work.gamma
    for i in range(p):
        for j in range(i + 1):
            M[i, j] = data.P0[i, j] + np.dot(X[i], X[j])
    if not factor_lower(M):
        return np.nan, np.nan, np.nan
    gamma[:] = 0.0
    r[:] = y
    step = np.empty(p)
    for _ in range(2):  # the second time removes the rounding of the first
        for i in range(p):
            step[i] = data.h0[i] - np.dot(data.P0[i], gamma) + np.dot(X[i], r)
        forward(M, step)
        backward(M, step)
        gamma += step
        for i in range(p):
            for k in range(n):
                r[k] -= step[i] * X[i, k]
    log_det = prior = 0.0
    for i in range(p):
        log_det += 2.0 * np.log(M[i, i])
    for i in range(data.K.shape[0]):  # not as a difference of squares
        gap = np.dot(data.K[i], gamma) - data.known[i]
        prior += gap * gap
    return log_det, np.dot(r, r), prior


@jit
def dual_density(scales, sigma, data, work, terms):
    """Log density, the quadratic form and the loss; whitens so many columns of the terms too."""
    p, n = data.h0.size, data.y.size
    log_det, loss = factor_rows(scales, sigma, data, work)
    if not np.isfinite(log_det):
        return np.nan, np.nan, np.inf
    white = work.white[: p + 1 + terms]
    white[:] = data.columns[: p + 1 + terms]
    white[p] = data.y
    whiten_rows(work.V, white)
    fixed, quad, prior = solve_fixed(data, work)
    total, constant, integrate = data.constants
    value = 2.0 * (total - n) * np.log(sigma) + log_det + quad + prior
    if integrate > 0.0:
        value += fixed
    return constant - 0.5 * value, quad, loss


@jit
def share_fixed(data, work, integrate):
    """Fill F, and the first rows of R: beta's share of the rows, F' C^-1 X."""
    work.F[:] = 0.0
    if integrate:
        invert_lower(work.M, work.F)
    for f in range(data.h0.size):
        work.R[f] = 0.0
        total = work.R[f]
        for j in range(f + 1):
            total += work.F[j, f] * work.white[j]
        work.R[f] = total


@jit
def project_terms(data, work, integrate, terms):
    """Fill F, R and D: products of so many whitened columns of the terms with R."""
    share_fixed(data, work, integrate)
    first = data.h0.size + 1
    work.D[:terms] = np.dot(work.white[first : first + terms], work.R.T)


@jit
def dual_value(scales, sigma, data, work):
    """Log density alone."""
    return dual_density(scales, sigma, data, work, 0)[0]


@jit
def dual_value_and_score(scales, sigma, data, work, J):
    """Log density; fills J, by scale or by factor (q x q); returns (value, d/d sigma)."""
    value, quad, _ = dual_density(scales, sigma, data, work, work.D.shape[0])
    if not np.isfinite(value):
        J[:] = np.nan
        return np.nan, np.nan
    total, _, integrate = data.constants
    project_terms(data, work, integrate > 0.0, work.D.shape[0])
    slope = quad - total  # Euler: the density is homogeneous in all scales
    p = data.h0.size
    if integrate > 0.0:
        slope += p
        for f in range(p):  # trace of P0 Cov(gamma)
            for i in range(p):
                for j in range(p):
                    slope -= data.P0[i, j] * work.F[i, f] * work.F[j, f]
    at = 0
    for t in range(data.layout.shape[0]):
        kind, first, count = data.layout[t, 0], data.layout[t, 1], data.layout[t, 2]
        if kind > 0:
            score_factor(kind, first, count, work, J[at : at + kind * kind].reshape(kind, kind))
            slope -= inner(scales[at:], J[at:], kind)
            at += kind * kind
        else:
            width = 1 if kind == SHARED else count
            score_columns(first, count, work, J[at : at + width])
            for j in range(at, at + width):
                slope -= scales[j] * scales[j] * J[j]
            at += width
    return value, slope / sigma


@jit
def score_columns(first, count, work, J):
    """J of every column of a block, or its sum where J has room for one."""
    n, p = work.V.shape[0], work.F.shape[0]
    J[:] = 0.0
    for j in range(count):
        white, share = work.white[first + j], work.D[first + j - p - 1]
        found = share[p] * share[p]
        for f in range(p):
            found += share[f] * share[f]
        own = 0.0
        for i in range(n):
            own += white[i] * white[i]
        J[min(j, J.size - 1)] += found - own


@jit
def score_factor(q, first, levels, work, J):
    """J (q, q) of one factor, summed over its levels."""
    n, p = work.V.shape[0], work.F.shape[0]
    end = first + q * levels
    white = work.white[first:end].reshape(q, levels * n)
    share = work.D[first - p - 1 : end - p - 1].reshape(q, levels * (p + 1))
    gram(share, white, J)


@jit
def gram(share, white, J):
    """J = share share' - white white'."""
    q = J.shape[0]
    for a in range(q):
        for b in range(a + 1):
            total = own = 0.0
            for i in range(share.shape[1]):
                total += share[a, i] * share[b, i]
            for i in range(white.shape[1]):
                own += white[a, i] * white[b, i]
            J[a, b] = J[b, a] = total - own


@jit
def dual_evaluate(scales, sigma, data):
    """Value, slopes in the scales and in sigma; -inf where float64 cannot hold the density."""
    J, slopes = np.zeros(scales.size), np.zeros(scales.size)
    value, slope = dual_value_and_score(scales, sigma, data, dual_scratch(data), J)
    if not np.isfinite(value):
        return -np.inf, slopes, 0.0
    at = 0
    for t in range(data.layout.shape[0]):
        kind = data.layout[t, 0]
        if kind > 0:
            at = lower_product(scales, J, slopes, at, kind)
        else:
            width = 1 if kind == SHARED else data.layout[t, 2]
            for j in range(at, at + width):
                slopes[j] = J[j] * scales[j]
            at += width
    return value, slopes, slope
