"""Probabilistic PCA at a point, as the dense oracle has it: entry by entry."""

from dataclasses import dataclass

import numpy as np

from bayeslmm.solvers.beta import MeanPrior, beta_of, integrated
from bayeslmm.solvers.complete import Complete
from bayeslmm.solvers.patterns import Patterns
from bayeslmm.solvers.problem import MatrixProblem
from bayeslmm.testing.dense import FLOAT, Digits, dense

from .dense import FINE


def complete(Y: np.ndarray, prior: MeanPrior, criterion: str) -> Complete:
    return Complete.of(MatrixProblem(Y), beta_of(criterion, prior.beta))


def patterns(Y: np.ndarray, prior: MeanPrior, criterion: str) -> Patterns:
    return Patterns.of(MatrixProblem(Y), beta_of(criterion, prior.beta))


def flat(d: int) -> MeanPrior:
    return MeanPrior(np.zeros(d), np.full(d, np.inf))


@dataclass(frozen=True)
class Dense:
    """What is known: Y (n, d) with NaN, loadings W (d, q), noise, and the prior of mu."""

    Y: np.ndarray
    W: np.ndarray
    sigma: float
    prior: MeanPrior

    @property
    def y(self) -> np.ndarray:
        return self.Y[~np.isnan(self.Y)]

    def law(self, criterion: str, numbers: Digits = FLOAT):
        """What the dense oracle says: given W the rows are groups of a mixed model."""
        psi = [numbers.of(np.eye(self.W.shape[1]))]
        problem, beta = MatrixProblem(self.Y).given(self.W), beta_of(criterion, self.prior.beta)
        return dense(problem, psi, numbers.of(self.sigma)[()], beta, numbers)

    def mu(self, criterion: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of mu given the entries."""
        law = self.law(integrated(criterion))
        return law.beta, law.beta_cov

    def scores(self, criterion: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd (n, q) of the scores given all entries, mu integrated out."""
        law = self.law(integrated(criterion))
        return law.effects[0], np.sqrt(np.diagonal(law.effects_cov[0], axis1=1, axis2=2))

    def value(self, criterion: str) -> float:
        """Log density of the entries in float64."""
        return float(self.law(criterion).value)

    def fine(self, criterion: str) -> float:
        """The same with 50 digits; from the numbers as float64 holds them."""
        return float(self.law(criterion, FINE).value)


def rows(rng, n: int, W, sigma: float, mean=0.0, missing: float = 0.0) -> np.ndarray:
    """Rows of the model; entries missing at random, but every column has one."""
    d, q = W.shape
    Y = mean + rng.standard_normal((n, q)) @ W.T + sigma * rng.standard_normal((n, d))
    gone = rng.random((n, d)) < missing
    gone[np.arange(d) % n, np.arange(d)] = False
    return np.where(gone, np.nan, Y)
