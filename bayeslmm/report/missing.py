"""Panel: which entries are missing, row by row and column by column.

All marks of one shade are one path, so that thousands of entries stay a small picture.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from ..results.drawing import BAND, COLOURS, Image, draw, name_axes
from ..results.show import label, labels
from ..types import Array
from .factors import Factors
from .view import View

BINS = 120  # rows, or groups of neighbouring rows
COLUMNS = 40
NAMED = 6
SHADES = 5


def missing(view: View) -> tuple[list[Image], str]:
    """One map; nothing where every entry is there."""
    found = view.factors
    if found is None or found.there.all():
        return [], ""
    gone = ~found.there
    n, d = gone.shape
    share = gone.mean(axis=0)
    shown = np.sort(np.argsort(-share, kind="stable")[:COLUMNS])
    edges = np.linspace(0, n, min(n, BINS) + 1).round().astype(int)
    binned = np.array([gone[a:b, shown].mean(axis=0) for a, b in pairwise(edges)])
    note = _told(found, gone, share)
    if n > BINS:
        note += f" Each mark stands for up to {np.diff(edges).max():,} neighbouring rows; "
        note += "the darker, the more of them."
    if d > COLUMNS:
        note += f" The {COLUMNS} columns with most missing are shown."
    return [_figure(found, shown, edges, binned, share)], note


def _told(found: Factors, gone: Any, share: Array) -> str:
    """How much is missing, where, and of which columns most."""
    n, d = gone.shape
    partial, empty = int(gone.any(axis=1).sum()), int(gone.all(axis=1).sum())
    note = f"{int(gone.sum()):,} of {n * d:,} entries ({gone.mean():.1%}) are missing, "
    note += f"in {partial:,} of {n:,} rows"
    if empty:
        note += f", {empty:,} of which {'has' if empty == 1 else 'have'} none at all"
    most = [j for j in np.argsort(-share, kind="stable")[:NAMED] if share[j] > 0.0]
    more = int((share > 0.0).sum()) - len(most)
    named = ", ".join(f"{share[j]:.1%} of {label(found.features[j], 40)}" for j in most)
    note += f": {named}{f' and some of {more:,} more columns' if more else ''}."
    whole = int((share == 0.0).sum())
    if whole:
        note += f" {whole:,} {'column is' if whole == 1 else 'columns are'} complete."
    return note


def _figure(found: Factors, shown: Any, edges: Any, binned: Array, share: Array) -> Image:
    place = np.arange(shown.size, dtype=float)[::-1]
    shade = np.ceil(binned * SHADES).astype(int)  # 0 where nothing is missing

    def paint(axes: Any) -> None:
        axes.hlines(place, 0.5, edges[-1] + 0.5, color=BAND, linewidth=0.7, zorder=0)
        for level in range(1, SHADES + 1):
            boxes = _runs(shade == level, edges, place)
            if boxes:
                axes.add_patch(_together(boxes, 0.25 + 0.75 * level / SHADES))
        names = labels([found.features[j] for j in shown], 18)
        axes.set_yticks(place, names, parse_math=False)
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.set_ylim(-0.8, shown.size - 0.2)
        axes.set_xlim(0.5, edges[-1] + 0.5)
        axes.locator_params(axis="x", nbins=6, integer=True)
        name_axes(axes, "row, in the order of the table", "", "Missing entries")

    told = ", ".join(f"{share[j]:.1%} of {found.features[j]}" for j in shown[:12])
    return draw(paint, f"Map of missing entries: {told}", height=0.95 + 0.19 * shown.size)


def _runs(marked: Any, edges: Any, place: Array) -> list[tuple[float, float, float]]:
    """Left, right and height of every run of marked groups of rows."""
    found = []
    for column, y in zip(marked.T, place):
        turns = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(int), [0]])))
        found += [(edges[a] + 0.5, edges[b] + 0.5, y) for a, b in turns.reshape(-1, 2)]
    return found


def _together(boxes: list[tuple[float, float, float]], alpha: float) -> Any:
    """Rectangles as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = [
        [(a, y - 0.36), (b, y - 0.36), (b, y + 0.36), (a, y + 0.36), (a, y - 0.36)]
        for a, b, y in boxes
    ]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(boxes)
    path = Path(np.concatenate(corners), codes)
    return PathPatch(path, facecolor=COLOURS[0], alpha=alpha, linewidth=0)
