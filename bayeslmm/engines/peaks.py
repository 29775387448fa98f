"""Where maxima may lie: the best points of a coarse grid of relative scales, cell by cell.

Two terms that can explain the same variation give a criterion of several maxima: a slope on a
column far from zero is almost an intercept, and either of them, both, or neither beside a larger
sigma may be a maximum (Henn & Hodges 2014 show it for a single variance). So every scale is tried
far below, below, at and above its usual size (`scale_grid`), and searches start from the summits of
a full grid where values cost next to nothing, else from the best point of each of its cells.
"""

from typing import Any

import numpy as np

from ..model.space import Space
from ..solvers.beta import MAXIMISED
from ..types import Array, Index
from .newton import ascend
from .scale_grid import FULL, Grid
from .size import operations
from .start import centre, mode

SUMMITS = 12  # starts of a full grid
TURNED, TURNS = 2, 6  # of which so many are tried with other correlations, so many of them
ZERO = 5.0  # log scales under its usual size where a scale at zero is started again
AWAY = 45.0  # log scales from the usual size beyond which nothing is looked for
SAME = 1e-2  # distance in log scales within which two maxima are one
WIDE = 12  # scales of one name from which they move together
WORK = 2e8  # multiplications that starts may cost
SEARCH = 15  # evaluations of one search from a start, and two more for each coordinate
SECOND = 20  # coordinates up to which searches are of second order
ROUGH, NEAR = 1e-3, 1e-6  # nats: where less is foretold, a rough maximum is reached
DEAR = 2e7  # multiplications
LEAST, MOST = 45, 650  # evaluations, whatever the work allows


def rough_maxima(model: Any, likelihood: Any, target: Any) -> list[Array]:
    """Distinct maxima of a log density of theta's coordinates, roughly; the highest comes first.

    Where more than the likelihood enters, and no full grid shows what that makes of it, the
    likelihood's own maxima are starts too, unless they are too dear.
    """
    begins = starts(model, likelihood, target)
    if target is not likelihood and not (likelihood.light or dear(model)):
        middle = centre(model)
        likely = rough_maxima(model, likelihood, likelihood)
        begins += [np.clip(z, middle - ZERO, middle + 40.0) for z in likely]
    if model.space.size <= SECOND:
        rare = dear(model)  # then the careful search is to begin where its Hessian holds
        gain = NEAR if rare else ROUGH
        limits = np.array([-AWAY, AWAY])[:, None] + centre(model)
        found = ascend(
            target.slopes, np.array(begins), dear=rare, gain=gain, limits=(limits[0], limits[1])
        )
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
    sides = _correlations(model.space)
    grid = Grid(likelihood, target, centre(model), axes, ray, sides, count)
    allowed = int(np.clip(WORK / operations(model), LEAST, MOST))
    tops: list[Array] = []
    levels = grid.levels(likelihood.light, allowed // 2)
    if levels is not None:
        tops = grid.summits(levels)[:SUMMITS]
        tops += [] if grid.whole else _turned(sides[:TURNS], tops[:TURNED])
        if tops and len(axes) < FULL:
            return tops
    cells = grid.cells(allowed // 2)
    values, Z, _ = grid.at(np.array([point for cell in cells for point in cell]))
    best, at = [], 0
    for cell in cells:
        own = at + int(np.argmax(values[at : at + len(cell)]))
        best += [own] if values[own] > -np.inf else []
        at += len(cell)
    best.sort(key=lambda i: -values[i])
    left = allowed - sum(map(len, cells))
    most = max(1, left // (SEARCH + 2 * model.space.size))
    return [*tops, *(Z[i] for i in best[:most])] or [centre(model)]


def _turned(sides: Index, points: list[Array]) -> list[Array]:
    """The same with each correlation's coordinate moved to either side, one at a time."""
    found = []
    for z in points:
        for at in sides:
            for side in (-1.0, 1.0):
                other = z.copy()
                other[at] = side
                found.append(other)
    return found


def _correlations(space: Space) -> Index:
    """Coordinates of the correlations."""
    own = [space.places[c.name] for c in space.correlations if c.free]
    return np.concatenate([*own, np.zeros(0, np.intp)])


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
