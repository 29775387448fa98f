"""Probabilistic PCA written out: every known entry of every row in one normal of up to n d numbers.

No identity is used: covariances are filled in entry by entry from y_ij = mu_j + w_j'z_i + e_ij.
"""

from dataclasses import dataclass

import mpmath
import numpy as np

from bayeslmm.gaussian.beta import MeanPrior, beta_of
from bayeslmm.gaussian.complete import Complete
from bayeslmm.gaussian.patterns import Patterns
from bayeslmm.gaussian.problem import MatrixProblem

CRITERIA = ("ml", "reml", "evidence")


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
    def places(self) -> np.ndarray:
        return np.argwhere(~np.isnan(self.Y))

    @property
    def y(self) -> np.ndarray:
        return self.Y[~np.isnan(self.Y)]

    @property
    def picks(self) -> np.ndarray:
        """A (entries, d): which element of mu an entry has."""
        return np.eye(self.Y.shape[1])[self.places[:, 1]]

    @property
    def given_mu(self) -> np.ndarray:
        """Covariance of the entries where mu is known."""
        row, column = self.places.T
        C = self.W @ self.W.T + self.sigma**2 * np.eye(self.Y.shape[1])
        return (row[:, None] == row) * C[np.ix_(column, column)]

    @property
    def with_scores(self) -> np.ndarray:
        """Covariance of the entries with all scores, (entries, n q)."""
        n, q = self.Y.shape[0], self.W.shape[1]
        found = np.zeros((len(self.places), n, q))
        for at, (i, j) in enumerate(self.places):
            found[at, i] = self.W[j]
        return found.reshape(len(self.places), n * q)

    def mu(self, criterion: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of mu given the entries."""
        V, A = self.given_mu, self.picks
        if criterion != "evidence":
            cov = np.linalg.inv(A.T @ np.linalg.solve(V, A))
            return cov @ A.T @ np.linalg.solve(V, self.y), cov
        D = np.diag(self.prior.variance)
        gain = np.linalg.solve(V + A @ D @ A.T, A @ D).T
        m = self.prior.location
        return m + gain @ (self.y - A @ m), D - gain @ A @ D

    def scores(self, criterion: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd (n, q) of the scores given all entries, mu integrated out."""
        V, A, Z = self.given_mu, self.picks, self.with_scores
        m, cov = self.mu(criterion)
        gain = np.linalg.solve(V, Z).T
        mean = gain @ (self.y - A @ m)
        var = np.diag(np.eye(Z.shape[1]) - gain @ Z + gain @ A @ cov @ A.T @ gain.T)
        shape = self.Y.shape[0], self.W.shape[1]
        return mean.reshape(shape), np.sqrt(var).reshape(shape)

    def value(self, criterion: str) -> float:
        """Log density of the entries in float64."""
        V, A, r = self.given_mu, self.picks, self.y
        more = 0.0
        if criterion == "evidence":
            V = V + A @ np.diag(self.prior.variance) @ A.T
            r = r - A @ self.prior.location
        else:
            r = r - A @ self.mu(criterion)[0]
        if criterion == "reml":
            P = A.T @ np.linalg.solve(V, A)
            more = 0.5 * (A.shape[1] * np.log(2 * np.pi) - np.linalg.slogdet(P)[1])
        half = np.linalg.slogdet(V)[1] + r @ np.linalg.solve(V, r) + r.size * np.log(2 * np.pi)
        return float(more - 0.5 * half)

    def fine(self, criterion: str, digits: int = 60) -> float:
        """The same with 60 digits; from the numbers as float64 holds them."""
        with mpmath.workdps(digits):
            W, s = mpmath.matrix(self.W.tolist()), mpmath.mpf(self.sigma) ** 2
            d, q = self.W.shape
            C = s * mpmath.eye(d) + (W * W.T if q else mpmath.zeros(d))
            e, y = len(self.y), mpmath.matrix(self.y.tolist())
            V, A = mpmath.zeros(e), mpmath.matrix(self.picks.tolist())
            for a, (i, j) in enumerate(self.places):
                for b, (k, l) in enumerate(self.places):
                    V[a, b] = C[int(j), int(l)] if i == k else 0
            more = mpmath.mpf(0)
            if criterion == "evidence":
                V = V + A * mpmath.diag(self.prior.variance.tolist()) * A.T
                r = y - A * mpmath.matrix(self.prior.location.tolist())
            else:
                VA = mpmath.matrix([list(mpmath.lu_solve(V, A[:, j])) for j in range(d)]).T
                P = A.T * VA
                r = y - A * mpmath.lu_solve(P, VA.T * y)
            if criterion == "reml":
                more = (d * mpmath.log(2 * mpmath.pi) - mpmath.log(mpmath.det(P))) / 2
            half = mpmath.log(mpmath.det(V)) + (r.T * mpmath.lu_solve(V, r))[0]
            return float(more - (half + e * mpmath.log(2 * mpmath.pi)) / 2)


def rows(rng, n: int, W, sigma: float, mean=0.0, missing: float = 0.0) -> np.ndarray:
    """Rows of the model; entries missing at random, but every column has one."""
    d, q = W.shape
    Y = mean + rng.standard_normal((n, q)) @ W.T + sigma * rng.standard_normal((n, d))
    gone = rng.random((n, d)) < missing
    gone[np.arange(d) % n, np.arange(d)] = False
    return np.where(gone, np.nan, Y)
