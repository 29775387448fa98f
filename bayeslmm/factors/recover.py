"""From draws of the loadings to the whole posterior: means and scores, exactly.

Given W and sigma the means and scores are Gaussian, so each draw of theta gives one exact draw of
them. Blocks of draws that would pass the budget are kept as their exact mean and sd over theta.
"""

from dataclasses import dataclass

import numpy as np

from ..gaussian.complete import Complete
from ..gaussian.expectation import expected_scores
from ..gaussian.latent import add_moments, by_pattern, draw_scores
from ..named import passes
from ..types import Array, Named
from .canonical import covariance, described, facing, principal, signed
from .target import Solver

CHUNK = 4_000_000  # numbers held at a time
CACHE = 200_000  # numbers that the processor's cache holds


@dataclass(frozen=True, repr=False)
class Loadings:
    """Draws of theta: loadings W (chains, draws, d, q) and scales h (chains, draws, .)."""

    W: Array
    h: Array
    mean: Array | None = None  # mu (d,), where it is plugged in too

    @classmethod
    def repeat(cls, W: Array, h: Array, draws: int, mean: Array | None = None) -> "Loadings":
        """The same point for every draw of one chain."""
        many, scales = (np.broadcast_to(a, (1, draws, *a.shape)) for a in (W, h))
        return cls(many, scales, mean)

    @property
    def plugged(self) -> bool:
        """Whether every draw is the same point."""
        return self.h.strides[:2] == (0, 0)

    @property
    def flat(self) -> tuple[Array, Array]:
        """W (k, d, q) and h (k, .), one of them where all are the same."""
        if self.plugged:
            return self.W[0, :1], self.h[0, :1]
        count = self.h.shape[0] * self.h.shape[1]
        return self.W.reshape(count, *self.W.shape[2:]), self.h.reshape(count, -1)


@dataclass(frozen=True, repr=False)
class Means:
    """Laws of mu at k points of theta: N(m, V) by the solver, or one known value."""

    solver: Solver | None
    W: Array  # (k, d, q), principal axes
    sigma: Array  # (k,)
    known: Array | None = None
    turn: Array | None = None  # (k, q, q): loadings are told as W turn, scores likewise

    @property
    def told(self) -> Array:
        """Loadings (k, d, q) as they are told."""
        return self.W if self.turn is None else self.W @ self.turn

    def at(self, k: int) -> tuple[Array, Array]:
        """Mean (d,) and covariance (d, d) at one point; no covariance where mu is known."""
        if self.known is not None:
            return self.known, np.zeros((0, 0))
        assert self.solver is not None
        return self.solver.mean_law(self.W[k], float(self.sigma[k]))

    def draws(self, index: Array, rng: np.random.Generator) -> Array:
        """One draw of mu for each point of `index`: (., d)."""
        d = self.W.shape[1]
        if self.known is not None:
            return np.broadcast_to(self.known, (index.size, d))
        white = rng.standard_normal((index.size, d))
        if self.solver is not None and self.solver.spectral:
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
        if self.solver is not None and self.solver.spectral:
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
        assert isinstance(solver, Complete)
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
    means: Means, X: Array, index: Array, rng: np.random.Generator, scores: bool = True
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
    there = ~np.isnan(X)
    if means.solver is not None and means.solver.spectral:
        return _linear_moments(means, X)
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


def told(
    loadings: Loadings, reference: Array, unit: Array, scaled: bool
) -> tuple[Named, Named, Array, Array, Array]:
    """Named variables of theta on the user's scale, too large ones as moments.

    Principal axes W, how they are turned to be told, and sigma are returned beside. Everything is
    per draw, or one draw that stands for all where they are the same.
    """
    W, h = loadings.flat
    W, _ = principal(W)
    turn = signed(W, reference) if W.shape[0] == 1 else facing(W, reference)
    sigma = np.ascontiguousarray(h[:, -1])
    count = loadings.h.shape[0] * loadings.h.shape[1]
    d = unit.size
    variables: Named = {"sigma": ((), sigma)}
    moments: Named = {}
    if W.shape[2]:
        variables = {"W": (("feature", "component"), (W @ turn) * unit[:, None]), **variables}
        for name, values in described(W, sigma).items():
            variables[name] = (("component",), values)
    if scaled:
        variables["noise_sd"] = (("feature",), sigma[:, None] * unit)
    dims = ("feature", "feature_2")
    if not passes(count, d * d):
        variables["covariance"] = (dims, covariance(W, sigma) * np.outer(unit, unit))
    else:
        mean, sd = _covariance_moments(W, sigma)
        scale = np.outer(unit, unit)
        moments = {"covariance_mean": (dims, mean * scale), "covariance_sd": (dims, sd * scale)}
    return variables, moments, W, turn, sigma


def _covariance_moments(W: Array, sigma: Array) -> tuple[Array, Array]:
    """Mean and sd over draws of C (d, d), a slice of the draws at a time."""
    d = W.shape[1]
    if sigma.size == 1:
        return covariance(W, sigma)[0], np.zeros((d, d))
    total, square = np.zeros((2, d, d))
    step = max(1, CHUNK // (d * d))
    first = covariance(W[:1], sigma[:1])[0]
    for start in range(0, sigma.size, step):
        C = covariance(W[start : start + step], sigma[start : start + step]) - first
        total += C.sum(axis=0)
        square += (C**2).sum(axis=0)
    mean = total / sigma.size
    return first + mean, np.sqrt(np.maximum(square / sigma.size - mean**2, 0.0))
