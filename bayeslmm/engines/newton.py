"""Newton's method from many starts side by side: one call evaluates what all of them ask for.

A step goes along -|H|^-1 g, with the absolute values of the Hessian's eigenvalues, so that it
ascends where the criterion is not concave (Dauphin et al. 2014, equation 2), and no farther than a
radius by which the last step's gain was foretold (Nocedal & Wright 2006, algorithm 4.1). Hessians
are differences of the exact gradient, asked for together with the point itself. Where a gradient is
dear, they are updated by what a step shows (the symmetric rank-one formula, ibid. 6.24) and
differences are taken at the start alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..types import Array

type Slopes = Callable[[Array], tuple[Array, Array]]  # points (k, d) -> values (k,), gradients

STEP = 1e-6  # of a difference, relative
RADIUS = 2.0  # of the first step, in units of log scales and of relative factors
GAIN = 1e-9  # nats: where less is foretold a search has come to its end
MOST = 60  # steps
FEWEST = 3  # steps that every search may take
BELOW, LEAP = 4.0, 10.0  # nats below the highest, and gains foretold that would not bring it there
SAME = 1e-2  # relative distance within which two searches are one
FLAT = 1e-10  # share of the largest curvature below which a direction has none


@dataclass(frozen=True)
class Peak:
    """Where a search ended."""

    x: Array
    value: float
    hessian: Array


@dataclass(repr=False)
class _Search:
    """One of the searches: where it is, what is known there, and where it goes next."""

    x: Array
    value: float
    grad: Array
    hessian: Array
    least: float
    radius: float = RADIUS
    trial: Array | None = None
    gain: float = np.inf
    done: bool = False
    steps: int = 0

    def propose(self) -> None:
        """The next point; done where nothing more is to be gained."""
        unit = np.maximum(1.0, np.abs(self.x))
        values, vectors = np.linalg.eigh(self.hessian * np.outer(unit, unit))
        size = np.maximum(np.abs(values), FLAT * np.abs(values).max(initial=0.0) + 1e-300)
        along = vectors.T @ (self.grad * unit)
        step = vectors @ (along / size)
        length = float(np.linalg.norm(step))
        shrink = min(1.0, self.radius / length) if length > 0.0 else 1.0
        step *= shrink
        self.gain = float(shrink * (1.0 - 0.5 * shrink) * (along**2 / size).sum())
        self.trial = self.x + step * unit
        if not np.isfinite(self.gain) or self.steps >= MOST:
            self.done, self.trial = True, None
        self.steps += 1

    def may_reach(self, top: float) -> bool:
        """Whether it is not left far below the highest, on ground that hardly rises."""
        return self.steps <= FEWEST or self.value + LEAP * self.gain > top - BELOW

    def judge(self, value: float, grad: Array, hessian: Array, learned: bool) -> None:
        """Go to the trial point if it is higher; learn from it how far to go.

        A Hessian that is `learned` is as good where the search stays.
        """
        last = self.gain < self.least
        assert self.trial is not None
        noise = 1e-12 * abs(self.value)
        if np.isfinite(value) and value >= self.value - (noise if last else 0.0):
            ratio = (value - self.value) / self.gain if self.gain > 0.0 else 1.0
            self.x, self.value, self.grad, self.hessian = self.trial, value, grad, hessian
            self.radius *= 3.0 if ratio > 0.75 else 0.5 if ratio < 0.25 else 1.0
        else:
            self.radius = 0.25 * min(self.radius, _length(self.trial, self.x))
            last = last or self.radius < 1e-9
            if learned:
                self.hessian = hessian
        self.done = last


def _apart(searches: list[_Search]) -> list[_Search]:
    """The highest of those that are at one place, the highest first."""
    kept: list[_Search] = []
    for search in sorted(searches, key=lambda s: -s.value):
        if not any(_length(search.x, other.x) < SAME for other in kept):
            kept.append(search)
    return kept


def _length(a: Array, b: Array) -> float:
    return float(np.linalg.norm((a - b) / np.maximum(1.0, np.abs(b))))


def ascend(
    slopes: Slopes, starts: Array, dear: bool = False, step: float = STEP, gain: float = GAIN
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
    """
    if starts.shape[1] == 0:
        values = slopes(starts)[0]
        return [Peak(starts[0], float(values[0]), np.zeros((0, 0)))]
    found = _with_hessians(slopes, starts, step)
    whole = [(x, each) for x, each in zip(starts, found) if np.isfinite(each[0])]
    searches = [_Search(x, *each, least=gain) for x, each in whole]
    while True:
        searches = _apart(searches)
        for search in searches:
            if not search.done:
                search.propose()
        top = max((search.value for search in searches), default=0.0)
        going = [s for s in searches if not s.done and s.may_reach(top)]
        if not going:
            return [Peak(s.x, s.value, s.hessian) for s in searches if s.done]
        trials = np.array([s.trial for s in going])
        if dear:
            told = [(v, g, _updated(s, g)) for s, v, g in zip(going, *slopes(trials))]
        else:
            told = _with_hessians(slopes, trials, step)
        for search, each in zip(going, told):
            search.judge(*each, learned=dear)


def _with_hessians(slopes: Slopes, points: Array, step: float) -> list[tuple[float, Array, Array]]:
    """Value, gradient and Hessian at every point, by forward differences, in one call."""
    k, d = points.shape
    h = step * np.maximum(1.0, np.abs(points))
    ahead = points[:, None, :] + h[:, None, :] * np.vstack([np.zeros(d), np.eye(d)])
    values, grads = slopes(ahead.reshape(k * (d + 1), d))
    grads = grads.reshape(k, d + 1, d)
    H = (grads[:, 1:] - grads[:, :1]) / h[:, :, None]
    H = 0.5 * (H + H.transpose(0, 2, 1))
    lost = ~np.isfinite(H).all(axis=(1, 2))
    H[lost] = -np.eye(d)
    return list(zip(values.reshape(k, d + 1)[:, 0], grads[:, 0], H))


def _updated(search: _Search, grad: Array) -> Array:
    """The Hessian that also explains the last step's change of gradient."""
    assert search.trial is not None
    step = search.trial - search.x
    gap = grad - search.grad - search.hessian @ step
    slope = float(gap @ step)
    if not np.isfinite(gap).all():
        return search.hessian
    if abs(slope) < 1e-8 * float(np.linalg.norm(gap) * np.linalg.norm(step)):
        return search.hessian
    return search.hessian + np.outer(gap, gap) / slope
