"""Panel: loadings, column by column and component by component, the engines side by side."""

from typing import Any

import numpy as np

from ..results.drawing import Image
from ..results.estimates import INTERVAL
from .factors import Factors
from .forest import forest, marks
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
    own = {engine: marks(each, (shown, k)) for engine, each in found.loadings.items()}
    first = next(iter(found.loadings.values())).mean[:, k]
    j = int(np.abs(first).argmax())
    told = (
        f"Loadings of {shown.size} of {first.size:,} columns on PC{k + 1}: mean and {INTERVAL}; "
        f"largest {first[j]:.3g} of {found.features[j]}"
    )
    names = [found.features[j] for j in shown]
    axis = f"loading{found.unit[1]}"
    return forest(names, own, view.trees, told, axis=axis, title=f"PC{k + 1}")
