"""Means of the columns of a matrix: mu, alike in every row.

Inside, columns are taken about a shift and divided by their units; mu is told on the user's scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...solvers.beta import Beta, FixedPrior, normal
from ...stats.normal import log_normal
from ...types import Array, Named, Theta


@dataclass(frozen=True, eq=False)
class MeansTerm:
    """mu, one mean for every column.

    Attributes
    ----------
    labels : tuple of str
        Names of the columns.
    shift, unit : (d,)
        What columns are taken about, and divided by.
    beta : Beta
        Prior of (mu - shift) / unit.
    """

    labels: tuple[str, ...]
    shift: Array
    unit: Array
    beta: Beta
    name = "mu"
    coefficients = "mu"
    dims = ("feature",)

    @property
    def shape(self) -> tuple[int]:
        return (self.columns,)

    @property
    def columns(self) -> int:
        return self.unit.size

    @property
    def coords(self) -> dict[str, list]:
        """Labels of its dimensions."""
        return {"feature": list(self.labels), "feature_2": list(self.labels)}

    @property
    def constants(self) -> Named:
        """What a reader of a file needs of it."""
        return {"shift": (("feature",), self.shift), "unit": (("feature",), self.unit)}

    @property
    def arrays(self) -> list[Array]:
        """Its numbers, for a digest."""
        prior = self.prior
        return [self.shift, self.unit, *([prior.location, prior.scale] if prior else [])]

    @property
    def identity(self) -> tuple:
        return self.name, self.labels

    @property
    def scaled(self) -> bool:
        """Whether columns are divided by units of their own."""
        return bool((self.unit != 1.0).any())

    @property
    def known(self) -> bool:
        """Whether the prior says anything."""
        return self.prior is not None

    @property
    def proper(self) -> bool:
        """Whether mu has a prior."""
        return normal(self.beta) is not None

    @property
    def prior(self) -> FixedPrior | None:
        """The prior inside, where it says anything."""
        return normal(self.beta)

    def inside(self, Y: Array) -> Array:
        """Rows as the model takes them."""
        X: Array = Y - self.shift
        return X / self.unit if self.scaled else X

    def told(self, m: Array) -> Array:
        """Means (..., d) on the user's scale, from those inside."""
        return self.shift + self.unit * m

    def asked(self, mu: Array) -> Array:
        """The inverse of `told`."""
        return (mu - self.shift) / self.unit

    def draw(self, rng: np.random.Generator) -> Array:
        """mu (d,) from its prior.

        Raises
        ------
        ValueError
            Where it is flat.
        """
        prior = self.prior
        if prior is None:
            raise ValueError(
                "mu has a flat prior and cannot be drawn; give it a normal one, as in "
                "priors={'mu': 'Normal(0, 10)'}"
            )
        return self.told(prior.location + prior.scale * rng.standard_normal(self.columns))

    def variances(self, mu: Array) -> Iterator[tuple[str, float]]:
        """Variance of every mean over draws (k, d), by its column's name."""
        for name, draws in zip(self.labels, mu.T):
            yield name, float(draws.var())

    def log_density(self, mu: Array, theta: Theta) -> Array:
        """Log density of draws (..., d) of the user's scale; zero where the prior is flat."""
        if self.prior is None:
            return np.zeros(mu.shape[:-1])
        rest = self.asked(mu) - self.prior.location
        density: Array = log_normal(rest, self.prior.scale).sum(axis=-1)
        return density - np.log(self.unit).sum()

    def graph(self, values: Any, rows: Any) -> Any:
        """mu as a random variable of the graph that is open; its part of the mean of rows."""
        import pymc as pm

        if self.prior is None:
            return pm.Flat(self.coefficients, dims=self.dims)
        location, scale = self.told(self.prior.location), self.unit * self.prior.scale
        return pm.Normal(self.coefficients, location, scale, dims=self.dims)

    def times(self, mu: Array, root: Array | None = None) -> Array:
        """Its part of every row's mean, (..., 1, d)."""
        return mu[..., None, :]
