"""Panel: posterior densities of fixed effects and variance parameters, the engines overlaid.

Given plugged-in variances a coefficient is exactly normal: its curve is drawn, not its draws.
"""

from typing import Any

import numpy as np

from ..results.drawing import Image, curve, draw, name_axes, no_height, styles
from ..results.estimates import plugged
from ..results.scalars import Scalar
from ..results.show import labels
from ..stats.normal import log_normal
from ..types import Array
from .view import View

MOST = 12
LONG = 3.0  # times the inner 99% of the draws
WALLED = ("sd_", "corr_", "lam", "sigma")  # no density beyond the ends of their range
PLUGGED = (
    "Given plugged-in variances the curve is the exact normal law.",
    "A dashed line is a value that was maximised and plugged in.",
)


def fixed_effects(view: View) -> tuple[list[Image], str]:
    """One figure a fixed effect; of many, those furthest from zero in units of their sd."""
    return _panel(view, ("beta",))


def variances(view: View) -> tuple[list[Image], str]:
    """One figure a variance parameter that some engine drew."""
    return _panel(view, WALLED)


def _panel(view: View, prefixes: tuple[str, ...]) -> tuple[list[Image], str]:
    by_name: dict[str, dict[str, Scalar]] = {}
    for engine, found in view.scalars.items():
        for scalar in found:
            if scalar.kind.prefix in prefixes:
                by_name.setdefault(scalar.name, {})[engine] = scalar
    drawn = [n for n, each in by_name.items() if any(s.draws is not None for s in each.values())]
    shown = drawn
    if len(drawn) > MOST and prefixes == ("beta",):
        far = {name: max(_distance(s) for s in by_name[name].values()) for name in drawn}
        kept = set(sorted(drawn, key=lambda name: -far[name])[:MOST])
        shown = [name for name in drawn if name in kept]
    shown = shown[:MOST]
    titles = labels(shown, 38)
    images = [_figure(view, n, title, by_name[n]) for n, title in zip(shown, titles)]
    note = ""
    if images and any(plugged(tree) for tree in view.trees.values()):
        note = PLUGGED[prefixes == WALLED]
    if any(
        _without_tails(s.draws).size < s.draws.size
        for name in shown
        for s in by_name[name].values()
        if s.draws is not None and np.ptp(s.draws) > 0.0
    ):
        note += " Of long tails the inner 99% are drawn."
    note = note.strip()
    if len(drawn) == len(shown):
        return images, note
    which = " (the furthest from zero in units of their sd)" if prefixes == ("beta",) else ""
    return images, f"{note} {len(shown)} of {len(drawn)} are drawn{which}; the table above has all."


def _distance(scalar: Scalar) -> float:
    return abs(scalar.mean) / scalar.sd if scalar.sd > 0.0 else 0.0


def _figure(view: View, name: str, title: str, each: dict[str, Scalar]) -> Image:
    style = styles(view.trees)

    def paint(axes: Any) -> None:
        top = 0.0
        for engine, scalar in each.items():
            shape = _shape(view, engine, scalar)
            if shape is None:
                continue
            (grid, density), (colour, mark) = shape, style[engine]
            axes.fill_between(grid, density, color=colour, alpha=0.13, linewidth=0)
            axes.plot(grid, density, color=colour, linewidth=1.4)
            peak = int(np.argmax(density))
            axes.plot(grid[peak], density[peak], mark, color=colour, markersize=4.5)
            top = max(top, float(density[peak]))
        for engine, scalar in each.items():
            if scalar.draws is None:
                colour, mark = style[engine]
                axes.axvline(scalar.mean, color=colour, linewidth=1.4, linestyle="--")
                axes.plot(scalar.mean, 1.12 * top, mark, color=colour, markersize=4.5)
        no_height(axes)
        name_axes(axes, title=title)

    told = [f"{engine}: {scalar.mean:.4g}" for engine, scalar in each.items()]
    return draw(paint, f"Posterior density of {name}; means {', '.join(told)}", height=1.9)


def _shape(view: View, engine: str, scalar: Scalar) -> tuple[Array, Array] | None:
    """Grid and density; None where the value was plugged in."""
    if scalar.draws is None:
        return None
    if scalar.kind.prefix == "beta" and plugged(view.trees[engine]) and scalar.sd > 0.0:
        grid = scalar.mean + scalar.sd * np.linspace(-3.7, 3.7, 121)
        scaled = (grid - scalar.mean) / scalar.sd
        return grid, np.exp(log_normal(scaled, 1.0)) / scalar.sd
    if np.ptp(scalar.draws) == 0.0 or scalar.draws.size < 10:
        return None
    return curve(_without_tails(scalar.draws), walls=scalar.kind.prefix != "beta")


def _without_tails(draws: Array) -> Array:
    """The draws, without a tail so long that no axis shows what lies before it.

    A curve is as wide as its draws; of one with a tail like a Cauchy's only the inner 99% are left.
    """
    low, high = np.quantile(draws, [0.005, 0.995])
    if np.ptp(draws) <= LONG * (high - low) or not high > low:
        return draws
    return draws[(draws >= low) & (draws <= high)]
