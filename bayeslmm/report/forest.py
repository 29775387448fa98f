"""A forest: names beside points and intervals, several engines side by side.

The panels choose what goes in: levels of an effect, columns of a block, loadings, scores, ratios.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..results.drawing import FAINT, Image, draw, name_axes, styles
from ..results.estimates import Estimate
from ..results.show import labels
from ..types import Array


@dataclass(frozen=True, eq=False)
class Marks:
    """What one engine says of each name, (rows,) each.

    Attributes
    ----------
    mean, lower, upper : ndarray
        A point that is not finite has no mark; ends that are not, no interval.
    filled : ndarray of bool, or bool
        Which marks are filled, the others being hollow.
    """

    mean: Array
    lower: Array
    upper: Array
    filled: Any = True


def marks(estimate: Estimate, at: Any) -> Marks:
    """Some numbers of a variable; what was plugged in has no interval."""
    mean, _, lower, upper = estimate.told
    return Marks(mean[at], lower[at], upper[at])


def zero(axes: Any) -> None:
    """A line where there is no effect."""
    axes.axvline(0.0, color=FAINT, linewidth=0.8)


def forest(
    names: Sequence[object],
    found: Mapping[str, Marks],
    engines: Collection[str],
    alt: str,
    *,
    axis: str = "",
    title: str = "",
    longest: int = 18,
    rising: bool = False,
    room: float | None = None,
    ground: Callable[[Any], None] = zero,
) -> Image:
    """Draw one figure.

    Parameters
    ----------
    names : sequence
    found : mapping
        Engine -> its marks, in the order of the names.
    engines : collection
        All of the page, whose order gives each its colour and mark.
    alt, axis, title : str
        Words for who cannot see it, below the axis, and above.
    longest : int
        Characters of a name.
    rising : bool
        Whether the first name stands at the bottom.
    room : float, optional
        Inches of a row; by default room for one mark below the other.
    ground : callable
        Paints what lies below the marks, and chooses the axis.
    """
    place = np.arange(len(names), dtype=float)[:: 1 if rising else -1]
    count, style = max(len(found), 1), styles(engines)

    def paint(axes: Any) -> None:
        axes.locator_params(axis="x", nbins=6)
        ground(axes)
        for number, (engine, own) in enumerate(found.items()):
            y = place - (number - 0.5 * (count - 1)) * 0.6 / count
            _paint(axes, own, y, *style[engine])
        axes.set_yticks(place, labels(names, longest), parse_math=False)
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.set_ylim(-0.8, place.size - 0.2)
        name_axes(axes, axis, "", title)

    room = 0.12 + 0.045 * count if room is None else room
    return draw(paint, alt, height=0.95 + room * place.size)


def _paint(axes: Any, own: Marks, y: Array, colour: str, mark: str) -> None:
    """Marks and intervals of one engine."""
    there = np.isfinite(own.mean)
    spans = there & np.isfinite(own.lower)
    if spans.any():
        ends = own.lower[spans], own.upper[spans]
        axes.hlines(y[spans], *ends, color=colour, linewidth=1.1, alpha=0.75)
    for chosen, face in ((there & own.filled, colour), (there & ~np.asarray(own.filled), "white")):
        x = own.mean[chosen]
        axes.plot(x, y[chosen], mark, color=colour, mfc=face, markersize=3.4, mew=0.8)
