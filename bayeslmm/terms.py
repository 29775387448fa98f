"""A term: columns of the design, and the law of their coefficients' variances.

    Z_t u_t,    u_t ~ N(0, G_t(theta))

A grouped term has one covariance Psi = diag(sd) corr diag(sd) for the q effects of every level. The
columns are kept as codes and a narrow (n, q) block, never as a dense Z. A block of columns has one
variance for each column or one for all, by its law (`shrinkage`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .columns import Source, subset
from .design import Grouping
from .gaussian.beta import FixedPrior
from .gaussian.problem import Columns, Factor
from .normal import LOG_2PI, log_normal
from .parameters import Correlation, Positive
from .shrinkage import Shrinkage
from .space import Product
from .types import Array, Named, Theta


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
    def proper(self) -> bool:
        """Whether every direction of beta has a prior."""
        return self.prior.H.shape[0] == self.columns

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

    def times(self, beta: Array) -> Array:
        """X beta for draws beta (..., p): (..., rows)."""
        return beta @ self.X.T


@dataclass(frozen=True, eq=False)
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
            found[self.correlation.name] = (self.correlation.dims, self._corr(theta))
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

    def told(self, u: Array) -> Array:
        """Coefficients on the user's columns, from those that solvers give."""
        return u

    def asked(self, u: Array) -> Array:
        """The inverse of `told`."""
        return u

    def at_rows(self, keep: np.ndarray) -> "GroupTerm":
        """The same for some of the rows, with all levels."""
        codes, Z = self.grouping.codes[keep], self.grouping.Z[keep]
        return replace(self, grouping=replace(self.grouping, codes=codes, Z=Z))

    def variances(self, u: Array) -> Iterator[tuple[str, float]]:
        """Variance of every effect over draws (k, levels, q), its levels pooled, by its name."""
        for j, effect in enumerate(self.grouping.effects):
            yield f"{self.coefficients}[{effect}]", float(u[..., j].var(axis=0).mean())

    def log_density(self, u: Array, theta: Theta) -> Array:
        """Log density of effects (k, levels, q) under N(0, L L'), at k points or at one."""
        levels, q = self.shape
        L = np.broadcast_to(self.root(theta), (len(u), q, q))
        alive = L.any(axis=(0, 2))
        if not alive.all():  # an effect fixed at zero is zero, and the others' law is their own
            L = L[:, alive]
            L = np.linalg.cholesky(L @ L.transpose(0, 2, 1)) if alive.any() else L[:, :, :0]
        white = np.linalg.solve(L, u[..., alive].transpose(0, 2, 1))
        log_det = np.log(np.abs(np.diagonal(L, axis1=1, axis2=2))).sum(axis=1)
        constant = 0.5 * levels * alive.sum() * LOG_2PI
        return -0.5 * (white**2).sum(axis=(1, 2)) - levels * log_det - constant

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
