"""The primal solver: one question, `condition`, for the price of a few small factorisations.

Given the scales theta = (L_t, sigma) it answers with the log marginal likelihood of y, its
derivatives, and the exact law of the coefficients. `equations` and `score` hold the algebra, in
compiled code; `small` holds it for few numbers, in NumPy, where nothing is worth compiling.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..stats.normal import LOG_2PI
from ..types import Array, Index
from .beta import Beta, InBasis
from .compiled import frozen
from .equations import PrimalData, PrimalWork, scratch
from .problem import MatrixProblem, Problem
from .recovery import draw_many, group_moments, moments_many, prepare, redraw_many
from .scaling import unscale_both
from .score import evaluate, just_value, value_and_score
from .small import is_small
from .small_primal import SmallPrimal
from .solver import Moments
from .sums import Sums, accumulate, with_response
from .threads import pieces, run

BATCH = 2_000_000  # random numbers drawn at a time


@dataclass(frozen=True, repr=False)
class Primal:
    """A Gaussian linear model with its coefficients eliminated (`Solver`).

    `sums` are the sufficient sums of the rows.
    """

    problem: Problem
    beta: Beta
    sums: Sums

    fused = True
    data_type = PrimalData
    evaluate = staticmethod(evaluate)

    @classmethod
    def cost(cls, problem: Problem | MatrixProblem, beta: Beta) -> float | None:
        """A factorisation of what remains when the first factor is eliminated."""
        return float(problem.remain) ** 3 if isinstance(problem, Problem) else None

    @classmethod
    def of(cls, problem: Problem, beta: Beta) -> "Primal":
        """The solver of the rows."""
        return cls(problem, beta, accumulate(problem))

    def under(self, beta: Beta) -> "Primal":
        """The same rows where something else is done with beta."""
        return replace(self, beta=beta)

    def with_response(self, y: Array) -> "Primal":
        """The same rows with another response; the design is not read again."""
        return replace(self, problem=replace(self.problem, y=y), sums=with_response(self.sums, y))

    @cached_property
    def small(self) -> SmallPrimal | None:
        """Who answers instead where the sums are few numbers."""
        sums = self.sums
        few = is_small(sums.groups, sums.effects, sums.random + sums.fixed)
        return SmallPrimal.of(sums, self.beta, self._constant) if few else None

    @property
    def light(self) -> bool:
        """Whether a few evaluations are not worth compiling."""
        return self.small is not None

    @property
    def compiled(self) -> "Primal":
        """The same by compiled code, however few the numbers: for thousands of points in a row."""
        twin = replace(self)
        twin.__dict__["small"] = None
        return twin

    @property
    def _constant(self) -> float:
        return 0.5 * self.sums.log_weights - 0.5 * self.sums.n * LOG_2PI

    @cached_property
    def data(self) -> PrimalData:
        """What compiled code reads."""
        sums = self.sums
        prior = InBasis.of(self.beta, sums.T, sums.origin, sums.log_det_T)
        constant = self._constant + prior.constant
        return frozen(
            PrimalData(
                R=sums.R,
                B=sums.B,
                starts=sums.starts,
                columns=sums.columns,
                values=sums.values,
                C=sums.C,
                g=sums.g,
                shift=sums.shift,
                layout=sums.layout,
                K=prior.K,
                known=prior.known,
                P0=prior.P0,
                h0=prior.h0,
                constants=np.array([sums.rss, sums.n, sums.groups, constant, prior.integrate]),
            )
        )

    def operations(self, entries: int) -> float:
        """Multiplications that one evaluation takes, roughly."""
        sums = self.sums
        m, q = sums.random + sums.fixed, sums.effects
        return float(m**3 + sums.groups * q * (q + sums.fixed + 1) ** 2)

    @property
    def left(self) -> float | None:
        """Sum of squares of what all columns leave of y; None where they are not taken together."""
        return self.sums.rss if not self.sums.random else None

    def work(self) -> PrimalWork:
        """Scratch memory for one thread."""
        return scratch(self.data)

    def value(self, scales: Array, sigma: float, work: PrimalWork | None = None) -> float:
        """Log density of y given the scales; NaN where float64 cannot hold it."""
        if self.small:
            return float(self.small.values(scales[None], np.array([sigma]))[0])
        return just_value(scales, sigma, self.data, work or self.work())

    def rounding(self, scales: Array, sigma: float) -> float:
        """To how much the log density is known: eps times the condition of the crossed factors.

        Their scaled normal equations L'S L + I have a smallest eigenvalue of about one, and a
        largest of signal over noise, squared. Without crossed factors nothing is lost.
        """
        if self.small:
            return float(np.finfo(float).eps * self.small.largest(scales, sigma))
        work, m2 = self.work(), self.sums.random
        self.value(scales, sigma, work)
        largest = np.max(np.diag(work.chol)[:m2] ** 2, initial=1.0)
        return float(np.finfo(float).eps * largest)

    def score(
        self, scales: Array, sigma: float, work: PrimalWork | None = None
    ) -> tuple[float, Array, float]:
        """Log density, J of every factor (flat), derivative in sigma."""
        if self.small:
            value, J, slope = self.small.scores(scales[None], np.array([sigma]))
            return float(value[0]), J[0], float(slope[0])
        J = np.zeros_like(scales)
        value, slope = value_and_score(scales, sigma, self.data, work or self.work(), J)
        return value, J, slope

    def condition(self, scales: Array, sigma: float) -> Moments:
        """Exact law of the coefficients given the scales."""
        if self.small:
            return self.small.condition(scales, sigma)
        work = self.work()
        q = self.sums.effects
        L, factors = scales[: q * q].reshape(q, q), scales[q * q :]
        value, delta = prepare(L, factors, sigma, self.data, work)
        T = self.sums.T
        turned = T @ work.F
        G = self.sums.groups
        mean, own, total = np.zeros((G, q)), np.zeros((G, q, q)), np.zeros((G, q, q))
        group_moments(L, factors, sigma, self.data, work, delta, mean, own, total)
        means, covs = [mean], [total]
        crossed = self._crossed_covariance(factors, work)
        for start, levels, width in self.sums.factors:
            at = start + np.arange(levels * width).reshape(levels, width)
            means.append(work.mean[at])
            more = (work.H.T @ work.F)[at]
            covs.append(crossed[at[:, :, None], at[:, None, :]] + more @ more.transpose(0, 2, 1))
        return Moments(
            log_density=value,
            beta=T @ (self.sums.origin + work.mean[self.sums.random :]),
            beta_cov=turned @ turned.T,
            effects=tuple(means),
            effects_cov=tuple(covs),
            effects_own_cov=own,
        )

    def remainder(self, scales: Array, sigma: float) -> tuple[Array, Array]:
        """Mean (m,) and covariance (m, m) of the remainder given the scales.

        The remainder is the other factors' effects, and gamma with beta = T (origin + gamma).
        """
        if self.small:
            return self.small.remainder(scales, sigma)
        work, q = self.work(), self.sums.effects
        factors = scales[q * q :]
        prepare(scales[: q * q].reshape(q, q), factors, sigma, self.data, work)
        spread = np.vstack([-work.H.T @ work.F, work.F])
        cov = spread @ spread.T
        cov[: self.sums.random, : self.sums.random] += self._crossed_covariance(factors, work)
        return work.mean.copy(), cov

    def _crossed_covariance(self, factors: Array, work: PrimalWork) -> Array:
        """Covariance (m2, m2) of the other factors' effects given beta, after `prepare`."""
        cov: Array = np.tril(work.cov) + np.tril(work.cov, -1).T
        unscale_both(factors, self.sums.layout, cov)
        return cov

    def draws(
        self, scales: Array, sigma: Array, rng: np.random.Generator, groups: bool = True
    ) -> tuple[Array, tuple[Array, ...]]:
        """Exact draws of (beta (k, p), u of every factor and block), one at each of k points."""
        k, m2 = sigma.size, self.sums.random
        if self.small:
            remainder, u = self.small.draws(scales, sigma, rng, groups)
        else:
            remainder, u = self._drawn(scales, sigma, rng, groups)
        effects = [u]
        for start, levels, width in self.sums.factors:
            effects.append(remainder[:, start : start + levels * width].reshape(k, levels, width))
        beta = (self.sums.origin + remainder[:, m2:]) @ self.sums.T.T
        return beta, tuple(effects)

    def _drawn(
        self, scales: Array, sigma: Array, rng: np.random.Generator, groups: bool
    ) -> tuple[Array, Array]:
        """The remainder (k, m), and the groups' effects."""
        remainder = np.empty((sigma.size, self.data.C.shape[0]))
        u = np.empty((sigma.size, self.sums.groups if groups else 0, self.sums.effects))
        order = _repeats_together(np.column_stack([scales, sigma]))
        scales, sigma = scales[order], sigma[order]
        for part in self._batches(sigma.size, groups):
            normals = rng.standard_normal(remainder[part].shape)
            more = self._normals(rng, normals.shape[0] if groups else 0)
            self._draw(scales[part], sigma[part], normals, more, remainder[part], u[part])
        if (np.diff(order) != 1).any():
            back = np.argsort(order)
            remainder, u = remainder[back], u[back]
        return remainder, u

    def redraws(
        self,
        scales: Array,
        sigma: Array,
        beta: Array,
        others: tuple[Array, ...],
        rng: np.random.Generator,
    ) -> Array:
        """Draws of the eliminated factor's u (k, groups, q) given draws of all else."""
        k = sigma.size
        gamma = np.linalg.solve(self.sums.T, beta.T).T - self.sums.origin if beta.size else beta
        remainder = np.hstack([*(o.reshape(k, -1) for o in others), gamma])
        if self.small:
            return self.small.redraws(scales, sigma, remainder, rng)
        u = np.empty((k, self.sums.groups, self.sums.effects))
        work = self.work()
        for part in self._batches(k, True):
            normals = self._normals(rng, u[part].shape[0])
            redraw_many(
                scales[part], sigma[part], self.data, work, remainder[part], normals, u[part]
            )
        return u

    def averaged(self, scales: Array, sigma: Array) -> tuple[Array, Array]:
        """Exact mean and sd (groups, q) of the eliminated factor's u, averaged over the points."""
        if self.small:
            return self.small.averaged(scales, sigma)
        G, q = self.sums.groups, self.sums.effects
        points, counts = np.unique(np.column_stack([scales, sigma]), axis=0, return_counts=True)
        shares = counts / sigma.size

        def add_up(s: slice) -> Array:
            mean, square, one = np.zeros((3, G, q))
            own, total = np.zeros((2, G, q, q))
            moments_many(
                points[s], shares[s], self.data, self.work(), mean, square, own, total, one
            )
            return np.stack([mean, square])

        columns = self.data.C.shape[0]
        mean, square = np.sum(run(add_up, pieces(shares.size, columns)), axis=0)
        return mean, np.sqrt(np.maximum(square - mean**2, 0.0))

    def _draw(
        self, scales: Array, sigma: Array, normals: Array, more: Array, remainder: Array, u: Array
    ) -> None:
        def draw(s: slice) -> None:
            draw_many(
                scales[s],
                sigma[s],
                self.data,
                self.work(),
                normals[s],
                more[s] if u.shape[1] else more,
                remainder[s],
                u[s],
            )

        run(draw, pieces(sigma.size, self.data.C.shape[0]))

    def _batches(self, k: int, groups: bool) -> list[slice]:
        """Slices of the points whose random numbers fit in a few megabytes."""
        chunks, q, _, lanes = self.data.R.shape
        numbers = self.data.C.shape[0] + (2 * chunks * q * lanes if groups else 0)
        step = max(1, BATCH // max(numbers, 1))
        return [slice(at, min(at + step, k)) for at in range(0, k, step)]

    def _normals(self, rng: np.random.Generator, k: int) -> Array:
        chunks, q, _, lanes = self.data.R.shape
        return rng.standard_normal((k, 2, chunks, q, lanes))


def _repeats_together(points: Array) -> Index:
    """An order of the points (k, .) in which equal ones are neighbours, else as they come.

    Points that were drawn again, as importance weights have it, then share a factorisation.
    """
    _, first, which = np.unique(points, axis=0, return_index=True, return_inverse=True)
    order: Index = np.argsort(first[which.ravel()], kind="stable")
    return order
