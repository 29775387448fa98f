"""A term: columns of the design, and the law of their coefficients' variances.

    Z_t u_t,    u_t ~ N(0, G_t(theta))

A grouped term has one covariance Psi = diag(sd) corr diag(sd) for the q effects of every level. The
columns are kept as codes and a narrow (n, q) block, never as a dense Z. A block of columns has one
variance for each column or one for all, by its law (`shrinkage`).
"""

from dataclasses import dataclass, replace

import numpy as np

from .columns import Source, subset
from .design import Grouping
from .gaussian.problem import Columns, Factor
from .shrinkage import Shrinkage
from .space import Correlation, Positive, Product
from .types import Array


@dataclass(frozen=True)
class GroupTerm:
    """Random effects of one grouping factor.

    Attributes
    ----------
    grouping
        Levels, codes and columns of the factor.
    sd, correlation
        Law of the standard deviations, one per effect, and of their correlations.
    """

    grouping: Grouping
    sd: Positive
    correlation: Correlation

    @property
    def name(self) -> str:
        return self.grouping.name

    @property
    def coefficients(self) -> str:
        """Name of the random variable, u_<name>."""
        return f"u_{self.name}"

    @property
    def dims(self) -> tuple[str, str]:
        return self.name, f"{self.name}_effect"

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.grouping.levels), len(self.grouping.effects)

    @property
    def columns(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def correlated(self) -> bool:
        """Whether any two effects may be correlated."""
        return bool(self.correlation.parts)

    def factor(self) -> Factor:
        """The columns, as the solver takes them."""
        return Factor(self.grouping.codes, self.shape[0], self.grouping.Z)

    def second_moment(self, frequency: Array) -> Array:
        """Mean over rows of z z', (q, q): tr(Psi times it) is the term's share of variance."""
        Z = self.grouping.Z
        return (Z * (frequency / frequency.sum())[:, None]).T @ Z

    def times(self, u: Array, codes: np.ndarray | None = None, Z: Array | None = None) -> Array:
        """Z_t u for draws u (..., levels, q): (..., rows)."""
        codes = self.grouping.codes if codes is None else codes
        Z = self.grouping.Z if Z is None else Z
        total = np.zeros((*u.shape[:-2], codes.size))
        for j in range(u.shape[-1]):
            total += u[..., codes, j] * Z[:, j]
        return total


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
    def entries(self) -> int:
        """Scales that the solver takes: one, or one a column."""
        return 1 if self.law.shared else self.columns

    def product(self) -> Product:
        return self.law.product(self.columns)

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

    def spread(self, frequency: Array) -> Array:
        """Variance of each scaled column over the rows, (P,)."""
        share = frequency / frequency.sum()
        return share @ (self.Z - share @ self.Z) ** 2

    def share(self, scales: Array, frequency: Array) -> Array:
        """Variance that the block gives a row, (k,), at scales (k, entries)."""
        spread = self.spread(frequency)
        return scales[:, 0] ** 2 * spread.sum() if self.law.shared else scales**2 @ spread

    def times(self, u: Array, columns: Array | None = None) -> Array:
        """The block's part of the mean, (..., rows), from u (..., P) and columns as given."""
        if columns is None:
            return (u * self.unit) @ self.Z.T
        return u @ (columns - self.centre).T
