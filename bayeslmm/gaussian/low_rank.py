"""The density of rows whose covariance is low rank plus noise, and its slopes.

    C = W W' + s I,    W (k, q)

With M = s I + W'W = L L' and B = L^-1 W' nothing larger than q x q is factored (Tipping & Bishop
1999, section 3.3):

    C^-1 = (I - B'B) / s,    C^-1 W = W M^-1,    log|C| = (k - q) log s + log|M|
"""

import numpy as np

from .compiled import jit


@jit
def factor(W, s, L, B):
    """L (q, q) and B (q, k) of C; returns log|C|, NaN where s is too small beside W."""
    k, q = W.shape
    for a in range(q):
        for b in range(a + 1):
            total = s if a == b else 0.0
            for i in range(k):
                total += W[i, a] * W[i, b]
            L[a, b] = total
    log_det = (k - q) * np.log(s)
    for a in range(q):
        for b in range(a + 1):
            total = L[a, b]
            for c in range(b):
                total -= L[a, c] * L[b, c]
            if a == b:
                if not total > 0.0:
                    return np.nan
                L[a, a] = np.sqrt(total)
                log_det += np.log(total)
            else:
                L[a, b] = total / L[b, b]
    for i in range(k):
        for a in range(q):
            total = W[i, a]
            for c in range(a):
                total -= L[a, c] * B[c, i]
            B[a, i] = total / L[a, a]
    return log_det


@jit
def backsolve(L, B, K):
    """K (k, q) = W M^-1 from B = L^-1 W'."""
    q, k = B.shape
    for i in range(k):
        for a in range(q - 1, -1, -1):
            total = B[a, i]
            for c in range(a + 1, q):
                total -= L[c, a] * K[i, c]
            K[i, a] = total / L[a, a]


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
        total += x[i] * out[i]
    return total


@jit
def diagonal_score(W, s, count, squares, weight, gap, slope):
    """-1/2 [count log|C| + tr C^-1 S] with S = diag(squares) + weight gap gap', and its slopes.

    Adds the slope in W to `slope` (k, q); returns the value and the slope in s.
    """
    k, q = W.shape
    L, B, K = np.empty((q, q)), np.empty((q, k)), np.empty((k, q))
    log_det = factor(W, s, L, B)
    if np.isnan(log_det):
        return np.nan, 0.0
    backsolve(L, B, K)
    solved = np.empty(k)
    trace = weight * solve(B, s, gap, solved)
    square = 0.0  # tr C^-1 S C^-1
    for i in range(k):
        square += weight * solved[i] * solved[i]
    gram = np.zeros((q, q))  # B B'
    inner = np.zeros((q, q))  # B diag(squares) K
    along = np.zeros(q)  # gap' K
    total = float(k)  # s tr C^-1
    for i in range(k):
        for a in range(q):
            along[a] += gap[i] * K[i, a]
            for b in range(q):
                gram[a, b] += B[a, i] * B[b, i]
                inner[a, b] += B[a, i] * squares[i] * K[i, b]
    for i in range(k):
        own, twice = 0.0, 0.0
        for a in range(q):
            own += B[a, i] * B[a, i]
            part = 0.0
            for b in range(q):
                part += gram[a, b] * B[b, i]
            twice += B[a, i] * part
        total -= own
        trace += squares[i] * (1.0 - own) / s
        square += squares[i] * (1.0 - 2.0 * own + twice) / (s * s)
        for b in range(q):
            part = squares[i] * K[i, b]
            for a in range(q):
                part -= B[a, i] * inner[a, b]
            slope[i, b] += part / s + weight * solved[i] * along[b] - count * K[i, b]
    return -0.5 * (count * log_det + trace), 0.5 * (square - count * total / s)
