"""The log density of theta's coordinates given y, for engines: a value and a gradient.

Compiled code evaluates it (`coordinates`); priors that it does not know are added through PyTensor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .coordinates import (
    Layout,
    log_criterion,
    log_posterior,
    log_posterior_many,
    log_prior,
    log_prior_many,
    pull,
    slopes_of,
    unpack_many,
)
from .gaussian.protocol import Solver
from .laws import density, sized
from .space import Positive, Space
from .types import Array

type Evaluate = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True, repr=False)
class Target:
    """Log density of theta's coordinates z (d,) given y; call it for the value and gradient.

    The value is NaN where float64 cannot hold it. With `prior` False neither prior nor Jacobian of
    theta enters: the criterion alone.
    """

    solver: Solver
    space: Space
    layout: Layout
    prior: bool = True

    @cached_property
    def work(self) -> Any:
        """Scratch memory; one thread may use it at a time."""
        return self.solver.work()

    @cached_property
    def customs(self) -> tuple[tuple["CustomPrior", slice], ...]:
        """Priors that compiled code does not know, and the scales that they govern."""
        if not self.prior:
            return ()
        return tuple((CustomPrior(s, d), at) for (d, at), s in _custom_scales(self.space))

    @property
    def dimension(self) -> int:
        return self.space.size

    def __call__(self, z: Array) -> tuple[float, Array]:
        grad = np.empty(z.size)
        if not self.solver.fused:
            value = self._dense(z, grad)
        else:
            evaluate = log_posterior if self.prior else log_criterion
            value = evaluate(z, self.layout, self.solver.data, self.work, grad)
        for custom, at in self.customs:
            index = self.layout.at[at]
            h = np.exp(z[index])
            more, slope = custom(h)
            value += more
            grad[index] += slope * h
        return value, grad

    def _dense(self, z: Array, grad: Array) -> float:
        """The same where the solver's work lies in matrices of the rows, not in loops."""
        h, corr, scales = (a[0] for a in unpack_many(z[None], self.layout))
        value, J, slope = self.solver.score(scales, h[-1], self.work)
        grad[:] = 0.0
        slopes = np.empty(scales.size)
        slopes_of(scales, J, self.layout, slopes)
        pull(z, self.layout, h, corr, slopes, slope, grad)
        if self.prior:
            value += log_prior(z, self.layout, h, grad)
        return value if np.isfinite(grad).all() else np.nan

    def many(self, Z: Array) -> Array:
        """Values at points Z (k, d), prior included."""
        if not self.solver.fused:
            h, _, scales = unpack_many(Z, self.layout)
            each = [self.solver.value(s, v[-1], self.work) for s, v in zip(scales, h)]
            values = np.array(each) + log_prior_many(Z, self.layout)
        else:
            values = log_posterior_many(Z, self.layout, self.solver.data, self.work)
        for custom, at in self.customs:
            values += [custom(np.exp(z[self.layout.at[at]]))[0] for z in Z]
        return values

    def prior_many(self, Z: Array) -> Array:
        """Log prior density of the coordinates at points Z (k, d), Jacobian included."""
        values = log_prior_many(Z, self.layout)
        for custom, at in self.customs:
            values += [custom(np.exp(z[self.layout.at[at]]))[0] for z in Z]
        return values

    def scale_prior(self, h: Array) -> tuple[float, Array]:
        """Log prior of the scales h on their own scale, without Jacobian, and its slopes."""
        total, slopes = 0.0, np.zeros_like(h)
        for i, code in enumerate(self.layout.code):
            if code >= 0:
                a, b, constant = self.layout.parameters[i]
                value, slopes[i] = density(code, a, b, constant, h[i])
                total += value
        for custom, at in self.customs:
            value, slopes[at] = custom(h[at])
            total += value
        return total, slopes

    def fresh(self) -> "Target":
        """A copy with scratch memory of its own, for another thread."""
        return Target(self.solver, self.space, self.layout, self.prior)


def hessian(target: Evaluate, z: Array, step: float = 1e-4) -> Array:
    """Hessian (d, d) of a log density by central differences of its exact gradient."""
    d = z.size
    H = np.empty((d, d))
    for i in range(d):
        e = np.zeros(d)
        e[i] = step
        H[i] = (target(z + e)[1] - target(z - e)[1]) / (2.0 * step)
    return 0.5 * (H + H.T)


class CustomPrior:
    """Log density of a PyMC distribution on scales, compiled through PyTensor."""

    def __init__(self, scale: Positive, dist: Any) -> None:
        import pymc as pm
        import pytensor
        import pytensor.tensor as pt

        x = pt.vector("x", dtype="float64", shape=(scale.size,))
        value = pm.logp(sized(dist, scale.size), x, warn_rvs=False).sum()
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


def _custom_scales(space: Space) -> list[tuple[tuple[Any, slice], Positive]]:
    return list(zip(space.customs, [s for s in space.scales if s.custom is not None]))
