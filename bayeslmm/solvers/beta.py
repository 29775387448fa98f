"""What is done with the fixed effects beta, decided once: maximised, or integrated under a prior.

    (H beta - location) / scale ~ N(0, I),    H (r, p) of full row rank

`MAXIMISED` is maximum likelihood. `FLAT`, density one (r = 0), makes the density of y the REML
criterion (Patterson & Thompson 1971); a proper prior (r = p) makes it the evidence.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..stats.normal import LOG_2PI
from ..types import Array


class Improper(Enum):
    """What needs no prior."""

    MAXIMISED = "beta is maximised"
    FLAT = "beta is integrated under density one"


MAXIMISED, FLAT = Improper.MAXIMISED, Improper.FLAT


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

    @classmethod
    def independent(cls, location: Array, scale: Array) -> "FixedPrior":
        """A normal law for each coefficient."""
        return cls(np.eye(location.size), location, scale)

    def log_density(self, beta: Array) -> Array:
        """Log density of beta (..., p): of the directions that H touches; zero where flat."""
        white = (beta @ self.H.T - self.location) / self.scale
        constant = self.log_det - np.log(self.scale).sum() - 0.5 * self.scale.size * LOG_2PI
        return constant - 0.5 * (white**2).sum(axis=-1)


type Beta = Improper | FixedPrior


def beta_of(criterion: str, prior: Beta) -> Beta:
    """What one of the four criteria does with beta, whose declared prior is given.

    "map" is "evidence" before the prior of the variances.
    """
    improper = {"ml": MAXIMISED, "reml": FLAT}
    return improper.get(criterion, prior)


@dataclass(frozen=True)
class MeanPrior:
    """mu ~ N(location, diag(variance)); variances of infinity are a flat prior."""

    location: Array  # (d,)
    variance: Array  # (d,)

    @property
    def flat(self) -> bool:
        return not np.isfinite(self.variance).all()

    @property
    def beta(self) -> Beta:
        """The same as a prior of coefficients."""
        if self.flat:
            return FLAT
        return FixedPrior.independent(self.location, np.sqrt(self.variance))


def integrated(criterion: str | None) -> str:
    """The criterion under which coefficients are drawn: beta is integrated where "ml" is too."""
    return "reml" if criterion in ("ml", "reml") else "evidence"


def normal(beta: Beta) -> FixedPrior | None:
    """The prior where it says anything."""
    return beta if isinstance(beta, FixedPrior) and beta.scale.size else None


def prior_of(beta: Beta, p: int) -> FixedPrior:
    """The prior of p coefficients; flat where there is none."""
    return beta if isinstance(beta, FixedPrior) else FixedPrior.flat(p)


def beta_share(p: int, beta: Beta, log_det: float = 0.0) -> float:
    """What integrating p coefficients adds to the log density at their maximum.

    `log_det` is log|X'V^-1 X + H'S^-2 H|, S = diag(scale); compiled code takes its half off itself.
    """
    if beta is MAXIMISED:
        return 0.0
    prior = prior_of(beta, p)
    share = 0.5 * (p - prior.H.shape[0]) * LOG_2PI - 0.5 * log_det
    return float(share + prior.log_det - np.log(prior.scale).sum())


@dataclass(frozen=True, eq=False)
class InBasis:
    """A prior for coefficients gamma where beta = T (origin + gamma), as compiled code takes it."""

    K: Array  # (r, p): K gamma ~ N(known, I); no rows where flat
    known: Array  # (r,)
    P0: Array  # (p, p) = K'K
    h0: Array  # (p,) = K'known
    constant: float  # of the log density, what beta adds
    integrate: float  # 1 or 0

    @classmethod
    def of(cls, beta: Beta, T: Array, origin: Array, log_det_T: float) -> "InBasis":
        """The prior of gamma."""
        p = origin.size
        prior = prior_of(beta, p)
        K = prior.H @ T / prior.scale[:, None]
        known = prior.location / prior.scale - K @ origin
        integrate = beta is not MAXIMISED
        constant = beta_share(p, beta) + (log_det_T if integrate else 0.0)
        return cls(K, known, K.T @ K, K.T @ known, constant, float(integrate))
