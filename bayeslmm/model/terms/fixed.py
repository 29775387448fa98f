"""Fixed effects: X beta, with beta under one normal prior, or a flat one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...solvers.beta import FixedPrior
from ...stats.normal import LOG_2PI
from ...types import Array, Named, Theta


@dataclass(frozen=True, eq=False)
class FixedTerm:
    """X beta, with beta under one normal prior, or a flat one.

    Attributes
    ----------
    labels : tuple of str
        Names of the columns.
    X : (n, p)
    prior : FixedPrior
    """

    labels: tuple[str, ...]
    X: Array
    prior: FixedPrior
    name = "beta"
    coefficients = "beta"
    dims = ("fixed",)

    @property
    def shape(self) -> tuple[int]:
        return (self.columns,)

    @property
    def columns(self) -> int:
        return self.X.shape[1]

    @property
    def coords(self) -> dict[str, list]:
        """Labels of its dimensions."""
        return {"fixed": list(self.labels), "fixed_2": list(self.labels)}

    @property
    def constants(self) -> Named:
        """What a reader of a file needs of it."""
        return {"X": (("row", "fixed"), self.X)}

    @property
    def arrays(self) -> list[Array]:
        """Its numbers, for a digest."""
        prior = self.prior
        return [self.X, prior.H, prior.location, prior.scale, np.array(prior.log_det)]

    @property
    def identity(self) -> tuple:
        return self.name, self.labels

    @property
    def known(self) -> bool:
        """Whether the prior says anything."""
        return bool(self.prior.H.shape[0])

    @property
    def proper(self) -> bool:
        """Whether every direction of beta has a prior."""
        return self.prior.H.shape[0] == self.columns

    def asked(self, values: Array) -> Array:
        """The inverse of `told`."""
        return values

    def draw(self, rng: np.random.Generator) -> Array:
        """beta (p,) from its prior.

        Raises
        ------
        ValueError
            Where the prior of a coefficient is flat.
        """
        if not self.proper:
            raise ValueError(
                "beta has a flat prior and cannot be drawn; give it a Normal one, as in "
                "priors={'beta': pm.Normal.dist(0.0, 10.0)}"
            )
        prior = self.prior
        white = prior.location + prior.scale * rng.standard_normal(self.columns)
        return np.linalg.solve(prior.H, white)

    def told(self, beta: Array) -> Array:
        """Coefficients on the user's columns, from those that solvers give."""
        return beta

    def at_rows(self, keep: np.ndarray) -> "FixedTerm":
        """The same for some of the rows."""
        return replace(self, X=self.X[keep])

    def variances(self, beta: Array) -> Iterator[tuple[str, float]]:
        """Variance of every coefficient over draws (k, p), by its name."""
        for name, draws in zip(self.labels, beta.T):
            yield name, float(draws.var())

    def log_density(self, beta: Array, theta: Theta) -> Array:
        """Log density of draws (k, p); zero where the prior is flat."""
        return self.prior.log_density(beta)

    def graph(self, values: Any, rows: Any) -> Any:
        """beta as a random variable of the graph that is open; its part of the mean of rows."""
        return self.X[rows] @ self._variable()

    def _variable(self) -> Any:
        import pymc as pm

        prior, name, dims = self.prior, self.coefficients, self.dims
        r, p = prior.H.shape
        if r < p:
            beta = pm.Flat(name, dims=dims)
            if r:
                distance = (prior.H @ beta - prior.location) / prior.scale
                constant = prior.log_det - np.log(prior.scale).sum() - 0.5 * r * LOG_2PI
                pm.Potential(f"{name}_prior", constant - 0.5 * (distance**2).sum())
            return beta
        if np.array_equal(prior.H, np.eye(p)):
            return pm.Normal(name, prior.location, prior.scale, dims=dims)
        mean = np.linalg.solve(prior.H, prior.location)
        root = np.linalg.solve(prior.H, np.diag(prior.scale)).T
        upper = np.linalg.qr(root, mode="r")  # root'root = covariance; nothing is squared
        chol = (upper * np.sign(np.diag(upper))[:, None]).T
        return pm.MvNormal(name, mean, chol=chol, dims=dims)

    def times(self, beta: Array, root: Array | None = None) -> Array:
        """X beta for draws beta (..., p): (..., rows)."""
        return beta @ self.X.T
