"""The dual solver: the primal's question, answered through the rows' covariance.

    y = offset + X beta + sum_t Z_t u_t + sum_b A_b v_b + e,   v_bj ~ N(0, s_bj^2)

Where there are more coefficients than rows, an n x n factorisation is the smaller one. Draws take
(u, v, e) from the prior and correct it by what the data say of the difference, u + G A'V^-1 (y - X
beta - A u - e), after beta is drawn from its exact law (Bhattacharya, Chakraborty & Mallick 2016,
algorithm 1). `dual_rows` and `dual_score` hold the columns and the algebra.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..stats.normal import LOG_2PI
from ..types import Array
from .beta import MAXIMISED, Beta, InBasis
from .compiled import frozen
from .dual_rows import Scaled, centred, scaled
from .dual_score import (
    DualData,
    DualWork,
    dual_density,
    dual_evaluate,
    dual_scratch,
    dual_value,
    dual_value_and_score,
    project_terms,
)
from .dual_terms import DualTerm, Each, Grouped, Shared
from .lapack import solve_transposed, whiten_rows
from .primal import BATCH
from .problem import Factor, MatrixProblem, Problem
from .solver import Moments
from .threads import pieces, run


@dataclass(frozen=True, repr=False)
class Dual:
    """A Gaussian linear model with more coefficients than rows, its coefficients eliminated.

    `scales` is flat: row-major lower-triangular L (q x q) of every factor, then for every block
    its one scale, or one for each of its columns.

    Attributes
    ----------
    problem : Problem
    beta : Beta
        What is done with the fixed effects.
    scaled : Scaled
        The columns of all terms.

    Examples
    --------
    Three rows, five columns that share one scale, and an intercept:

    >>> import numpy as np
    >>> from bayeslmm.gaussian.beta import FLAT
    >>> from bayeslmm.gaussian.problem import Columns, Problem
    >>> A = np.vander([1.0, 2.0, 3.0], 5) / 10.0
    >>> y, one = np.array([1.0, 3.0, 2.0]), np.ones(3)
    >>> block = Columns(A, shared=True)
    >>> solver = Dual.of(Problem(y, one[:, None], (), (block,), 0.0 * one, one, one), FLAT)
    >>> round(solver.value(np.array([0.0]), 1.0), 6)  # -log(2 pi) - log(3) / 2 - 1
    -3.387183
    >>> solver.condition(np.array([0.1]), 1.0).effects[0].shape
    (5, 1)
    """

    problem: Problem
    beta: Beta
    scaled: Scaled

    fused = False
    data_type = DualData
    evaluate = staticmethod(dual_evaluate)

    @classmethod
    def cost(cls, problem: Problem | MatrixProblem, beta: Beta) -> float | None:
        """A factorisation of the rows' covariance; it pays where there are blocks of columns."""
        if isinstance(problem, MatrixProblem) or not problem.blocks:
            return None
        return float(problem.y.size) ** 3

    @classmethod
    def of(cls, problem: Problem, beta: Beta) -> "Dual":
        """The solver of the rows."""
        return cls(problem, beta, scaled(problem))

    def under(self, beta: Beta) -> "Dual":
        """The same rows where something else is done with beta."""
        return replace(self, beta=beta)

    def with_response(self, y: Array) -> "Dual":
        """The same rows with another response; the design is not read again."""
        return replace(self, problem=replace(self.problem, y=y))

    @cached_property
    def centred(self) -> tuple[Array, Array]:
        """y's scaled distance (n,) from a least-squares fit on X T, and that fit (p,)."""
        return centred(self.problem, self.scaled)

    @cached_property
    def data(self) -> DualData:
        """What compiled code reads."""
        p, s, (y, origin) = self.problem, self.scaled, self.centred
        prior = InBasis.of(self.beta, s.T, origin, s.log_det_T)
        n = float(p.frequency.sum())
        constant = 0.5 * float(p.frequency @ np.log(p.weights)) - 0.5 * n * LOG_2PI
        constants = np.array([n, constant + prior.constant, prior.integrate])
        pieces = (s.columns, y, s.grams, s.codes, s.Z, s.layout)
        return frozen(DualData(*pieces, prior.K, prior.known, prior.P0, prior.h0, constants))

    def operations(self, entries: int) -> float:
        """Multiplications that one evaluation takes, roughly."""
        n, wide = self.problem.y.size, sum(b.scales for b in self.problem.blocks if not b.shared)
        return 0.5 * (n**3 / 3.0 + n**2 * wide + 1e4 * n)

    def work(self) -> DualWork:
        """Scratch memory for one thread."""
        return dual_scratch(self.data)

    def value(self, scales: Array, sigma: float, work: DualWork | None = None) -> float:
        """Log density of y given the scales; NaN where float64 cannot hold it."""
        return dual_value(scales, sigma, self.data, work or self.work())

    def rounding(self, scales: Array, sigma: float) -> float:
        """To how much the log density is known: eps times the largest loss of a pivot.

        A row's variance over what is left of it given the rows before: 1 / (1 - R^2), at most the
        condition of the covariance (Higham 2002, section 10.1). Infinite where nothing is left.
        """
        loss = dual_density(scales, sigma, self.data, self.work(), 0)[2]
        return float(np.finfo(float).eps * loss)

    def score(
        self, scales: Array, sigma: float, work: DualWork | None = None
    ) -> tuple[float, Array, float]:
        """Log density, J of every factor and scale (flat), derivative in sigma.

        The derivative in L is the lower part of J L, in a block's scale J s.
        """
        J = np.zeros_like(scales)
        value, slope = dual_value_and_score(scales, sigma, self.data, work or self.work(), J)
        return value, J, slope

    def condition(self, scales: Array, sigma: float, work: DualWork | None = None) -> Moments:
        """Exact law of the coefficients given the scales; variances to eps of their prior's."""
        work = work or self.work()
        value = self._solve(scales, sigma, work, work.D.shape[0])
        T, origin = self.scaled.T, self.centred[1]
        turned = T @ work.F
        half = self._own_half(scales, sigma)
        means, covs = [], []
        for term in self._terms(scales):
            mean, cov = term.moments(work)
            means.append(mean)
            covs.append(cov)
        return Moments(
            log_density=value,
            beta=T @ (origin + work.gamma),
            beta_cov=turned @ turned.T,
            effects=tuple(means),
            effects_cov=tuple(covs),
            effects_own_cov=half.transpose(0, 2, 1) @ half,
        )

    def draws(
        self, scales: Array, sigma: Array, rng: np.random.Generator, groups: bool = True
    ) -> tuple[Array, tuple[Array, ...]]:
        """Exact draws of (beta, u of every factor, v of every block), one at each point.

        Points that repeat the one before, as where the scales are plugged in, share its factors.

        Parameters
        ----------
        scales, sigma : (k, scales), (k,)
            Scales and noise of each point.
        groups
            Keep the first factor's effects too; otherwise they come back as (k, 0, q).

        Returns
        -------
        beta : (k, p)
        effects : per factor (k, levels, q), then per block (k, P, 1)
        """
        k, n, p = sigma.size, self.problem.y.size, self.data.h0.size
        factors, sizes = self.problem.factors, [b.Z.shape[1] for b in self.problem.blocks]
        widths = [f.columns for f in factors] + sizes
        beta = np.empty((k, p))
        effects = [np.empty((k, f.levels, f.effects)) for f in factors]
        if effects and not groups:
            effects[0] = effects[0][:, :0]
        effects += [np.empty((k, size, 1)) for size in sizes]
        step = max(1, BATCH // max(p + n + sum(widths), 1))
        for start in range(0, k, step):
            part = slice(start, min(start + step, k))
            count = part.stop - start
            normals = [rng.standard_normal((count, w)) for w in (p, n, *widths)]
            self._draw(scales[part], sigma[part], normals, beta[part], [e[part] for e in effects])
        return beta, tuple(effects)

    def redraws(
        self,
        scales: Array,
        sigma: Array,
        beta: Array,
        others: tuple[Array, ...],
        rng: np.random.Generator,
    ) -> Array:
        """Draws of the first factor's u (k, levels, q) given draws of all else."""
        first, k = self._first, sigma.size
        out = np.empty((k, first.levels, first.effects))
        if out.size == 0:
            return out
        q, root = first.effects, self.scaled.root
        Z = first.Z * root[:, None]
        for i in range(k):
            distance = self.problem.y - self.problem.offset - self.problem.X @ beta[i]
            for f, u in zip(self.problem.factors[1:], others):
                distance -= (u[i][f.codes] * f.Z).sum(axis=1)
            for b, v in zip(self.problem.blocks, others[len(self.problem.factors) - 1 :]):
                distance -= b.Z @ v[i, :, 0]
            score = np.zeros((first.levels, q))
            np.add.at(score, first.codes, Z * (distance * root)[:, None])
            half = self._own_half(scales[i], float(sigma[i]))
            white = half @ score[:, :, None] / sigma[i] ** 2
            white += rng.standard_normal(white.shape)
            out[i] = (half.transpose(0, 2, 1) @ white)[:, :, 0]
        return out

    def averaged(self, scales: Array, sigma: Array) -> tuple[Array, Array]:
        """Exact mean and sd (levels, q) of the first factor's u, averaged over the points."""
        first = self._first
        shape = (first.levels, first.effects)

        def add_up(s: slice) -> Array:
            totals, work = np.zeros((2, *shape)), self.work()
            for at, end in _repeats(scales[s], sigma[s]):
                point = scales[s][at]
                self._solve(point, float(sigma[s][at]), work, first.columns)
                mean, cov = next(self._terms(point)).moments(work)
                totals[0] += (end - at) * mean
                totals[1] += (end - at) * (mean**2 + np.diagonal(cov, axis1=1, axis2=2))
            return totals

        if not self.problem.factors:
            return np.zeros(shape), np.zeros(shape)
        totals = np.sum(run(add_up, pieces(sigma.size, self.problem.y.size)), axis=0)
        mean, square = totals / sigma.size
        return mean, np.sqrt(np.maximum(square - mean**2, 0.0))

    @property
    def _first(self) -> Factor:
        n = self.problem.y.size
        empty = Factor(np.zeros(n, np.intp), 0, np.zeros((n, 0)))
        return self.problem.factors[0] if self.problem.factors else empty

    def _solve(self, scales: Array, sigma: float, work: DualWork, terms: int) -> float:
        """Factor everything at one point, with so many columns of the terms."""
        value = dual_density(scales, sigma, self.data, work, terms)[0]
        if not np.isfinite(value):
            raise ValueError(
                f"float64 cannot hold the covariance of the rows at sigma = {sigma:g}: the noise "
                "is too small beside the signal; give sigma a prior that keeps it away from zero"
            )
        project_terms(self.data, work, self.beta is not MAXIMISED, terms)
        return value

    def _terms(self, scales: Array) -> Iterator[DualTerm]:
        """Every term at its own scales."""
        at, columns = 0, self.data.columns
        factors, layout = self.problem.factors, self.data.layout
        for f, (_, first, _) in zip(factors, layout):
            q = f.effects
            L = scales[at : at + q * q].reshape(q, q)
            yield Grouped(columns[first : first + f.columns], first, f.levels, L)
            at += q * q
        for b, (_, first, _) in zip(self.problem.blocks, layout[len(factors) :]):
            own = scales[at : at + b.scales]
            if b.shared:
                yield Shared(b.Z, self.scaled.root, float(own[0]))
            else:
                yield Each(columns[first : first + own.size], first, own)
            at += b.scales

    def _own_half(self, scales: Array, sigma: float) -> Array:
        """half (levels, q, q), half'half the first factor's covariance given all else."""
        first = self._first
        q = first.effects
        L = scales[: q * q].reshape(q, q)
        Z = first.Z * self.scaled.root[:, None]
        information = np.zeros((first.levels, q, q))
        if q:
            np.add.at(information, first.codes, Z[:, :, None] * Z[:, None, :])
        inside = np.eye(q) + L.T @ information @ L / sigma**2
        return np.linalg.solve(np.linalg.cholesky(inside), np.broadcast_to(L.T, inside.shape))

    def _draw(
        self, scales: Array, sigma: Array, normals: list[Array], beta: Array, effects: list[Array]
    ) -> None:
        def draw(s: slice) -> None:
            work = self.work()
            for at, end in _repeats(scales[s], sigma[s]):
                here = slice(s.start + at, s.start + end)
                point, noise = scales[here.start], float(sigma[here.start])
                self._solve(point, noise, work, 0)
                fixed, noises, *priors = (z[here] for z in normals)
                gamma = work.gamma + fixed @ work.F.T
                beta[here] = (self.centred[1] + gamma) @ self.scaled.T.T
                rest = self.data.y - gamma @ self.data.columns[: gamma.shape[1]] - noise * noises
                terms = list(self._terms(point))
                for term, z in zip(terms, priors):
                    term.scale(z)
                    rest -= term.times(z)
                whiten_rows(work.V, rest)
                solve_transposed(work.V, rest)
                for term, z, out in zip(terms, priors, effects):
                    if out.shape[1]:
                        z += term.corrected(rest)
                        term.place(z, out[here])

        run(draw, pieces(sigma.size, self.problem.y.size))


def _repeats(scales: Array, sigma: Array) -> Iterator[tuple[int, int]]:
    """Runs of equal points."""
    at = 0
    while at < sigma.size:
        end = at + 1
        while end < sigma.size and sigma[end] == sigma[at] and (scales[end] == scales[at]).all():
            end += 1
        yield at, end
        at = end
