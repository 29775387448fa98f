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

from ..densities import log_complete
from ..model import Model
from ..named import Reading
from ..recover import fixed_drawn, moments_of, one_chain, theta_variables
from ..types import Array, Coefficients
from . import start
from .approximation import sd_ratios
from .mode import posterior_mode


@dataclass(frozen=True, repr=False)
class Points:
    """k points: coordinates of theta, and coefficients by name, empty where integrated out."""

    z: Array  # (k, d)
    log_jacobian: Array  # (k,) log|dz/dv|
    drawn: Coefficients


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
        space, mine, theirs = self.model.space, [], []
        for scale in space.scales:
            if scale.free and scale.law is not None:
                mine += space.places[scale.name].tolist()
                theirs += _indices(self._places[scale.variable])
        for c in space.correlations:
            at = 0
            for name, part in zip(c.variables, c.parts if c.free else ()):
                own = space.places[c.name][at : at + len(part) * (len(part) - 1) // 2]
                mine += own[_spiral(len(part))].tolist()
                theirs += _indices(self._places[name])
                at += own.size
        return np.array(mine, np.int64), np.array(theirs, np.int64)

    @cached_property
    def _customs(self) -> list[tuple[Any, np.ndarray, slice]]:
        """Variables with a transform of their own: (random variable, indices of z, place in v)."""
        space = self.model.space
        return [
            (self.graph[s.variable], space.places[s.name], self._places[s.variable])
            for s in space.scales
            if s.custom is not None
        ]

    def read(self, v: Array) -> Points:
        """The points at v (k, D)."""
        z, jacobian = np.empty((v.shape[0], self.model.space.size)), np.zeros(v.shape[0])
        mine, theirs = self._order
        z[:, mine] = v[:, theirs]
        for rv, index, place in self._customs:
            h, log_slope = _backward(self.graph, rv, v[:, place])
            z[:, index] = np.log(h)
            jacobian += (log_slope - z[:, index]).sum(axis=1)
        drawn = {
            t.coefficients: v[:, self._places[t.coefficients]].reshape(-1, *t.shape)
            for t in self.model.terms
            if t.coefficients in self._places
        }
        return Points(z, jacobian, drawn)

    def reading(self, v: Array, rng: np.random.Generator) -> Reading:
        """What draws v (k, D) of an approximation say of the posterior."""
        model, points = self.model, self.read(v)
        theta = model.space.constrain(points.z)
        told = theta_variables(model, theta)
        log_target = _log_target(model, points)
        if not points.drawn:
            return Reading(log_target, told, [], theta=model.space.constrain(points.z[None]))
        ratios = sd_ratios(model, theta, points.drawn, rng)
        drawn = one_chain(model, told, points.drawn)
        judged = told | fixed_drawn(model, points.drawn)
        return Reading(log_target, judged, ratios, variables=drawn)

    def beginning(self) -> tuple[Array, Array]:
        """Where q starts, mean and sd (D,): the mode of theta, and the exact coefficients there."""
        model = self.model
        target = model.target()
        z = posterior_mode(model, target)
        exact = model.solver().condition(*model.roots(model.space.constrain(z)))
        width = start.width(target, z) if z.size else z
        mean, sd = moments_of(model, exact)
        return self.write(z, mean), np.maximum(self.spread(width, sd), 1e-12)

    def write(self, z: Array, drawn: Coefficients) -> Array:
        """v (D,) at one point; what the graph does not have is left out."""
        v = self.spread(z, drawn)
        for rv, index, place in self._customs:
            transform = self.graph.rvs_to_transforms[rv]
            h = np.exp(z[index]).reshape(rv.type.shape)
            v[place] = h if transform is None else transform.forward(h, *rv.owner.inputs).eval()
        return v

    def spread(self, z: Array, each: Coefficients) -> Array:
        """One number for each element of v (D,), from one for each coordinate and coefficient."""
        v = np.ones(self.size)
        mine, theirs = self._order
        v[theirs] = z[mine]
        for _, index, place in self._customs:
            v[place] = z[index]
        for name, values in each.items():
            if name in self._places:
                v[self._places[name]] = values.ravel()
        return v


def _log_target(model: Model, points: Points) -> Array:
    """log p(v, y) at the points, on the scale that the approximation lives on."""
    target = model.target()
    if not points.drawn:
        return target.many(points.z) + points.log_jacobian
    theta = model.space.constrain(points.z)
    complete = log_complete(model, theta, points.drawn)
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
