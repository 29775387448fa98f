"""A term: columns of the design, and the law of their coefficients' variances.

    Z_t u_t,    u_t ~ N(0, G_t(theta))

A grouped term has one covariance Psi = diag(sd) corr diag(sd) for the q effects of every level. The
columns are kept as codes and a narrow (n, q) block, never as a dense Z. A block of columns has one
variance for each column or one for all, by its law (`shrinkage`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .columns import Source, subset
from .design import Grouping
from .gaussian.sums import Columns, Factor
from .parameters import Correlation, Positive
from .shrinkage import Shrinkage
from .space import Product
from .types import Array, Named, Theta


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

    @property
    def parameters(self) -> tuple[Positive, Correlation]:
        return self.sd, self.correlation

    @property
    def share_name(self) -> str:
        """Name of its share of the variance of a row."""
        return f"icc_{self.name}"

    def factor(self) -> Factor:
        """The columns, as the solver takes them."""
        return Factor(self.grouping.codes, self.shape[0], self.grouping.Z)

    @property
    def root_shape(self) -> tuple[int, ...]:
        return self.shape[1], self.shape[1]

    def root(self, theta: Theta) -> Array:
        """L = diag(sd) K, (..., q, q): the covariance is L L'. Zero is an ordinary point."""
        return theta[self.sd.name][..., None] * theta[self.correlation.name]

    def at_root(self, L: Array) -> Theta:
        """The inverse: sds, and K, whose row is a unit vector's where an sd is zero."""
        sd = np.sqrt((L**2).sum(axis=-1))
        K = np.broadcast_to(np.eye(sd.shape[-1]), L.shape).copy()
        np.divide(L, sd[..., None], out=K, where=(sd > 0.0)[..., None])
        return {self.sd.name: sd, self.correlation.name: K}

    def reported(self, theta: Theta) -> Named:
        """The textbook's numbers: sds, and the correlation matrix."""
        found: Named = {self.sd.name: ((self.dims[1],), theta[self.sd.name])}
        if self.correlated:
            found[self.correlation.name] = ((self.dims[1], f"{self.dims[1]}_2"), self._corr(theta))
        return found

    def _corr(self, theta: Theta) -> Array:
        K = theta[self.correlation.name]
        matrix: Array = K @ np.swapaxes(K, -1, -2)
        matrix[..., range(self.shape[1]), range(self.shape[1])] = 1.0  # exactly, not to rounding
        return matrix

    def read(self, reported: Mapping[str, Array]) -> Theta:
        """The inverse of `reported`, from draws (k, ...)."""
        sd = np.asarray(reported[self.sd.name])
        if self.correlated:
            return {
                self.sd.name: sd,
                self.correlation.name: factor_of(reported[self.correlation.name]),
            }
        eye = np.eye(sd.shape[-1])
        return {
            self.sd.name: sd,
            self.correlation.name: np.broadcast_to(eye, (*sd.shape, sd.shape[-1])),
        }

    def share(self, theta: Theta, frequency: Array) -> Array:
        """Variance that the term gives a row, (...)."""
        sd, moment = theta[self.sd.name], self.second_moment(frequency)
        found: Array = np.einsum("...i,...ij,...j,ij->...", sd, self._corr(theta), sd, moment)
        return found

    def draw_new(self, root: Array, levels: int, rng: np.random.Generator) -> Array:
        """Effects of new levels (levels, q) at one root (q, q): N(0, L L')."""
        return rng.standard_normal((levels, self.shape[1])) @ root.T

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

    def share(self, theta: Theta, frequency: Array) -> Array:
        """Variance that the block gives a row, (...)."""
        spread, scales = self.spread(frequency), self.root(theta)
        return scales[..., 0] ** 2 * spread.sum() if self.law.shared else scales**2 @ spread

    def times(self, u: Array, columns: Array | None = None) -> Array:
        """The block's part of the mean, (..., rows), from u (..., P) and columns as given."""
        if columns is None:
            return (u * self.unit) @ self.Z.T
        return u @ (columns - self.centre).T


@dataclass(frozen=True)
class Roots:
    """Where the roots of the terms lie in the one vector that solvers take."""

    shapes: tuple[tuple[int, ...], ...]

    def join(self, roots: Sequence[Array], lead: tuple[int, ...] = ()) -> Array:
        """The vector (..., m), from the root (..., *shape) of every term."""
        flat = [np.reshape(L, (*lead, -1)) for L in roots]
        return np.ascontiguousarray(np.concatenate([*flat, np.zeros((*lead, 0))], axis=-1))

    def split(self, vector: Array) -> list[Array]:
        """The way back; views, so that what is added to one is added to the vector."""
        found, at = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            found.append(vector[..., at : at + size].reshape(*vector.shape[:-1], *shape))
            at += size
        return found


def factor_of(matrix: Array) -> Array:
    """Cholesky factors of correlation matrices that may be singular to rounding."""
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
        upper = np.linalg.qr(np.swapaxes(root, -1, -2), mode="r")
        return np.swapaxes(upper, -1, -2)
