"""Scores of the rows of a matrix: z_i ~ N(0, I_q), through columns W that are the unknown.

    y_i = mu + W z_i + e_i

Given W they are random effects as any: rows are groups, and W has their columns. W itself is a
parameter, told on the user's scale and turned to face one set of axes (`solvers.canonical`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...solvers.canonical import described, facing, principal, signed
from ...stats.normal import log_normal
from ...types import Array, Named, Theta
from ..parameters import Loadings, Positive


@dataclass(frozen=True, eq=False)
class ScoresTerm:
    """The scores of all rows on q components.

    Attributes
    ----------
    rows : int
        n.
    loadings : Loadings
        W, with the law of its scale.
    unit : (d,)
        What columns are divided by inside.
    """

    rows: int
    loadings: Loadings
    unit: Array
    name = "z"
    coefficients = "z"
    dims = ("row", "component")

    @property
    def sd(self) -> Positive:
        return self.loadings.scale

    @property
    def parameters(self) -> tuple[Loadings, Positive]:
        return self.loadings, self.sd

    @property
    def components(self) -> int:
        return self.loadings.components

    @property
    def labels(self) -> list[str]:
        return [f"PC{k + 1}" for k in range(self.components)]

    @property
    def coords(self) -> dict[str, list]:
        """Labels of its dimensions."""
        return {"component": self.labels}

    @property
    def constants(self) -> Named:
        """What a reader of a file needs of it: nothing."""
        return {}

    @property
    def arrays(self) -> list[Array]:
        """Its numbers, for a digest: none."""
        return []

    @property
    def identity(self) -> tuple:
        return self.name, self.components

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.components

    @property
    def columns(self) -> int:
        return self.rows * self.components

    @property
    def root_shape(self) -> tuple[int, int]:
        return self.loadings.shape

    def root(self, theta: Theta) -> Array:
        """Loadings inside, (..., d, q), through which scores of unit variance enter."""
        return theta[self.loadings.name]

    def canonical(self, theta: Theta, reference: Array) -> Theta:
        """The same point (k, ...) with loadings turned to face the reference (d, q)."""
        W, _ = principal(theta[self.loadings.name])
        turn = signed(W, reference) if W.shape[0] == 1 else facing(W, reference)
        return {**theta, self.loadings.name: W @ turn}

    def reported(self, theta: Theta) -> Named:
        """W on the user's scale, what does not depend on rotation, and sd_W, the largest first."""
        W, sd = theta[self.loadings.name], theta[self.sd.name]
        name, dims = self.loadings.name, ("feature", "component")
        found: Named = {name: (dims, W * self.unit[:, None])}
        sigma = np.broadcast_to(theta["sigma"], W.shape[:-2])
        flat = W.reshape(-1, *W.shape[-2:])
        for which, values in described(flat, sigma.reshape(-1)).items():
            found[which] = (("component",), values.reshape(*sigma.shape, -1))
        own = ("component",) if self.sd.dim else ()
        return found | {self.sd.name: (own, -np.sort(-sd, axis=-1) if own else sd)}

    def read(self, reported: Theta) -> Theta:
        """The inverse of `reported`, from draws (k, ...)."""
        W = np.ascontiguousarray(reported[self.loadings.name] / self.unit[:, None])
        return {self.loadings.name: W, self.sd.name: reported[self.sd.name]}

    def told(self, z: Array) -> Array:
        """Scores as they are."""
        return z

    def asked(self, z: Array) -> Array:
        """The inverse of `told`."""
        return z

    def draw_new(self, root: Array, levels: int, rng: np.random.Generator) -> Array:
        """Scores of new rows (levels, q)."""
        return rng.standard_normal((levels, self.components))

    def log_density(self, z: Array, theta: Theta) -> Array:
        """Log density of scores (k, n, q) under N(0, I)."""
        return log_normal(z, 1.0).sum(axis=(-2, -1))

    def variances(self, z: Array) -> Iterator[tuple[str, float]]:
        """Variance of every component's scores over draws (k, n, q), rows pooled, by its name."""
        for k, label in enumerate(self.labels):
            yield f"{self.coefficients}[{label}]", float(z[..., k].var(axis=0).mean())

    def declare(self, values: Any) -> Any:
        """W as a random variable of the graph that is open; inside, as `root` gives it."""
        import pymc as pm

        sd = values[self.sd.name] * self.unit[:, None]
        W = pm.Normal(self.loadings.name, 0.0, sd, dims=("feature", "component"))
        return W / self.unit[:, None]

    def declare_triangle(self, values: Any, basis: Array) -> Any:
        """The same from variables in which its posterior has one mode: a triangle in a basis.

        The squares of its diagonal are s^2 chi^2(q - k), its lower entries N(0, s^2). Where every
        component has a scale of its own all entries are taken as they are.
        """
        import pymc as pm
        import pytensor.tensor as pt

        if self.loadings.own:
            return self.declare(values)
        (d, q), sd = self.loadings.shape, values[self.sd.name]
        degrees = np.arange(q, 0, -1, dtype=np.float64)
        square = pm.Gamma(
            f"{self.loadings.name}_square", 0.5 * degrees, 0.5 / sd**2, dims="component"
        )
        columns, rows = np.nonzero(np.tri(d, q, -1, dtype=bool).T)
        T: Any = pt.zeros((d, q))
        T = pt.set_subtensor(T[np.arange(q), np.arange(q)], pt.sqrt(square))
        if rows.size:
            lower = pm.Normal(f"{self.loadings.name}_lower", 0.0, sd, shape=rows.size)
            T = pt.set_subtensor(T[rows, columns], lower)
        W = basis @ T
        dims = ("feature", "component")
        pm.Deterministic(self.loadings.name, W * self.unit[:, None], dims=dims)
        return W

    def graph(self, values: Any, rows: Any) -> Any:
        """z as a random variable of the graph that is open; its part of the mean of rows."""
        import pymc as pm

        z = pm.Normal(self.coefficients, 0.0, 1.0, dims=self.dims)
        return z @ (self.root(values) * self.unit[:, None]).T

    def times(self, z: Array, root: Array) -> Array:
        """W z for draws z (..., n, q), on the user's scale: (..., n, d)."""
        return z @ np.swapaxes(root * self.unit[:, None], -1, -2)
