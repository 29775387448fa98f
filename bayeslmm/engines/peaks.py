"""Where maxima may lie: the best points of a coarse grid of relative scales, cell by cell.

Two terms that can explain the same variation give a criterion of several maxima: a slope on a
column far from zero is almost an intercept, and either of them, both, or neither beside a larger
sigma may be a maximum (Henn & Hodges 2014 show it for a single variance). So every scale is tried
far below, below, at and above its usual size, and sigma at its best for each: along a ray on which
all scales keep their ratio to sigma, the log density is

    const - m log sigma - Q / (2 sigma^2),        so that sigma^2 = Q / m,  Q from one slope.

The grid falls into cells, one for each choice of small or large for every scale; the best point of
each is a start. Of many scales, all small, all large and each one apart from the others are tried.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..model.space import Space
from ..solvers.beta import MAXIMISED
from ..types import Array, Index
from .newton import ascend
from .size import operations
from .start import centre, mode

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
    np.linspace(-5.0, 4.0, 13),
    np.linspace(-4.2, 3.5, 8),
    np.array([-3.5, -1.5, 0.0, 1.5, 3.5]),
)
SUMMITS = 12  # starts of a full grid
TURNED, TURNS = 2, 6  # of which so many are tried with other correlations, so many of them
SMALL = -1.0  # log relative scales of it that count as small
FEW: Cells = ((-2.5,), (1.5,))
FULL = 4  # axes up to which all cells are tried
ZERO = 5.0  # log scales under its usual size where a scale at zero is started again
SAME = 1e-2  # distance in log scales within which two maxima are one
WIDE = 12  # scales of one name from which they move together
WORK = 2e8  # multiplications that starts may cost
NEAR = 2.0  # log sigma below its usual size at which the slope of a ray is taken
SEARCH = 15  # evaluations of one search from a start, and two more for each coordinate
SECOND = 20  # coordinates up to which searches are of second order
ROUGH = 1e-3  # nats: where less is foretold, a rough maximum is reached
DEAR = 2e7  # multiplications
LEAST, MOST = 45, 650  # evaluations, whatever the work allows


@dataclass(frozen=True, repr=False)
class Grid:
    """A log density of theta's coordinates, and the rays through a grid around a centre."""

    likelihood: Any  # value and gradient of what the rays are of
    target: Any  # of what is to be maximised
    centre: Array
    axes: tuple[np.ndarray, ...]  # coordinates that move together, one array an axis
    ray: np.ndarray  # coordinates that keep their ratio to sigma, and sigma's own; or none
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

    def summits(self, levels: Array) -> list[Array]:
        """Points of a full grid from which to search, the highest first.

        Those that are no lower than any point beside them, and the best of every choice of small or
        large for each scale: correlations, which are zero here, may make a maximum near them.
        """
        k = len(self.axes)
        points = np.array(list(product(levels, repeat=k)))
        values, Z = self.at(points)
        V = values.reshape((levels.size,) * k)
        around = np.pad(V, 1, constant_values=-np.inf)
        summit = -np.inf < V
        for move in product((0, 1, 2), repeat=k):
            summit &= around[tuple(slice(m, m + levels.size) for m in move)] <= V
        chosen = set(np.flatnonzero(summit.ravel()).tolist())
        cell = (points > SMALL) @ (2 ** np.arange(k))
        for each in range(2**k):
            own = np.flatnonzero(cell == each)
            chosen.add(int(own[np.argmax(values[own])]))
        order = sorted((i for i in chosen if values[i] > -np.inf), key=lambda i: -values[i])
        return [Z[i] for i in order]

    def at(self, offsets: Array) -> tuple[Array, Array]:
        """Values (k,) and coordinates (k, d) at points of the grid, sigma at its best."""
        Z = np.repeat(self.centre[None], len(offsets), axis=0)
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
        if self.target is not self.likelihood:
            values = self.target.many(Z)
        return np.where(np.isfinite(values), values, -np.inf), Z


def rough_maxima(model: Any, likelihood: Any, target: Any) -> list[Array]:
    """Distinct maxima of a log density of theta's coordinates, roughly; the highest comes first.

    Where more than the likelihood enters, and no full grid shows what that makes of it, the
    likelihood's own maxima are starts too.
    """
    begins = starts(model, likelihood, target)
    if target is not likelihood and not likelihood.light:
        middle = centre(model)
        likely = rough_maxima(model, likelihood, likelihood)
        begins += [np.clip(z, middle - ZERO, middle + 40.0) for z in likely]
    if model.space.size <= SECOND:
        found = ascend(target.slopes, np.array(begins), dear=dear(model), gain=ROUGH)
        return [peak.x for peak in found] or begins[:1]
    ends = [mode(target, z) for z in begins]
    values = np.array([target(z)[0] for z in ends])
    values[~np.isfinite(values)] = -np.inf
    kept: list[int] = []
    for i in np.argsort(-values, kind="stable"):
        if not any(np.allclose(ends[i], ends[j], atol=SAME) for j in kept):
            kept.append(int(i))
    return [ends[i] for i in kept]


def dear(model: Any) -> bool:
    """Whether a gradient costs so much that what curvature is should be learnt on the way."""
    return operations(model) > DEAR


def starts(model: Any, likelihood: Any, target: Any) -> list[Array]:
    """Points from which to search, the most promising first; the model's centre at least."""
    axes, ray = _directions(model.space)
    if not axes:
        return [centre(model)]
    design = model.design
    lost = design.X.shape[1] if likelihood.solver.beta is not MAXIMISED else 0
    count = max(1.0, float(design.frequency.sum()) - lost)
    grid = Grid(likelihood, target, centre(model), axes, ray, count)
    allowed = int(np.clip(WORK / operations(model), LEAST, MOST))
    tops: list[Array] = []
    levels = grid.levels(likelihood.light, allowed // 2)
    if levels is not None:
        tops = grid.summits(levels)[:SUMMITS]
        tops += _turned(model.space, tops[:TURNED])
        if tops and len(axes) < len(FINE):
            return tops
    cells = grid.cells(allowed // 2)
    values, Z = grid.at(np.array([point for cell in cells for point in cell]))
    best, at = [], 0
    for cell in cells:
        own = at + int(np.argmax(values[at : at + len(cell)]))
        best += [own] if values[own] > -np.inf else []
        at += len(cell)
    best.sort(key=lambda i: -values[i])
    left = allowed - sum(map(len, cells))
    most = max(1, left // (SEARCH + 2 * model.space.size))
    return [*tops, *(Z[i] for i in best[:most])] or [centre(model)]


def _turned(space: Space, points: list[Array]) -> list[Array]:
    """The same with each correlation's coordinate moved to either side, one at a time."""
    own = [space.places[c.name] for c in space.correlations if c.free]
    found = []
    for z in points:
        for at in np.concatenate([*own, np.zeros(0, np.intp)])[:TURNS]:
            for side in (-1.0, 1.0):
                other = z.copy()
                other[at] = side
                found.append(other)
    return found


def _directions(space: Space) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Coordinates of the scales beside sigma that move alone, and those of the ray.

    Many scales of one name move together; what is in units of sigma anyway is not on the ray.
    """
    held = {name for p in space.products if p.noise for name, _ in p.exponents}
    axes: list[Index] = []
    ray: list[int] = []
    for scale in space.scales[:-1]:
        if scale.free:
            own = space.places[scale.name]
            axes += [own] if own.size > WIDE else list(own[:, None])
            ray += [] if scale.name in held else own.tolist()
    free = space.sigma.free
    return tuple(axes), np.array([*ray, *space.places["sigma"]] if free else [], np.int64)
