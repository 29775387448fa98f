"""The gradient of the log density, by Fisher's identity.

With P the precision of y after everything else is integrated, the derivative in the covariance Psi
of one factor is half of J = sum over its levels of Z'P y y'P Z - Z'P Z, and in its triangular
factor J L. For the noise it follows from Euler's identity: the density is homogeneous in (L, sigma,
sd of the prior), so that the derivatives along all of them together are known.
"""

import numpy as np

from .compiled import jit
from .crossed import absorb_fixed, add_shares, crossed_shares
from .equations import log_density, scratch
from .lanes import solve_lower
from .lapack import whiten_rows
from .pair import score_pair
from .scaling import scale, unscale
from .triangular import SMALL, backward_many, inverse_from, invert_lower, mirror

CANCELS = 1e-2  # of v's variance: where less of it is lost, its distance from one loses digits


@jit
def covariance_factor(data, work):
    """F with Cov(gamma | theta, y) = F F'; zero where beta is maximised."""
    m2 = data.shift.size
    if data.constants[4] == 0.0:
        work.F[:] = 0.0
    else:
        invert_lower(work.chol[m2:, m2:], work.F)


@jit
def crossed_covariance(data, work):
    """work.cov = Cov(v | gamma) and work.H, both scaled: M_vv^-1, and M_xv M_vv^-1."""
    m2 = data.shift.size
    inverse_from(work.chol, work.cov)
    work.H[:] = work.chol[m2:, :m2]
    backward_many(work.chol, work.H)


@jit
def unscale_crossed(factors, data, work, delta):
    """H from v to the crossed effects; X becomes what they leave of it."""
    for x in range(work.H.shape[0]):
        unscale(factors, data.layout, work.H[x])
    absorb_fixed(data, work, delta)


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
def group_score(L, factors, data, work, delta, J):
    """J += sum_g E_g'(r r' - I + T T')E_g: twice the derivative in the covariance of u."""
    chunks, q, _, lanes = data.R.shape
    m2 = data.shift.size
    p = work.F.shape[0]
    T = np.empty((p + 1, q, lanes))
    weights = np.zeros((p + 1, p + 1))
    weights[0, p] = 1.0
    for j in range(p):
        weights[0, j] = -delta[m2 + j]
        for f in range(p):
            weights[1 + f, j] = work.F[j, f]
    if m2 > 0:
        crossed_shares(factors, data, work)
    for c in range(chunks):
        combine(weights, work.W[c].reshape(p + 1, q * lanes), T.reshape(p + 1, q * lanes))
        if q == 2:
            score_pair(data.R[c], work.V[c], T, J)
        else:
            score_lanes(data.R[c], work.V[c], T, J)
        if m2 > 0:
            whiten(data.R[c], work.V[c], work.M)
            add_shares(work.M, work.K[c], J)
    for a in range(q):
        for b in range(a):
            J[b, a] = J[a, b]


@jit
def whiten(R, V, E):
    """E = C^-1 R by lane."""
    r = np.empty(R.shape[1:])
    for j in range(R.shape[0]):
        r[:] = R[:, j]
        solve_lower(V, r)
        E[:, j] = r


@jit
def score_lanes(R, V, T, J):
    """Lower part of J += sum E'(T T' - I)E with E = C^-1 R, over columns T (., q, lanes)."""
    q, _, lanes = R.shape
    E = np.empty((q, q, lanes))
    r = np.empty((q, lanes))
    whiten(R, V, E)
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
    """The same for the other factors (J flat, after one another), from the scaled cov and H.

    Two exact forms: from the conditional moments of v, where nothing cancels while the scale is not
    small against what the data say; and from the score where it is (nothing is divided by it).
    """
    S, m = work.S, data.C.shape[0]
    spread = np.dot(work.F.T, work.H)  # (p, m2) what the uncertainty of gamma adds
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
        if smallest * smallest * information > CANCELS:
            inverse = np.empty((q, q))  # L^-T
            invert_lower(L, inverse)
            for at in range(start, start + levels * q, q):
                for i in range(q):
                    N[i, i] -= 1.0
                    for j in range(q):
                        total = work.cov[at + max(i, j), at + min(i, j)]
                        total += work.v[at + i] * work.v[at + j]
                        for x in range(spread.shape[0]):
                            total += spread[x, at + i] * spread[x, at + j]
                        N[i, j] += total
            N = np.dot(np.dot(inverse, N), inverse.T)
        else:
            mirror(S)
            rows = S[start : start + levels * q, :m].copy()
            score = S[start : start + levels * q, m] - np.dot(rows, delta)
            for i in range(rows.shape[0]):
                scale(factors, data.layout, rows[i])
            whiten_rows(work.chol, rows)
            known = m if data.constants[4] > 0.0 else data.shift.size  # gamma is, where maximised
            for at in range(0, levels * q, q):
                for i in range(q):
                    for j in range(q):
                        total = score[at + i] * score[at + j] - S[start + at + i, start + at + j]
                        for t in range(known):
                            total += rows[at + i, t] * rows[at + j, t]
                        N[i, j] += total
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
    covariance_factor(data, work)
    J[:] = 0.0
    if m2 > 0:
        crossed_covariance(data, work)
        remainder_score(factors, data, work, delta, J[q * q :])
        unscale_crossed(factors, data, work, delta)
    group_score(L, factors, data, work, delta, J[: q * q].reshape(q, q))
    n, integrate = data.constants[1], data.constants[4]
    slope = quad - n
    if integrate > 0.0:
        slope += m - m2
        for f in range(m - m2):  # trace of P0 Cov(gamma)
            for i in range(m - m2):
                for j in range(m - m2):
                    slope -= data.P0[i, j] * work.F[i, f] * work.F[j, f]
    slope -= inner(scales[: q * q], J[: q * q], q)
    offset = q * q
    for f in range(data.layout.shape[0]):
        width = data.layout[f, 2]
        end = offset + width * width
        slope -= inner(scales[offset:end], J[offset:end], width)
        offset = end
    return value, slope / sigma


@jit
def evaluate(scales, sigma, data):
    """Value, slopes in the scales and in sigma; -inf where float64 cannot hold the density."""
    J, slopes = np.zeros(scales.size), np.zeros(scales.size)
    value, slope = value_and_score(scales, sigma, data, scratch(data), J)
    if not np.isfinite(value):
        return -np.inf, slopes, 0.0
    at = lower_product(scales, J, slopes, 0, data.R.shape[1])
    for f in range(data.layout.shape[0]):
        at = lower_product(scales, J, slopes, at, data.layout[f, 2])
    return value, slopes, slope


@jit
def just_value(scales, sigma, data, work):
    """Log density alone."""
    q = data.R.shape[1]
    return log_density(scales[: q * q].reshape(q, q), scales[q * q :], sigma, data, work)[0]
