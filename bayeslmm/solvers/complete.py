"""Probabilistic PCA of complete rows: the rows enter through their mean and scatter alone.

    y_i = W z_i + mu + e_i,    z_i ~ N(0, I_q),    e_i ~ N(0, sigma^2 I_d),    mu ~ N(m, v I)

With z and mu integrated out (Tipping & Bishop 1999, equation 4, and its mean),

    y ~ prod N(0, C) over n - 1 contrasts of the rows,    C = W W' + sigma^2 I
    ybar ~ N(m, C / n + v I)

In the eigenbasis of the scatter both are sums over d numbers: n never enters, and neither does d^2.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..types import Array
from . import matrix_scores as scores
from .beta import MAXIMISED, Beta, normal
from .compiled import frozen, jit
from .low_rank import diagonal_score
from .problem import MatrixProblem, Problem
from .scatter import Scatter


class CompleteData(NamedTuple):
    """The rows in the form that compiled code takes."""

    squares: Array  # (d,) eigenvalues of the scatter, the largest first
    gap: Array  # (d,) the mean's distance from its prior's, in the eigenbasis
    constants: Array  # n, prior variance of mu (infinite where flat), integrate mu or not, constant


@dataclass(frozen=True, repr=False)
class Complete:
    """The solver where nothing is missing.

    `scales` are the loadings W (d, q), row by row.

    Attributes
    ----------
    problem : MatrixProblem
    beta : Beta
        What is done with mu; its prior is alike for all columns.
    """

    problem: MatrixProblem
    beta: Beta

    fused = True
    condition = scores.condition
    draws = scores.draws
    redraws = scores.redraws
    averaged = scores.averaged
    beta_moments = scores.beta_moments
    spectral = True  # loadings are taken in the eigenbasis of the scatter

    @classmethod
    def cost(cls, problem: Problem | MatrixProblem, beta: Beta) -> float | None:
        """Sums over columns, if no entry is missing and means are alike before the rows."""
        if isinstance(problem, Problem) or not problem.complete:
            return None
        prior = normal(beta)
        alike = prior is None or bool((prior.scale == prior.scale[0]).all())
        return float(problem.Y.shape[1]) if alike else None

    @classmethod
    def of(cls, problem: MatrixProblem, beta: Beta) -> "Complete":
        """The solver of the rows."""
        return cls(problem, beta)

    def operations(self, entries: int) -> float:
        """Multiplications that one evaluation takes, roughly."""
        d = self.problem.Y.shape[1]
        return 10.0 * d * (entries / d + 1.0) ** 2

    @property
    def rows(self) -> Scatter:
        return self.problem.scatter

    @property
    def n(self) -> float:
        return self.rows.n

    @property
    def mean(self) -> Array:
        return self.rows.mean

    @property
    def basis(self) -> Array:
        """Eigenvectors of the scatter (d, d), in whose coordinates compiled code takes W."""
        return self.rows.eigen[1]

    @property
    def location(self) -> Array:
        """Prior mean of mu."""
        prior = normal(self.beta)
        return self.mean if prior is None else prior.location

    @property
    def variance(self) -> float:
        """Prior variance of every element of mu; infinite where it has none."""
        prior = normal(self.beta)
        return np.inf if prior is None else float(prior.scale[0] ** 2)

    @cached_property
    def data(self) -> CompleteData:
        """What compiled code reads."""
        squares, basis = self.rows.eigen
        integrate = float(self.beta is not MAXIMISED)
        constants = np.array([self.n, self.variance, integrate, self.problem.added(self.beta)])
        return frozen(CompleteData(squares, basis.T @ (self.mean - self.location), constants))

    def under(self, beta: Beta) -> "Complete":
        """The same rows where something else is done with mu."""
        return replace(self, beta=beta)

    def with_response(self, y: Array) -> "Complete":
        """Another matrix (n, d)."""
        return Complete(replace(self.problem, Y=y), self.beta)

    def score(self, scales: Array, sigma: float) -> tuple[float, Array, float]:
        """Log density, its slopes in the loadings (d q,) and in sigma."""
        T = self.basis.T @ scales.reshape(self.mean.size, -1)
        slope = np.zeros_like(T)
        value, by_sigma = score(T, sigma, self.data, slope)  # type: ignore[call-arg]
        return value, (self.basis @ slope).ravel(), by_sigma

    def value(self, scales: Array, sigma: float) -> float:
        """Log density at loadings W (d, q), flat or not."""
        return self.score(scales, sigma)[0]

    def mean_law(self, W: Array, sigma: float) -> tuple[Array, Array]:
        """Mean (d,) and covariance (d, d) of mu given W, sigma and the rows."""
        cov = (W @ W.T + sigma**2 * np.eye(W.shape[0])) / self.n
        if normal(self.beta) is None:
            return self.mean, cov
        gain = np.linalg.solve(cov + self.variance * np.eye(W.shape[0]), cov).T
        shrunk = self.mean - gain @ (self.mean - self.location)
        return shrunk, cov - gain @ cov


@jit
def score(T, sigma, data, slope):
    """Log density at T, sigma; writes the slope in T, returns the value and the slope in sigma."""
    d = T.shape[0]
    n, variance, integrate, constant = data.constants
    slope[:] = 0.0
    s = sigma * sigma
    count = n - integrate
    none = np.zeros(d)
    value, by_s = diagonal_score(T, s, count, data.squares, 0.0, none, slope)
    value -= 0.5 * count * d * np.log(2.0 * np.pi)
    if integrate > 0.0:
        value -= 0.5 * d * np.log(n)
    if np.isfinite(variance):
        more, by_more = diagonal_score(T, s + n * variance, 1.0, none, n, data.gap, slope)
        value += more - 0.5 * d * np.log(2.0 * np.pi / n)
        by_s += by_more
    return value + constant, 2.0 * sigma * by_s
