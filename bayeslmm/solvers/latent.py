"""What the loadings say of the means and scores: exact draws, and exact moments.

    mu | Y ~ N(m, V) by the solver,    z_i | y_i, mu ~ N(M^-1 W_o'(y_i - mu)_o, sigma^2 M^-1)

with M = sigma^2 I + W_o'W_o over the entries o that row i has (Tipping & Bishop 1999, equation 6).
A row without entries has its prior, N(0, I).
"""

from typing import Any

import numpy as np

from .compiled import jit
from .low_rank import factor
from .triangular import backward


@jit
def _open_row(W, there, room, features):
    """The loadings (q, k) of the entries that a row has, to be factored in place."""
    k, q = 0, W.shape[1]
    for j in range(W.shape[0]):
        if there[j]:
            features[k] = j
            k += 1
    B = room[: q * k].reshape(q, k)
    for a in range(q):
        for j in range(k):
            B[a, j] = W[features[j], a]
    return B


@jit
def _pull(B, x, features, mu, gap, out):
    """out = L^-1 W_o'(x - mu)_o for one row; returns |(x - mu)_o|^2, and leaves that in gap."""
    q, k = B.shape
    square = 0.0
    for j in range(k):
        gap[j] = x[features[j]] - mu[features[j]]
    for j in range(k):
        square += gap[j] * gap[j]
    for a in range(q):
        total = 0.0
        for j in range(k):
            total += B[a, j] * gap[j]
        out[a] = total
    return square


@jit
def draw_scores(W, sigma, X, there, order, fresh, mu, white, out):
    """out (n, q): one draw of every row's scores at W, sigma and mu.

    Rows are taken in `order`; where `fresh` is false a row has the pattern of the one before it.
    """
    d, q = W.shape
    room, features, gap = np.empty(q * d), np.empty(d, np.int64), np.empty(d)
    L, B, x = np.empty((q, q)), np.empty((q, d)), np.empty(q)
    for place in range(order.size):
        i = order[place]
        if fresh[place]:
            B = _open_row(W, there[i], room, features)
            factor(B, sigma * sigma, L)
        _pull(B, X[i], features, mu, gap, x)
        for a in range(q):
            x[a] += sigma * white[i, a]
        backward(L, x)
        out[i] = x


@jit
def add_moments(W, sigma, X, there, order, fresh, mu, V, mean, square):
    """Adds mean and mean of squares of z_i, (n, q) each, mu ~ N(mu, V) integrated out.

    z_i = A (y_i - mu)_o + noise, A = M^-1 W_o': its variance is diag(sigma^2 M^-1 + A V_oo A').
    """
    d, q = W.shape
    room, features, gap = np.empty(q * d), np.empty(d, np.int64), np.empty(d)
    L, B, variance = np.empty((q, q)), np.empty((q, d)), np.empty(q)
    A, e, line = np.empty((q, d)), np.empty(q), np.empty(d)
    for place in range(order.size):
        i = order[place]
        if fresh[place]:
            B = _open_row(W, there[i], room, features)
            factor(B, sigma * sigma, L)
            k = B.shape[1]
            for a in range(q):
                e[:] = 0.0
                e[a] = 1.0
                for b in range(a, q):  # L^-1 e_a
                    total = e[b]
                    for c in range(a, b):
                        total -= L[b, c] * e[c]
                    e[b] = total / L[b, b]
                value = 0.0
                for b in range(a, q):
                    value += sigma * sigma * e[b] * e[b]
                variance[a] = value
                A[a] = 0.0
                for b in range(a, q):
                    for j in range(k):
                        A[a, j] += e[b] * B[b, j]
            for j in range(k if V.size else 0):
                row = V[features[j]]
                for l in range(k):
                    line[l] = row[features[l]]
                for a in range(q):
                    total = 0.0
                    for l in range(k):
                        total += line[l] * A[a, l]
                    variance[a] += A[a, j] * total
        k = B.shape[1]
        for j in range(k):
            gap[j] = X[i, features[j]] - mu[features[j]]
        for a in range(q):
            total = 0.0
            for j in range(k):
                total += A[a, j] * gap[j]
            mean[i, a] += total
            square[i, a] += total * total + variance[a]


def by_pattern(there: Any) -> tuple[Any, Any]:
    """An order of the rows (n,) that puts those of one pattern together, and where one begins."""
    packed = np.packbits(there, axis=1)
    order = np.lexsort(packed.T[::-1])
    fresh = np.ones(order.size, dtype=bool)
    fresh[1:] = (packed[order[1:]] != packed[order[:-1]]).any(axis=1)
    return order, fresh


@jit
def entries(W, sigma, X, there, order, fresh, mu, wanted, noise, mean, variance):
    """Mean and variance of the wanted entries given those that are there, W, sigma and mu.

    y_ij = mu_j + w_j'z_i + e_ij, with the noise of a new observation where `noise` says so. The
    wanted entries (n, d) are written row by row.
    """
    n, d = X.shape
    q = W.shape[1]
    room, features, gap = np.empty(q * d), np.empty(d, np.int64), np.empty(d)
    L, B, x, e = np.empty((q, q)), np.empty((q, d)), np.empty(q), np.empty(q)
    s = sigma * sigma
    starts = np.zeros(n + 1, np.int64)
    for i in range(n):
        count = 0
        for j in range(d):
            count += wanted[i, j]
        starts[i + 1] = starts[i] + count
    for place in range(order.size):
        i = order[place]
        if fresh[place]:
            B = _open_row(W, there[i], room, features)
            factor(B, s, L)
        if starts[i] == starts[i + 1]:
            continue
        _pull(B, X[i], features, mu, gap, x)
        backward(L, x)
        at = starts[i]
        for j in range(d):
            if not wanted[i, j]:
                continue
            total, spread = mu[j], 0.0
            for a in range(q):
                value = W[j, a]
                total += value * x[a]
                for c in range(a):
                    value -= L[a, c] * e[c]
                e[a] = value / L[a, a]
                spread += e[a] * e[a]
            mean[at] = total
            variance[at] = s * (spread + noise)
            at += 1


@jit
def row_densities(W, sigma, X, there, order, fresh, mu, out):
    """out (n,): log density of the entries that every row has, given W, sigma and mu."""
    d, q = W.shape
    room, features, gap = np.empty(q * d), np.empty(d, np.int64), np.empty(d)
    L, B, x, log_det = np.empty((q, q)), np.empty((q, d)), np.empty(q), 0.0
    s = sigma * sigma
    for place in range(order.size):
        i = order[place]
        if fresh[place]:
            B = _open_row(W, there[i], room, features)
            log_det = factor(B, s, L) + B.shape[1] * np.log(2.0 * np.pi)
        square = _pull(B, X[i], features, mu, gap, x)
        for a in range(q):
            square -= x[a] * x[a]
        out[i] = -0.5 * (log_det + square / s)
