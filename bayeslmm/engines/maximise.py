"""Maximise a criterion over the variances by Newton's method from many starts, boundary included.

The gradient is exact and the Hessian its difference (`newton`). A variance of zero is a stationary
point whatever the data say, so the search never starts there, and a zero is accepted only if no
direction of Psi in its null space ascends: with J the derivative in Psi, n'J n <= 0 for every n
with Psi n = 0 (the Karush-Kuhn-Tucker condition).
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..model.model import Model
from ..model.target import Target
from ..types import Array, Theta
from .boundary import ascended, free_coordinates, inside, snapped
from .chart import Chart
from .exact import ADVICE, exact_fit
from .newton import Peak, ascend
from .peaks import dear, rough_maxima

ROUNDS = 6
CLOSE = 0.5  # nats below the best rough maximum from which another gets its own careful search
NEWTONS = 3  # careful searches
SLACK = 0.1  # nats that a rough maximum may be short of its own


@dataclass(frozen=True, repr=False)
class Optimum:
    """Where the criterion is largest."""

    chart: Chart
    criterion: str
    x: Array
    value: float
    evaluations: int
    distance: float  # expected gain of one more Newton step
    rounding: float  # to which the value itself is known
    hessian: Array  # of the negative criterion, along the free coordinates
    known: dict[str, Any] = field(default_factory=dict, compare=False)  # what was found of it

    @property
    def converged(self) -> bool:
        """Whether one more step promises nothing that float64 could tell."""
        return bool(self.distance < max(1e-6, 10.0 * self.rounding))

    @property
    def theta(self) -> Theta:
        return self.chart.theta(self.x)

    @property
    def model(self) -> Model:
        return self.chart.model


def maximise(model: Model, criterion: str, begin: Theta | None = None) -> Optimum:
    """The largest value of a criterion ("ml", "reml", "evidence" or "map").

    Raises
    ------
    ArithmeticError
        Where float64 cannot hold the criterion near any start.
    """
    target = model.target(criterion, prior=criterion == "map")
    chart = Chart(model, target)
    counted = _Counted(chart)
    tops = _tops(counted, criterion) if begin is None else _from(counted, begin)
    if not tops:
        followed = exact_fit(model)
        if followed is not None:
            raise ArithmeticError(f"{followed.words}; {ADVICE}")
        raise ArithmeticError(
            "the likelihood cannot be evaluated at the start: rescale y or the columns so that "
            "their spread lies between 1e-100 and 1e100, and give priors of a like size"
        )
    best = max((_climbed(counted, top) for top in tops), key=lambda peak: peak.value)
    rounding = _rounding(chart, best.x)
    value, grad, H = _curved(counted, best, rounding)
    free = free_coordinates(chart, best.x)
    H = H[np.ix_(free, free)]
    distance = _distance(grad[free], H, best.x[free])
    return Optimum(chart, criterion, best.x, value, counted.count, distance, rounding, H)


@dataclass(repr=False)
class _Counted:
    """A chart whose evaluations are counted."""

    chart: Chart
    count: int = 0

    def slopes(self, X: Array) -> tuple[Array, Array]:
        """The criterion and its gradients at points X (k, size)."""
        self.count += len(X)
        return self.chart.slopes(X)

    def value(self, x: Array) -> float:
        """The criterion at x, minus infinity where float64 cannot hold it."""
        value = self.slopes(x[None])[0][0]
        return float(value) if np.isfinite(value) else -np.inf


def _from(counted: _Counted, begin: Theta) -> list[Peak]:
    """The maximum above one point."""
    x = inside(counted.chart, counted.chart.coordinates(begin))
    return ascend(counted.slopes, x[None], dear=dear(counted.chart.model))


def _tops(counted: _Counted, criterion: str, close: float = CLOSE) -> list[Peak]:
    """Distinct maxima inside, found from many starts, that are within `close` of the highest."""
    chart, model = counted.chart, counted.chart.model
    target = model.target(criterion, prior=False)
    inner = _Scaled(model, target) if criterion == "map" else target
    points = rough_maxima(model, target, inner)
    values = inner.many(np.array(points))
    points = [z for z, v in zip(points, values) if not v < values.max() - close - SLACK][:NEWTONS]
    thetas = [model.space.constrain(z) for z in points]
    X = np.array([inside(chart, chart.coordinates(theta)) for theta in thetas])
    peaks = _distinct(ascend(counted.slopes, X, dear=dear(model)))
    return [p for p in peaks[:NEWTONS] if not p.value < peaks[0].value - close]


def _distinct(peaks: list[Peak]) -> list[Peak]:
    """One of those that differ in nothing but the signs of factors' columns."""
    kept: list[Peak] = []
    for peak in peaks:
        x = np.abs(peak.x)
        if not any(np.allclose(x, np.abs(o.x), rtol=0.01, atol=0.01) for o in kept):
            kept.append(peak)
    return kept


def _climbed(counted: _Counted, peak: Peak) -> Peak:
    """The maximum above a start, boundary included."""
    chart = counted.chart
    for _ in range(ROUNDS):
        x = snapped(chart, counted.value, peak)
        if not np.array_equal(x, peak.x):
            peak = Peak(x, counted.value(x), np.full(peak.hessian.shape, np.nan))
        better = ascended(chart, x)
        if better is None:
            break
        step = step_for(_rounding(chart, better))
        peak = ascend(counted.slopes, better[None], dear=dear(chart.model), step=step)[0]
    return peak


def _curved(counted: _Counted, peak: Peak, rounding: float) -> tuple[float, Array, Array]:
    """Value, gradient, and Hessian of the negative criterion at a maximum, by differences.

    Where a gradient is dear the search's own Hessian serves, taken a step from here and updated.
    """
    x = peak.x
    if not x.size:
        return peak.value, np.zeros(0), np.zeros((0, 0))
    known = dear(counted.chart.model) and bool(np.isfinite(peak.hessian).all())
    h = np.diag(step_for(rounding) * np.maximum(1.0, np.abs(x)))
    values, slopes = counted.slopes(np.vstack([x, *([] if known else [x + h, x - h])]))
    H = peak.hessian
    if not known:
        H = (slopes[1 : x.size + 1] - slopes[x.size + 1 :]) / (2.0 * np.diag(h)[:, None])
    return float(values[0]), slopes[0], -0.5 * (H + H.T)


def _rounding(chart: Chart, x: Array) -> float:
    theta = chart.theta(x)
    return chart.target.solver.rounding(*chart.model.roots(theta))


def step_for(rounding: float) -> float:
    """Relative step of a central difference whose error is least, where values are rounded so."""
    return max(1e-5, rounding ** (1.0 / 3.0))


def near(best: Optimum, close: float) -> list[Array]:
    """Other maxima, roughly, that lie less than `close` nats below the best."""
    found = _tops(_Counted(best.chart), best.criterion, close)
    return [
        peak.x
        for peak in found
        if not best.value - peak.value > close
        and not np.allclose(np.abs(peak.x), np.abs(best.x), rtol=0.05, atol=0.05)
    ]


class _Scaled:
    """The target plus the prior of the scales on their own scale, without Jacobian."""

    def __init__(self, model: Model, target: Target) -> None:
        self.model, self.target = model, target
        self.prior = replace(target, prior=True)

    def slopes(self, Z: Array) -> tuple[Array, Array]:
        """Values (k,) and gradients (k, d)."""
        values, grads = self.target.slopes(Z)
        more, slopes = self.prior.scale_priors(Z)
        return values + more, grads + slopes

    def many(self, Z: Array) -> Array:
        """Values (k,)."""
        return self.slopes(Z)[0]

    def __call__(self, z: Array) -> tuple[float, Array]:
        values, grads = self.slopes(z[None])
        return float(values[0]), grads[0]


def _distance(grad: Array, H: Array, x: Array) -> float:
    """Expected gain of one more Newton step along the coordinates that are not at a boundary."""
    if x.size == 0:
        return 0.0
    unit = np.maximum(1.0, np.abs(x))  # steps are relative where a factor is large
    grad = grad * unit
    values, vectors = np.linalg.eigh(H * np.outer(unit, unit))
    if values[0] <= 0.0:
        return float("inf") if np.abs(grad).max() > 1e-4 else 0.0
    return float(0.5 * ((vectors.T @ grad) ** 2 / values).sum())
