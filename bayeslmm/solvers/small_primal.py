"""What a primal solver answers where its rows are few numbers: on whole arrays, in NumPy.

Many points are taken in pieces whose numbers fit in the processor's cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..types import Array
from .beta import Beta
from .small import SmallData, Solved, small_data, solve
from .small_law import GroupLaw
from .small_score import scores
from .solver import Moments
from .sums import Sums

PIECE = 60_000  # numbers of one array


@dataclass(frozen=True, repr=False)
class SmallPrimal:
    """The answers of `Primal`, at points scales (k, entries) and sigma (k,)."""

    sums: Sums
    data: SmallData

    @classmethod
    def of(cls, sums: Sums, beta: Beta, constant: float) -> "SmallPrimal":
        """The same rows in NumPy's order."""
        return cls(sums, small_data(sums, beta, constant))

    def _pieces(self, k: int) -> Iterator[slice]:
        _, q, groups = self.data.B.shape
        m = self.data.C.shape[0]
        step = max(1, PIECE // max(m * (q * groups + m), 1))
        return (slice(at, at + step) for at in range(0, k, step))

    def values(self, scales: Array, sigma: Array) -> Array:
        """Log densities (k,)."""
        each = [solve(scales[s], sigma[s], self.data).value for s in self._pieces(sigma.size)]
        return np.concatenate([*each, np.zeros(0)])

    def scores(self, scales: Array, sigma: Array) -> tuple[Array, Array, Array]:
        """Log densities (k,), J of every factor (k, entries), slopes in sigma (k,)."""
        values, J, slopes = np.empty(sigma.size), np.empty(scales.shape), np.empty(sigma.size)
        for s in self._pieces(sigma.size):
            at = solve(scales[s], sigma[s], self.data)
            values[s] = at.value
            J[s], slopes[s] = scores(at)
        return values, J, slopes

    def largest(self, scales: Array, sigma: float) -> float:
        """Largest diagonal entry of the other factors' scaled normal equations, at least one."""
        at = self._one(scales, sigma)
        m2 = self.data.shift.size
        own = (at.Lambda.transpose(0, 2, 1) @ at.S[:, :-1, :-1] @ at.Lambda)[0]
        return float(np.max(1.0 + np.diag(own)[:m2], initial=1.0))

    def _one(self, scales: Array, sigma: float) -> Solved:
        return solve(scales[None], np.array([sigma]), self.data)

    def remainder(self, scales: Array, sigma: float) -> tuple[Array, Array]:
        """Mean (m,) and covariance (m, m) of the remainder."""
        at = self._one(scales, sigma)
        return at.mean[0], at.root[0] @ at.root[0].T

    def condition(self, scales: Array, sigma: float) -> Moments:
        """Exact law of the coefficients given the scales."""
        at, sums = self._one(scales, sigma), self.sums
        with np.errstate(all="ignore"):
            groups = GroupLaw.of(at)
            own, total = groups.covariance()
            means, covs = [groups.mean(at.residual)[0]], [total[0]]
        root, m2 = at.root[0], self.data.shift.size
        for start, levels, width in sums.factors:
            each = start + np.arange(levels * width).reshape(levels, width)
            means.append(at.mean[0][each])
            covs.append(root[each] @ root[each].transpose(0, 2, 1))
        turned = sums.T @ root[m2:]
        return Moments(
            log_density=float(at.value[0]),
            beta=sums.T @ (sums.origin + at.mean[0, m2:]),
            beta_cov=turned @ turned.T,
            effects=tuple(means),
            effects_cov=tuple(covs),
            effects_own_cov=own[0],
        )

    def draws(
        self, scales: Array, sigma: Array, rng: np.random.Generator, groups: bool = True
    ) -> tuple[Array, Array]:
        """Draws of the remainder (k, m), and of the groups' effects (k, groups or 0, q).

        Points that are all the same, as where the scales are plugged in, are solved once.
        """
        k, m = sigma.size, self.data.C.shape[0] - 1
        _, q, G = self.data.B.shape
        remainder, u = np.empty((k, m)), np.empty((k, G if groups else 0, q))
        once = self._once(scales, sigma)
        law = GroupLaw.of(once) if once and groups else None
        for s in self._pieces(k):
            at = once or solve(scales[s], sigma[s], self.data)
            normals = rng.standard_normal(remainder[s].shape)
            spread = normals @ at.root[0].T if once else (at.root @ normals[:, :, None])[:, :, 0]
            remainder[s] = at.mean + spread
            if groups:
                more = rng.standard_normal((normals.shape[0], q, G))
                u[s] = (law or GroupLaw.of(at)).draw(remainder[s], more)
        return remainder, u

    def redraws(
        self, scales: Array, sigma: Array, remainder: Array, rng: np.random.Generator
    ) -> Array:
        """Draws of the groups' effects (k, groups, q) given draws of the remainder (k, m)."""
        _, q, G = self.data.B.shape
        u, once = np.empty((sigma.size, G, q)), self._once(scales, sigma)
        law = GroupLaw.of(once) if once else None
        for s in self._pieces(sigma.size):
            more = rng.standard_normal((u[s].shape[0], q, G))
            own = law or GroupLaw.of(solve(scales[s], sigma[s], self.data))
            u[s] = own.draw(remainder[s], more)
        return u

    def _once(self, scales: Array, sigma: Array) -> Solved | None:
        """The point that all are, if they are one."""
        same = sigma.size > 0 and (sigma == sigma[0]).all() and (scales == scales[0]).all()
        return self._one(scales[0], float(sigma[0])) if same else None

    def averaged(self, scales: Array, sigma: Array) -> tuple[Array, Array]:
        """Exact mean and sd (groups, q) of the groups' effects, averaged over the points."""
        _, q, G = self.data.B.shape
        mean, square = np.zeros((2, G, q))
        for s in self._pieces(sigma.size):
            at = solve(scales[s], sigma[s], self.data)
            groups = GroupLaw.of(at)
            own = groups.mean(at.residual)
            total = groups.covariance()[1]
            mean += own.sum(axis=0)
            square += (own**2 + np.diagonal(total, axis1=2, axis2=3)).sum(axis=0)
        mean /= sigma.size
        return mean, np.sqrt(np.maximum(square / sigma.size - mean**2, 0.0))
