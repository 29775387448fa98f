"""Theta by name <-> R^d: the one place that knows where a number lies.

    sd = exp(z),     L_t = diag(sd_t) K_t,     K_t K_t' a correlation matrix,     sigma = exp(z)

A row of K is (w, 1) / sqrt(1 + |w|^2) with w in R^i, the transform that PyMC uses. Fixed parameters
have no coordinate. Loadings come first, then scales, sigma last of them, then correlations.
`coordinates` and `loadings` hold the maps and their derivatives, compiled; they know no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..solvers.axes import Axes
from ..types import Array, Index, Theta
from .coordinates import Layout
from .laws import lkj_constant
from .loadings import LoadingsChart, chart_of
from .loadings import coordinates as of_loadings
from .loadings import unpack_many as loadings_many
from .parameters import Correlation, Loadings, Positive
from .vectorised import unpack


@dataclass(frozen=True)
class Product:
    """How the scales of a block's columns follow from parameters, by name (`shrinkage`).

    s_j = prod_f f_j^e_f, then s_j / sqrt(1 + s_j^2 / slab) where there is a slab.
    """

    count: int  # scales: one, or one a column
    exponents: tuple[tuple[str, float], ...]
    slab: str | None = None  # in the units of what the exponents before sigma's give
    noise: bool = False  # whether the scales are in units of sigma


type Parameter = Positive | Correlation | Loadings


@dataclass(frozen=True, eq=False)
class Space:
    """All parameters of a model's theta, in the order of its terms; sigma is the last scale."""

    parameters: tuple[Parameter, ...]
    products: tuple[Product, ...] = ()  # of the blocks of columns, after the grouping factors
    axes: Axes | None = None  # in which loadings have their coordinates

    @cached_property
    def scales(self) -> tuple[Positive, ...]:
        return tuple(p for p in self.parameters if isinstance(p, Positive))

    @cached_property
    def correlations(self) -> tuple[Correlation, ...]:
        return tuple(p for p in self.parameters if isinstance(p, Correlation))

    @cached_property
    def loadings(self) -> Loadings | None:
        """The columns of a matrix's scores, where they are the unknown."""
        return next((p for p in self.parameters if isinstance(p, Loadings)), None)

    @property
    def sigma(self) -> Positive:
        return self.scales[-1]

    @cached_property
    def size(self) -> int:
        """Number of free coordinates d."""
        return sum(place.size for place in self.places.values())

    @property
    def proper(self) -> bool:
        return all(s.proper for s in self.scales)

    @property
    def ordered(self) -> tuple[Parameter, ...]:
        """The parameters in the order of their coordinates."""
        first = (self.loadings,) if self.loadings else ()
        return (*first, *self.scales, *self.correlations)

    @cached_property
    def places(self) -> dict[str, Index]:
        """Name of a free parameter -> where its coordinates lie in z, in its own order."""
        found, at = {}, 0
        for p in self.ordered:
            if p.free:
                found[p.name] = np.arange(at, at + p.coordinates)
                at += found[p.name].size
        return found

    @property
    def identity(self) -> bytes:
        """Bytes that differ where a law, a parameter to its last digit, or a fixed value does."""
        each = [p.identity for p in self.scales + self.correlations]
        return b"|".join([*each, *(repr(p).encode() for p in self.products)])

    @cached_property
    def layout(self) -> Layout:
        """The space as compiled code takes it."""
        index = [self.places.get(s.name, np.full(s.size, -1)) for s in self.scales]
        value = [np.broadcast_to(1.0 if s.fixed is None else s.fixed, s.size) for s in self.scales]
        blocks: list[tuple[int, ...]] = []
        members: list[int] = []
        eta: list[tuple[float, float]] = []
        for factor, c in enumerate(self.correlations):
            z = int(self.places[c.name][0]) if c.free else 0
            for b in c.parts if c.free else ():
                blocks.append((factor, len(b), len(members), z))
                members += b
                eta.append((c.eta, lkj_constant(len(b), c.eta)))
                z += len(b) * (len(b) - 1) // 2
        products, factors = self._products()
        return Layout(
            at=np.concatenate(index).astype(np.int64),
            code=np.repeat([s.code for s in self.scales], [s.size for s in self.scales]),
            parameters=np.vstack([s.table for s in self.scales]),
            value=np.concatenate(value).astype(np.float64),
            widths=np.array([c.size for c in self.correlations], np.int64),
            blocks=np.array(blocks, np.int64).reshape(-1, 4),
            members=np.array(members, np.int64),
            eta=np.array(eta, np.float64).reshape(-1, 2),
            start=np.concatenate([*(c.start.ravel() for c in self.correlations), np.zeros(0)]),
            products=products,
            factors=factors,
        )

    @cached_property
    def _begins(self) -> dict[str, int]:
        """Where each scale begins among all of them."""
        ends = np.cumsum([s.size for s in self.scales])
        return {s.name: int(end) - s.size for s, end in zip(self.scales, ends)}

    def _products(self) -> tuple[Index, Array]:
        """The blocks' scales as tables: of each block, and of the factors of each."""
        table: list[tuple[int, ...]] = []
        factors: list[tuple[float, ...]] = []
        size = {s.name: s.size for s in self.scales}
        for p in self.products:
            slab = self._begins[p.slab] if p.slab else -1
            first, last = len(factors), len(factors) + len(p.exponents)
            table.append((p.count, first, last, slab, int(p.noise)))
            for name, exponent in p.exponents:
                factors.append((float(self._begins[name]), float(size[name] > 1), exponent))
        return (
            np.array(table, np.int64).reshape(-1, 5),
            np.array(factors, np.float64).reshape(-1, 3),
        )

    def constrain(self, z: Array) -> Theta:
        """Theta at coordinates z (..., d): name -> (..., *shape)."""
        z = np.asarray(z, np.float64)
        lead = z.shape[:-1]
        if self.loadings:
            return self._with_loadings(z, self.loadings, lead)
        flat = np.ascontiguousarray(z.reshape(int(np.prod(lead)), z.shape[-1]))
        h, corr, _ = unpack(flat, self.layout)
        found, at = self._named(h, lead), 0
        for c in self.correlations:
            found[c.name] = corr[:, at : at + c.size**2].reshape((*lead, *c.shape))
            at += c.size**2
        return found

    def _named(self, h: Array, lead: tuple[int, ...]) -> Theta:
        """Scales by name, from all of them (k, .)."""
        found: Theta = {}
        for s in self.scales:
            at = self._begins[s.name]
            found[s.name] = h[:, at : at + s.size].reshape((*lead, *s.shape))
        return found

    @cached_property
    def chart(self) -> LoadingsChart:
        """Loadings and scales as compiled code takes them."""
        assert self.axes is not None
        features = self.axes.problem.Y.shape[1]
        loadings = self.loadings or Loadings("W", features, 0, self.sigma)
        layout, floor = self.layout, self.axes.floor if loadings.own else 1.0
        scales = layout.at, layout.code, layout.parameters, layout.value
        return chart_of(loadings, self.axes.spread, floor, *scales)

    def _with_loadings(self, z: Array, loadings: Loadings, lead: tuple[int, ...]) -> Theta:
        assert self.axes is not None
        flat = np.ascontiguousarray(z.reshape(int(np.prod(lead)), z.shape[-1]))
        T, h = loadings_many(flat, self.chart)
        W = (self.axes.basis @ T).reshape((*lead, *loadings.shape))
        return {loadings.name: W, **self._named(h, lead)}

    def unconstrain(self, theta: Theta) -> Array:
        """The inverse of `constrain`; -inf where a scale is zero. Fixed ones are not looked at."""
        sigma = np.asarray(theta[self.sigma.name])
        lead = sigma.shape
        if self.loadings:
            return self._of_loadings(theta, self.loadings, lead)
        z = np.zeros((*lead, self.size))
        with np.errstate(divide="ignore"):
            for s in self.scales:
                if s.free:
                    z[..., self.places[s.name]] = np.log(theta[s.name]).reshape(*lead, s.size)
        for c in self.correlations:
            at = int(self.places[c.name][0]) if c.free else 0
            for part in c.parts if c.free else ():
                K = theta[c.name]
                own = (K @ np.swapaxes(K, -1, -2))[..., part, :][..., :, part]
                K = np.linalg.cholesky(own)
                for i in range(1, len(part)):
                    z[..., at : at + i] = K[..., i, :i] / K[..., i, i, None]
                    at += i
        return z

    def _of_loadings(self, theta: Theta, loadings: Loadings, lead: tuple[int, ...]) -> Array:
        assert self.axes is not None
        count = int(np.prod(lead))
        W = theta[loadings.name].reshape(count, *loadings.shape)
        h = np.column_stack([np.reshape(theta[s.name], (count, s.size)) for s in self.scales])
        args = self.chart, self.size, self.axes.basis
        z = np.array([of_loadings(*args, *point) for point in zip(W, h)])
        return z.reshape(*lead, self.size)

    def sample(self, rng: np.random.Generator) -> Theta:
        """One draw from the prior."""
        found: Theta = {p.name: p.sample(rng) for p in self.scales + self.correlations}
        if self.loadings:
            found[self.loadings.name] = self.loadings.sample(rng, found[self.loadings.scale.name])
        return found


def repeated(theta: Theta, *lead: int) -> Theta:
    """The same point for every draw: name -> (*lead, *shape)."""
    return {n: np.broadcast_to(v, (*lead, *np.shape(v))) for n, v in theta.items()}


def flattened(theta: Theta, lead: int = 2) -> Theta:
    """Draws of all chains one after another: (chains, draws, *shape) to (k, *shape)."""
    return {
        n: np.ascontiguousarray(v.reshape(int(np.prod(v.shape[:lead])), *v.shape[lead:]))
        for n, v in theta.items()
    }


def at_draw(theta: Theta, i: int | slice) -> Theta:
    """The point at one draw of (k, *shape), or those at some."""
    return {n: v[i] for n, v in theta.items()}


def stacked(points: Sequence[Theta]) -> Theta:
    """Points as draws: name -> (k, *shape)."""
    return {n: np.array([p[n] for p in points]) for n in points[0]}
