"""What is asked of a term, and of a residual: a model is a sum of terms and one residual.

Theta is a dict from names of parameters to arrays (..., *shape), or variables of a graph;
coefficients are told on the columns as the user gave them. A term whose coefficients' law does not
depend on theta (fixed effects, means) has no parameters and no root: it has a prior, and `draw`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from ...types import Array, Named, Theta
from ..parameters import Correlation, Loadings, Positive


class Term(Protocol):
    """Columns of the mean, and the normal law of their coefficients: A u, u ~ N(0, G(theta))."""

    name: str
    coefficients: str  # name of the random variable
    dims: tuple[str, ...]  # and its dims
    shape: tuple[int, ...]
    parameters: tuple[Positive | Correlation | Loadings, ...]
    root_shape: tuple[int, ...]

    @property
    def coords(self) -> dict[str, list]:
        """Labels of its dimensions."""
        ...

    @property
    def constants(self) -> Named:
        """What a reader of a file needs to see its columns."""
        ...

    def root(self, theta: Theta) -> Array:
        """L with G = L L' as solvers take it, (..., *root_shape); zero is an ordinary point.

        Of theta as arrays, or as variables of a PyMC graph. Where columns are the unknown it is
        they that are told, and G = I.
        """
        ...

    def reported(self, theta: Theta) -> Named:
        """The textbook's numbers: sd and corr; tau and lam; W on its axes."""
        ...

    def read(self, reported: Mapping[str, Array]) -> Theta:
        """The inverse of `reported`, from draws (k, ...)."""
        ...

    def times(self, u: Array, root: Array | None = None) -> Array:
        """A u for draws u (..., *shape); the root is asked only where columns are the unknown."""
        ...

    def told(self, u: Array) -> Array:
        """Coefficients on the user's columns, from those that solvers give."""
        ...

    def asked(self, u: Array) -> Array:
        """The inverse of `told`."""
        ...

    def draw_new(self, root: Array, levels: int, rng: np.random.Generator) -> Array:
        """Coefficients of new levels, from their law."""
        ...

    def log_density(self, u: Array, theta: Theta) -> Array:
        """Log density of draws (k, *shape) at k points of theta, or at one."""
        ...

    def variances(self, u: Array) -> Iterator[tuple[str, float]]:
        """Variance over draws (k, *shape) of what is alike in its coefficients, by its name."""
        ...

    def graph(self, values: Mapping[str, Any], rows: Any) -> Any:
        """Its coefficients in the PyMC graph that is open; its part of the mean of rows."""
        ...


class Residual(Protocol):
    """The law of what the terms leave: e ~ N(0, sigma^2 C)."""

    sigma: Positive
    parameters: tuple[Positive, ...]  # sigma last
    products: tuple[Any, ...]  # `Product`s: how its root follows from parameters, if it has one

    @property
    def constants(self) -> Named:
        """What a reader of a file needs of it."""
        ...

    def scale(self, theta: Theta) -> Array:
        """What solvers take, (...): the noise of a row of weight one."""
        ...

    def sd(self, scale: Any, *root: Array) -> Array:
        """Noise of every row, (..., n), or of every entry, from what solvers take.

        A residual with more parameters than sigma has `root_shape` and `root(theta)` as terms have;
        its root stands behind those of the terms.
        """
        ...

    def noise(self, theta: Theta) -> Array:
        """The same from theta."""
        ...

    def at(self, rows: Any) -> "Residual":
        """The same law of other rows, a design's or new ones; no matrix asks this."""
        ...

    def reported(self, theta: Theta) -> Named:
        """The textbook's numbers."""
        ...

    def read(self, reported: dict[str, Array]) -> Theta:
        """The inverse of `reported`."""
        ...

    def log_density(self, rest: Array, theta: Theta) -> Array:
        """Log density (k,) of what is left of the rows (k, n), at k points or at one."""
        ...

    def graph(self, name: str, mean: Any, values: Mapping[str, Any], y: Array, rows: Any) -> Any:
        """The response in the PyMC graph that is open."""
        ...
