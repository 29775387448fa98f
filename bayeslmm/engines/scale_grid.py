"""A coarse grid of relative scales on which maxima are looked for, sigma at its best at each point.

Along a ray on which all scales keep their ratio to sigma, the log density is

    const - m log sigma - Q / (2 sigma^2),        so that sigma^2 = Q / m,  Q from one slope.

Where values cost next to nothing the grid is full and fine; else it falls into cells, one for each
choice of small or large for every scale. Of many scales, all small, all large and each one apart
from the others are tried.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..types import Array

type Cells = tuple[tuple[float, ...], ...]

# Log relative scales of the cells of an axis, by the number of axes; the last serves all above.
CELLS: tuple[Cells, ...] = (
    ((-5.0, -3.5), (-2.4, -1.4), (-0.5, 0.4), (1.3, 2.3), (3.4,)),
    ((-4.0, -2.5, -1.2), (-0.2, 1.2, 2.6), (4.0,)),
    ((-3.6, -1.2), (0.4, 2.2, 4.0)),
    ((-2.5,), (0.5, 2.3, 4.1)),
)
# The same where hundreds of values cost next to nothing: a full grid, by the number of axes.
FINE: tuple[Array, ...] = (
    np.linspace(-6.0, 4.0, 21),
    np.linspace(-5.0, 4.0, 11),
    np.linspace(-4.2, 3.5, 8),
    np.array([-3.5, -1.5, 0.0, 1.5, 3.5]),
)
SIDES = np.array([-1.3, 0.0, 1.3])  # coordinates of correlations of about -.8, zero and .8
MOST_AXES = 3  # with correlations among them
SMALL = -1.0  # log relative scales that count as small
FEW: Cells = ((-2.5,), (1.5,))
FULL = 4  # axes up to which all cells are tried
NEAR = 2.0  # log sigma below its usual size at which the slope of a ray is taken


@dataclass(frozen=True, repr=False)
class Grid:
    """A log density of theta's coordinates, and the rays through a grid around a centre."""

    likelihood: Any  # value and gradient of what the rays are of
    target: Any  # of what is to be maximised
    centre: Array
    axes: tuple[np.ndarray, ...]  # coordinates that move together, one array an axis
    ray: np.ndarray  # coordinates that keep their ratio to sigma, and sigma's own; or none
    sides: np.ndarray  # coordinates of correlations
    count: float  # m

    def cells(self, most: int) -> list[list[tuple[float, ...]]]:
        """Points of the grid, cell by cell; single points where `most` allows no more."""
        k = len(self.axes)
        levels = CELLS[min(k, len(CELLS)) - 1]
        if sum(map(len, levels)) ** k > most:
            levels = FEW
        if k <= FULL:
            return [list(product(*chosen)) for chosen in product(levels, repeat=k)]
        (low,), (high,) = FEW
        apart = [
            (*(rest,) * i, one, *(rest,) * (k - i - 1))
            for rest, one in ((low, high), (high, low))
            for i in range(k)
        ]
        return [[point] for point in [*((level,) * k for level in (0.0, high, low)), *apart][:most]]

    def levels(self, light: bool, most: int) -> Array | None:
        """Log relative scales of a full grid, the same for every axis; None where it is too large.

        A fine one where values cost next to nothing, else all points of the cells.
        """
        k = len(self.axes)
        if k > len(FINE):
            return None
        levels = FINE[k - 1] if light else np.concatenate(CELLS[k - 1])
        return levels if light or levels.size**k <= most else None

    @property
    def whole(self) -> bool:
        """Whether correlations have axes of their own in a full grid."""
        return len(self.axes) + self.sides.size <= MOST_AXES

    def summits(self, levels: Array) -> list[Array]:
        """Points of a full grid from which to search, the highest first.

        Those that are no lower than any point beside them, by the target or by the likelihood
        alone. Where correlations are zero throughout, another may make a maximum: then the best of
        every choice of small or large, too.
        """
        k, turned = len(self.axes), self.sides if self.whole else self.sides[:0]
        steps = [levels] * k + [SIDES] * turned.size
        points = np.array(list(product(*steps)))
        values, Z, likely = self.at(points[:, :k], turned, points[:, k:])
        shape = [each.size for each in steps]
        chosen = _summits(values.reshape(shape)) | _summits(likely.reshape(shape))
        if not self.whole:
            cell = (points > SMALL) @ (2 ** np.arange(k))
            for each in range(2**k):
                own = np.flatnonzero(cell == each)
                chosen.add(int(own[np.argmax(values[own])]))
        order = sorted((i for i in chosen if values[i] > -np.inf), key=lambda i: -values[i])
        return [Z[i] for i in order]

    def at(
        self, offsets: Array, turned: np.ndarray | None = None, sides: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """Values (k,), coordinates (k, d), values of the likelihood; sigma at its best for it."""
        Z = np.repeat(self.centre[None], len(offsets), axis=0)
        if turned is not None:
            Z[:, turned] = sides
        for i, axis in enumerate(self.axes):
            Z[:, axis] += offsets[:, i, None]
        Z[:, self.ray] -= NEAR  # where Q is large beside what a prior of beta adds
        values, slopes = self.likelihood.slopes(Z)
        if self.ray.size:
            m = self.count
            share = 1.0 + slopes[:, self.ray].sum(axis=1) / m  # Q / (m sigma^2)
            share = np.clip(np.where(np.isfinite(share), share, 1.0), 1e-8, 1e8)
            values = values + 0.5 * m * (share - 1.0 - np.log(share))
            Z[:, self.ray] += 0.5 * np.log(share)[:, None]
        likely = np.where(np.isfinite(values), values, -np.inf)
        if self.target is self.likelihood:
            return likely, Z, likely
        values = self.target.many(Z)
        return np.where(np.isfinite(values), values, -np.inf), Z, likely


def _summits(V: Array) -> set[int]:
    """Flat indices of the points that are no lower than any beside them."""
    around = np.pad(V, 1, constant_values=-np.inf)
    summit = -np.inf < V
    for move in product((0, 1, 2), repeat=V.ndim):
        summit &= around[tuple(slice(m, m + size) for m, size in zip(move, V.shape))] <= V
    return set(np.flatnonzero(summit.ravel()).tolist())
