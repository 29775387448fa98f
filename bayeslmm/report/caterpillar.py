"""Panel: random effects, level by level, in the order of their size."""

from typing import Any

import numpy as np

from ..estimates import INTERVAL, Estimate
from .drawing import FAINT, Image, draw, name_axes, styles
from .show import labels
from .view import View

LEVELS = 40  # of one factor; more would not be read
FIGURES = 6  # of one factor


def caterpillar(view: View) -> tuple[list[Image], str]:
    """One figure a factor and effect; the factor with fewest levels first."""
    images, notes = [], []
    held = [each for each in view.estimates.values() if next(iter(each.values())).effects]
    for by_engine in sorted(held, key=lambda each: len(next(iter(each.values())).mean)):
        first = next(iter(by_engine.values()))
        factor, (levels, effects) = first.name.removeprefix("u_"), first.mean.shape
        for j, effect in enumerate(first.labels(1)[:FIGURES]):
            images.append(_figure(factor, effect, j, by_engine, list(view.trees)))
        if levels > LEVELS:
            notes.append(
                f"{factor}: of {levels} levels the {LEVELS // 2} lowest and the "
                f"{LEVELS // 2} highest are shown."
            )
        if effects > FIGURES:
            notes.append(f"{factor}: of {effects} effects {FIGURES} are shown.")
    return images, " ".join(notes)


def _figure(
    factor: str, effect: str, j: int, by_engine: dict[str, Estimate], engines: list[str]
) -> Image:
    first = next(iter(by_engine.values()))
    order = np.argsort(first.mean[:, j], kind="stable")
    if order.size > LEVELS:
        order = np.concatenate([order[: LEVELS // 2], order[-LEVELS // 2 :]])
    place = np.arange(order.size, dtype=float)
    step = 0.5 / max(len(by_engine), 1)
    style = styles(engines)

    def paint(axes: Any) -> None:
        axes.axvline(0.0, color=FAINT, linewidth=0.8)
        for number, engine in enumerate(engines):
            if engine not in by_engine:
                continue
            block, (colour, mark) = by_engine[engine], style[engine]
            y = place - (number - 0.5 * (len(engines) - 1)) * step
            lower, upper = (end[order, j] for end in block.interval)
            axes.hlines(y, lower, upper, color=colour, linewidth=1.1, alpha=0.75)
            axes.plot(block.mean[order, j], y, mark, color=colour, markersize=3.2)
        axes.set_yticks(place, labels(first.labels(0)[order], 18), parse_math=False)
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.set_ylim(-0.8, order.size - 0.2)
        axes.locator_params(axis="x", nbins=6)
        name_axes(axes, title=f"{factor}: {effect}")

    told = f"Random effect {effect} of {order.size} levels of {factor}: mean and {INTERVAL}"
    return draw(paint, told, height=0.9 + 0.155 * order.size)
