"""Factors of a conjugate variational approximation: inverse Wishart laws of the variances.

A half-t scale is a mixture (Wand, Ormerod, Padoan & Fruehwirth 2011; Huang & Wand 2013, eq. 2):

    Psi | a ~ IW(nu + q - 1, 2 nu diag(1/a)),    a_k ~ IG(1/2, 1/A_k^2)

gives sd_k ~ half-t(nu, A_k), with q = 1 for a single variance. Both q(Psi) and q(a) are then of the
same families, and each update is one line. The correlations of q > 1 effects are uniform under this
law at nu = 2 and have a density that is a power of 1 - rho^2 otherwise; it is not LKJ.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln, multigammaln

from ..types import Array


@dataclass(frozen=True, repr=False)
class Covariance:
    """q(Psi) q(a) of one covariance (q, q) of `count` exchangeable vectors.

    Attributes
    ----------
    nu : float
        Degrees of freedom of the half-t law of its sds.
    width : (q,)
        Scales A of those laws.
    count : float
        Number of vectors whose covariance it is: levels of a factor, or rows.
    B : (q, q)
        Scale matrix of q(Psi) = IW(degrees, B).
    rate : (q,)
        q(a_k) = IG((nu + q) / 2, rate_k).
    """

    nu: float
    width: Array
    count: float
    B: Array
    rate: Array

    @classmethod
    def begin(cls, nu: float, width: Array, count: float, guess: Array) -> "Covariance":
        """The factor whose mean precision is that of a first guess (q, q) of Psi."""
        q = width.size
        whole = cls(nu, width, count, np.eye(q), np.ones(q))
        return cls(nu, width, count, whole.degrees * guess, whole._rate(np.linalg.inv(guess)))

    @property
    def size(self) -> int:
        return self.width.size

    @property
    def prior_degrees(self) -> float:
        return self.nu + self.size - 1.0

    @property
    def degrees(self) -> float:
        return self.prior_degrees + self.count

    @property
    def precision(self) -> Array:
        """E[Psi^-1]."""
        return self.degrees * np.linalg.inv(self.B)

    @property
    def effective(self) -> Array:
        """E[Psi^-1]^-1: the plug-in covariance that gives q of the coefficients."""
        return self.B / self.degrees

    def update(self, squares: Array) -> "Covariance":
        """q(Psi), then q(a), given E[sum of u u'] (q, q)."""
        shape = 0.5 * (self.nu + self.size)
        B = 2.0 * self.nu * np.diag(shape / self.rate) + squares
        rate = self._rate(self.degrees * np.linalg.inv(B))
        return Covariance(self.nu, self.width, self.count, 0.5 * (B + B.T), rate)

    def _rate(self, precision: Array) -> Array:
        return self.nu * np.diag(precision) + 1.0 / self.width**2

    @property
    def log_det(self) -> float:
        """E[log|Psi|]."""
        half = 0.5 * (self.degrees - np.arange(self.size))
        return float(np.linalg.slogdet(self.B)[1] - self.size * np.log(2.0) - digamma(half).sum())

    @property
    def bound(self) -> float:
        """E[log p(Psi | a) + log p(a) - log q(Psi) - log q(a)]: its share of the ELBO."""
        q, k0, k = self.size, self.prior_degrees, self.degrees
        shape = 0.5 * (self.nu + q)
        log_a, inverse_a = np.log(self.rate) - digamma(shape), shape / self.rate
        precision = self.precision
        log_prior = 0.5 * k0 * (q * np.log(2.0 * self.nu) - log_a.sum())
        log_prior -= 0.5 * k0 * q * np.log(2.0) + multigammaln(0.5 * k0, q)
        log_prior -= 0.5 * (k0 + q + 1.0) * self.log_det
        log_prior -= self.nu * float(np.diag(precision) @ inverse_a)
        hyper = -0.5 * np.log(np.pi) - np.log(self.width) - 1.5 * log_a - inverse_a / self.width**2
        entropy_a = shape + np.log(self.rate) + gammaln(shape) - (1.0 + shape) * digamma(shape)
        log_q = 0.5 * k * np.linalg.slogdet(self.B)[1] - 0.5 * k * q * np.log(2.0)
        log_q -= multigammaln(0.5 * k, q) + 0.5 * (k + q + 1.0) * self.log_det + 0.5 * k * q
        return float(log_prior + hyper.sum() + entropy_a.sum() - log_q)

    def draw(self, draws: int, rng: np.random.Generator) -> Array:
        """Draws of Psi (draws, q, q)."""
        from scipy.stats import invwishart

        found = invwishart.rvs(self.degrees, self.B, size=draws, random_state=rng)
        return np.reshape(found, (draws, self.size, self.size))

    def log_density(self, psi: Array) -> Array:
        """log q of the sds and correlations of Psi (k, q, q): |dPsi / d(sd, R)| = 2^q prod sd^q."""
        q, k = self.size, self.degrees
        constant = 0.5 * k * (np.linalg.slogdet(self.B)[1] - q * np.log(2.0))
        constant -= multigammaln(0.5 * k, q)
        trace = np.trace(np.linalg.solve(psi, np.broadcast_to(self.B, psi.shape)), axis1=1, axis2=2)
        log_sd = 0.5 * np.log(np.diagonal(psi, axis1=1, axis2=2)).sum(axis=1)
        value = constant - 0.5 * (k + q + 1.0) * np.linalg.slogdet(psi)[1] - 0.5 * trace
        return value + q * np.log(2.0) + q * log_sd
