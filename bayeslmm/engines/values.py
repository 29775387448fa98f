"""The vector that PyMC's approximations live on, and back to the variances and coefficients.

A graph's free variables, each on its unconstrained scale, lie one after another in one vector v.
The variances' part is `space`'s coordinates z in another order (PyMC fills the rows of a
correlation's factor in a spiral); a scale under a distribution that compiled code does not know
keeps PyMC's own transform.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..coordinates import unpack_many
from ..densities import log_complete
from ..model import Model
from ..named import Reading
from ..recover import Thetas, one_chain, theta_variables
from ..types import Array
from . import start
from .approximation import sd_ratios
from .mode import posterior_mode


@dataclass(frozen=True, repr=False)
class Points:
    """k points: coordinates of theta, coefficients (empty where integrated out)."""

    z: Array  # (k, d)
    log_jacobian: Array  # (k,) log|dz/dv|
    beta: Array  # (k, p); p = 0 where the graph has none
    effects: tuple[Array, ...]  # per term (k, levels, q); empty where integrated out


@dataclass(frozen=True, repr=False)
class Values:
    """Reads and writes v (D,) of a graph of a model.

    Attributes
    ----------
    places : dict
        Name of a value variable -> its slice of v.
    """

    model: Model
    graph: Any
    places: Mapping[str, slice]

    @cached_property
    def _places(self) -> dict[str, slice]:
        """The slices by the names of the random variables."""
        values = self.graph.rvs_to_values.items()
        return {rv.name: self.places[v.name] for rv, v in values if v.name in self.places}

    @property
    def size(self) -> int:
        return max((s.stop for s in self.places.values()), default=0)

    @cached_property
    def _order(self) -> tuple[Array, Array]:
        """Where each coordinate of z that has PyMC's own place is in v: (indices of z, of v)."""
        layout, mine, theirs, at = self.model.layout, [], [], 0
        for scale in self.model.space.scales:
            index = layout.at[at : at + scale.size]
            if scale.free and scale.law is not None:
                mine += index.tolist()
                theirs += _indices(self._places[scale.variable])
            at += scale.size
        number = 0
        for c in self.model.space.correlations:
            for k, _ in enumerate(c.parts if c.free else ()):
                _, size, _, first = layout.blocks[number]
                name = f"chol_{c.name}" + (f"_{k}" if len(c.parts) > 1 else "")
                mine += (first + _spiral(size)).tolist()
                theirs += _indices(self._places[name])
                number += 1
        return np.array(mine, np.int64), np.array(theirs, np.int64)

    @cached_property
    def _customs(self) -> list[tuple[Any, np.ndarray, slice]]:
        """Variables with a transform of their own: (random variable, indices of z, place in v)."""
        found, at = [], 0
        for scale in self.model.space.scales:
            if scale.custom is not None:
                index = self.model.layout.at[at : at + scale.size]
                name = scale.variable
                found.append((self.graph[name], index, self._places[name]))
            at += scale.size
        return found

    def read(self, v: Array) -> Points:
        """The points at v (k, D)."""
        z, jacobian = np.empty((v.shape[0], self.model.space.size)), np.zeros(v.shape[0])
        mine, theirs = self._order
        z[:, mine] = v[:, theirs]
        for rv, index, place in self._customs:
            h, log_slope = _backward(self.graph, rv, v[:, place])
            z[:, index] = np.log(h)
            jacobian += (log_slope - z[:, index]).sum(axis=1)
        empty = np.zeros((v.shape[0], 0))
        beta = v[:, self._places["beta"]] if "beta" in self._places else empty
        shapes: dict[str, tuple[int, ...]] = {t.coefficients: t.shape for t in self.model.terms}
        shapes |= {b.coefficients: (b.columns,) for b in self.model.blocks}
        effects = tuple(
            v[:, self._places[name]].reshape(-1, *shape)
            for name, shape in shapes.items()
            if name in self._places
        )
        return Points(z, jacobian, beta, effects)

    def reading(self, v: Array, rng: np.random.Generator) -> Reading:
        """What draws v (k, D) of an approximation say of the posterior."""
        model, points = self.model, self.read(v)
        h, corr, scales = unpack_many(points.z, model.layout)
        theta = theta_variables(model, h, corr)
        log_target = _log_target(model, points)
        if not points.effects and not points.beta.shape[1]:
            return Reading(log_target, theta, [], thetas=Thetas.at(model, points.z[None]))
        ratios = sd_ratios(model, scales, h[:, -1], points.beta, points.effects, rng)
        drawn = one_chain(model, theta, points.beta, points.effects)
        judged = {**theta, "beta": (("fixed",), points.beta)}
        return Reading(log_target, judged, ratios, variables=drawn)

    def beginning(self) -> tuple[Array, Array]:
        """Where q starts, mean and sd (D,): the mode of theta, and the exact coefficients there."""
        model = self.model
        target = model.target()
        z = posterior_mode(model, target)
        theta = model.space.constrain(z, model.layout)
        exact = model.solver().condition(theta.scales, theta.sigma)
        covs = exact.effects_cov
        sds = model.in_units(tuple(np.sqrt(np.diagonal(c, axis1=1, axis2=2)) for c in covs))
        width = start.width(target, z) if z.size else z
        sd = self.spread(width, np.sqrt(np.diag(exact.beta_cov)), sds)
        effects = model.in_units(exact.effects)
        return self.write(z, exact.beta, effects), np.maximum(sd, 1e-12)

    def write(self, z: Array, beta: Array, effects: tuple[Array, ...]) -> Array:
        """v (D,) at one point; what the graph does not have is left out."""
        v = self.spread(z, beta, effects)
        for rv, index, place in self._customs:
            transform = self.graph.rvs_to_transforms[rv]
            h = np.exp(z[index]).reshape(rv.type.shape)
            v[place] = h if transform is None else transform.forward(h, *rv.owner.inputs).eval()
        return v

    def spread(self, z: Array, beta: Array, effects: tuple[Array, ...]) -> Array:
        """One number for each element of v (D,), from one for each element of z, beta and u."""
        v = np.ones(self.size)
        mine, theirs = self._order
        v[theirs] = z[mine]
        for _, index, place in self._customs:
            v[place] = z[index]
        if "beta" in self._places:
            v[self._places["beta"]] = beta
        for term, u in zip(self.model.parts, effects):
            if term.coefficients in self._places:
                v[self._places[term.coefficients]] = u.ravel()
        return v


def _log_target(model: Model, points: Points) -> Array:
    """log p(v, y) at the points, on the scale that the approximation lives on."""
    target = model.target()
    if not points.effects and not points.beta.shape[1]:
        return target.many(points.z) + points.log_jacobian
    h, _, scales = unpack_many(points.z, model.layout)
    complete = log_complete(model, scales, h[:, -1], points.beta, points.effects)
    return target.prior_many(points.z) + points.log_jacobian + complete


def _indices(place: slice) -> list[int]:
    return list(range(place.start, place.stop))


def _spiral(n: int) -> np.ndarray:
    """For each element of PyMC's vector, which of our row-by-row elements it is."""
    rows = np.zeros((n - 1, n - 1), np.int64)
    rows[np.tril_indices(n - 1)] = np.arange(n * (n - 1) // 2)
    x = np.arange(n * (n - 1) // 2)
    filled = np.concatenate([x[n - 1 :], x[::-1]]).reshape(n - 1, n - 1)
    order = np.empty(x.size, np.int64)
    lower = np.tril_indices(n - 1)
    order[filled[lower]] = rows[lower]
    return order


def _backward(graph: Any, rv: Any, v: Array) -> tuple[Array, Array]:
    """Scales (k, size) at PyMC's unconstrained values, and the log slopes of the map."""
    import pytensor.tensor as pt

    transform = graph.rvs_to_transforms[rv]
    if transform is None:
        return v, np.zeros_like(v)
    inside = pt.constant(v)
    h = transform.backward(inside, *rv.owner.inputs).eval()
    slope = pt.broadcast_to(transform.log_jac_det(inside, *rv.owner.inputs), v.shape).eval()
    return np.asarray(h), np.asarray(slope)
