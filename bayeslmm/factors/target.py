"""The log density of theta's coordinates given Y, for engines: a value and a gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ..gaussian.complete import Complete
from ..gaussian.patterns import Patterns
from ..parameters import Positive
from ..target import CustomPrior
from ..types import Array
from .chart import Chart, of_complete, of_patterns, prior_at, size, unpack_many

type Solver = Complete | Patterns


@dataclass(frozen=True, repr=False)
class FactorTarget:
    """Log density of coordinates z (D,) of `chart`; call it for the value and the gradient.

    The value is NaN where float64 cannot hold it. `mode` says how the prior of theta enters
    (`chart.NONE`, `POSTERIOR`, `NATURAL`).
    """

    chart: Chart
    solver: Solver
    scales: tuple[Positive, ...]
    mode: int

    @property
    def dimension(self) -> int:
        return size(self.chart)

    @cached_property
    def _evaluate(self) -> Callable[[Array, Array], float]:
        data = self.solver.data
        if self.solver.spectral:
            return lambda z, grad: of_complete(z, self.chart, self.mode, data, grad)  # type: ignore[call-arg]
        basis = self.solver.basis
        return lambda z, grad: of_patterns(z, self.chart, self.mode, basis, data, grad)  # type: ignore[call-arg]

    @cached_property
    def customs(self) -> tuple[tuple[CustomPrior, slice], ...]:
        """Priors that compiled code does not know, and the scales that they govern."""
        found, at = [], 0
        for scale in self.scales:
            if scale.custom is not None and self.mode:
                found.append((CustomPrior(scale), slice(at, at + scale.size)))
            at += scale.size
        return tuple(found)

    def __call__(self, z: Array) -> tuple[float, Array]:
        grad = np.empty(z.size)
        value = self._evaluate(z, grad)
        if self.customs:
            value += self._add_customs(z, grad)
            value = value if np.isfinite(grad).all() else np.nan
        return value, grad

    def _add_customs(self, z: Array, grad: Array) -> float:
        total = 0.0
        for custom, part in self.customs:
            index = self.chart.at[part]
            h = np.exp(z[index])
            value, slope = custom(h)
            total += value
            grad[index] += slope * h
        return total

    def many(self, Z: Array) -> Array:
        """Values at points Z (k, D)."""
        return np.array([self(np.ascontiguousarray(z))[0] for z in Z])

    def prior_many(self, Z: Array) -> Array:
        """Log prior density of the coordinates at points Z (k, D), Jacobian included."""
        ignored = np.zeros(Z.shape[1])
        evaluate = partial(prior_at, chart=self.chart)
        return np.array(
            [evaluate(np.ascontiguousarray(z)) + self._add_customs(z, ignored) for z in Z]
        )

    def loadings(self, Z: Array) -> tuple[Array, Array]:
        """Loadings W (k, d, q) and scales (k, .) at points Z (k, D)."""
        T, h = unpack_many(np.ascontiguousarray(Z), self.chart)
        return self.solver.basis @ T, h

    def fresh(self) -> "FactorTarget":
        """A copy for another thread; nothing is shared that is written to."""
        return FactorTarget(self.chart, self.solver, self.scales, self.mode)
