"""The law of what the terms leave: e_i ~ N(0, sigma^2 / w_i).

Another residual law is another class with the same names: its parameters, the noise of a row, and
how a graph draws the response. What it needs beside sigma reaches solvers as its root, behind those
of the terms.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..stats.normal import LOG_2PI, log_normal
from ..types import Array, Named, Theta
from .parameters import Positive


@dataclass(frozen=True, eq=False)
class Independent:
    """Independent errors with one sigma, at rows of known weights.

    Attributes
    ----------
    sigma : Positive
        Noise of a row of weight one.
    precision : (n,)
        Weights of the rows.
    frequency : (n,)
        How many times each row counts.
    """

    sigma: Positive
    precision: Array
    frequency: Array
    products = ()

    @property
    def parameters(self) -> tuple[Positive, ...]:
        return (self.sigma,)

    @property
    def constants(self) -> Named:
        """What a reader of a file needs of it."""
        found: Named = {}
        if (self.precision != 1.0).any():
            found["weights"] = (("row",), self.precision)
        if (self.frequency != 1.0).any():
            found["frequency"] = (("row",), self.frequency)
        return found

    @property
    def mean_variance(self) -> float:
        """Noise of an average row where sigma is one."""
        return float(self.frequency @ (1.0 / self.precision) / self.frequency.sum())

    def scale(self, theta: Theta) -> Array:
        """What solvers take, (...): the noise of a row of weight one."""
        return theta[self.sigma.name]

    def reported(self, theta: Theta) -> Named:
        """The textbook's numbers."""
        return {self.sigma.name: ((), theta[self.sigma.name])}

    def read(self, reported: dict[str, Array]) -> Theta:
        """The inverse of `reported`."""
        return {self.sigma.name: np.ascontiguousarray(reported[self.sigma.name])}

    def share(self, theta: Theta) -> Array:
        """Variance that the noise gives a row, (...)."""
        return theta[self.sigma.name] ** 2 * self.mean_variance

    def sd(self, scale: Any) -> Array:
        """Noise of every row, (..., n), at noise (...) of a row of weight one."""
        return np.asarray(scale)[..., None] / np.sqrt(self.precision)

    def noise(self, theta: Theta) -> Array:
        """Noise of every row, (..., n), at theta."""
        return self.sd(self.scale(theta))

    def at(self, rows: Any) -> "Independent":
        """The same law of other rows, a design's or new ones, of which each counts once."""
        frequency = getattr(rows, "frequency", np.ones(rows.precision.size))
        return replace(self, precision=rows.precision, frequency=frequency)

    def log_density(self, rest: Array, theta: Theta) -> Array:
        """Log density of what is left of the rows (k, n), at k points or at one: their sum."""
        n, scale = self.frequency.sum(), self.scale(theta)
        constant = 0.5 * self.frequency @ np.log(self.precision) - 0.5 * n * LOG_2PI
        squares = rest**2 @ (self.precision * self.frequency)
        return constant - n * np.log(scale) - 0.5 * squares / scale**2

    def graph(self, name: str, mean: Any, values: Any, y: Array, rows: Any) -> Any:
        """The response in the graph that is open, given its mean at `rows`."""
        import pymc as pm

        sd = values[self.sigma.name] / np.sqrt(self.precision[rows])
        return pm.Normal(name, mean, sd, observed=y[rows], dims="row")


@dataclass(frozen=True, eq=False)
class ByColumn:
    """Independent errors in a matrix, e_ij ~ N(0, sigma^2 unit_j^2); some entries are missing.

    Attributes
    ----------
    sigma : Positive
    unit : (d,)
        What columns are divided by, so that noise is alike in all.
    """

    sigma: Positive
    unit: Array
    products = ()

    @property
    def constants(self) -> Named:
        """What a reader of a file needs of it."""
        return {}

    @property
    def parameters(self) -> tuple[Positive, ...]:
        return (self.sigma,)

    def scale(self, theta: Theta) -> Array:
        """What solvers take, (...): the noise of a column of unit one."""
        return theta[self.sigma.name]

    def reported(self, theta: Theta) -> Named:
        """The textbook's numbers; the noise of every column where they have units of their own."""
        found: Named = {self.sigma.name: ((), theta[self.sigma.name])}
        if (self.unit != 1.0).any():
            found["noise_sd"] = (("feature",), theta[self.sigma.name][..., None] * self.unit)
        return found

    def read(self, reported: dict[str, Array]) -> Theta:
        """The inverse of `reported`."""
        return {self.sigma.name: np.ascontiguousarray(reported[self.sigma.name])}

    def sd(self, scale: Any) -> Array:
        """Noise of every column, (..., 1, d)."""
        return np.asarray(scale)[..., None, None] * self.unit

    def noise(self, theta: Theta) -> Array:
        """The same at theta."""
        return self.sd(self.scale(theta))

    def log_density(self, rest: Array, theta: Theta) -> Array:
        """Log density of what is left of the entries (k, n, d), at k points or at one."""
        each = log_normal(rest, self.noise(theta))
        found: Array = np.where(np.isnan(rest), 0.0, each).sum(axis=(-2, -1))
        return found

    def graph(self, name: str, mean: Any, values: Any, y: Array, rows: Any) -> Any:
        """The response in the graph that is open; entries that are missing are left out."""
        import pymc as pm

        sd = values[self.sigma.name] * self.unit
        there = ~np.isnan(y)
        if there.all():
            return pm.Normal(name, mean, sd, observed=y, dims=("row", "feature"))
        row, column = np.nonzero(there)
        return pm.Normal(name, mean[row, column], sd[column], observed=y[there], dims="entry")
