"""The log density of theta's coordinates given y, for engines: a value and a gradient.

Compiled code evaluates it (`coordinates`), or whole arrays do (`vectorised`); priors that neither
knows are added through PyTensor.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..solvers import at_points
from ..types import Array, Theta
from . import coordinates
from .coordinates import log_criterion, log_posterior
from .laws import density_at, sized
from .loadings import of_complete, of_patterns, prior_at
from .parameters import Positive
from .space import Space
from .vectorised import deviations, log_prior, pull, scale_prior, slopes_of, unpack


@dataclass(frozen=True, repr=False)
class Target:
    """Log density of theta's coordinates z (d,) given y; call it for the value and gradient.

    The value is NaN where float64 cannot hold it. With `prior` False neither prior nor Jacobian of
    theta enters: the criterion alone. `natural` takes the prior of loadings on its own scale. One
    that is called tens of thousands of times (`repeated`) is worth compiling whatever the rows.
    """

    solver: Any
    space: Space
    prior: bool = True
    natural: bool = False
    repeated: bool = False

    @property
    def light(self) -> bool:
        """Whether hundreds of points are evaluated in a few milliseconds."""
        return not (self.compiled or self.customs)

    @cached_property
    def compiled(self) -> bool:
        """Whether compiled code evaluates it."""
        return self.repeated or not getattr(self.solver, "light", False)

    @cached_property
    def work(self) -> Any:
        """Scratch memory of compiled code; one thread may use it at a time."""
        return self.solver.work() if self.compiled else None

    @cached_property
    def customs(self) -> tuple[tuple["CustomPrior", Positive], ...]:
        """Priors that compiled code does not know, and the scales that they govern."""
        if not self.prior:
            return ()
        return tuple((CustomPrior(s), s) for s in self.space.scales if s.custom is not None)

    @property
    def dimension(self) -> int:
        return self.space.size

    @cached_property
    def _code(self) -> "RowsCode | DenseCode | MatrixCode | ArrayCode":
        """Compiled code for this space and solver."""
        if self.space.axes is not None:
            mode = (2 if self.natural else 1) if self.prior else 0
            return MatrixCode(self.solver, self.space, mode)
        kind: Any = ArrayCode
        if self.compiled and self.solver.fused:
            kind = RowsCode
        elif self.repeated:
            kind = DenseCode
        return kind(self.solver, self.space, self.prior, self.work)

    def __call__(self, z: Array) -> tuple[float, Array]:
        grad = np.empty(z.size)
        value = self._code.evaluate(z, grad)
        if self.customs:
            value += self._add_customs(z, grad)
            value = value if np.isfinite(grad).all() else np.nan
        return value, grad

    def _add_customs(self, z: Array, grad: Array) -> float:
        total = 0.0
        for custom, scale in self.customs:
            index = self.space.places[scale.name]
            h = np.exp(z[index])
            value, slope = custom(h)
            total += value
            grad[index] += slope * h
        return total

    def many(self, Z: Array) -> Array:
        """Values at points Z (k, d)."""
        return self._with_customs(self._code.many(Z), Z)

    def slopes(self, Z: Array) -> tuple[Array, Array]:
        """Values (k,) and gradients (k, d) at points Z (k, d)."""
        if self.customs or not hasattr(self._code, "slopes"):
            each = [self(z) for z in Z]
            return np.array([v for v, _ in each]), np.array([g for _, g in each])
        return self._code.slopes(Z)

    def prior_many(self, Z: Array) -> Array:
        """Log prior density of the coordinates at points Z (k, d), Jacobian included."""
        return self._with_customs(self._code.prior_many(Z), Z)

    def _with_customs(self, values: Array, Z: Array) -> Array:
        ignored = np.zeros(Z.shape[1])
        return values + [self._add_customs(z, ignored) for z in Z] if self.customs else values

    def pulled(self, Z: Array, slopes: Array, slope_sigma: Array) -> Array:
        """Gradients in Z (k, d) of a function with slopes (k, m) in the roots, (k,) in sigma."""
        h, corr, _ = unpack(Z, self.space.layout)
        return pull(Z, self.space.layout, h, corr, slopes, slope_sigma)

    def scale_priors(self, Z: Array) -> tuple[Array, Array]:
        """Log prior of the free scales on their own scale at Z (k, d), and its gradient there."""
        layout = self.space.layout
        values, grads = scale_prior(Z, layout, deviations(Z, layout))
        if self.customs:
            values += [self._add_customs(z, grad) for z, grad in zip(Z, grads)]
        return values, grads

    def scale_prior(self, theta: Theta) -> tuple[float, Theta]:
        """Log prior of the free scales on their own scale, without Jacobian, and slopes by name."""
        total, slopes = 0.0, {}
        customs = {scale.name: custom for custom, scale in self.customs}
        for scale in self.space.scales:
            h = np.reshape(theta[scale.name], scale.size)
            slope = np.zeros(scale.size)
            if scale.name in customs:
                value, slope = customs[scale.name](h)
                total += value
            elif scale.free and scale.law is not None:
                with np.errstate(all="ignore"):
                    value, slope[:] = density_at(
                        scale.code, scale.table[:, 0], scale.table[:, 1], scale.table[:, 2], h
                    )
                total += float(np.sum(np.broadcast_to(value, h.shape)))
            slopes[scale.name] = slope.reshape(scale.shape)
        return total, slopes

    def fresh(self) -> "Target":
        """A copy with scratch memory of its own, for another thread."""
        return replace(self)


@dataclass(frozen=True, repr=False)
class RowsCode:
    """One response; theta's coordinates, prior and evidence in one compiled function."""

    solver: Any
    space: Space
    prior: bool
    work: Any

    def evaluate(self, z: Array, grad: Array) -> float:
        """The value; fills its gradient."""
        function = log_posterior if self.prior else log_criterion
        value: float = function(z, self.space.layout, self.solver.data, self.work, grad)
        return value

    def many(self, Z: Array) -> Array:
        """Values at points Z (k, d)."""
        return _values(Z, self)

    def prior_many(self, Z: Array) -> Array:
        return _prior(Z, self.space)


@dataclass(frozen=True, repr=False)
class DenseCode:
    """The same where the solver works in matrices of the rows: all else is compiled."""

    solver: Any
    space: Space
    prior: bool
    work: Any

    def evaluate(self, z: Array, grad: Array) -> float:
        """The value; fills its gradient."""
        layout = self.space.layout
        h, corr, scales = coordinates.unpacked(z, layout)
        value, J, slope = self.solver.score(scales, h[-1], self.work)
        grad[:] = 0.0
        slopes = np.empty(scales.size)
        coordinates.slopes_of(scales, J, layout, slopes)
        coordinates.pull(z, layout, h, corr, slopes, slope, grad)
        if self.prior:
            value += coordinates.log_prior(z, layout, h, grad)
        return value if np.isfinite(grad).all() else np.nan

    def many(self, Z: Array) -> Array:
        """Values at points Z (k, d)."""
        return _values(Z, self)

    def prior_many(self, Z: Array) -> Array:
        return _prior(Z, self.space)


def _values(Z: Array, code: "RowsCode | DenseCode | ArrayCode") -> Array:
    layout = code.space.layout
    with np.errstate(all="ignore"):
        h, _, scales = unpack(Z, layout)
        sigma = np.ascontiguousarray(h[:, -1])
        values = at_points.values(code.solver, scales, sigma, code.work)
        return values + log_prior(Z, layout, h)[0] if code.prior else values


def _prior(Z: Array, space: Space) -> Array:
    return log_prior(Z, space.layout, deviations(Z, space.layout))[0]


@dataclass(frozen=True, repr=False)
class ArrayCode:
    """The same on whole arrays, many points at once, by a solver that is asked in Python."""

    solver: Any
    space: Space
    prior: bool
    work: Any

    def evaluate(self, z: Array, grad: Array) -> float:
        """The value; fills its gradient."""
        value, slopes = self.slopes(z[None])
        grad[:] = slopes[0]
        return float(value[0])

    def slopes(self, Z: Array) -> tuple[Array, Array]:
        """Values (k,), NaN where one cannot be held, and gradients (k, d)."""
        layout = self.space.layout
        with np.errstate(all="ignore"):
            h, corr, scales = unpack(Z, layout)
            sigma = np.ascontiguousarray(h[:, -1])
            value, J, slope = at_points.scores(self.solver, scales, sigma, self.work)
            grad = pull(Z, layout, h, corr, slopes_of(scales, J, layout), slope)
            if self.prior:
                more, slopes = log_prior(Z, layout, h)
                value, grad = value + more, grad + slopes
        return np.where(np.isfinite(grad).all(axis=1), value, np.nan), grad

    def many(self, Z: Array) -> Array:
        """Values at points Z (k, d)."""
        return _values(Z, self)

    def prior_many(self, Z: Array) -> Array:
        return _prior(Z, self.space)


@dataclass(frozen=True, repr=False)
class MatrixCode:
    """A matrix whose columns' loadings are among theta (`loadings`)."""

    solver: Any
    space: Space
    mode: int  # of the prior: left out, in coordinates, on its own scale

    @cached_property
    def evaluate(self) -> Callable[[Array, Array], float]:
        """Of z and a gradient that is filled, the value; what compiled code takes is found once."""
        chart, mode, data = self.space.chart, self.mode, self.solver.data
        if self.solver.spectral:
            return lambda z, grad: of_complete(z, chart, mode, data, grad)  # type: ignore[call-arg]
        basis = self.space.axes.basis  # type: ignore[union-attr]
        return lambda z, grad: of_patterns(z, chart, mode, basis, data, grad)  # type: ignore[call-arg]

    def many(self, Z: Array) -> Array:
        """Values at points Z (k, d)."""
        ignored = np.empty(Z.shape[1])
        return np.array([self.evaluate(np.ascontiguousarray(z), ignored) for z in Z])

    def prior_many(self, Z: Array) -> Array:
        chart = self.space.chart
        return np.array([prior_at(np.ascontiguousarray(z), chart) for z in Z])


def repeated(target: Target) -> Target:
    """The same for an engine that asks thousands of times, point after point: all compiled."""
    solver = getattr(target.solver, "compiled", target.solver)
    return replace(target, solver=solver, repeated=True)


def hessian(target: "Target", z: Array, step: float = 1e-4) -> Array:
    """Hessian (d, d) of a log density by central differences of its exact gradient."""
    moves = step * np.eye(z.size)
    slopes = target.slopes(np.vstack([z + moves, z - moves]))[1]
    H = (slopes[: z.size] - slopes[z.size :]) / (2.0 * step)
    return 0.5 * (H + H.T)


class CustomPrior:
    """Log density of a PyMC distribution on scales, compiled through PyTensor."""

    def __init__(self, scale: Positive) -> None:
        import pymc as pm
        import pytensor
        import pytensor.tensor as pt

        x = pt.vector("x", dtype="float64", shape=(scale.size,))
        value = pm.logp(sized(scale.custom, scale.size), x, warn_rvs=False).sum()
        slope: Any = pytensor.grad(value, x)
        self._function = pytensor.function([x], [value, slope])

    def __call__(self, h: Array) -> tuple[float, Array]:
        value, slope = self._function(h)
        return float(value), slope


def foreign_log_density(scale: Positive, values: Array) -> Array:
    """Log prior density of values (..., size) under a PyMC law that compiled code lacks."""
    import pymc as pm

    flat = values.reshape(-1, scale.size)
    return pm.logp(sized(scale.custom, *flat.shape), flat).eval().reshape(values.shape)
