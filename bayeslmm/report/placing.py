"""Where names stand beside the tips of arrows, so that none covers another.

The reader's fonts draw the text, so its width is estimated: 0.56 of the size for each character.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Array

ASPECT = 0.56  # mean width of a character, in units of the font's size
GAP = 4.0  # points between the tip and its name
STEPS = (0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0, -4.0)  # lines up or down that are tried


@dataclass(frozen=True)
class Placed:
    """Offset from the tip in points, the side of the text that touches it, and where it stands."""

    offset: tuple[float, float]
    side: str
    box: tuple[float, float, float, float]  # left, right, bottom, top; from the origin


def placed(names: Sequence[str], tips: Array, size: float, shafts: Array) -> list[Placed]:
    """Places of names at tips (k, 2), in points from the origin of the arrows.

    Each stands on the outer side of its tip, at the first height at which it covers neither another
    name nor an arrow, of which `shafts` are the tips; else where it covers least.
    """
    along = (np.linspace(0.1, 1.0, 24)[:, None, None] * shafts).reshape(-1, 2)
    taken = [(x - 1.0, x + 1.0, y - 1.0, y + 1.0) for x, y in along.tolist()]
    found = []
    for name, (x, y) in zip(names, tips):
        width, right = ASPECT * size * len(name), x >= 0.0
        best, least = (0.0, (x, x, y, y)), np.inf
        for step in STEPS:
            middle = y + 1.15 * size * step
            left = x + GAP if right else x - GAP - width
            box = (left, left + width, middle - 0.55 * size, middle + 0.55 * size)
            covered = sum(_overlap(box, other) for other in taken)
            if covered < least:
                best, least = (step, box), covered
            if covered == 0.0:
                break
        step, box = best
        taken.append(box)
        offset = (GAP if right else -GAP, 1.15 * size * step)
        found.append(Placed(offset, "left" if right else "right", box))
    return found


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Area that two boxes (left, right, bottom, top) share."""
    width = min(a[1], b[1]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[2], b[2])
    return max(width, 0.0) * max(height, 0.0)
