"""The gradient of the log density, by Fisher's identity.

With P the precision of y after everything else is integrated, the derivative in the covariance Psi
of one factor is half of J = sum over its levels of Z'P y y'P Z - Z'P Z, and in its triangular
factor J L. For the noise it follows from Euler's identity: the density is homogeneous in (L, sigma,
sd of the prior), so that the derivatives along all of them together are known.
"""

import numpy as np

from .compiled import jit
from .equations import SMALL, invert_lower, log_density, unscale_rows
from .lanes import solve_lower
from .pair import score_pair


@jit
def covariance_factor(factors, data, work):
    """F with Cov(remainder | theta, y) = F F'; without beta's part where beta is maximised."""
    m2 = data.shift.size
    invert_lower(work.chol, work.F)
    if data.constants[4] == 0.0:
        invert_lower(work.chol[:m2, :m2], work.F[:m2, :m2])
        work.F[m2:, :] = 0.0
        work.F[:, m2:] = 0.0
    if m2 > 0:
        unscale_rows(factors, data.layout, work.F)


@jit
def combine(weights, W, out):
    """out = weights W."""
    rows, n = out.shape
    if rows > SMALL:
        out[:] = np.dot(weights, W)
        return
    for f in range(rows):
        for k in range(n):
            out[f, k] = 0.0
        for j in range(rows):
            w = weights[f, j]
            if w != 0.0:
                for k in range(n):
                    out[f, k] += w * W[j, k]


@jit
def group_score(L, data, work, delta, J):
    """J += sum_g E_g'(r r' - I + T T')E_g: twice the derivative in the covariance of u."""
    chunks, q, _, lanes = data.R.shape
    m = data.C.shape[0]
    T = np.empty((m + 1, q, lanes))
    weights = np.zeros((m + 1, m + 1))
    weights[0, m] = 1.0
    for j in range(m):
        weights[0, j] = -delta[j]
        for f in range(m):
            weights[1 + f, j] = work.F[j, f]
    for c in range(chunks):
        combine(weights, work.W[c].reshape(m + 1, q * lanes), T.reshape(m + 1, q * lanes))
        if q == 2:
            score_pair(data.R[c], work.V[c], T, J)
        else:
            score_lanes(data.R[c], work.V[c], T, J)
    for a in range(q):
        for b in range(a):
            J[b, a] = J[a, b]


@jit
def score_lanes(R, V, T, J):
    """Lower part of J += sum E'(T T' - I)E with E = C^-1 R, over columns T (., q, lanes)."""
    q, _, lanes = R.shape
    E = np.empty((q, q, lanes))
    r = np.empty((q, lanes))
    for j in range(q):
        r[:] = R[:, j]
        solve_lower(V, r)
        E[:, j] = r
    for f in range(T.shape[0]):
        for j in range(q):
            for k in range(lanes):
                r[j, k] = 0.0
            for i in range(q):
                for k in range(lanes):
                    r[j, k] += E[i, j, k] * T[f, i, k]
        for a in range(q):
            for b in range(a + 1):
                total = 0.0
                for k in range(lanes):
                    total += r[a, k] * r[b, k]
                J[a, b] += total
    for a in range(q):
        for b in range(a + 1):
            total = 0.0
            for i in range(q):
                for k in range(lanes):
                    total += E[i, a, k] * E[i, b, k]
            J[a, b] -= total


@jit
def remainder_score(factors, data, work, delta, J):
    """The same for the other factors (J flat, after one another).

    Two exact forms: from the conditional moments of v where the scale is large against what the
    data say (nothing cancels), from the score where it is small (nothing is divided by it).
    """
    m, m2 = data.C.shape[0], data.shift.size
    S = np.ascontiguousarray(work.S[:m, :m])
    score = work.S[:m2, m].copy()
    for i in range(m2):
        for j in range(m):
            score[i] -= S[i, j] * delta[j]
    SF = np.empty((0, 0))
    offset = 0
    for f in range(data.layout.shape[0]):
        start, levels, q = data.layout[f, 0], data.layout[f, 1], data.layout[f, 2]
        L = factors[offset : offset + q * q].copy().reshape(q, q)
        information = 0.0
        for i in range(start, start + levels * q):
            information += S[i, i] / (levels * q)
        smallest = np.inf
        for i in range(q):
            smallest = min(smallest, abs(L[i, i]))
        N = np.zeros((q, q))
        if smallest * smallest * information > 1.0:
            inverse = np.empty((q, q))  # L^-T
            invert_lower(L, inverse)
            for level in range(levels):
                at = start + level * q
                block = np.dot(inverse.T, work.F[at : at + q])
                N += np.dot(block, block.T)
                for i in range(q):
                    N[i, i] -= 1.0
                    for j in range(q):
                        N[i, j] += work.v[at + i] * work.v[at + j]
            N = np.dot(np.dot(inverse, N), inverse.T)
        else:
            if SF.shape[0] == 0:
                SF = np.dot(S[:m2], work.F)
            for level in range(levels):
                at = start + level * q
                N += np.dot(SF[at : at + q], SF[at : at + q].T)
                for i in range(q):
                    for j in range(q):
                        N[i, j] += score[at + i] * score[at + j] - S[at + i, at + j]
        for i in range(q):
            for j in range(q):
                J[offset + i * q + j] = 0.5 * (N[i, j] + N[j, i])
        offset += q * q


@jit
def lower_product(scales, J, out, at, q):
    """out = lower part of J L for the factor that starts at `at`: d/dL. Returns where it ends."""
    for i in range(q):
        for j in range(q):
            total = 0.0
            if j <= i:
                for t in range(j, q):
                    total += J[at + i * q + t] * scales[at + t * q + j]
            out[at + i * q + j] = total
    return at + q * q


@jit
def inner(scale, J, q):
    """<L, J L> = trace(L'J L): the derivative in the common scale of one factor."""
    total = 0.0
    for i in range(q):
        for j in range(q):
            for t in range(min(i, j) + 1):
                total += scale[i * q + t] * J[i * q + j] * scale[j * q + t]
    return total


@jit
def value_and_score(scales, sigma, data, work, J):
    """Log density; fills J (d/d covariance, doubled, per factor); returns (value, d/d sigma).

    `scales` holds the lower triangular L of every factor, row-major, the eliminated one first.
    The derivative in L is (J L), lower part.
    """
    q, m, m2 = data.R.shape[1], data.C.shape[0], data.shift.size
    L = scales[: q * q].reshape(q, q)
    factors = scales[q * q :]
    value, quad, delta = log_density(L, factors, sigma, data, work)
    if not np.isfinite(value):
        return np.nan, np.nan
    covariance_factor(factors, data, work)
    J[:] = 0.0
    group_score(L, data, work, delta, J[: q * q].reshape(q, q))
    if m2 > 0:
        remainder_score(factors, data, work, delta, J[q * q :])
    n, integrate = data.constants[1], data.constants[4]
    slope = quad - n
    if integrate > 0.0:
        slope += m - m2
        for f in range(m):  # trace of P0 Cov(gamma)
            for i in range(m - m2):
                for j in range(m - m2):
                    slope -= data.P0[i, j] * work.F[m2 + i, f] * work.F[m2 + j, f]
    slope -= inner(scales[: q * q], J[: q * q], q)
    offset = q * q
    for f in range(data.layout.shape[0]):
        width = data.layout[f, 2]
        end = offset + width * width
        slope -= inner(scales[offset:end], J[offset:end], width)
        offset = end
    return value, slope / sigma


@jit
def just_value(scales, sigma, data, work):
    """Log density alone."""
    q = data.R.shape[1]
    return log_density(scales[: q * q].reshape(q, q), scales[q * q :], sigma, data, work)[0]
