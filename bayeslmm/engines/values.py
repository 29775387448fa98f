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

from ..model.loadings import triangle
from ..model.model import Model
from ..model.target import hessian
from ..posterior.covariances import COVARIANCE, covariances
from ..posterior.log_densities import log_complete, log_prior
from ..posterior.named import Reading
from ..posterior.recover import canonical_draws, moments_of, one_chain, theta_variables
from ..types import Array, Coefficients, Index, Theta
from . import start
from .approximation import sd_ratios
from .loadings_maximum import beginning, likeliest
from .mode import posterior_mode
from .start import centre

WIDEST = 1.0  # sd at which an approximation of loadings starts, at most


@dataclass(frozen=True, repr=False)
class VectorPoints:
    """k points: theta, and coefficients by name, empty where integrated out."""

    theta: Theta
    log_prior: Array  # (k,) of theta, on the scale of v
    drawn: Coefficients


@dataclass(frozen=True, repr=False)
class Values:
    """Reads and writes v (D,) of a graph of a model.

    An element of theta's coordinates z is (v - shift) / factor of its own element of v. Only the
    loadings of a joint graph are told as they are.

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
    def _raw(self) -> str:
        """Name of the loadings where v has every entry of them; else empty."""
        loadings = self.model.space.loadings
        return loadings.name if loadings and loadings.name in self._places else ""

    @cached_property
    def _order(self) -> tuple[Index, Index, Array, Array]:
        """Of the coordinates that v has: (indices of z, of v, factors, shifts)."""
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
        factor, shift = np.ones(len(mine)), np.zeros(len(mine))
        if space.loadings and space.axes and not self._raw:
            name, spread = space.loadings.name, space.axes.spread
            diagonal, rest = triangle(space.loadings)
            mine, theirs = (
                diagonal.tolist() + mine,
                _indices(self._places[f"{name}_square"]) + theirs,
            )
            factor = np.concatenate([np.full(diagonal.size, 2.0), factor])
            shift = np.concatenate([np.full(diagonal.size, 2.0 * np.log(spread)), shift])
            if rest.size:
                mine, theirs = (
                    mine + rest.tolist(),
                    theirs + _indices(self._places[f"{name}_lower"]),
                )
                factor = np.concatenate([factor, np.full(rest.size, spread)])
                shift = np.concatenate([shift, np.zeros(rest.size)])
        return np.array(mine, np.int64), np.array(theirs, np.int64), factor, shift

    @cached_property
    def _customs(self) -> list[tuple[Any, np.ndarray, slice]]:
        """Variables with a transform of their own: (random variable, indices of z, place in v)."""
        space = self.model.space
        return [
            (self.graph[s.variable], space.places[s.name], self._places[s.variable])
            for s in space.scales
            if s.custom is not None
        ]

    def read(self, v: Array) -> VectorPoints:
        """The points at v (k, D)."""
        drawn = {
            t.coefficients: v[:, self._places[t.coefficients]].reshape(-1, *t.shape)
            for t in self.model.terms
            if t.coefficients in self._places
        }
        return VectorPoints(*(self._with_loadings(v) if self._raw else self._theta(v)), drawn)

    def coordinates(self, v: Array) -> tuple[Array, Array]:
        """Theta's coordinates (k, d) at v (k, D), and log |dz / dv| (k,)."""
        mine, theirs, factor, shift = self._order
        z = np.empty((v.shape[0], self.model.space.size))
        z[:, mine] = (v[:, theirs] - shift) / factor
        jacobian = np.full(v.shape[0], -float(np.log(np.abs(factor)).sum()))
        for rv, index, place in self._customs:
            h, log_slope = _backward(self.graph, rv, v[:, place])
            z[:, index] = np.log(h)
            jacobian += (log_slope - z[:, index]).sum(axis=1)
        return z, jacobian

    def _theta(self, v: Array) -> tuple[Theta, Array]:
        z, jacobian = self.coordinates(v)
        return self.model.space.constrain(z), self.model.target().prior_many(z) + jacobian

    def _with_loadings(self, v: Array) -> tuple[Theta, Array]:
        """The same where v has every entry of the loadings; scales are logarithms there."""
        model, (z, jacobian) = self.model, self.coordinates(v)
        assert model.scores is not None
        theta: Theta = {}
        for s in model.space.scales:
            if s.fixed is None:
                logs = z[:, model.space.places[s.name]]
                values, jacobian = np.exp(logs), jacobian + logs.sum(axis=1)
            else:
                values = np.broadcast_to(s.fixed, (len(v), s.size))
            theta[s.name] = values.reshape(len(v), *s.shape)
        W = v[:, self._places[self._raw]].reshape(-1, *model.scores.loadings.shape)
        theta[self._raw] = W / model.scores.unit[:, None]
        told = {s.name: (s.dims, theta[s.name][None]) for s in model.space.scales}
        told[self._raw] = (model.scores.loadings.dims, W[None])
        density = sum(
            d[0].reshape(len(v), -1).sum(axis=1)
            for _, d in log_prior(model, told, turned=False).values()
        )
        return theta, density + jacobian

    def reading(self, v: Array, rng: np.random.Generator) -> Reading:
        """What draws v (k, D) of an approximation say of the posterior."""
        model = self.model
        if not self._drawn:
            z, jacobian = self.coordinates(v)
            theta = model.space.constrain(z)
            told = theta_variables(model, theta)
            of_rows = covariances(model, theta, len(z))
            told |= {n: found for n, found in of_rows.items() if n in COVARIANCE}  # else moments
            log_target = model.target().many(z) + jacobian
            return Reading(log_target, told, [], theta={n: v[None] for n, v in theta.items()})
        points = self.read(v)
        log_target = points.log_prior + log_complete(model, points.theta, points.drawn)
        told = theta_variables(model, points.theta)
        ratios = [] if self._raw else sd_ratios(model, points.theta, points.drawn, rng)
        chain = canonical_draws(model, one_chain(model, told, points.drawn))
        judged = {n: (dims, a[0]) for n, (dims, a) in chain.items() if n not in self._random}
        return Reading(log_target, judged, ratios, variables=chain)

    @property
    def _drawn(self) -> bool:
        """Whether coefficients are in v."""
        return any(t.coefficients in self._places for t in self.model.terms)

    @property
    def _random(self) -> set[str]:
        return {part.coefficients for part in self.model.parts}

    def beginning(self) -> tuple[Array, Array]:
        """Where q starts, mean and sd (D,): the mode of theta, and the exact coefficients there."""
        model = self.model
        if model.axes is not None:
            return self._likely()
        target = model.target()
        z = posterior_mode(model, target)
        exact = model.solver().condition(*model.roots(model.space.constrain(z)))
        width = start.width(target, z) if z.size else z
        mean, sd = moments_of(model, exact)
        return self.write(z, mean), np.maximum(self.spread(width, sd), 1e-12)

    def _likely(self) -> tuple[Array, Array]:
        """The same of a matrix: the maximum of its likelihood, and widths there."""
        model = self.model
        if not self._drawn:
            target, z = model.target(), centre(model)
            values, vectors = np.linalg.eigh(-hessian(target, z))
            width = np.sqrt((vectors**2 / np.maximum(values, 1.0)).sum(axis=1))
            return self.write(z, {}), np.maximum(self.spread(np.minimum(width, WIDEST), {}), 1e-12)
        mean, sd = np.zeros(self.size), np.full(self.size, 0.1)
        for name, (value, width) in beginning(model).items():
            mean[self._places[name]] = value.ravel()
            sd[self._places[name]] = width.ravel()
        for s in model.space.scales:
            if s.free:
                mean[self._places[s.name]] = np.log(np.ravel(likeliest(model)[s.name]))
        return mean, np.maximum(sd, 1e-12)

    def write(self, z: Array, drawn: Coefficients) -> Array:
        """v (D,) at one point; what the graph does not have is left out."""
        v = self.spread(z, drawn)
        if self._raw and self.model.scores:
            theta, z = self.model.space.constrain(z), z.copy()
            W = theta[self._raw] * self.model.scores.unit[:, None]
            v[self._places[self._raw]] = W.ravel()
            for s in self.model.space.scales:
                if s.free:
                    z[self.model.space.places[s.name]] = np.log(theta[s.name]).ravel()
        mine, theirs, factor, shift = self._order
        v[theirs] = factor * z[mine] + shift
        for rv, index, place in self._customs:
            transform = self.graph.rvs_to_transforms[rv]
            h = np.exp(z[index]).reshape(rv.type.shape)
            v[place] = h if transform is None else transform.forward(h, *rv.owner.inputs).eval()
        return v

    def spread(self, z: Array, each: Coefficients) -> Array:
        """One number for each element of v (D,), from one for each coordinate and coefficient."""
        v = np.ones(self.size)
        mine, theirs, factor, _ = self._order
        v[theirs] = z[mine] * np.abs(factor)
        for _, index, place in self._customs:
            v[place] = z[index]
        for name, values in each.items():
            if name in self._places:
                v[self._places[name]] = values.ravel()
        return v


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
