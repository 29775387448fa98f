"""Panel: random effects, level by level, in the order of their size."""

import numpy as np

from ..results.drawing import Image
from ..results.estimates import INTERVAL, Estimate
from .forest import forest, marks
from .view import View

LEVELS = 40  # of one factor; more would not be read
FIGURES = 6  # of one factor


def caterpillar(view: View) -> tuple[list[Image], str]:
    """One figure a factor and effect; the factor with fewest levels first."""
    images, notes = [], []
    held = [each for each in view.variables if each.effects]
    for first in sorted(held, key=lambda each: len(each.mean)):
        factor, (levels, effects) = first.name.removeprefix("u_"), first.mean.shape
        for j, effect in enumerate(first.labels(1)[:FIGURES]):
            images.append(_figure(effect, j, view.estimates[first.name], list(view.trees)))
        if levels > LEVELS:
            notes.append(
                f"{factor}: of {levels} levels the {LEVELS // 2} lowest and the "
                f"{LEVELS // 2} highest are shown."
            )
        if effects > FIGURES:
            notes.append(f"{factor}: of {effects} effects {FIGURES} are shown.")
    return images, " ".join(notes)


def _figure(effect: str, j: int, found: dict[str, Estimate], engines: list[str]) -> Image:
    first = next(iter(found.values()))
    order = np.argsort(first.mean[:, j], kind="stable")
    if order.size > LEVELS:
        order = np.concatenate([order[: LEVELS // 2], order[-LEVELS // 2 :]])
    factor, own = first.name.removeprefix("u_"), {e: marks(u, (order, j)) for e, u in found.items()}
    told = f"Random effect {effect} of {order.size} levels of {factor}: mean and {INTERVAL}"
    names = first.labels(0)[order].tolist()
    title = f"{factor}: {effect}"
    return forest(names, own, engines, told, title=title, rising=True, room=0.155)
