"""Panel: did the chains mix? Ranks of the worst parameters, chain by chain, and the energy.

Where chains explore one law, the ranks of each among all draws are uniform (Vehtari, Gelman,
Simpson, Carpenter & Buerkner 2021). The band holds independent draws: they are thinned for it.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

import numpy as np

from ..posterior.named import element
from ..results.drawing import COLOURS, Image, curve, draw, name_axes, no_height
from ..results.scalars import Scalar, chains
from .columns import MOST
from .uniform import ecdf, paint_differences, points, rank_band
from .view import View

WORST = 2  # parameters an engine
LEAST = 20  # thinned draws a chain
DERIVED = ("icc_", "noise_sd")  # kinds: shares of variance, and sigma in other units
STYLES = ("-", "--", "-.", ":")


def mixing(view: View) -> tuple[list[Image], str]:
    """Rank ECDF differences of the parameters with the smallest bulk ESS; energy."""
    images, notes = [], []
    for engine, tree in view.trees.items():
        if chains(tree) < 2:
            continue
        alone = sum(chains(other) > 1 for other in view.trees.values()) == 1
        for scalar in _worst(_drawn(view, engine)):
            image = _ranks(scalar, "" if alone else f"{engine}: ")
            if image is not None:
                images.append(image)
        images += list(_energy(tree, "" if alone else f"{engine}: "))
    if images:
        notes.append(
            f"The {WORST} numbers with the smallest effective sample size are shown, one line a "
            f"chain; draws are thinned to that size (but {LEAST} a chain are left), for the 95% "
            f"simultaneous band is that of independent draws."
        )
    return images, " ".join(notes)


def _drawn(view: View, engine: str) -> list[Scalar]:
    """All its numbers, and the coefficients of blocks that the tables show."""
    blocks = [found.get(engine, []) for found in view.coefficients.values()]
    # A coefficient is called by its column alone; here it stands beside parameters.
    own = [
        replace(s, name=element(s.kind.prefix, s.name)) for found in blocks for s in found[:MOST]
    ]
    return [*view.scalars[engine], *own]


def _worst(found: list[Scalar]) -> list[Scalar]:
    able = [s for s in found if s.draws is not None and np.isfinite(s.ess)]
    # What is a function of the others says nothing new by its own ranks.
    able = [s for s in able if s.kind.prefix not in DERIVED]
    return sorted(able, key=lambda s: s.ess)[:WORST]


def _ranks(scalar: Scalar, prefix: str) -> Image | None:
    draws = scalar.draws
    assert draws is not None
    # Of chains that hardly moved so few would be left that their trouble could not be seen.
    step = max(1, min(round(draws.size / scalar.ess), draws.shape[1] // LEAST))
    draws = draws[:, ::step]
    count, n = draws.shape
    if n < LEAST:
        return None
    ranks = (np.argsort(np.argsort(draws.ravel(), kind="stable")) + 1).reshape(draws.shape)
    at = points(n)
    ends = rank_band(n, count, at)
    # At the points themselves, where the band knows its law: whole ranks.
    upto = np.floor(at * ranks.size + 1e-9)
    lines = [(ecdf(own.astype(float), upto), look) for own, look in zip(ranks, _looks())]

    def paint(axes: Any) -> None:
        paint_differences(axes, at, upto / ranks.size, ends, lines)
        name_axes(axes, "scaled rank", "ECDF - uniform", f"{prefix}{scalar.name}")

    told = f"Ranks of {scalar.name} in {count} chains; bulk effective sample size {scalar.ess:,.0f}"
    return draw(paint, told, height=2.2)


def _looks() -> Iterator[dict[str, Any]]:
    """How the lines of chains look."""
    for colour, style in zip(cycle(COLOURS), cycle(STYLES)):
        yield {"color": colour, "linestyle": style, "linewidth": 1.2}


def _energy(tree: Any, prefix: str) -> Iterator[Image]:
    """Energy and its change a step: alike where the sampler reaches all energies."""
    stats: Any = tree["sample_stats"].dataset if "sample_stats" in tree else {}
    if "energy" not in stats or stats.sizes["draw"] < LEAST:
        return
    energy = stats["energy"].transpose("chain", "draw").values
    centred, change = (energy - energy.mean()).ravel(), np.diff(energy, axis=1).ravel()
    if not (np.isfinite(energy).all() and np.ptp(change) > 0.0):
        return

    def paint(axes: Any) -> None:
        for values, name, colour, style in (
            (centred, "energy", COLOURS[0], "-"),
            (change, "change a step", COLOURS[1], "--"),
        ):
            axes.plot(*curve(values, walls=False), style, color=colour, linewidth=1.3, label=name)
        no_height(axes)
        axes.legend(frameon=False, fontsize=8)
        name_axes(axes, "energy less its mean", "", f"{prefix}energy")

    yield draw(paint, "Densities of the energy and of its change a step", height=2.2)
