"""Panel: loadings, column by column and component by component, the engines side by side."""

from typing import Any

import numpy as np

from ..estimates import INTERVAL
from .drawing import FAINT, Image, draw, name_axes, styles
from .factors import Factors
from .show import labels
from .view import View

COLUMNS = 30  # more would not be read
FIGURES = 6  # components


def loadings(view: View) -> tuple[list[Image], str]:
    """A forest of each component; nothing where no tree holds loadings."""
    found = view.factors
    if found is None or not found.loadings:
        return [], ""
    d, q = next(iter(found.loadings.values())).mean.shape
    shown = found.longest(COLUMNS)
    images = [_forest(view, found, shown, k) for k in range(min(q, FIGURES))]
    notes = []
    if d > COLUMNS:
        notes.append(f"Of {d:,} columns the {COLUMNS} with the longest loadings are shown.")
    if q > FIGURES:
        notes.append(f"Of {q:,} components {FIGURES} are shown.")
    if found.unit[1]:
        notes.append("The columns differ in scale, so loadings are divided by the column's sd.")
    pointed = [e for e, each in found.loadings.items() if each.still.all()]
    if pointed:
        notes.append(f"What {' and '.join(pointed)} plugged in has a mark and no interval.")
    return images, " ".join(notes)


def _forest(view: View, found: Factors, shown: Any, k: int) -> Image:
    engines, style = list(view.trees), styles(view.trees)
    place = np.arange(shown.size, dtype=float)[::-1]
    step = 0.6 / max(len(engines), 1)

    def paint(axes: Any) -> None:
        axes.axvline(0.0, color=FAINT, linewidth=0.8)
        for number, engine in enumerate(engines):
            if engine not in found.loadings:
                continue
            each, (colour, mark) = found.loadings[engine], style[engine]
            y = place - (number - 0.5 * (len(engines) - 1)) * step
            lower, upper = (end[shown, k] for end in each.told[2:])
            axes.hlines(y, lower, upper, color=colour, linewidth=1.1, alpha=0.75)
            axes.plot(each.mean[shown, k], y, mark, color=colour, markersize=3.8, mew=0)
        axes.set_yticks(place, labels([found.features[j] for j in shown], 18), parse_math=False)
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.set_ylim(-0.8, shown.size - 0.2)
        axes.locator_params(axis="x", nbins=6)
        name_axes(axes, f"loading{found.unit[1]}", "", f"PC{k + 1}")

    first = found.loadings[next(iter(found.loadings))].mean[:, k]
    j = int(np.abs(first).argmax())
    told = (
        f"Loadings of {shown.size} of {first.size:,} columns on PC{k + 1}: mean and {INTERVAL}; "
        f"largest {first[j]:.3g} of {found.features[j]}"
    )
    return draw(paint, told, height=0.95 + (0.12 + 0.045 * len(engines)) * shown.size)
