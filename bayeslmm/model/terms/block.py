"""Columns that belong to no group: A u, with u_j ~ N(0, s_j^2) by the block's law (`shrinkage`)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...columns import Source, subset
from ...solvers.problem import Columns
from ...stats.normal import log_normal
from ...types import Array, Named, Theta
from ..parameters import Positive
from ..shrinkage import Shrinkage
from ..space import Product

KEPT = 200_000  # numbers of a block of columns that a tree carries


@dataclass(frozen=True, eq=False)
class BlockTerm:
    """Columns that belong to no group, each with a coefficient of its own.

    The prior is stated for the columns Z, centred and scaled by a stated rule; the coefficients u
    are those of the columns as the user gave them: Z unit = columns - centre.

    Attributes
    ----------
    name
    source
        Where the columns came from; it encodes new rows alike.
    Z : (n, P)
        Centred and scaled columns.
    centre, unit : (P,)
        What was taken off a column, and what it was divided by.
    law
        Law of the P scales.
    """

    name: str
    source: Source
    Z: Array
    centre: Array
    unit: Array
    law: Shrinkage

    @property
    def coefficients(self) -> str:
        """Name of the random variable, u_<name>."""
        return f"u_{self.name}"

    @property
    def labels(self) -> tuple[str, ...]:
        return self.source.labels

    @property
    def dims(self) -> tuple[str]:
        return (f"{self.name}_column",)

    @property
    def shape(self) -> tuple[int]:
        return (self.columns,)

    @property
    def columns(self) -> int:
        return self.Z.shape[1]

    def block(self) -> Columns:
        """The columns, as the solver takes them."""
        return Columns(self.Z, self.law.shared)

    @property
    def coords(self) -> dict[str, list]:
        """Labels of its dimensions."""
        return {self.dims[0]: list(self.labels)}

    @property
    def constants(self) -> Named:
        """What a reader of a file needs of it; columns where they are few."""
        found: Named = {f"unit_{self.name}": (self.dims, self.unit)}
        if self.Z.size <= KEPT:
            columns = self.Z * self.unit + self.centre
            found[f"columns_{self.name}"] = (("row", *self.dims), columns)
        return found

    @property
    def arrays(self) -> list[Array]:
        """Its numbers, for a digest."""
        return [self.Z, self.centre, self.unit]

    @property
    def identity(self) -> tuple:
        return self.name, self.labels, self.law.price

    @property
    def parameters(self) -> tuple[Positive, ...]:
        return self.law.parameters

    @property
    def share_name(self) -> str:
        """Name of its share of the variance of a row."""
        return f"h2_{self.name}"

    @property
    def root_shape(self) -> tuple[int, ...]:
        """One scale that all columns share, or one for each."""
        return (1 if self.law.shared else self.columns,)

    def root(self, theta: Theta) -> Array:
        """Scales of the columns, (..., 1 or P): u_j has variance s_j^2."""
        return self.law.scales(theta)

    def at_root(self, scale: Array) -> Theta:
        """The inverse, where one scale is all that there is: its size."""
        common = self.law.common
        if common is None or self.law.parameters != (common,) or self.law.noise:
            raise ValueError(f"the scales of {self.name} are made of several parameters")
        return {common.name: np.abs(scale).reshape(common.shape)}

    def reported(self, theta: Theta) -> Named:
        """The textbook's numbers."""
        return self.law.reported(theta)

    def read(self, reported: Mapping[str, Array]) -> Theta:
        """The inverse of `reported`; sigma is among what is given."""
        return self.law.factors(reported)

    def draw_new(self, root: Array, levels: int, rng: np.random.Generator) -> Array:
        """Coefficients (P,) at one root (1 or P,), on the columns as given."""
        return root * rng.standard_normal(self.columns) / self.unit

    def product(self) -> Product:
        return self.law.product(self.columns)

    def told(self, v: Array) -> Array:
        """Coefficients (..., P) on the user's columns, from those that solvers give."""
        return v[..., 0] / self.unit

    def asked(self, u: Array) -> Array:
        """The inverse of `told`."""
        return (u * self.unit)[..., None]

    def at_rows(self, keep: np.ndarray) -> "BlockTerm":
        """The same for some of the rows, centred and scaled as it was."""
        return replace(self, Z=self.Z[keep])

    def part(self, index: np.ndarray) -> "BlockTerm":
        """The same with some of its columns only."""
        law = self.law
        if law.local is not None:
            law = replace(law, local=law.local.part(index))
        return replace(
            self,
            source=subset(self.source, index),
            Z=np.ascontiguousarray(self.Z[:, index]),
            centre=self.centre[index],
            unit=self.unit[index],
            law=law,
        )

    def variances(self, u: Array) -> Iterator[tuple[str, float]]:
        """Variance over draws (k, P), the scaled columns pooled."""
        yield self.coefficients, float((u * self.unit).var(axis=0).mean())

    def log_density(self, u: Array, theta: Theta) -> Array:
        """Log density of coefficients (k, P), at k points or at one."""
        with np.errstate(divide="ignore", invalid="ignore"):  # a scale of zero: no density
            each = log_normal(u, self.root(theta) / self.unit)
        return np.broadcast_to(each, u.shape).sum(axis=1)

    def spread(self, frequency: Array) -> Array:
        """Variance of each scaled column over the rows, (P,)."""
        share = frequency / frequency.sum()
        return share @ (self.Z - share @ self.Z) ** 2

    def share(self, theta: Theta, frequency: Array) -> Array:
        """Variance that the block gives a row, (...)."""
        spread, scales = self.spread(frequency), self.root(theta)
        return scales[..., 0] ** 2 * spread.sum() if self.law.shared else scales**2 @ spread

    def graph(self, values: Any, rows: Any) -> Any:
        """u as a random variable of the graph that is open; its part of the mean of rows."""
        import pymc as pm

        u = pm.Normal(self.coefficients, 0.0, self.root(values) / self.unit, dims=self.dims)
        return (self.Z * self.unit)[rows] @ u

    def share_graph(self, values: Any, frequency: Array) -> Any:
        """`share` in a graph."""
        return (self.root(values) ** 2 * self.spread(frequency)).sum()

    def times(self, u: Array, root: Array | None = None) -> Array:
        """The block's part of the mean, (..., rows), from u (..., P)."""
        return (u * self.unit) @ self.Z.T

    def at(self, u: Array, columns: Array) -> Array:
        """The same for rows with such columns (m, P), as given."""
        return u @ (columns - self.centre).T
