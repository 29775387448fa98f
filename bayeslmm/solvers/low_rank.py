"""The density of rows whose covariance is low rank plus noise, and its slopes.

    C = W W' + s I,    W (k, q)

With M = s I + W'W = L L' and B = L^-1 W' nothing larger than q x q is factored (Tipping & Bishop
1999, section 3.3):

    C^-1 = (I - B'B) / s,    C^-1 W = W M^-1,    log|C| = (k - q) log s + log|M|
"""

import numpy as np

from .compiled import jit


@jit
def factor(B, s, L):
    """L (q, q) of C, and B (q, k): from W' to L^-1 W'. Returns log|C|, NaN where s is too small."""
    q, k = B.shape
    log_det = (k - q) * np.log(s)
    for a in range(q):
        for b in range(a + 1):
            total = s if a == b else 0.0
            for i in range(k):
                total += B[a, i] * B[b, i]
            L[a, b] = total
    for a in range(q):
        for b in range(a):
            value = L[a, b]
            for c in range(b):
                value -= L[a, c] * L[b, c]
            L[a, b] = value / L[b, b]
            L[a, a] -= L[a, b] * L[a, b]
        if not L[a, a] > 0.0:
            return np.nan
        log_det += np.log(L[a, a])
        L[a, a] = np.sqrt(L[a, a])
        for c in range(a):
            for i in range(k):
                B[a, i] -= L[a, c] * B[c, i]
        for i in range(k):
            B[a, i] /= L[a, a]
    return log_det


@jit
def backsolve(L, B, K):
    """K (q, k) = M^-1 W' from B = L^-1 W'; it may be B itself."""
    q, k = B.shape
    for a in range(q - 1, -1, -1):
        for i in range(k):
            K[a, i] = B[a, i]
        for c in range(a + 1, q):
            for i in range(k):
                K[a, i] -= L[c, a] * K[c, i]
        for i in range(k):
            K[a, i] /= L[a, a]


@jit
def solve(B, s, x, out):
    """out (k,) = C^-1 x; returns x' C^-1 x."""
    q, k = B.shape
    for i in range(k):
        out[i] = x[i]
    for a in range(q):
        dot = 0.0
        for i in range(k):
            dot += B[a, i] * x[i]
        for i in range(k):
            out[i] -= dot * B[a, i]
    total = 0.0
    for i in range(k):
        out[i] /= s
    for i in range(k):
        total += x[i] * out[i]
    return total


@jit
def diagonal_score(W, s, count, squares, weight, gap, slope):
    """-1/2 [count log|C| + tr C^-1 S] with S = diag(squares) + weight gap gap', and its slopes.

    Adds the slope in W to `slope` (k, q); returns the value and the slope in s.
    """
    k, q = W.shape
    L, B, K = np.empty((q, q)), np.empty((q, k)), np.empty((q, k))
    B[:] = W.T
    log_det = factor(B, s, L)
    if np.isnan(log_det):
        return np.nan, 0.0
    backsolve(L, B, K)
    solved, part = np.empty(k), np.empty(k)
    trace = weight * solve(B, s, gap, solved)
    square = 0.0  # tr C^-1 S C^-1
    total = float(k)  # s tr C^-1
    for i in range(k):
        square += weight * solved[i] * solved[i]
        trace += squares[i] / s
        square += squares[i] / (s * s)
    for a in range(q):
        for b in range(q):
            gram, within = 0.0, 0.0  # of B B' and B diag(squares) B'
            for i in range(k):
                gram += B[a, i] * B[b, i]
                within += B[a, i] * B[b, i] * squares[i]
            square += gram * within / (s * s)
            if a == b:
                total -= gram
                trace -= within / s
                square -= 2.0 * within / (s * s)
    for b in range(q):
        along = 0.0
        for i in range(k):
            along += gap[i] * K[b, i]
        for i in range(k):
            part[i] = squares[i] * K[b, i]
        for a in range(q):
            inner = 0.0
            for i in range(k):
                inner += B[a, i] * squares[i] * K[b, i]
            for i in range(k):
                part[i] -= B[a, i] * inner
        for i in range(k):
            slope[i, b] += part[i] / s + weight * solved[i] * along - count * K[b, i]
    return -0.5 * (count * log_det + trace), 0.5 * (square - count * total / s)
