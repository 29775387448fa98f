"""Probabilistic PCA of complete rows: the rows enter through their mean and scatter alone.

    y_i = W z_i + mu + e_i,    z_i ~ N(0, I_q),    e_i ~ N(0, sigma^2 I_d),    mu ~ N(m, v I)

With z and mu integrated out (Tipping & Bishop 1999, equation 4, and its mean),

    y ~ prod N(0, C) over n - 1 contrasts of the rows,    C = W W' + sigma^2 I
    ybar ~ N(m, C / n + v I)

In the eigenbasis of the scatter both are sums over d numbers: n never enters, and neither does d^2.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import eigh

from ..types import Array
from .compiled import jit
from .low_rank import diagonal_score

NEAR = 0.01  # share of a column's squares, below which its mean takes no digits from its scatter
THIN = 1e-8  # share of the whole scatter below which products lose the digits of what is left
MANY = 100  # columns from which all eigenvectors are dear beside the first few
ML, REML, EVIDENCE = 0, 1, 2  # mu maximised, integrated under density one, under its prior
CODES = {"ml": ML, "reml": REML, "evidence": EVIDENCE, "map": EVIDENCE}


@dataclass(frozen=True)
class MeanPrior:
    """mu ~ N(location, diag(variance)); variances of infinity are a flat prior."""

    location: Array  # (d,)
    variance: Array  # (d,)

    @property
    def flat(self) -> bool:
        return not np.isfinite(self.variance).all()

    def code(self, criterion: str) -> int:
        """How a criterion takes mu."""
        code = CODES[criterion]
        return REML if code == EVIDENCE and self.flat else code


@dataclass(frozen=True, repr=False)
class Scatter:
    """What complete rows say: how many, their mean (d,), and the scatter about it.

    `root` (r, d) has root'root = scatter where there are no more rows than columns, or where noise
    is so little that products would lose its digits: eigenvalues of the scatter are then squares of
    its singular values.
    """

    n: float
    mean: Array
    scatter: Array | None
    root: Array | None = None

    @classmethod
    def of(cls, Y: Array) -> "Scatter":
        """From rows Y (n, d), read once where they are already taken about nearly their mean."""
        n, d = Y.shape
        mean = Y.mean(axis=0)
        if n <= d:
            return cls(float(n), mean, None, Y - mean)
        scatter = Y.T @ Y
        if (n * mean**2 > NEAR * np.diagonal(scatter)).any():
            centred = Y - mean
            scatter = centred.T @ centred
        else:
            scatter -= n * np.outer(mean, mean)
        if _thin(scatter):
            return cls(float(n), mean, None, np.linalg.qr(Y - mean, mode="r"))
        return cls(float(n), mean, scatter)

    @cached_property
    def total(self) -> float:
        """Trace of the scatter."""
        if self.scatter is None:
            assert self.root is not None
            return float((self.root**2).sum())
        return float(np.trace(self.scatter))

    @cached_property
    def eigen(self) -> tuple[Array, Array]:
        """Eigenvalues (d,), the largest first, and eigenvectors (d, d)."""
        if self.root is not None:
            d = self.mean.size
            U, sizes, _ = np.linalg.svd(self.root.T)
            values = np.zeros(d)
            values[: sizes.size] = sizes**2
            return values, np.ascontiguousarray(U)
        values, vectors = eigh(self.scatter)
        return np.maximum(values[::-1], 0.0), np.ascontiguousarray(vectors[:, ::-1])

    def leading(self, q: int) -> tuple[Array, Array, float]:
        """The q largest eigenvalues, their eigenvectors (d, q), and the sum of all others."""
        d = self.mean.size
        if self.scatter is None or "eigen" in self.__dict__ or d < MANY or q == 0:
            values, vectors = self.eigen
            return values[:q], vectors[:, :q], float(values[q:].sum())
        values, vectors = eigh(self.scatter, subset_by_index=[d - q, d - 1])
        rest = self.total - float(values.sum())
        return values[::-1], vectors[:, ::-1], max(rest, 0.0)


def _thin(scatter: Array) -> bool:
    """Whether some column has hardly anything that the columns before it do not have."""
    try:
        own = np.diagonal(np.linalg.cholesky(scatter)) ** 2
    except np.linalg.LinAlgError:
        return True
    return bool(own.min() < THIN * np.trace(scatter))


@dataclass(frozen=True, repr=False)
class Complete:
    """The solver where nothing is missing.

    Attributes
    ----------
    rows : Scatter
    prior : MeanPrior
    code : int
        What is done with mu.
    constant : float
        Added to every log density: of a change of units, for instance.
    """

    rows: Scatter
    prior: MeanPrior
    code: int = EVIDENCE
    constant: float = 0.0

    @classmethod
    def of(
        cls, Y: Array, prior: MeanPrior, criterion: str = "evidence", constant: float = 0.0
    ) -> "Complete":
        """From rows Y (n, d)."""
        return cls(Scatter.of(Y), prior, prior.code(criterion), constant)

    @property
    def n(self) -> float:
        return self.rows.n

    @property
    def mean(self) -> Array:
        return self.rows.mean

    @property
    def squares(self) -> Array:
        """Eigenvalues of the scatter, the largest first (d,)."""
        return self.rows.eigen[0]

    @property
    def basis(self) -> Array:
        """Its eigenvectors (d, d)."""
        return self.rows.eigen[1]

    def under(self, criterion: str) -> "Complete":
        """The same sums for another criterion."""
        return replace(self, code=self.prior.code(criterion))

    @property
    def gap(self) -> Array:
        """The mean's distance from its prior's, in the basis (d,)."""
        return self.basis.T @ (self.mean - self.prior.location)

    @property
    def data(self) -> Any:
        """What `score` reads: (n, squares, gap, prior variance, code)."""
        return self.n, self.squares, self.gap, self.variance, self.code

    @property
    def variance(self) -> float:
        """Prior variance of every element of mu; infinite where it is not used."""
        return float(self.prior.variance[0]) if self.code == EVIDENCE else np.inf

    def score(self, T: Array, sigma: float) -> tuple[float, Array, float]:
        """Log density at W = basis T, its slope in T (d, q) and in sigma."""
        slope = np.zeros_like(T)
        value, by_sigma = score(T, sigma, *self.data, slope)  # type: ignore[call-arg]
        return value + self.constant, slope, by_sigma

    def value(self, W: Array, sigma: float) -> float:
        """Log density at loadings W (d, q)."""
        return self.score(np.ascontiguousarray(self.basis.T @ W), sigma)[0]

    def mean_law(self, W: Array, sigma: float) -> tuple[Array, Array]:
        """Mean (d,) and covariance (d, d) of mu given W, sigma and the rows."""
        cov = (W @ W.T + sigma**2 * np.eye(W.shape[0])) / self.n
        if self.code != EVIDENCE:
            return self.mean, cov
        gain = np.linalg.solve(cov + self.variance * np.eye(W.shape[0]), cov).T
        shrunk = self.mean - gain @ (self.mean - self.prior.location)
        return shrunk, cov - gain @ cov


@jit
def score(T, sigma, n, squares, gap, variance, code, slope):
    """Log density at T, sigma; writes the slope in T, returns the value and the slope in sigma."""
    d = T.shape[0]
    slope[:] = 0.0
    s = sigma * sigma
    count = n if code == ML else n - 1.0
    none = np.zeros(d)
    value, by_s = diagonal_score(T, s, count, squares, 0.0, none, slope)
    value -= 0.5 * count * d * np.log(2.0 * np.pi)
    if code != ML:
        value -= 0.5 * d * np.log(n)
    if code == EVIDENCE:
        more, by_more = diagonal_score(T, s + n * variance, 1.0, none, n, gap, slope)
        value += more - 0.5 * d * np.log(2.0 * np.pi / n)
        by_s += by_more
    return value, 2.0 * sigma * by_s
