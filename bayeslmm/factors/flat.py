"""The vector that PyMC's approximations live on, for the graphs of a factor model.

The free variables of a graph, each on its unconstrained scale, lie one after another in one vector.
Of the marginal graph it is theta's coordinates in other units; of the joint graph its log density
is PyMC's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..named import Reading
from ..target import hessian
from ..types import Array, Named
from .model import FactorModel
from .posterior import theta_variables, with_fixed
from .recover import Means, score_moments

WIDEST = 1.0  # sd at which an approximation starts, at most


@dataclass(frozen=True, repr=False)
class Flat:
    """Reads and writes the vector v (D,) of a graph.

    Attributes
    ----------
    places : dict
        Name of a value variable -> its slice of v.
    """

    model: FactorModel
    graph: Any
    places: Mapping[str, slice]

    def __post_init__(self) -> None:
        if self.model.ard and "mu" not in self.graph.named_vars:
            raise ValueError(
                "ADVI(marginal=True) is not for ard=True, whose loadings have many modes; use "
                "NUTS(), or leave ard out"
            )
        foreign = [s.name for s in self.model.scales if s.custom is not None]
        if foreign:
            raise ValueError(
                f"ADVI of a factor model takes priors that can be written as text, such as "
                f"'HalfNormal(1)'; that of {foreign[0]} is another: change it, or use NUTS()"
            )

    @property
    def size(self) -> int:
        return max((s.stop for s in self.places.values()), default=0)

    @property
    def joint(self) -> bool:
        """Whether means and scores are in it."""
        return "mu" in self._at

    @cached_property
    def _at(self) -> dict[str, slice]:
        """The slices by the names of the random variables."""
        values = self.graph.rvs_to_values.items()
        return {rv.name: self.places[v.name] for rv, v in values if v.name in self.places}

    @cached_property
    def units(self) -> tuple[Any, Array, Array]:
        """(index in z, factor, shift) for each element of v: v = factor z + shift."""
        model, chart = self.model, self.model.space.chart
        d, q = chart.d, chart.q
        index, factor = np.zeros(self.size, np.int64), np.ones(self.size)
        shift = np.zeros(self.size)
        if q:
            starts = np.cumsum([0, *(d - k for k in range(q - 1))])
            index[self._at["W_square"]] = starts
            factor[self._at["W_square"]] = 2.0
            shift[self._at["W_square"]] = 2.0 * np.log(model.spread)
            if "W_lower" in self._at:
                rest = np.setdiff1d(np.arange(starts[-1] + d - q + 1), starts)
                index[self._at["W_lower"]] = rest
                factor[self._at["W_lower"]] = model.spread
        at = 0
        for scale in model.scales:
            if scale.free:
                index[self._at[scale.name]] = chart.at[at : at + scale.size]
            at += scale.size
        return index, factor, shift

    def beginning(self) -> tuple[Array, Array]:
        """Where q starts, mean and sd (D,): where searches start, and widths there."""
        model = self.model
        if not self.joint:
            z = model.centre
            index, factor, shift = self.units
            curvature = -hessian(model.target(), z)
            values, vectors = np.linalg.eigh(curvature)
            width = np.sqrt((vectors**2 / np.maximum(values, 1.0)).sum(axis=1))
            sd = np.minimum(width, WIDEST)[index] * np.abs(factor)
            return (factor * z[index] + shift), np.maximum(sd, 1e-12)
        best, n = model.begun, model.X.shape[0]
        scales, unit = model.scales_at(best.W, best.sigma), model.unit
        W, sigma = best.W[None], np.array([best.sigma])
        means = Means(model.solver("reml"), W, sigma)
        m, V = means.at(0)
        mean, sd = np.zeros(self.size), np.full(self.size, 0.1)
        self._put(mean, sd, "mu", model.shift + unit * m, unit * np.sqrt(np.diag(V)))
        if model.components:
            width = np.repeat((best.sigma * unit / np.sqrt(n))[:, None], W.shape[2], axis=1)
            self._put(mean, sd, "W", best.W * unit[:, None], width)
            self._put(mean, sd, "z", *score_moments(means, model.X))
        at = 0
        for scale in model.scales:
            if scale.free:
                mean[self._at[scale.name]] = np.log(scales[at : at + scale.size])
            at += scale.size
        return mean, np.maximum(sd, 1e-12)

    def _put(self, mean: Array, sd: Array, name: str, values: Array, widths: Array) -> None:
        mean[self._at[name]] = values.ravel()
        sd[self._at[name]] = widths.ravel()

    def reading(self, v: Array, rng: np.random.Generator) -> Reading:
        """What draws v (k, D) of an approximation say of the posterior."""
        model = self.model
        if not self.joint:
            index, factor, shift = self.units
            z = np.empty((v.shape[0], model.space.size))
            z[:, index] = (v - shift) / factor
            slope = -float(np.log(np.abs(factor)).sum())
            thetas = model.thetas(z[None])
            judged = {n: (dims, a[0]) for n, (dims, a) in theta_variables(model, thetas).items()}
            return Reading(model.target().many(z) + slope, judged, [], theta=thetas)
        drawn: Named = {}
        for rv in self.graph.free_RVs:
            dims = self.graph.named_vars_to_dims.get(rv.name, ())
            shape = tuple(len(self.graph.coords[d]) for d in dims)
            values = v[:, self._at[rv.name]].reshape(-1, *shape)
            positive = self.graph.rvs_to_transforms[rv] is not None  # all are logarithms
            drawn[rv.name] = tuple(dims), (np.exp(values) if positive else values)[None]
        told = model.canonical(with_fixed(model, drawn))
        judged = {n: (dims, a[0]) for n, (dims, a) in told.items() if n != "z"}
        return Reading(self._log_density(v), judged, [], variables=told)

    def _log_density(self, v: Array) -> Array:
        """PyMC's log density of the joint graph at v (k, D)."""
        evaluate = self.graph.compile_logp()
        shapes = self.graph.initial_point()
        points = (
            {
                name: row[place].reshape(np.shape(shapes[name]))
                for name, place in self.places.items()
            }
            for row in v
        )
        return np.array([float(evaluate(point)) for point in points])
