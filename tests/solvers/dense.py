"""Problems at a point, and what the dense oracle of `bayeslmm.testing` says of them.

It is asked in float64, or with 50 digits from the numbers as float64 holds them.
"""

from dataclasses import dataclass, replace

import numpy as np
from mpmath import MPContext

from bayeslmm.solvers.beta import Beta, FixedPrior, beta_of
from bayeslmm.solvers.dual import Dual
from bayeslmm.solvers.primal import Primal
from bayeslmm.solvers.problem import Columns, Factor
from bayeslmm.solvers.problem import Problem as Rows
from bayeslmm.testing import dense as oracle
from bayeslmm.testing.dense import FLOAT, Dense, Digits, covariances

mp = MPContext()
mp.dps = 50
exact = np.vectorize(mp.mpf, otypes=[object])


def _fine(a):
    a = np.asarray(a)
    return exact(a if a.dtype == object else a.astype(float))


FINE = Digits(_fine, mp.log, mp.pi)
CRITERIA = ("ml", "reml", "evidence")


@dataclass(frozen=True)
class Problem:
    """Rows, a prior of beta, and a point: L of every factor, scales of every block, sigma."""

    y: np.ndarray
    X: np.ndarray
    factors: tuple[Factor, ...]
    L: tuple[np.ndarray, ...]
    sigma: float
    offset: np.ndarray
    weights: np.ndarray
    frequency: np.ndarray
    prior: FixedPrior
    blocks: tuple[Columns, ...] = ()
    own: tuple[np.ndarray, ...] = ()  # (1,) where a block shares its scale, else (P,)

    @property
    def scales(self) -> np.ndarray:
        return np.concatenate([*(L.ravel() for L in self.L), *self.own, np.zeros(0)])

    def beta(self, criterion: str) -> Beta:
        return beta_of(criterion, self.prior)

    def solver(self, criterion: str, kind=None):
        """Of the given kind; else `Dual` where there are blocks."""
        kind = kind or (Dual if self.blocks else Primal)
        return kind.of(self.rows, self.beta(criterion))

    @property
    def rows(self) -> Rows:
        terms = self.factors, self.blocks
        return Rows(self.y, self.X, *terms, self.offset, self.weights, self.frequency)

    def moved(self, scales: np.ndarray, sigma: float) -> "Problem":
        """The same rows at another point."""
        L, own, at = [], [], 0
        for f in self.factors:
            q = f.effects
            L.append(scales[at : at + q * q].reshape(q, q))
            at += q * q
        for b in self.blocks:
            own.append(scales[at : at + b.scales])
            at += b.scales
        return replace(self, L=tuple(L), own=tuple(own), sigma=sigma)

    def psi(self, numbers: Digits = FLOAT) -> list[np.ndarray]:
        """Covariances of the effects, from L in the given numbers."""
        return covariances(self.rows, self.scales, numbers)


def problem(y, X, factors, L, sigma, **more) -> Problem:
    """A `Problem` with everything else at its default."""
    n, p = X.shape
    given = {
        "offset": np.zeros(n),
        "weights": np.ones(n),
        "frequency": np.ones(n),
        "prior": FixedPrior.flat(p),
    }
    made = [Factor(np.asarray(c, np.intp), int(k), np.asarray(Z, float)) for c, k, Z in factors]
    L = tuple(np.asarray(block, float) for block in L)
    return Problem(np.asarray(y, float), X, tuple(made), L, float(sigma), **(given | more))


def dense(problem: Problem, criterion: str, numbers=FINE, psi=None, sigma=None) -> Dense:
    """Value and conditional law at a point; `psi` and `sigma` may be other numbers than its own."""
    psi = problem.psi(numbers) if psi is None else psi
    sigma = numbers.of(problem.sigma)[()] if sigma is None else sigma
    return oracle.dense(problem.rows, psi, sigma, problem.beta(criterion), numbers)


def value(problem: Problem, criterion: str, **point):
    """The log density alone."""
    return dense(problem, criterion, **point).value


def at(problem: Problem, **changes) -> Problem:
    """The same rows at another point."""
    return replace(problem, **changes)
