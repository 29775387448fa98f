"""Maximise a criterion over the variances by a trust-region Newton method, boundary included.

The gradient is exact and the Hessian its central difference (Nocedal & Wright 2006, algorithm 4.1,
through SciPy). A variance of zero is a stationary point whatever the data say, so the search never
starts there, and a zero is accepted only if no direction of Psi in its null space ascends: with J
the derivative in Psi, n'J n <= 0 for every n with Psi n = 0 (the Karush-Kuhn-Tucker condition).
"""

from dataclasses import dataclass, replace

import numpy as np

from ..model.model import Model
from ..model.target import Evaluate, Target
from ..types import Array, Theta
from .chart import Chart, Free
from .exact import ADVICE, exact_fit
from .peaks import rough_maxima

ZERO = 1e-4  # a relative sd below this is tried at exactly zero
ROUNDS = 6
CLOSE = 0.5  # nats below the best rough maximum from which another gets its own careful search
STEPS = (0.1, 0.01, 0.001)  # relative sds at which a variance of zero is lifted
NEWTONS = 3  # careful searches


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
    counter = [0]

    def negative(x: Array) -> tuple[float, Array]:
        counter[0] += 1
        value, grad = chart.value(x)
        if not np.isfinite(value) or not np.isfinite(grad).all():
            return np.inf, np.zeros_like(x)
        return -value, -grad

    thetas = [begin] if begin else _rough(model, criterion)
    begins = [_inside(chart, chart.coordinates(theta)) for theta in thetas]
    if not any(np.isfinite(negative(x)[0]) for x in begins):
        followed = exact_fit(model)
        if followed is not None:
            raise ArithmeticError(f"{followed.words}; {ADVICE}")
        raise ArithmeticError(
            "the likelihood cannot be evaluated at the start: rescale y or the columns so that "
            "their spread lies between 1e-100 and 1e100, and give priors of a like size"
        )
    found = [_climbed(chart, negative, x) for x in begins]
    x, H = min(found, key=lambda each: negative(each[0])[0])
    rounding = _rounding(chart, x)
    free = free_coordinates(chart, x)
    value, grad = negative(x)
    H = H[np.ix_(free, free)]
    distance = _distance(grad[free], H, x[free])
    return Optimum(chart, criterion, x, -value, counter[0], distance, rounding, H)


def _climbed(chart: Chart, negative, x: Array) -> tuple[Array, Array]:  # type: ignore[no-untyped-def]
    """The maximum above a start, boundary included, and the Hessian there."""
    for _ in range(ROUNDS):
        last, H = _newton(negative, x, step_for(_rounding(chart, x)))
        x = _snap(chart, negative, last)
        better = _ascend(chart, x)
        if better is None:
            break
        x = better
    if not np.array_equal(x, last):
        H = difference(negative, x, step=step_for(_rounding(chart, x)))
    return x, H


def _rounding(chart: Chart, x: Array) -> float:
    theta = chart.theta(x)
    return chart.target.solver.rounding(*chart.model.roots(theta))


def step_for(rounding: float) -> float:
    """Relative step of a central difference whose error is least, where values are rounded so."""
    return max(1e-5, rounding ** (1.0 / 3.0))


def _rough(model: Model, criterion: str, close: float = CLOSE) -> list[Theta]:
    """Starts: the highest of the maxima that searches on log scales find from many points."""
    target = model.target(criterion, prior=False)
    inner = _with_scales(model, target) if criterion == "map" else target
    ends = rough_maxima(model, target, inner)
    top = inner(ends[0])[0]
    return [model.space.constrain(z) for z in ends[:NEWTONS] if not inner(z)[0] < top - close]


def near(best: Optimum, close: float) -> list[Array]:
    """Other maxima, roughly, that lie less than `close` nats below the best."""
    chart = best.chart
    points = [chart.coordinates(t) for t in _rough(best.model, best.criterion, close)]
    return [
        x
        for x in points
        if not best.value - chart.value(x)[0] > close
        and not np.allclose(np.abs(x), np.abs(best.x), rtol=0.05, atol=0.05)
    ]


def _with_scales(model: Model, target: Target) -> Evaluate:
    """The target plus the prior of the scales on their own scale, without Jacobian."""
    places, prior = model.space.places, replace(target, prior=True)

    def evaluate(z: Array) -> tuple[float, Array]:
        value, grad = target(z)
        theta = model.space.constrain(z)
        more, slopes = prior.scale_prior(theta)
        for name in slopes.keys() & places.keys():
            grad[places[name]] += np.ravel(slopes[name] * theta[name])
        return value + more, grad

    return evaluate


def _inside(chart: Chart, x: Array) -> Array:
    """Lift the diagonal of every factor off zero, where the derivative would vanish."""
    x = x.copy()
    for b in chart.blocks:
        diagonal = b.at + np.flatnonzero(b.rows == b.cols)
        x[diagonal] = np.maximum(np.abs(x[diagonal]), 0.05)
    return x


def difference(negative, x: Array, step: float = 1e-5) -> Array:  # type: ignore[no-untyped-def]
    """Hessian of the negative criterion, by central differences of its gradient."""
    H = np.empty((x.size, x.size))
    for i in range(x.size):
        h = step * max(1.0, abs(x[i]))
        ahead, behind = x.copy(), x.copy()
        ahead[i] += h
        behind[i] -= h
        H[i] = (negative(ahead)[1] - negative(behind)[1]) / (2.0 * h)
    return 0.5 * (H + H.T)


def _newton(negative, x: Array, step: float) -> tuple[Array, Array]:  # type: ignore[no-untyped-def]
    """The maximum near x, and the Hessian there, which the last step has already paid for."""
    from scipy.optimize import minimize

    if x.size == 0:
        return x, np.zeros((0, 0))
    found = minimize(
        negative,
        x,
        jac=True,
        hess=lambda at: difference(negative, at, step=step),
        method="trust-exact",
        options={"gtol": 1e-7, "maxiter": 200, "max_trust_radius": 1e12},
    )
    return found.x, found.hess


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


def free_coordinates(chart: Chart, x: Array) -> np.ndarray:
    """Coordinates that are not held at zero by a variance on the boundary."""
    held = set()
    for b in chart.blocks:
        for k in range(b.rows.size):
            if x[b.at + k] == 0.0:
                held.add(b.at + k)
    return np.array([i for i in range(x.size) if i not in held], np.int64)


def _snap(chart: Chart, negative, x: Array) -> Array:  # type: ignore[no-untyped-def]
    """Put relative factors that are zero to rounding at exactly zero, where that loses nothing."""
    value = negative(x)[0]
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
                other = negative(trial)[0]
                if other <= value + 1e-11 * max(1.0, abs(value)):
                    x, value = trial, min(value, other)
    return x


def _ascend(chart: Chart, x: Array) -> Array | None:
    """A higher point off the boundary in the steepest direction that ascends, or None."""
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
    values, vectors = np.linalg.eigh(L @ L.T)
    null = vectors[:, values < ZERO**2]
    if null.shape[1] == 0:
        return None
    slopes, turns = np.linalg.eigh(null.T @ J @ null)
    if slopes[-1] <= 1e-6 * max(1.0, np.abs(J).max()):
        return None
    return null @ turns[:, -1]


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
