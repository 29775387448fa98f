"""Many points at once: by the solver itself, where it says how, else point after point."""

from typing import Any

import numpy as np

from ..types import Array


def values(solver: Any, scales: Array, sigma: Array, work: Any = None) -> Array:
    """Log densities (k,) at scales (k, entries) and sigma (k,)."""
    if getattr(solver, "light", False):
        found: Array = solver.small.values(scales, sigma)
        return found
    work = solver.work() if work is None else work
    return np.array([solver.value(s, float(one), work) for s, one in zip(scales, sigma)])


def scores(
    solver: Any, scales: Array, sigma: Array, work: Any = None
) -> tuple[Array, Array, Array]:
    """Log densities (k,), J (k, entries), and slopes in sigma (k,)."""
    if getattr(solver, "light", False):
        found: tuple[Array, Array, Array] = solver.small.scores(scales, sigma)
        return found
    work = solver.work() if work is None else work
    each = [solver.score(s, float(one), work) for s, one in zip(scales, sigma)]
    value, J, slopes = zip(*each)
    return np.array(value), np.array(J), np.array(slopes)
