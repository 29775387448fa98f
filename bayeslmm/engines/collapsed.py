"""Gibbs for any sum of terms: what is shared with all coefficients integrated out, the rest given.

A sweep draws

1. each sd and correlation of a grouping factor, sigma, and the common scale of a wide block: a
   slice step along its coordinate of log p(z | y), no coefficient held (`model.target`);
2. the coefficients of the blocks given all scales, exactly (`solver.draws`);
3. every scale of a block given its coefficients (`sweeps.scales`): for thousands of local scales
   the price of one.

Steps 1 and 2 are one joint draw given the local scales, so that the order leaves the posterior as
it is (van Dyk & Park 2008). Nothing of the coefficients is kept: they are recovered from the draws
of the scales. Slice sampling is Neal's (2003, figures 3 and 5).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..model import Model
from ..target import Target
from ..types import Array, Index
from .sweeps import Block
from .sweeps.sampler import prepare
from .sweeps.scales import COMMON, draw_block
from .sweeps.sweep import Laws

MOST = 100  # steps by which an interval may grow
WIDE, LEAST = 1.0, 1e-3  # first width of an interval, on the log scale, and the smallest
REACH = 3.0  # width of an interval, in typical moves
SPREAD = 0.7  # sd about a typical value at which a chain starts


@dataclass(frozen=True, repr=False)
class Places:
    """Where a block's factors lie among the scales h of the space, -1 where there is none."""

    columns: int
    local: int
    heads: tuple[int, int, int]  # common, rate, slab^2

    def read(self, h: Array) -> tuple[Array, Array]:
        """Local scales (columns,) and heads (3,); an absent slab is infinitely wide."""
        local = np.ones(self.columns)
        if self.local >= 0:
            local = h[self.local : self.local + self.columns].copy()
        absent = (1.0, 1.0, np.inf)
        return local, np.array([h[i] if i >= 0 else a for i, a in zip(self.heads, absent)])

    def write(self, h: Array, local: Array, heads: Array) -> None:
        """The same back."""
        if self.local >= 0:
            h[self.local : self.local + self.columns] = local
        for i, value in zip(self.heads, heads):
            if i >= 0:
                h[i] = value


@dataclass(repr=False)
class Chain:
    """One chain: where it is, and how wide its intervals are."""

    model: Model
    target: Target
    laws: Laws | None
    places: tuple[Places, ...]
    shared: Index  # coordinates of step 1
    z: Array
    rng: np.random.Generator
    width: Array = field(init=False)

    def __post_init__(self) -> None:
        self.width = np.full(self.z.size, WIDE)

    def sweep(self, tuning: bool) -> None:
        """All steps once; while it tunes, intervals get the width of typical moves."""
        value = self._value(self.z) if self.shared.size else 0.0
        for i in self.shared:
            old = self.z[i]
            along = self._along(i)
            self.z[i], value = slice_step(along, old, value, self.width[i], self.rng)
            if tuning:
                move = REACH * abs(self.z[i] - old)
                self.width[i] = max(0.9 * self.width[i] + 0.1 * move, LEAST)
        if self.laws is not None:
            self._blocks(self.laws)

    def _along(self, i: int) -> Callable[[float], float]:
        point = self.z.copy()

        def log_density(t: float) -> float:
            point[i] = t
            return self._value(point)

        return log_density

    def _value(self, z: Array) -> float:
        value = float(self.target.many(z[None])[0])
        return value if np.isfinite(value) else -np.inf

    def _blocks(self, laws: Laws) -> None:
        """Steps 2 and 3."""
        layout, thetas = self.target.layout, self.model.thetas(self.z[None, None])
        h = thetas.h[0, 0].copy()
        scales = np.ascontiguousarray(thetas.scales[0])
        _, drawn = self.target.solver.draws(scales, h[-1:].copy(), self.rng, groups=False)
        for b, (place, u) in enumerate(zip(self.places, drawn[-len(self.places) :])):
            local, heads = place.read(h)
            at = slice(laws.starts[b], laws.starts[b + 1])
            own = np.ascontiguousarray(u[0, :, 0])
            law = laws.local[at], laws.heads[b], laws.power[b]
            draw_block(self.rng, own, local, heads, *law, h[-1])
            place.write(h, local, heads)
        free = layout.at >= 0
        with np.errstate(divide="ignore"):
            self.z[layout.at[free]] = np.log(h[free])
        if not np.isfinite(self.z).all():
            raise ArithmeticError(
                "a chain left float64: columns are collinear, or sigma runs to zero; give sigma a "
                "prior that keeps off zero"
            )


def slice_step(
    f: Callable[[float], float], x: float, value: float, width: float, rng: np.random.Generator
) -> tuple[float, float]:
    """One step from x, where f is `value`: an interval is stepped out, then shrunk to a point."""
    level = value - rng.standard_exponential()
    left = x - width * rng.random()
    right = left + width
    below = int(MOST * rng.random())
    above = MOST - 1 - below
    while below > 0 and f(left) > level:
        below, left = below - 1, left - width
    while above > 0 and f(right) > level:
        above, right = above - 1, right + width
    while right - left > 1e-14 * (1.0 + abs(x)):
        t = left + (right - left) * rng.random()
        at = f(t)
        if at > level:
            return t, at
        left, right = (t, right) if t < x else (left, t)
    return x, value


def begin(
    model: Model, blocks: Sequence[Block], rngs: Sequence[np.random.Generator]
) -> list[Chain]:
    """Chains that start about typical values of the priors, sigma about the residuals' sd."""
    layout = model.layout
    laws = prepare(blocks, 1.0)[0] if blocks else None
    places = tuple(
        Places(b.columns, int(row[1]), (int(row[2]), int(row[3]), int(row[4])))
        for b, row in zip(blocks, layout.products)
    )
    typical = np.concatenate(
        [
            np.ones(p.size) * (p.law.typical if p.law is not None else 1.0)
            for p in model.space.scales
        ]
    )
    rest = model.design.y - model.design.offset
    if model.design.fixed:
        rest = rest - model.design.X @ np.linalg.lstsq(model.design.X, rest, rcond=None)[0]
    typical[-1] = max(float(np.sqrt(np.mean(rest**2))), 1e-150)
    free = layout.at >= 0
    z = np.zeros(model.space.size)
    z[layout.at[free]] = np.log(typical[free])
    shared = _shared(model, laws, places)
    return [
        Chain(
            model,
            model.target(),
            laws,
            places,
            shared,
            z + SPREAD * rng.standard_normal(z.size),
            rng,
        )
        for rng in rngs
    ]


def _shared(model: Model, laws: Laws | None, places: Sequence[Places]) -> Index:
    """Coordinates of step 1: all but those of blocks, and common scales that the blocks hold."""
    layout = model.layout
    own = np.zeros(layout.at.size, bool)
    for b, place in enumerate(places):
        if place.local >= 0:
            own[place.local : place.local + place.columns] = True
        own[[i for i in place.heads if i >= 0]] = True
        if laws is not None and laws.moved[b]:
            own[place.heads[COMMON]] = False
    held = set(layout.at[own].tolist())
    return np.array([i for i in range(model.space.size) if i not in held], np.intp)


def sampled(
    model: Model, blocks: Sequence[Block], draws: int, tune: int, chains: int, rng: Any
) -> tuple[Array, bool]:
    """Coordinates (chains, draws, d), and whether nothing interrupted: else what was drawn."""
    from .protocol import most_draws

    z, counts = np.empty((chains, draws, model.space.size)), np.zeros(chains, np.int64)
    try:
        for c, chain in enumerate(begin(model, blocks, rng.spawn(chains))):
            for _ in range(tune):
                chain.sweep(True)
            for i in range(draws):
                chain.sweep(False)
                z[c, i] = chain.z
                counts[c] += 1
    except KeyboardInterrupt:
        kept, count = most_draws(counts)
        return z[kept, :count], False
    return z, True
