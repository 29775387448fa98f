"""Random effects of one grouping factor: Z u, with u_j ~ N(0, Psi) for every level j.

    Psi = diag(sd) corr diag(sd) = L L',    L = diag(sd) K

The columns are kept as codes and a narrow (n, q) block, never as a dense Z.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...design import Grouping
from ...solvers.problem import Factor
from ...stats.normal import LOG_2PI
from ...types import Array, Named, Theta
from ..parameters import Correlation, Positive


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
    def coords(self) -> dict[str, list]:
        """Labels of its dimensions."""
        effects = list(self.grouping.effects)
        found = {self.name: self.grouping.levels.tolist(), self.dims[1]: effects}
        return found | ({self.correlation.dims[1]: effects} if self.correlated else {})

    @property
    def constants(self) -> Named:
        """What a reader of a file needs of it."""
        found: Named = {f"codes_{self.name}": (("row",), self.grouping.codes)}
        if (self.grouping.Z != 1.0).any():
            found[f"columns_{self.name}"] = (("row", self.dims[1]), self.grouping.Z)
        return found

    @property
    def arrays(self) -> list[Array]:
        """Its numbers, for a digest."""
        return [self.grouping.codes, self.grouping.Z]

    @property
    def identity(self) -> tuple:
        return self.name, self.grouping.effects, self.grouping.levels.tolist()

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
        K = np.zeros(L.shape)
        K[...] = np.eye(sd.shape[-1])
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

    def graph(self, values: Any, rows: Any) -> Any:
        """u as a random variable of the graph that is open; its part of the mean of rows."""
        import pymc as pm

        L = self.root(values)
        if self.shape[1] == 1:
            u = pm.Normal(self.coefficients, 0.0, L[0, 0], dims=self.dims)
        else:
            u = pm.MvNormal(self.coefficients, np.zeros(self.shape), chol=L, dims=self.dims)
        return (u[self.grouping.codes[rows]] * self.grouping.Z[rows]).sum(axis=1)

    def share_graph(self, values: Any, frequency: Array) -> Any:
        """`share` in a graph."""
        L, moment = self.root(values), self.second_moment(frequency)
        return ((L @ L.T) * moment).sum()

    def times(self, u: Array, root: Array | None = None) -> Array:
        """Z_t u for draws u (..., levels, q): (..., rows)."""
        return self.at(u, self.grouping.codes, self.grouping.Z)

    def at(self, u: Array, codes: np.ndarray, Z: Array) -> Array:
        """The same for rows with such codes and columns."""
        total = np.zeros((*u.shape[:-2], codes.size))
        for j in range(u.shape[-1]):
            total += u[..., codes, j] * Z[:, j]
        return total


def factor_of(matrix: Array) -> Array:
    """Cholesky factors of correlation matrices that may be singular to rounding."""
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
        upper = np.linalg.qr(np.swapaxes(root, -1, -2), mode="r")
        return np.swapaxes(upper, -1, -2)
