"""The primal solver: one question, `condition`, for the price of a few small factorisations.

Given the scales theta = (L_t, sigma) it answers with the log marginal likelihood of y, its
derivatives, and the exact law of the coefficients. `equations` and `score` hold the algebra.
"""

from dataclasses import dataclass

import numpy as np

from .equations import Data, Work
from .recovery import draw_groups, draw_remainder, group_moments, prepare
from .score import just_value, value_and_score
from .sums import Array, Sums

LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class FixedPrior:
    """What is known of beta before the data: (H beta - location) / scale ~ N(0, I).

    H (r, p) has full row rank; r = 0 is the flat prior, r = p a proper one. `log_det` is
    log|det H| on the r coefficients that H touches.
    """

    H: Array
    location: Array
    scale: Array
    log_det: float = 0.0

    @classmethod
    def flat(cls, p: int) -> "FixedPrior":
        return cls(np.zeros((0, p)), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Moments:
    """Exact mean and covariance of the coefficients given the scales."""

    log_density: float
    beta: Array  # (p,)
    beta_cov: Array  # (p, p)
    effects: tuple[Array, ...]  # per factor (levels, q)
    effects_cov: tuple[Array, ...]  # per factor (levels, q, q), uncertainty of beta included
    effects_own_cov: Array  # of the eliminated factor, given beta and the other factors


@dataclass(frozen=True)
class Primal:
    """A Gaussian linear model with its coefficients eliminated.

    Parameters
    ----------
    sums
        The sufficient sums of the rows.
    prior
        Prior of the fixed effects; flat by default.
    integrate
        Integrate beta (REML, evidence) or maximise it (ML).
    """

    sums: Sums
    data: Data
    integrate: bool

    @classmethod
    def of(cls, sums: Sums, prior: FixedPrior, integrate: bool = True) -> "Primal":
        p, r = sums.fixed, prior.H.shape[0]
        K = prior.H @ sums.T / prior.scale[:, None]
        known = prior.location / prior.scale - K @ sums.origin
        constant = 0.5 * sums.log_weights - 0.5 * sums.n * LOG_2PI
        if integrate:
            constant += sums.log_det_T + 0.5 * (p - r) * LOG_2PI
            constant += prior.log_det - float(np.log(prior.scale).sum() + 0.5 * known @ known)
        else:
            K, known = np.zeros((0, p)), np.zeros(0)
        layout = np.array(sums.factors, dtype=np.int64).reshape(-1, 3)
        data = Data(
            R=sums.R,
            B=sums.B,
            C=sums.C,
            g=sums.g,
            shift=sums.shift,
            layout=layout,
            P0=K.T @ K,
            h0=K.T @ known,
            constants=np.array([sums.rss, sums.n, sums.groups, constant, float(integrate)]),
        )
        return cls(sums, data, integrate)

    def work(self) -> Work:
        """Scratch memory for one thread."""
        chunks, q, _, lanes = self.data.R.shape
        m, m2 = self.data.C.shape[0], self.data.shift.size
        return Work(
            V=np.zeros((chunks, q, q, lanes)),
            W=np.zeros((chunks, m + 1, q, lanes)),
            M=np.zeros((q, q, lanes)),
            S=np.zeros((m + 1, m + 1)),
            chol=np.zeros((m, m)),
            F=np.zeros((m, m)),
            mean=np.zeros(m),
            v=np.zeros(m2),
        )

    def value(self, scales: Array, sigma: float, work: Work | None = None) -> float:
        """Log density of y given the scales; NaN where float64 cannot hold it."""
        return just_value(scales, sigma, self.data, work or self.work())

    def score(
        self, scales: Array, sigma: float, work: Work | None = None
    ) -> tuple[float, Array, float]:
        """Log density, J of every factor (flat), derivative in sigma."""
        J = np.zeros_like(scales)
        value, slope = value_and_score(scales, sigma, self.data, work or self.work(), J)
        return value, J, slope

    def condition(self, scales: Array, sigma: float, work: Work | None = None) -> Moments:
        """Exact law of the coefficients given the scales."""
        work = work or self.work()
        q, m2 = self.sums.effects, self.sums.random
        L, factors = scales[: q * q].reshape(q, q), scales[q * q :]
        value, delta = prepare(L, factors, sigma, self.data, work)
        T = self.sums.T
        turned = T @ work.F[m2:]
        G = self.sums.groups
        mean, own, total = np.zeros((G, q)), np.zeros((G, q, q)), np.zeros((G, q, q))
        group_moments(L, sigma, self.data, work, delta, mean, own, total)
        means, covs = [mean], [total]
        for start, levels, width in self.sums.factors:
            block = work.F[start : start + levels * width].reshape(levels, width, -1)
            means.append(work.mean[start : start + levels * width].reshape(levels, width).copy())
            covs.append(block @ block.transpose(0, 2, 1))
        return Moments(
            log_density=value,
            beta=T @ (self.sums.origin + work.mean[m2:]),
            beta_cov=turned @ turned.T,
            effects=tuple(means),
            effects_cov=tuple(covs),
            effects_own_cov=own,
        )

    def draw(
        self,
        scales: Array,
        sigma: float,
        rng: np.random.Generator,
        work: Work | None = None,
        groups: bool = True,
    ) -> tuple[Array, tuple[Array, ...]]:
        """One exact draw of (beta, u of every factor) given the scales.

        With `groups=False` the eliminated factor's effects are left out (an empty array).
        """
        work = work or self.work()
        chunks, q, _, lanes = self.data.R.shape
        m2 = self.sums.random
        L, factors = scales[: q * q].reshape(q, q), scales[q * q :]
        _, delta = prepare(L, factors, sigma, self.data, work)
        remainder = np.empty(self.data.C.shape[0])
        delta = draw_remainder(
            self.data, work, rng.standard_normal(remainder.size), remainder
        )
        u = np.zeros((self.sums.groups if groups else 0, q))
        if groups:
            normals = rng.standard_normal((2, chunks, q, lanes))
            draw_groups(L, sigma, self.data, work, delta, normals[0], normals[1], u)
        effects = [u]
        for start, levels, width in self.sums.factors:
            effects.append(remainder[start : start + levels * width].reshape(levels, width))
        return self.sums.T @ (self.sums.origin + remainder[m2:]), tuple(effects)
