"""The boundary: variances of exactly zero, reached and left.

A factor that is zero to rounding is tried at exactly zero. A zero stands only if no direction of
Psi in its null space ascends: with J the derivative in Psi, n'J n <= 0 for every n with Psi n = 0
(the Karush-Kuhn-Tucker condition); else it is left along the direction that ascends most.
"""

from collections.abc import Callable

import numpy as np

from ..types import Array
from .chart import Chart, Free
from .newton import Peak

ZERO = 1e-4  # a relative sd below this is tried at exactly zero
STEPS = (0.1, 0.01, 0.001)  # relative sds at which a variance of zero is lifted


def free_coordinates(chart: Chart, x: Array) -> np.ndarray:
    """Coordinates that are not held at zero by a variance on the boundary."""
    held = set()
    for b in chart.blocks:
        for k in range(b.rows.size):
            if x[b.at + k] == 0.0:
                held.add(b.at + k)
    return np.array([i for i in range(x.size) if i not in held], np.int64)


def inside(chart: Chart, x: Array) -> Array:
    """Lift the diagonal of every factor off zero, where the derivative would vanish."""
    x = x.copy()
    for b in chart.blocks:
        diagonal = b.at + np.flatnonzero(b.rows == b.cols)
        x[diagonal] = np.maximum(np.abs(x[diagonal]), 0.05)
    return x


def snapped(chart: Chart, value_at: Callable[[Array], float], peak: Peak) -> Array:
    """Put relative factors that are zero to rounding at exactly zero, where that loses nothing."""
    x, value = peak.x, peak.value
    for b in chart.blocks:
        for i in range(b.q):
            row = b.at + np.flatnonzero(b.rows == i)
            diagonal = b.at + np.flatnonzero((b.rows == i) & (b.cols == i))
            for entries in (row, diagonal):
                if np.abs(x[entries]).max() >= ZERO or not x[entries].any():
                    continue
                trial = x.copy()
                trial[entries] = 0.0
                if entries is row:  # a zero row of L: nothing of this effect is left below either
                    trial[b.at + np.flatnonzero(b.cols == i)] = 0.0
                other = value_at(trial)
                if other >= value - 1e-11 * max(1.0, abs(value)):
                    x, value = trial, max(value, other)
    return x


def ascended(chart: Chart, x: Array) -> Array | None:
    """A higher point off the boundary in the steepest direction that ascends, or None."""
    if not any(_null(b.relative(x)).shape[1] for b in chart.blocks):
        return None
    theta = chart.theta(x)
    sigma = float(theta["sigma"])
    J = chart.target.solver.score(*chart.model.roots(theta))[1]
    each = chart.model.entries.split(J)
    value = chart.value(x)[0]
    for b in chart.blocks:
        own = each[b.number].reshape(b.q, b.q) * sigma**2 / np.outer(b.unit, b.unit)
        for part in _parts(b):
            direction = _climb(own[np.ix_(part, part)], b.relative(x)[np.ix_(part, part)])
            if direction is None:
                continue
            for size in STEPS:
                raised = _raised(b, x, part, size * direction)
                if chart.value(raised)[0] > value:  # a prior may hold what the likelihood lifts
                    return raised
    return None


def _parts(b: Free) -> list[np.ndarray]:
    """Effects that may be correlated with each other."""
    first = [int(b.cols[b.rows == i].min()) for i in range(b.q)]
    return [np.flatnonzero(np.array(first) == f) for f in sorted(set(first))]


def _climb(J: Array, L: Array) -> Array | None:
    """A unit vector in the null space of L L' along which the criterion rises, or None."""
    null = _null(L)
    if null.shape[1] == 0:
        return None
    slopes, turns = np.linalg.eigh(null.T @ J @ null)
    if slopes[-1] <= 1e-6 * max(1.0, np.abs(J).max()):
        return None
    return null @ turns[:, -1]


def _null(L: Array) -> Array:
    """Directions along which L L' is zero, one a column."""
    values, vectors = np.linalg.eigh(L @ L.T)
    found: Array = vectors[:, values < ZERO**2]
    return found


def _raised(b: Free, x: Array, part: np.ndarray, direction: Array) -> Array:
    """x with a small variance added along a direction of one block."""
    L = b.relative(x)
    own = L[np.ix_(part, part)]
    size = max(1.0, np.abs(own).max())
    raised = np.linalg.qr(np.column_stack([own, size * direction]).T, mode="r").T
    L[np.ix_(part, part)] = raised[:, : part.size]
    x = x.copy()
    x[b.coordinates] = L[b.rows, b.cols]
    return x
