"""Panel: how much of its least-squares coefficient each column keeps, where scales are local.

    1 - kappa_j,    kappa_j = 1 / (1 + |z_j|^2 s_j^2 / sigma^2)

Their sum is the effective number of columns (Carvalho, Polson & Scott 2010, section 3.4; Piironen &
Vehtari 2017, section 3.2). Under a ridge all columns keep alike, so there is nothing to see.
"""

from typing import Any

import numpy as np

from ..results.drawing import Image, draw, falling, log_ranks, name_axes, styles
from ..results.selected import kept_share
from .view import View

FEWEST = 5  # columns; of fewer the forest tells all
MARKED = 30  # of the largest


def kept(view: View) -> tuple[list[Image], str]:
    """One figure a block: the posterior mean of what is kept, in falling order."""
    images, notes = [], []
    for found in view.columns.values():
        if not found.block.law.separates or found.block.columns < FEWEST:
            continue
        if found.zero.any():
            continue  # a maximum that left columns out has said already which ones it keeps
        shares = {e: kept_share(view.model, t, found.name) for e, t in found.trees.items()}
        images.append(_figure(view, found.name, shares))
        told = ", ".join(f"{values.sum():,.1f} by {engine}" for engine, values in shares.items())
        notes.append(
            f"{found.name}: the shares add up to {told}, the effective number of its "
            f"{found.block.columns:,} columns."
        )
    return images, " ".join(notes)


def _figure(view: View, name: str, shares: dict[str, Any]) -> Image:
    style = styles(view.trees)

    def paint(axes: Any) -> None:
        for engine, values in shares.items():
            marked = np.zeros(values.size, bool)
            marked[np.argsort(-values, kind="stable")[:MARKED]] = True
            falling(axes, values, marked, style[engine])
        if max(v.size for v in shares.values()) > 60:
            log_ranks(axes)
        axes.set_ylim(0.0, 1.02)
        name_axes(axes, "rank", "share kept", name)

    told = ", ".join(f"{v.sum():.1f} by {e}" for e, v in shares.items())
    return draw(paint, f"Share that each column of {name} keeps; they add up to {told}", height=2.5)
