"""Newton's method from many starts side by side: one call evaluates what all of them ask for.

A step goes along |H|^-1 g, with the absolute values of the Hessian's eigenvalues, so that it
ascends where the criterion is not concave (Dauphin et al. 2014, equation 2), and no farther than a
radius by which the last step's gain was foretold (Nocedal & Wright 2006, algorithm 4.1). Hessians
are differences of the exact gradient, asked for together with the point itself. Where a gradient is
dear, they are updated by what a step shows (the symmetric rank-one formula, ibid. 6.24), and
differences are taken at the start alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ..types import Array

type Slopes = Callable[[Array], tuple[Array, Array]]  # points (k, d) -> values (k,), gradients

STEP = 1e-6  # of a difference, relative
RADIUS = 2.0  # of the first step, in units of log scales and of relative factors
SHORT = 1e-9  # radius from which a search has nowhere to go
GAIN = 1e-9  # nats: where less is foretold a search has come to its end
MOST = 60  # steps
FLAT = 1e-10  # share of the largest curvature below which a direction has none
FARTHEST = 1e6  # length of a step, before the radius cuts it
SAME = 1e-2  # relative distance within which two searches are one
BESIDE = 0.3  # the same of a search's next point and a maximum
FEWEST = 3  # steps that every search may take
BELOW, LEAP = 4.0, 10.0  # nats below the highest, and gains foretold that would not bring it there


@dataclass(frozen=True)
class Peak:
    """Where a search ended."""

    x: Array
    value: float
    hessian: Array


@dataclass(repr=False)
class _Searches:
    """All searches that go on: where they are, and what is known there."""

    x: Array  # (k, d)
    value: Array  # (k,)
    grad: Array  # (k, d)
    hessian: Array  # (k, d, d)
    radius: Array  # (k,)

    def only(self, which: NDArray) -> "_Searches":
        """Some of them, in this order."""
        return _Searches(*(getattr(self, f.name)[which] for f in fields(self)))

    def peaks(self) -> list[Peak]:
        return [Peak(*each) for each in zip(self.x, self.value.tolist(), self.hessian)]


@np.errstate(all="ignore")
def ascend(
    slopes: Slopes,
    starts: Array,
    dear: bool = False,
    step: float = STEP,
    gain: float = GAIN,
    limits: tuple[Array, Array] | None = None,
) -> list[Peak]:
    """The maxima above starts (k, d), the highest first; what cannot be evaluated is left out.

    Searches that meet go on as one.

    Parameters
    ----------
    dear : bool
        Whether a gradient costs so much that Hessians are updated, not taken anew.
    step : float
        Of differences, relative: larger where values are known to few digits.
    gain : float
        Nats: a search ends where less is foretold.
    limits : pair of arrays, optional
        Least and largest coordinates; a search ends where it is held there.
    """
    if starts.shape[1] == 0:
        values = slopes(starts)[0]
        return [Peak(starts[0], float(values[0]), np.zeros((0, 0)))]
    found = _with_hessians(slopes, starts, step)
    going = _Searches(starts, *found, np.full(len(starts), RADIUS))
    going = going.only(np.isfinite(going.value))
    ended: list[Peak] = []
    for steps in range(MOST):
        going = _apart(going, ended)
        if not going.value.size:
            break
        trial, foretold, concave = _proposed(going)
        trial = trial if limits is None else np.clip(trial, *limits)
        top = max([*going.value, *(peak.value for peak in ended)])
        worth = going.value + LEAP * foretold > top - BELOW
        worth |= steps < FEWEST  # else left far below, on ground that hardly rises
        for peak in ended:  # a step away from one on a hill of the same form
            worth &= ~(concave & (_length(trial - peak.x, peak.x) < BESIDE))
        going, trial, foretold = going.only(worth), trial[worth], foretold[worth]
        if not going.value.size:
            break
        values, grads, H = _told(slopes, going, trial, step, dear)
        last = (foretold < gain) | (trial == going.x).all(axis=1)
        higher = values >= going.value - np.where(last, 1e-12 * np.abs(going.value), 0.0)
        length = _length(trial - going.x, going.x)
        ratio = (values - going.value) / np.maximum(foretold, 1e-300)
        grown = going.radius * np.where(ratio > 0.75, 3.0, np.where(ratio < 0.25, 0.5, 1.0))
        radius = np.where(higher, grown, 0.25 * np.minimum(going.radius, length))
        last |= ~higher & (radius < SHORT)
        learnt = higher | dear
        going = _Searches(
            np.where(higher[:, None], trial, going.x),
            np.where(higher, values, going.value),
            np.where(higher[:, None], grads, going.grad),
            np.where(learnt[:, None, None], H, going.hessian),
            radius,
        )
        ended += going.only(last).peaks()
        going = going.only(~last)
    ended += going.peaks()
    return _distinct(ended)


def _proposed(at: _Searches) -> tuple[Array, Array, NDArray]:
    """The next points (k, d), what they should gain (k,), and whether the ground is concave."""
    unit = np.maximum(1.0, np.abs(at.x))
    values, vectors = np.linalg.eigh(at.hessian * unit[:, :, None] * unit[:, None, :])
    along = ((at.grad * unit)[:, None] @ vectors)[:, 0]
    size = np.maximum(np.abs(values), FLAT * np.abs(values).max(axis=1, keepdims=True))
    size = np.maximum(size, np.abs(along) / FARTHEST + 1e-300)  # a slope without an end
    move = (vectors @ (along / size)[:, :, None])[:, :, 0]
    length = np.sqrt((move**2).sum(axis=1))
    shrink = np.minimum(1.0, at.radius / np.maximum(length, 1e-300))
    foretold = shrink * (1.0 - 0.5 * shrink) * (along**2 / size).sum(axis=1)
    return at.x + shrink[:, None] * move * unit, foretold, values[:, -1] < 0.0


def _told(
    slopes: Slopes, at: _Searches, trial: Array, step: float, dear: bool
) -> tuple[Array, Array, Array]:
    """Values, gradients and Hessians at the trial points; values of minus infinity where none."""
    if dear:
        values, grads = slopes(trial)
        H = np.array([_updated(*each) for each in zip(at.hessian, trial - at.x, grads - at.grad)])
    else:
        values, grads, H = _with_hessians(slopes, trial, step)
    return np.where(np.isfinite(values), values, -np.inf), grads, H


def _with_hessians(slopes: Slopes, points: Array, step: float) -> tuple[Array, Array, Array]:
    """Values, gradients and Hessians at points (k, d), by forward differences, in one call."""
    k, d = points.shape
    h = step * np.maximum(1.0, np.abs(points))
    ahead = points[:, None, :] + h[:, None, :] * np.vstack([np.zeros(d), np.eye(d)])
    values, grads = slopes(ahead.reshape(k * (d + 1), d))
    grads = grads.reshape(k, d + 1, d)
    H = (grads[:, 1:] - grads[:, :1]) / h[:, :, None]
    H = 0.5 * (H + H.transpose(0, 2, 1))
    H[~np.isfinite(H).all(axis=(1, 2))] = -np.eye(d)
    return values.reshape(k, d + 1)[:, 0], grads[:, 0], H


def _updated(H: Array, move: Array, change: Array) -> Array:
    """The Hessian that also explains a change of the gradient along a move."""
    gap = change - H @ move
    slope = float(gap @ move)
    if not np.isfinite(gap).all():
        return H
    if abs(slope) <= 1e-8 * float(np.linalg.norm(gap) * np.linalg.norm(move)):
        return H
    return H + np.outer(gap, gap) / slope


def _apart(going: _Searches, ended: list[Peak]) -> _Searches:
    """Those that are not where a higher one is, the highest first."""
    order = np.argsort(-going.value, kind="stable")
    met = [peak.x for peak in ended]
    kept = []
    for i in order:
        if not any(_length(going.x[i] - x, x).max() < SAME for x in met):
            kept.append(i)
            met.append(going.x[i])
    return going.only(np.array(kept, np.intp))


def _distinct(peaks: list[Peak]) -> list[Peak]:
    """The highest of those at one place, the highest first."""
    kept: list[Peak] = []
    for peak in sorted(peaks, key=lambda p: -p.value):
        if not any(_length(peak.x - o.x, o.x).max() < SAME for o in kept):
            kept.append(peak)
    return kept


def _length(move: Array, at: Array) -> Array:
    """Lengths (k,) of moves (k, d), relative where coordinates are large."""
    return np.sqrt(np.atleast_1d(((move / np.maximum(1.0, np.abs(at))) ** 2).sum(axis=-1)))
