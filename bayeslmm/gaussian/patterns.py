"""Probabilistic PCA of rows with missing entries: rows that lack the same entries are one pattern.

    y_io = W_o z_i + mu_o + e_io    for the entries o that row i has

Entries that are missing at random are integrated out by leaving them out (Little & Rubin 2002,
section 6.2). A pattern enters through its count, its mean and a triangular factor of its scatter,
so rows of one pattern cost as much as one row. The patterns meet in mu, whose precision is

    P = sum_o N_o E_o C_o^-1 E_o' + I / v,    C_o = W_o W_o' + sigma^2 I

Derivatives follow from E[S_o], the scatter about mu with mu's own covariance P^-1 added:
d log p = sum_o tr[(C_o^-1 E[S_o] C_o^-1 - N_o C_o^-1) dC_o] / 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .compiled import jit
from .complete import EVIDENCE, ML, MeanPrior
from .lapack import cholesky_lower, invert_factored
from .low_rank import backsolve, factor, solve
from .sums import Array


class Rows(NamedTuple):
    """Patterns one after another, in flat arrays that compiled code reads."""

    counts: Array  # (patterns,) rows
    starts: Array  # (patterns + 1,) where a pattern's features begin
    features: Array  # (sum of k,) which features a pattern has
    means: Array  # (sum of k,)
    heights: Array  # (patterns + 1,) where a pattern's scatter begins, in numbers
    scatter: Array  # R (r, k) with R'R the scatter about the mean, one after another
    features_in_all: int  # d


def patterns_of(Y: Array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(entries that are there (d,), which rows): one pair for each pattern with any entry."""
    there = ~np.isnan(Y)
    packed = np.packbits(there, axis=1)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    cuts = np.cumsum(np.bincount(which.ravel(), minlength=first.size))[:-1]
    for index, rows in zip(first, np.split(order, cuts)):
        if there[index].any():
            yield there[index], rows


def gather(Y: Array) -> Rows:
    """Rows Y (n, d) with NaN where an entry is missing, as patterns."""
    counts, features, means, scatter = [], [], [], []
    for there, rows in patterns_of(Y):
        own = Y[np.ix_(rows, np.flatnonzero(there))]
        mean = own.mean(axis=0)
        R = own - mean if len(rows) > 1 else np.zeros((0, own.shape[1]))
        if R.shape[0] > R.shape[1]:
            R = np.linalg.qr(R, mode="r")
        counts.append(float(len(rows)))
        features.append(np.flatnonzero(there))
        means.append(mean)
        scatter.append(R.ravel())
    return Rows(
        np.array(counts),
        np.concatenate([[0], np.cumsum([f.size for f in features])]).astype(np.int64),
        np.concatenate(features).astype(np.int64),
        np.concatenate(means),
        np.concatenate([[0], np.cumsum([r.size for r in scatter])]).astype(np.int64),
        np.concatenate([*scatter, np.zeros(0)]),
        Y.shape[1],
    )


@dataclass(frozen=True, repr=False)
class Patterns:
    """The solver where entries are missing.

    Attributes
    ----------
    rows : Rows
    basis : ndarray (d, d)
        Orthonormal; loadings are taken in its coordinates, W = basis T.
    prior : MeanPrior
    code : int
        What is done with mu.
    """

    rows: Rows
    basis: Array
    prior: MeanPrior
    code: int = EVIDENCE
    constant: float = 0.0  # added to every log density: of a change of units, for instance

    def under(self, criterion: str) -> "Patterns":
        """The same rows for another criterion."""
        return replace(self, code=self.prior.code(criterion))

    @property
    def data(self) -> tuple:
        """What `score` reads: rows, the prior of mu, code."""
        return self.rows, self.prior.location, self.prior.variance, self.code

    def score(self, T: Array, sigma: float) -> tuple[float, Array, float]:
        """Log density at W = basis T, its slope in T (d, q) and in sigma."""
        W = np.ascontiguousarray(self.basis @ T)
        slope = np.zeros_like(W)
        value, by_sigma = score(W, sigma, *self.data, slope)
        return value + self.constant, self.basis.T @ slope, by_sigma

    def value(self, W: Array, sigma: float) -> float:
        """Log density at loadings W (d, q)."""
        W = np.ascontiguousarray(W)
        return score(W, sigma, *self.data, np.zeros_like(W))[0] + self.constant

    def mean_law(self, W: Array, sigma: float) -> tuple[Array, Array]:
        """Mean (d,) and covariance (d, d) of mu given W, sigma and the rows."""
        d = W.shape[0]
        P, mean = np.zeros((d, d)), np.zeros(d)
        mean_of(np.ascontiguousarray(W), sigma, *self.data, P, mean)
        return mean, P + np.tril(P, -1).T


@jit
def mean_of(W, sigma, rows, location, variance, code, P, mean):
    """mu's conditional mean (d,); P's lower triangle <- its covariance.

    Returns what of the log density stands before the quadratic form, and log|P^-1|.
    """
    d, q = W.shape
    s = sigma * sigma
    P[:] = 0.0
    pull = np.zeros(d)
    total = 0.0
    if code == EVIDENCE:
        for i in range(d):
            P[i, i] = 1.0 / variance[i]
            pull[i] = location[i] / variance[i]
    L, B, own, solved = np.empty((q, q)), np.empty((q, d)), np.empty((d, q)), np.empty(d)
    for p in range(rows.counts.size):
        at, k = rows.starts[p], rows.starts[p + 1] - rows.starts[p]
        n, features = rows.counts[p], rows.features[at : at + k]
        for i in range(k):
            own[i] = W[features[i]]
        log_det = factor(own[:k], s, L, B[:, :k])
        total -= 0.5 * n * (log_det + k * np.log(2.0 * np.pi))
        solve(B[:, :k], s, rows.means[at : at + k], solved)
        for i in range(k):
            pull[features[i]] += n * solved[i]
            for j in range(i + 1):
                dot = 1.0 if i == j else 0.0
                for a in range(q):
                    dot -= B[a, i] * B[a, j]
                P[features[i], features[j]] += n * dot / s
    if not cholesky_lower(P):
        return np.nan, np.nan
    log_det = 0.0
    for i in range(d):
        log_det -= 2.0 * np.log(P[i, i])
        value = pull[i]
        for j in range(i):
            value -= P[i, j] * mean[j]
        mean[i] = value / P[i, i]
    for i in range(d - 1, -1, -1):
        value = mean[i]
        for j in range(i + 1, d):
            value -= P[j, i] * mean[j]
        mean[i] = value / P[i, i]
    invert_factored(P)
    return total, log_det


@jit
def score(W, sigma, rows, location, variance, code, slope):
    """Log density at W, sigma; adds the slope in W, returns the value and the slope in sigma."""
    d, q = W.shape
    s = sigma * sigma
    V, mean = np.zeros((d, d)), np.zeros(d)
    value, log_det = mean_of(W, sigma, rows, location, variance, code, V, mean)
    if np.isnan(value):
        return np.nan, 0.0
    if code != ML:
        value += 0.5 * log_det
        if code == EVIDENCE:
            for i in range(d):
                value -= 0.5 * (np.log(variance[i]) + (mean[i] - location[i]) ** 2 / variance[i])
        else:
            value += 0.5 * d * np.log(2.0 * np.pi)
    L, B, own, K = np.empty((q, q)), np.empty((q, d)), np.empty((d, q)), np.empty((d, q))
    gap, solved, inner, moved = np.empty(d), np.empty(d), np.empty((d, q)), np.empty((q, d))
    by_s = 0.0
    for p in range(rows.counts.size):
        at, k = rows.starts[p], rows.starts[p + 1] - rows.starts[p]
        n, features = rows.counts[p], rows.features[at : at + k]
        for i in range(k):
            own[i] = W[features[i]]
            gap[i] = rows.means[at + i] - mean[features[i]]
        factor(own[:k], s, L, B[:, :k])
        backsolve(L, B[:, :k], K[:k])
        # inner = E[S] K, row by row of the scatter's factor; squares = tr C^-1 E[S] C^-1
        inner[:k] = 0.0
        value -= 0.5 * n * _add_row(B, s, K, gap[:k], n, solved, inner)
        squares = 0.0
        for i in range(k):
            squares += n * solved[i] * solved[i]
        for r in range(rows.heights[p], rows.heights[p + 1], k):
            row = rows.scatter[r : r + k]
            value -= 0.5 * _add_row(B, s, K, row, 1.0, solved, inner)
            for i in range(k):
                squares += solved[i] * solved[i]
        if code != ML:
            squares += n * _add_mean(V, features, B, s, K, n, moved, inner)
        _add_slope(B, s, K, n, k, features, inner, slope)
        trace = float(k)
        for a in range(q):
            for i in range(k):
                trace -= B[a, i] * B[a, i]
        by_s += 0.5 * (squares - n * trace / s)
    return value, 2.0 * sigma * by_s


@jit
def _add_row(B, s, K, row, weight, solved, inner):
    """inner += weight row (row'K); solved = C^-1 row; returns row' C^-1 row."""
    k, q = row.size, B.shape[0]
    square = solve(B[:, :k], s, row, solved)
    for a in range(q):
        dot = 0.0
        for i in range(k):
            dot += row[i] * K[i, a]
        for i in range(k):
            inner[i, a] += weight * dot * row[i]
    return square


@jit
def _add_mean(V, features, B, s, K, n, moved, inner):
    """inner += n V_oo K for mu's covariance; returns tr C^-1 V_oo C^-1.

    V's lower triangle is read. tr V (I - B'B)^2 = tr V - 2 tr BVB' + tr BB' BVB'.
    """
    q, k = B.shape[0], features.size
    total = 0.0
    for a in range(q):
        for i in range(k):
            moved[a, i] = 0.0
    for i in range(k):
        for j in range(k):
            v = V[max(features[i], features[j]), min(features[i], features[j])]
            if i == j:
                total += v
            for a in range(q):
                inner[i, a] += n * v * K[j, a]
                moved[a, i] += B[a, j] * v
    for a in range(q):
        for b in range(q):
            gram, both = 0.0, 0.0
            for i in range(k):
                gram += B[a, i] * B[b, i]
                both += moved[a, i] * B[b, i]
            total += gram * both
            if a == b:
                total -= 2.0 * both
    return total / (s * s)


@jit
def _add_slope(B, s, K, n, k, features, inner, slope):
    """slope += C^-1 inner - n K, at the pattern's features."""
    q = B.shape[0]
    for b in range(q):
        for i in range(k):
            slope[features[i], b] += inner[i, b] / s - n * K[i, b]
        for a in range(q):
            dot = 0.0
            for i in range(k):
                dot += B[a, i] * inner[i, b]
            for i in range(k):
                slope[features[i], b] -= dot * B[a, i] / s
