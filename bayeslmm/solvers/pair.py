"""Two effects per group, the commonest case, with the loops of `lanes` written out.

An intercept and a slope make 2 x 2 matrices, whose algebra fits in registers: one pass over the
groups in place of a dozen. The numbers are those of the general functions, held to them by a test.
"""

from .compiled import jit


@jit
def factor_pair(R, L, noise, V):
    """Cholesky factor of (R L)(R L)' + noise I by lane, reciprocal diagonal (as `cholesky`)."""
    l00, l10, l11 = L[0, 0], L[1, 0], L[1, 1]
    for k in range(R.shape[2]):
        r00, r01, r11 = R[0, 0, k], R[0, 1, k], R[1, 1, k]
        a, b = r00 * l00 + r01 * l10, r01 * l11
        c, d = r11 * l10, r11 * l11
        i0 = 1.0 / (a * a + b * b + noise) ** 0.5
        lower = (c * a + d * b) * i0
        V[0, 0, k] = i0
        V[1, 0, k] = lower
        V[1, 1, k] = 1.0 / (c * c + d * d + noise - lower * lower) ** 0.5


@jit
def solve_pair(V, B, W):
    """W = C^-1 B by lane, for all columns (columns, 2, lanes)."""
    for j in range(B.shape[0]):
        for k in range(B.shape[2]):
            w0 = B[j, 0, k] * V[0, 0, k]
            W[j, 0, k] = w0
            W[j, 1, k] = (B[j, 1, k] - V[1, 0, k] * w0) * V[1, 1, k]


@jit
def score_pair(R, V, T, J):
    """Lower part of J += sum E'(T T' - I)E with E = C^-1 R, over columns T (., 2, lanes)."""
    lanes = R.shape[2]
    s00 = s10 = s11 = 0.0
    for k in range(lanes):
        e00, e01 = R[0, 0, k] * V[0, 0, k], R[0, 1, k] * V[0, 0, k]
        e10 = -V[1, 0, k] * e00 * V[1, 1, k]
        e11 = (R[1, 1, k] - V[1, 0, k] * e01) * V[1, 1, k]
        s00 -= e00 * e00 + e10 * e10
        s10 -= e01 * e00 + e11 * e10
        s11 -= e01 * e01 + e11 * e11
    for f in range(T.shape[0]):
        for k in range(lanes):
            e00, e01 = R[0, 0, k] * V[0, 0, k], R[0, 1, k] * V[0, 0, k]
            e10 = -V[1, 0, k] * e00 * V[1, 1, k]
            e11 = (R[1, 1, k] - V[1, 0, k] * e01) * V[1, 1, k]
            r0 = e00 * T[f, 0, k] + e10 * T[f, 1, k]
            r1 = e01 * T[f, 0, k] + e11 * T[f, 1, k]
            s00 += r0 * r0
            s10 += r1 * r0
            s11 += r1 * r1
    J[0, 0] += s00
    J[1, 0] += s10
    J[1, 1] += s11


@jit
def moments_pair(L, noise, R, V, W, F, delta, share, mean, square):
    """Add a share of the conditional mean and second moment of u to `mean`, `square` (groups, 2).

    E'r of the whitened residual, times Psi; the variance is that given gamma, in which nothing
    cancels, and what gamma's covariance F F' adds.
    """
    p = F.shape[0]
    l00, l10, l11 = L[0, 0], L[1, 0], L[1, 1]
    p00, p10, p11 = l00 * l00, l10 * l00, l10 * l10 + l11 * l11
    for k in range(mean.shape[0]):
        r00, r01, r11 = R[0, 0, k], R[0, 1, k], R[1, 1, k]
        e00, e01 = r00 * V[0, 0, k], r01 * V[0, 0, k]
        e10 = -V[1, 0, k] * e00 * V[1, 1, k]
        e11 = (r11 - V[1, 0, k] * e01) * V[1, 1, k]
        t0, t1 = W[p, 0, k], W[p, 1, k]
        for j in range(p):
            t0 -= W[j, 0, k] * delta[j]
            t1 -= W[j, 1, k] * delta[j]
        s0, s1 = e00 * t0 + e10 * t1, e01 * t0 + e11 * t1
        mean0, mean1 = p00 * s0 + p10 * s1, p10 * s0 + p11 * s1
        a, b = r00 * l00 + r01 * l10, r01 * l11
        c, d = r11 * l10, r11 * l11
        c00 = (a * a + c * c + noise) ** 0.5
        c10 = (a * b + c * d) / c00
        c11 = (b * b + d * d + noise - c10 * c10) ** 0.5
        h0, g0 = l00 / c00, l10 / c00
        h1, g1 = -c10 * h0 / c11, (l11 - c10 * g0) / c11
        square0 = mean0 * mean0 + noise * (h0 * h0 + h1 * h1)
        square1 = mean1 * mean1 + noise * (g0 * g0 + g1 * g1)
        for f in range(p):
            t0 = t1 = 0.0
            for j in range(p):
                t0 += F[j, f] * W[j, 0, k]
                t1 += F[j, f] * W[j, 1, k]
            s0, s1 = e00 * t0 + e10 * t1, e01 * t0 + e11 * t1
            square0 += (p00 * s0 + p10 * s1) ** 2
            square1 += (p10 * s0 + p11 * s1) ** 2
        mean[k, 0] += share * mean0
        mean[k, 1] += share * mean1
        square[k, 0] += share * square0
        square[k, 1] += share * square1
