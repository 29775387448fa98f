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
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..types import Array
from . import matrix_scores as scores
from .beta import MAXIMISED, Beta, beta_share, normal
from .compiled import frozen, jit
from .lapack import cholesky_lower, invert_factored
from .low_rank import backsolve, factor, solve
from .problem import MatrixProblem, Problem


class PatternData(NamedTuple):
    """Patterns one after another, in flat arrays that compiled code reads, and the prior of mu."""

    counts: Array  # (patterns,) rows
    starts: Array  # (patterns + 1,) where a pattern's features begin
    features: Array  # (sum of k,) which features a pattern has
    means: Array  # (sum of k,)
    heights: Array  # (patterns + 1,) where a pattern's scatter begins, in numbers
    scatter: Array  # R (r, k) with R'R the scatter about the mean, one after another
    location: Array  # (d,)
    precision: Array  # (d,) zero where the prior is flat
    constants: Array  # integrate mu or not, constant of the log density


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


def gather(Y: Array) -> PatternData:
    """Rows Y (n, d) with NaN where an entry is missing, as patterns; mu is maximised."""
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
    return PatternData(
        np.array(counts),
        np.concatenate([[0], np.cumsum([f.size for f in features])]).astype(np.int64),
        np.concatenate(features).astype(np.int64),
        np.concatenate(means),
        np.concatenate([[0], np.cumsum([r.size for r in scatter])]).astype(np.int64),
        np.concatenate([*scatter, np.zeros(0)]),
        np.zeros(Y.shape[1]),
        np.zeros(Y.shape[1]),
        np.zeros(2),
    )


@jit
def _open(Wt, data, p, room):
    """A pattern's features (k,), and its loadings (q, k) out of W' (q, d), to be factored."""
    features = data.features[data.starts[p] : data.starts[p + 1]]
    q, k = Wt.shape[0], features.size
    B = room[: q * k].reshape(q, k)
    for a in range(q):
        for i in range(k):
            B[a, i] = Wt[a, features[i]]
    return features, B


@jit
def mean_of(W, sigma, data, P, mean):
    """mu's conditional mean (d,); P's lower triangle <- its covariance.

    Returns what of the log density stands before the quadratic form, and log|P^-1|.
    """
    d, q = W.shape
    s = sigma * sigma
    P[:] = 0.0
    pull = data.precision * data.location
    total = 0.0
    for i in range(d):
        P[i, i] = data.precision[i]
    Wt, L, room = np.ascontiguousarray(W.T), np.empty((q, q)), np.empty(q * d)
    solved, dots = np.empty(d), np.empty(d)
    for p in range(data.counts.size):
        n = data.counts[p]
        features, B = _open(Wt, data, p, room)
        k = features.size
        log_det = factor(B, s, L)
        total -= 0.5 * n * (log_det + k * np.log(2.0 * np.pi))
        solve(B, s, data.means[data.starts[p] : data.starts[p + 1]], solved)
        for i in range(k):
            pull[features[i]] += n * solved[i]
            dots[: i + 1] = 0.0
            for a in range(q):
                for j in range(i + 1):
                    dots[j] += B[a, i] * B[a, j]
            row = P[features[i]]
            for j in range(i + 1):
                row[features[j]] -= n / s * dots[j]
            row[features[i]] += n / s
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
def score(W, sigma, data, slope):
    """Log density at W, sigma; adds the slope in W, returns the value and the slope in sigma."""
    d, q = W.shape
    s = sigma * sigma
    V, mean = np.zeros((d, d)), np.zeros(d)
    integrate, constant = data.constants
    value, log_det = mean_of(W, sigma, data, V, mean)
    if np.isnan(value):
        return np.nan, 0.0
    for i in range(d):
        for j in range(i):
            V[j, i] = V[i, j]
    if integrate > 0.0:
        value += 0.5 * log_det
        for i in range(d):
            value -= 0.5 * data.precision[i] * (mean[i] - data.location[i]) ** 2
    slope_t = np.zeros((q, d))  # features side by side, as in every array of a pattern
    Wt, L, rooms = np.ascontiguousarray(W.T), np.empty((q, q)), np.empty((4, q * d))
    gap, line = np.empty(d), np.empty(d)
    by_s = 0.0
    for p in range(data.counts.size):
        n = data.counts[p]
        features, B = _open(Wt, data, p, rooms[0])
        k = features.size
        for i in range(k):
            gap[i] = data.means[data.starts[p] + i] - mean[features[i]]
        factor(B, s, L)
        moved = rooms[1, : q * k].reshape(q, k)  # B E[S], row by row of the scatter's factor
        moved[:] = 0.0
        trace, squares = _add_row(B, s, gap[:k], n, line, moved)  # tr C^-1 E[S], tr C^-1 E[S] C^-1
        for r in range(data.heights[p], data.heights[p + 1], k):
            more = _add_row(B, s, data.scatter[r : r + k], 1.0, line, moved)
            trace += more[0]
            squares += more[1]
        value -= 0.5 * trace
        if integrate > 0.0:
            by_mean = rooms[2, : q * k].reshape(q, k)
            squares += n * _add_mean(V, features, B, s, n, line, by_mean, moved)
        K = rooms[3, : q * k].reshape(q, k)
        backsolve(L, B, K)
        backsolve(L, moved, moved)
        free = _add_slope(B, s, K, n, features, moved, line, slope_t)
        by_s += 0.5 * (squares - n * free / s)
    slope += slope_t.T
    return value + constant, 2.0 * sigma * by_s


@jit
def evaluate(scales, sigma, data):
    """Value, slopes in the loadings and in sigma; -inf where float64 cannot hold the density."""
    d, slope = data.location.size, np.zeros(scales.size)
    W = scales.reshape(d, scales.size // d)
    value, by_sigma = score(W, sigma, data, slope.reshape(W.shape))
    if not np.isfinite(value):
        return -np.inf, np.zeros(scales.size), 0.0
    return value, slope, by_sigma


@jit
def _add_row(B, s, x, weight, line, moved):
    """moved += weight B x x'; returns weight times x' C^-1 x and |C^-1 x|^2."""
    q, k = B.shape
    for i in range(k):
        line[i] = x[i]
    for a in range(q):
        dot = 0.0
        for i in range(k):
            dot += B[a, i] * x[i]
        for i in range(k):
            line[i] -= dot * B[a, i]
            moved[a, i] += weight * dot * x[i]
    product, square = 0.0, 0.0
    for i in range(k):
        product += x[i] * line[i]
        square += line[i] * line[i]
    return weight * product / s, weight * square / (s * s)


@jit
def _add_mean(V, features, B, s, n, line, by_mean, moved):
    """moved += n B V_oo for mu's covariance; returns tr C^-1 V_oo C^-1.

    tr V (I - B'B)^2 = tr V - 2 tr BVB' + tr BB' BVB'.
    """
    q, k = B.shape
    total = 0.0
    by_mean[:] = 0.0
    for i in range(k):
        row = V[features[i]]
        total += row[features[i]]
        for j in range(k):
            line[j] = row[features[j]]
        for a in range(q):
            for j in range(k):
                by_mean[a, j] += B[a, i] * line[j]
    for a in range(q):
        for b in range(q):
            gram, both = 0.0, 0.0
            for i in range(k):
                gram += B[a, i] * B[b, i]
                both += by_mean[a, i] * B[b, i]
            total += gram * both
            if a == b:
                total -= 2.0 * both
        for i in range(k):
            moved[a, i] += n * by_mean[a, i]
    return total / (s * s)


@jit
def _add_slope(B, s, K, n, features, inner, line, slope_t):
    """slope_t += inner C^-1 - n K at the pattern's features, inner = K E[S]; returns s tr C^-1."""
    q, k = B.shape
    free = float(k)
    for b in range(q):
        for i in range(k):
            line[i] = inner[b, i]
        for i in range(k):
            free -= B[b, i] * B[b, i]
        for a in range(q):
            dot = 0.0
            for i in range(k):
                dot += B[a, i] * inner[b, i]
            for i in range(k):
                line[i] -= dot * B[a, i]
        for i in range(k):
            slope_t[b, features[i]] += line[i] / s - n * K[b, i]
    return free


@dataclass(frozen=True, repr=False)
class Patterns:
    """The solver where entries are missing.

    `scales` are the loadings W (d, q), row by row.

    Attributes
    ----------
    problem : MatrixProblem
    beta : Beta
        What is done with mu; its prior knows no correlations.
    rows : PatternData
    """

    problem: MatrixProblem
    beta: Beta
    rows: PatternData

    fused = True
    condition = scores.condition
    draws = scores.draws
    redraws = scores.redraws
    averaged = scores.averaged
    beta_moments = scores.beta_moments
    spectral = False
    data_type = PatternData
    evaluate = staticmethod(evaluate)

    @classmethod
    def cost(cls, problem: Problem | MatrixProblem, beta: Beta) -> float | None:
        """A factorisation of the precision of the means, and a product for each entry."""
        if isinstance(problem, Problem):
            return None
        return float(problem.Y.shape[1]) ** 3 + float(problem.Y.size)

    @classmethod
    def of(cls, problem: MatrixProblem, beta: Beta) -> "Patterns":
        """The solver of the rows."""
        return cls(problem, beta, gather(problem.Y))

    def operations(self, entries: int) -> float:
        """Multiplications that one evaluation takes, roughly."""
        d, lengths = self.problem.Y.shape[1], self.problem.there.sum(axis=1).astype(float)
        return 4.0 * (entries / d + 1.0) * float((lengths**2).sum()) + float(d) ** 3

    @cached_property
    def data(self) -> PatternData:
        """What compiled code reads: the rows under this prior of mu."""
        d = self.rows.location.size
        constant = self.problem.added(self.beta) + beta_share(d, self.beta)
        constants = np.array([float(self.beta is not MAXIMISED), constant])
        found, prior = self.rows._replace(constants=constants), normal(self.beta)
        if prior is not None:
            found = found._replace(location=prior.location, precision=1.0 / prior.scale**2)
        return frozen(found)

    def under(self, beta: Beta) -> "Patterns":
        """The same rows where something else is done with mu."""
        return replace(self, beta=beta)

    def with_response(self, y: Array) -> "Patterns":
        """Another matrix (n, d), in which others may be missing."""
        return replace(self, problem=replace(self.problem, Y=y), rows=gather(y))

    def score(self, scales: Array, sigma: float) -> tuple[float, Array, float]:
        """Log density, its slopes in the loadings (d q,) and in sigma."""
        W = self._loadings(scales)
        slope = np.zeros_like(W)
        value, by_sigma = score(W, sigma, self.data, slope)  # type: ignore[call-arg]
        return value, slope.ravel(), by_sigma

    def value(self, scales: Array, sigma: float) -> float:
        """Log density at loadings W (d, q), flat or not."""
        return self.score(scales, sigma)[0]

    def mean_law(self, W: Array, sigma: float) -> tuple[Array, Array]:
        """Mean (d,) and covariance (d, d) of mu given W, sigma and the rows."""
        d = W.shape[0]
        P, mean = np.zeros((d, d)), np.zeros(d)
        mean_of(self._loadings(W), sigma, self.data, P, mean)  # type: ignore[call-arg]
        return mean, P + np.tril(P, -1).T

    def _loadings(self, scales: Array) -> Array:
        return np.ascontiguousarray(scales.reshape(self.rows.location.size, -1))
