"""Panel: coefficients of blocks of columns, the surest first, and how few of many are large."""

from typing import Any

import numpy as np

from ..results.drawing import Image, draw, falling, log_ranks, name_axes, styles
from ..results.estimates import INTERVAL
from .columns import MOST, BlockTables
from .forest import Marks, forest
from .view import View


def coefficients(view: View) -> tuple[list[Image], str]:
    """A forest of each block; of more columns than it can hold, the sizes of all."""
    images, notes = [], []
    for found in view.columns.values():
        unit, times = found.unit(view.model.design.frequency)
        images.append(_forest(view, found, unit, f"u_{found.name}{times}"))
        notes.append(found.included)
        if found.told:
            notes.append(f"Shown are {found.told}.")
        if found.order.size > MOST:
            images.append(_sizes(view, found, unit, times))
    if images:
        notes.append("Filled marks are included columns, hollow ones are not.")
        if any(_gaps(found) for found in view.columns.values()):
            notes.append("A column that an engine left out has no mark of it.")
    return images, " ".join(notes)


def _gaps(found: BlockTables) -> bool:
    """Whether an engine left out a column that is shown for another."""
    shown = found.order[:MOST]
    return any((t["sd"].to_numpy()[shown] == 0.0).any() for t in found.tables.values())


def _forest(view: View, found: BlockTables, unit: Any, axis: str) -> Image:
    shown = found.order[:MOST]
    own = {}
    for engine, table in found.tables.items():
        there = table["sd"].to_numpy() > 0.0  # what was left out has no mark
        numbers = (np.where(there, table[c], np.nan) * unit for c in ("mean", "lower", "upper"))
        mean, lower, upper = (each[shown] for each in numbers)
        own[engine] = Marks(mean, lower, upper, table["included"].to_numpy()[shown])
    told = (
        f"Coefficients of {shown.size} of {found.block.columns:,} columns of {found.name}: mean "
        f"and {INTERVAL}"
    )
    title = f"{found.name} ({found.block.law.kind})"
    names = [found.block.labels[j] for j in shown]
    return forest(names, own, view.trees, told, axis=axis, title=title)


def _sizes(view: View, found: BlockTables, unit: Any, times: str) -> Image:
    """Sizes of all coefficients in falling order: how few are large, how small the rest are."""
    style = styles(view.trees)

    def paint(axes: Any) -> None:
        for engine, table in found.tables.items():
            size = np.abs(table["mean"].to_numpy()) * unit
            there = size > 0.0 if size.any() else size == size.max()
            falling(axes, size[there], table["included"].to_numpy()[there], style[engine])
        log_ranks(axes)
        axes.set_ylim(bottom=0.0)
        y = f"|mean|{times.removesuffix(' of its column')}"
        name_axes(axes, "rank", y, f"{found.name}: all columns")

    told = f"Sizes of all {found.block.columns:,} coefficients of {found.name} in falling order"
    return draw(paint, told, height=2.5)
