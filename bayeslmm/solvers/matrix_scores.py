"""Means and scores given loadings, exactly: draws at many points of theta, and moments over them.

Given W and sigma the means and scores are Gaussian, so each draw of theta gives one exact draw of
them (`latent` has the algebra). The last four functions are methods of the solvers of a matrix.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array, Index
from .canonical import principal
from .expectation import expected_scores
from .latent import add_moments, by_pattern, draw_scores
from .problem import is_complete
from .solver import Moments

CACHE = 200_000  # numbers that the processor's cache holds


@dataclass(frozen=True, repr=False)
class Means:
    """Laws of mu at k points of theta: N(m, V) by the solver, or one known value."""

    solver: Any
    W: Array  # (k, d, q), principal axes
    sigma: Array  # (k,)
    known: Array | None = None
    turn: Array | None = None  # (k, q, q): loadings are told as W turn, scores likewise

    @classmethod
    def of(cls, solver: Any, scales: Array, sigma: Array, known: Array | None = None) -> "Means":
        """At loadings (k, d q), row by row, as they are told."""
        d = solver.problem.Y.shape[1]
        W, Q = principal(scales.reshape(sigma.size, d, scales.shape[1] // d))
        return cls(solver, W, sigma, known, np.swapaxes(Q, -1, -2))

    @property
    def told(self) -> Array:
        """Loadings (k, d, q) as they are told."""
        return self.W if self.turn is None else self.W @ self.turn

    def at(self, k: int) -> tuple[Array, Array]:
        """Mean (d,) and covariance (d, d) at one point; no covariance where mu is known."""
        if self.known is not None:
            return self.known, np.zeros((0, 0))
        return self.solver.mean_law(self.W[k], float(self.sigma[k]))

    def draws(self, index: Index, rng: np.random.Generator) -> Array:
        """One draw of mu for each point of `index`: (., d)."""
        d = self.W.shape[1]
        if self.known is not None:
            return np.broadcast_to(self.known, (index.size, d))
        white = rng.standard_normal((index.size, d))
        if self.known is None and self.solver.spectral:
            m, axes, variances = self.spectral()
            inner, outer = np.sqrt(variances[:, :-1]), np.sqrt(variances[:, -1:])
            if m.shape[0] > 1:
                m, axes, inner, outer = m[index], axes[index], inner[index], outer[index]
            along = _scores(axes, white) * (inner - outer)
            return m + outer * white + _points(axes, along)
        out = np.empty((index.size, d))
        for k in np.unique(index):
            m, V = self.at(k)
            own = index == k
            out[own] = m + white[own] @ np.linalg.cholesky(V).T
        return out

    def moments(self) -> tuple[Array, Array]:
        """Mean and sd (d,) of mu at the first point."""
        if self.known is None and self.solver.spectral:
            m, axes, variances = self.spectral()
            outer = variances[0, -1]
            return m[0], np.sqrt(outer + axes[0] ** 2 @ (variances[0, :-1] - outer))
        m, V = self.at(0)
        return m, np.sqrt(np.diag(V))

    def spectral(self) -> tuple[Array, Array, Array]:
        """Means (k, d), axes (k, d, q) and variances (k, q + 1) of mu, the last off the axes.

        Of complete rows V has the eigenvectors of C, and eigenvalues 1 / (n / c + 1 / v).
        """
        solver = self.solver
        squared = (self.W**2).sum(axis=1)
        length = np.sqrt(squared)
        axes = self.W / np.where(length > 0.0, length, 1.0)[:, None, :]
        noise = self.sigma[:, None] ** 2
        own = np.hstack([squared + noise, noise]) / solver.n
        kept = 1.0 / (1.0 + own / solver.variance)  # how much of the mean's gap is believed
        gap = solver.mean - solver.location
        along = np.einsum("kdq,d->kq", axes, gap) * (kept[:, :-1] - kept[:, -1:])
        m = kept[:, -1:] * gap + np.einsum("kdq,kq->kd", axes, along)
        return solver.location + m, axes, own * kept


def _scores(axes: Array, rows: Array) -> Array:
    """Every row (., d) along its axes (k, d, q), or along those that all have (1, d, q)."""
    return rows @ axes[0] if axes.shape[0] == 1 else np.einsum("kdq,kd->kq", axes, rows)


def _points(axes: Array, scores: Array) -> Array:
    """The way back: (., d) from scores (., q)."""
    return scores @ axes[0].T if axes.shape[0] == 1 else np.einsum("kdq,kq->kd", axes, scores)


def draw_all(
    means: Means, X: Array, index: Index, rng: np.random.Generator, scores: bool = True
) -> tuple[Array, Array]:
    """One draw of mu (., d) and of all scores (., n, q) at each point of `index`."""
    mu = means.draws(index, rng)
    n, q = X.shape[0], means.W.shape[2]
    if not scores or not q:
        return mu, np.empty((0, n, q))
    z = np.empty((index.size, n, q))
    there, told = ~np.isnan(X), means.told
    order, fresh = by_pattern(there)
    for s, k in enumerate(index):
        W, white = np.ascontiguousarray(told[k]), rng.standard_normal((n, q))
        draw_scores(W, means.sigma[k], X, there, order, fresh, mu[s], white, z[s])
    return mu, z


def score_moments(means: Means, X: Array) -> tuple[Array, Array]:
    """Mean and sd of all scores (n, q), averaged over k points of theta, mu integrated out."""
    if means.known is not None:
        return expected_scores(X, means.told[0], means.known, float(means.sigma[0]))
    if means.solver.spectral and is_complete(X):
        return _linear_moments(means, X)
    there = ~np.isnan(X)
    order, fresh = by_pattern(there)
    told = means.told
    mean, square = np.zeros((2, X.shape[0], told.shape[2]))
    for k, sigma in enumerate(means.sigma):
        W, (m, V) = np.ascontiguousarray(told[k]), means.at(k)
        add_moments(W, sigma, X, there, order, fresh, m, V, mean, square)
    count = means.sigma.size
    mean, square = mean / count, square / count
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _linear_moments(means: Means, X: Array) -> tuple[Array, Array]:
    """The same where nothing is missing: z_i is linear in y_i, so n rows are passed once.

    z_ik = a_k'(y_i - m); over theta its mean is linear in (y_i, 1), its square a quadratic form.
    """
    W, noise = means.W, means.sigma[:, None] ** 2
    squared = (W**2).sum(axis=1)
    m, _, variances = means.spectral()
    A = W / (squared + noise)[:, None, :]
    within = noise / (squared + noise) + squared / (squared + noise) ** 2 * variances[:, :-1]
    k, d, q = W.shape
    if means.turn is not None:
        A, within = A @ means.turn, np.einsum("kl,klc->kc", within, means.turn**2)
    rows = np.concatenate([A, -np.einsum("kdq,kd->kq", A, m)[:, None, :]], axis=1)  # (k, d + 1, q)
    centre = rows.mean(axis=0)
    mean, square = np.empty((X.shape[0], q)), np.zeros((X.shape[0], q))
    roots = []  # of one point nothing varies
    if k > 1:
        roots = [np.linalg.qr(rows[:, :, c] - centre[:, c], mode="r") for c in range(q)]
    step = max(1, CACHE // (d + 1))
    for start in range(0, X.shape[0], step):
        part = slice(start, start + step)
        block = X[part]
        mean[part] = block @ centre[:d] + centre[d]
        for c, R in enumerate(roots):
            moved = block @ R[:, :d].T + R[:, d]
            square[part, c] = np.einsum("ij,ij->i", moved, moved) / k
    return mean, np.sqrt(square + within.mean(axis=0))


def draws(
    solver: Any,
    scales: Array,
    sigma: Array,
    rng: np.random.Generator,
    groups: bool = True,
    draws: int | None = None,
    known: Array | None = None,
) -> tuple[Array, tuple[Array, ...]]:
    """One draw of mu (k, d) and of all scores (k, n, q) at each point, or many at one.

    `known` are means (d,) that are plugged in.
    """
    means = Means.of(solver, scales, sigma, known)
    index = np.arange(sigma.size) if draws is None else np.zeros(draws, np.int64)
    mu, z = draw_all(means, solver.problem.Y, index, rng, scores=groups)
    return mu, (z,) if means.W.shape[2] else ()


def redraws(
    solver: Any,
    scales: Array,
    sigma: Array,
    beta: Array,
    others: tuple[Array, ...],
    rng: np.random.Generator,
) -> Array:
    """Draws of all scores (k, n, q) given draws of mu (k, d)."""
    points = zip(scales, sigma, beta)
    each = [draws(solver, W[None], s[None], rng, known=mu)[1][0] for W, s, mu in points]
    return np.concatenate(each)


def averaged(
    solver: Any, scales: Array, sigma: Array, known: Array | None = None
) -> tuple[Array, Array]:
    """Mean and sd of all scores (n, q), averaged over k points of theta."""
    return score_moments(Means.of(solver, scales, sigma, known), solver.problem.Y)


def beta_moments(solver: Any, scales: Array, sigma: Array) -> tuple[Array, Array]:
    """Mean and sd (d,) of mu at the first point."""
    return Means.of(solver, scales, sigma).moments()


def condition(solver: Any, scales: Array, sigma: float) -> Moments:
    """Exact law of mu and of all scores given theta; of scores row by row."""
    Y, W = solver.problem.Y, scales.reshape(solver.problem.Y.shape[1], -1)
    q = W.shape[1]
    m, V = solver.mean_law(W, sigma)
    mean, cov = np.zeros((len(Y), q)), np.zeros((len(Y), q, q))
    for i, y in enumerate(Y):
        o = ~np.isnan(y)
        M = W[o].T @ W[o] + sigma**2 * np.eye(q)
        A = np.linalg.solve(M, W[o].T)
        mean[i] = A @ (y[o] - m[o])
        cov[i] = sigma**2 * np.linalg.inv(M) + A @ V[np.ix_(o, o)] @ A.T
    value = solver.value(scales, sigma)
    means, covs = ((mean,), (cov,)) if q else ((), ())
    return Moments(value, m, V, means, covs, np.zeros((0, q, q)))
