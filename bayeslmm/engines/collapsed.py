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

from ..model.model import Model
from ..model.target import Target, repeated
from ..types import Array, Index
from .engine import most_draws
from .sweeps import SweptBlock
from .sweeps.sampler import prepare
from .sweeps.scales import draw_block
from .sweeps.sweep import Laws

MOST = 100  # steps by which an interval may grow
WIDE, LEAST = 1.0, 1e-3  # first width of an interval, on the log scale, and the smallest
REACH = 3.0  # width of an interval, in typical moves
SPREAD = 0.7  # sd about a typical value at which a chain starts


@dataclass(repr=False)
class Chain:
    """One chain: where it is, and how wide its intervals are."""

    model: Model
    target: Target
    laws: Laws | None
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
        value = float(self.target(z)[0])
        return value if np.isfinite(value) else -np.inf

    def _blocks(self, laws: Laws) -> None:
        """Steps 2 and 3."""
        model, theta = self.model, self.model.space.constrain(self.z[None])
        _, drawn = self.target.solver.draws(*model.roots(theta), self.rng, groups=False)
        sigma = float(theta["sigma"][0])
        for b, (block, u) in enumerate(zip(model.blocks, drawn[-len(model.blocks) :])):
            law, at = block.law, slice(laws.starts[b], laws.starts[b + 1])
            local = theta[law.local.name][0].copy() if law.local else np.ones(block.columns)
            factors = ((law.common, 1.0), (law.rate, 1.0), (law.slab, np.inf))
            heads = np.array([float(theta[p.name][0]) if p else absent for p, absent in factors])
            own = np.ascontiguousarray(u[0].ravel())
            given = laws.local[at], laws.heads[b], laws.power[b]
            draw_block(self.rng, own, local, heads, *given, sigma)
            for p, value in ((law.local, local), *zip((f for f, _ in factors), heads)):
                if p is not None and p.free:
                    with np.errstate(divide="ignore"):
                        self.z[model.space.places[p.name]] = np.log(value)
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
    model: Model, blocks: Sequence[SweptBlock], rngs: Sequence[np.random.Generator]
) -> list[Chain]:
    """Chains that start about typical values of the priors, sigma about the residuals' sd."""
    laws, places = prepare(blocks, 1.0)[0] if blocks else None, model.space.places
    z = np.zeros(model.space.size)
    for p in model.space.scales:
        if p.free and p.law is not None:
            z[places[p.name]] = np.log(p.law.typical)
    X, rest = model.design.X, model.design.y - model.design.offset
    if X.shape[1]:
        rest = rest - X @ np.linalg.lstsq(X, rest, rcond=None)[0]
    if "sigma" in places:
        z[places["sigma"]] = np.log(max(float(np.sqrt(np.mean(rest**2))), 1e-150))
    shared = _shared(model, laws)
    return [
        Chain(
            model,
            repeated(model.target()),
            laws,
            shared,
            z + SPREAD * rng.standard_normal(z.size),
            rng,
        )
        for rng in rngs
    ]


def _shared(model: Model, laws: Laws | None) -> Index:
    """Coordinates of step 1: all but those of blocks, and common scales of wide blocks."""
    held = {p.name for block in model.blocks for p in block.law.parameters}
    for b, block in enumerate(model.blocks):
        if laws is not None and laws.moved[b] and block.law.common is not None:
            held.discard(block.law.common.name)
    places = model.space.places.items()
    return np.concatenate([np.zeros(0, np.intp), *(at for name, at in places if name not in held)])


def sampled(
    model: Model, blocks: Sequence[SweptBlock], draws: int, tune: int, chains: int, rng: Any
) -> tuple[Array, bool]:
    """Coordinates (chains, draws, d), and whether nothing interrupted: else what was drawn."""
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
