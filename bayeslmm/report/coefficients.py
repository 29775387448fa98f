"""Panel: coefficients of blocks of columns, the surest first, and how few of many are large."""

from typing import Any

import numpy as np

from ..estimates import INTERVAL
from .columns import MOST, Columns
from .drawing import FAINT, Image, draw, log_ranks, name_axes, styles
from .show import labels
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


def _gaps(found: Columns) -> bool:
    """Whether an engine left out a column that is shown for another."""
    shown = found.order[:MOST]
    return any((t["sd"].to_numpy()[shown] == 0.0).any() for t in found.tables.values())


def _forest(view: View, found: Columns, unit: Any, axis: str) -> Image:
    shown = found.order[:MOST]
    place = np.arange(shown.size, dtype=float)[::-1]
    engines, style = list(view.trees), styles(view.trees)
    step = 0.6 / max(len(engines), 1)

    def paint(axes: Any) -> None:
        axes.axvline(0.0, color=FAINT, linewidth=0.8)
        for number, engine in enumerate(engines):
            if engine not in found.tables:
                continue
            table, (colour, mark) = found.tables[engine].iloc[shown], style[engine]
            y = place - (number - 0.5 * (len(engines) - 1)) * step
            mean, lower, upper = (
                table[c].to_numpy() * unit[shown] for c in ("mean", "lower", "upper")
            )
            there = table["sd"].to_numpy() > 0.0  # what was left out has no mark
            axes.hlines(y[there], lower[there], upper[there], color=colour, lw=1.1, alpha=0.75)
            inside = table["included"].to_numpy()
            for chosen, face in ((there & inside, colour), (there & ~inside, "white")):
                axes.plot(
                    mean[chosen], y[chosen], mark, color=colour, mfc=face, markersize=3.8, mew=0.9
                )
        names = labels([found.block.labels[j] for j in shown], 18)
        axes.set_yticks(place, names, parse_math=False)
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.set_ylim(-0.8, shown.size - 0.2)
        axes.locator_params(axis="x", nbins=6)
        name_axes(axes, axis, "", f"{found.name} ({found.block.law.kind})")

    told = (
        f"Coefficients of {shown.size} of {found.block.columns:,} columns of {found.name}: mean "
        f"and {INTERVAL}"
    )
    # With several engines a row needs room for one mark below the other.
    return draw(paint, told, height=1.05 + (0.12 + 0.045 * len(engines)) * shown.size)


def _sizes(view: View, found: Columns, unit: Any, times: str) -> Image:
    """Sizes of all coefficients in falling order: how few are large, how small the rest are."""
    style = styles(view.trees)
    rank = np.arange(1, found.block.columns + 1)

    def paint(axes: Any) -> None:
        for engine, table in found.tables.items():
            size = np.abs(table["mean"].to_numpy()) * unit
            order = np.argsort(-size, kind="stable")[: max(int((size > 0.0).sum()), 1)]
            chosen = table["included"].to_numpy()[order]
            colour, mark = style[engine]
            axes.plot(rank[: order.size], size[order], color=colour, linewidth=1.3)
            axes.plot(
                rank[: order.size][chosen],
                size[order][chosen],
                mark,
                color=colour,
                markersize=3.5,
                mew=0,
            )
        log_ranks(axes)
        axes.set_ylim(bottom=0.0)
        y = f"|mean|{times.removesuffix(' of its column')}"
        name_axes(axes, "rank", y, f"{found.name}: all columns")

    told = f"Sizes of all {found.block.columns:,} coefficients of {found.name} in falling order"
    return draw(paint, told, height=2.5)
