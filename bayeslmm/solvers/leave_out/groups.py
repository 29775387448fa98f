"""Whole groups of the eliminated factor left out, given the scales.

A group's rows are rotated into q rows that carry its own effects, with the covariance that `S`
whitens, and the rest, which is compressed once and for all to a triangle: [rest of D, rest of y] =
Q T has as many rows as columns, whatever the size of the group. Whitened, T has the precision
I - T Cov T' given the other groups' rows.
"""

import numpy as np

from ..compiled import jit
from .algebra import LOST, factor, gather, in_sample, lower, residuals, squared, whitener


@jit
def compress(rot, starts, triangle):
    """Fill `triangle` (., widest + 1): by group the rest of [D, y], in at most k + 1 rows."""
    q, wide, p = rot.C.shape[1], rot.columns.shape[1], rot.X.shape[1]
    w = np.zeros(q)
    for g in range(rot.starts.size - 1):
        a, b = rot.starts[g], rot.starts[g + 1]
        first, k = rot.first[g], rot.first[g + 1] - rot.first[g]
        w[:] = 0.0
        for i in range(a, b):
            for t in range(q):
                w[t] += rot.C[i, t] * rot.y[i]
        A = np.zeros((b - a, k + 1))
        for i in range(a, b):
            if rot.rest[i] == 0.0:
                continue
            A[i - a, k] = rot.y[i]
            for t in range(q):
                A[i - a, k] -= rot.C[i, t] * w[t]
                for j in range(k - p):
                    A[i - a, j] += rot.C[i, t] * rot.E[first + j, q + t]
            for j in range(wide):
                A[i - a, rot.place[i, j]] += rot.values[i, j]
            for j in range(p):
                A[i - a, k - p + j] = rot.X_rest[i, j]
        if b > a:
            if b - a > k + 1:
                A = np.linalg.qr(A)[1]
            triangle[starts[g] : starts[g + 1], : k + 1] = A


@jit
def leave_groups(L, sigma, mean, cov, condition, rot, own_rest, found):
    """Fill `found` (groups, 3) with the densities of `predict`; NaN where digits are lost.

    `own_rest` holds what `compress` filled, and where each group starts in it.
    """
    starts, triangle = own_rest
    q, groups = rot.C.shape[1], rot.starts.size - 1
    S, a = np.empty((q, q)), np.empty(q)
    r, w = np.empty(rot.y.size), np.empty((groups, q))
    residuals(mean, rot, r, w)
    for g in range(groups):
        used = rot.used[rot.first[g] : rot.first[g + 1]]
        k, lines = used.size, starts[g + 1] - starts[g]
        own = np.empty((k, k))
        gather(cov, used, own)
        whitener(rot.R[g], L, sigma, S)
        T = np.empty((q + lines, k))
        t = np.empty(q + lines)
        half = 0.0
        lower(S, w[g], a)
        for i in range(q):
            half += np.log(S[i, i])
            t[i] = a[i] / sigma
            for j in range(k):
                total = 0.0
                for v in range(i + 1):
                    total += S[i, v] * rot.E[rot.first[g] + j, v]
                T[i, j] = total
        for i in range(lines):
            value = triangle[starts[g] + i, k]
            for j in range(k):
                T[q + i, j] = triangle[starts[g] + i, j]
            for j in range(k):
                value -= T[q + i, j] * mean[used[j]]
            t[q + i] = value / sigma
        P = -sandwich(T, own) / (sigma * sigma)
        floor = np.empty(q + lines)
        for i in range(q + lines):
            floor[i] = LOST * (1.0 - condition * P[i, i])
            P[i, i] += 1.0
        found[g, 2] = np.nan
        found[g, 1] = known(S, P, t)
        found[g, 0] = half + factor(P, floor) - 0.5 * squared(P, t)


@jit
def sandwich(T, K):
    """T K T'."""
    return np.dot(np.dot(T, K), np.ascontiguousarray(T.T))


@jit
def known(S, P, t):
    """`in_sample` of a group: its first rows are whitened by S, so Pi = D P D', D = (S', I)."""
    q, n = S.shape[0], t.size
    D = np.eye(n)
    for i in range(q):
        for j in range(q):
            D[i, j] = S[j, i]
    return in_sample(sandwich(D, P), np.dot(D, t))
