"""The dense oracle: everything from the n x n covariance of the rows, for small tables.

    V = sigma^2 W^-1 + sum_t Z_t (I x Psi_t) Z_t' + sum_b A_b diag(s_b^2) A_b'
    A = X'V^-1 X + H'S^-2 H

Rows are repeated by their frequency, Z is written out, and no formula of the solvers is used: the
quadratic form is completed at b = A^-1 (X'V^-1 y + H'S^-2 m), which is exact for a Gaussian. It is
computed in float64, or in numbers with as many digits as are asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from ..solvers.beta import MAXIMISED, Beta, prior_of
from ..solvers.problem import Columns, Factor, Problem
from ..stats.normal import LOG_2PI
from ..types import Array, Index


class Digits(NamedTuple):
    """In what is computed."""

    of: Callable[[Any], Any]  # an array of them from one of floats
    log: Callable[[Any], Any]
    pi: Any


FLOAT = Digits(lambda a: np.asarray(a, float), np.log, np.pi)


@dataclass(frozen=True, eq=False)
class Dense:
    """What the oracle says."""

    value: Any
    mean: Array  # of (beta, u of every factor and block), in one vector
    cov: Array
    beta: Array
    beta_cov: Array
    effects: list[Array]  # (levels, q), or (P, 1)
    effects_cov: list[Array]  # (levels, q, q)

    @property
    def sd(self) -> Array:
        """Of every coefficient."""
        return np.sqrt(np.diag(self.cov))

    def draw(self, rng: np.random.Generator) -> tuple[Array, float]:
        """Coefficients from their law, and its log density there."""
        root, white = np.linalg.cholesky(self.cov), rng.standard_normal(self.mean.size)
        log_normal = -np.log(np.diag(root)).sum() - 0.5 * (white @ white + white.size * LOG_2PI)
        return self.mean + root @ white, float(log_normal)


def covariances(problem: Problem, scales: Array, numbers: Digits = FLOAT) -> list[Array]:
    """Psi (q, q) of every factor, and the variances (1,) or (P,) of every block."""
    found, at = [], 0
    for f in problem.factors:
        q = f.effects
        L = numbers.of(scales[at : at + q * q].reshape(q, q))
        found.append(L @ L.T)
        at += q * q
    for b in problem.blocks:
        found.append(numbers.of(scales[at : at + b.scales]) ** 2)
        at += b.scales
    return found


def dense(
    problem: Problem, psi: Sequence[Array], sigma: Any, beta: Beta, numbers: Digits = FLOAT
) -> Dense:
    """Log density of y, and the law of all coefficients given it.

    Parameters
    ----------
    psi
        As `covariances` has it.
    """
    repeat = np.repeat(np.arange(problem.y.size), problem.frequency.astype(int))
    n, p, log = repeat.size, problem.X.shape[1], numbers.log

    def take(a: Array) -> Array:
        return numbers.of(a[repeat])

    X, y = take(problem.X), (take(problem.y) - take(problem.offset))[:, None]
    V = np.diag(sigma**2 / take(problem.weights))
    terms: list[Factor | Columns] = [*problem.factors, *problem.blocks]
    ZG = []
    for term, G in zip(terms, psi, strict=True):
        Z = _written_out(term, repeat, numbers)
        ZG.append(_times(Z, term, G))
        V = V + ZG[-1] @ Z.T
    C = cholesky(V)
    prior = prior_of(beta, p)
    scale = numbers.of(prior.scale)
    K = numbers.of(prior.H) / scale[:, None]
    known = (numbers.of(prior.location) / scale)[:, None]
    WX, Wy = forward(C, X), forward(C, y)
    A, right = WX.T @ WX, WX.T @ Wy
    if scale.size:
        A, right = A + K.T @ K, right + K.T @ known
    CA = cholesky(A)
    b = forward(CA[::-1, ::-1].T, forward(CA, right)[::-1])[::-1]
    r = Wy - WX @ b if p else Wy
    value = -(n * log(2 * numbers.pi) + _log_det(C, log) + (r.T @ r)[0, 0]) / 2
    if beta is not MAXIMISED:
        value += (p - scale.size) * log(2 * numbers.pi) / 2 - _log_det(CA, log) / 2
    if scale.size:
        gap = K @ b - known
        value += prior.log_det - sum(log(s) for s in scale) - (gap.T @ gap)[0, 0] / 2
    WZG = forward(C, np.hstack([*ZG, X[:, :0]]))
    u = WZG.T @ r
    whole = numbers.of(np.zeros((p + len(u), p + len(u))))
    if p and beta is not MAXIMISED:  # Cov(beta), and what it adds to that of u
        half = forward(CA, numbers.of(np.eye(p)))
        half = np.hstack([half, -half @ (WX.T @ WZG)])
        whole = half.T @ half
    whole[p:, p:] -= WZG.T @ WZG
    at, effects, covs = p, [], []
    for term, G in zip(terms, psi, strict=True):
        levels, q = _shape(term)
        places = at + np.arange(levels * q).reshape(levels, q)
        own = G if isinstance(term, Factor) else np.resize(G, levels).reshape(levels, 1, 1)
        whole[places[:, :, None], places[:, None, :]] += own
        effects.append(u[places - p, 0].astype(float))
        covs.append(whole[places[:, :, None], places[:, None, :]].astype(float))
        at += levels * q
    mean = np.concatenate([b[:, 0], u[:, 0]]).astype(float)
    whole = whole.astype(float)
    return Dense(value, mean, whole, mean[:p], whole[:p, :p], effects, covs)


def cholesky(A: Array) -> Array:
    """Lower factor, in whatever numbers A holds (Golub & Van Loan 2013, algorithm 4.2.1)."""
    if A.dtype == float:
        return np.linalg.cholesky(A)
    C = A * 0
    for j in range(len(A)):
        C[j, j] = (A[j, j] - C[j, :j] @ C[j, :j]) ** 0.5 if j else A[j, j] ** 0.5
        if j + 1 < len(A):
            C[j + 1 :, j] = (A[j + 1 :, j] - (C[j + 1 :, :j] @ C[j, :j] if j else 0)) / C[j, j]
    return C


def forward(C: Array, b: Array) -> Array:
    """C^-1 b for lower triangular C and b (n, k)."""
    if C.dtype == float and C.size and b.size:
        return solve_triangular(C, b, lower=True)
    x = b.copy()
    for i in range(len(C)):
        if i:
            x[i] = x[i] - C[i, :i] @ x[:i]
        x[i] = x[i] / C[i, i]
    return x


def _log_det(C: Array, log: Callable[[Any], Any]) -> Any:
    return 2 * sum(log(C[i, i]) for i in range(len(C)))


def _shape(term: Factor | Columns) -> tuple[int, int]:
    """Levels and effects; a column of a block is a level of its own."""
    return (term.levels, term.effects) if isinstance(term, Factor) else (term.Z.shape[1], 1)


def _written_out(term: Factor | Columns, repeat: Index, numbers: Digits) -> Array:
    if isinstance(term, Columns):
        return numbers.of(term.Z[repeat])
    Z = np.zeros((len(term.codes), term.levels, term.effects))
    Z[np.arange(len(term.codes)), term.codes] = term.Z
    return numbers.of(Z.reshape(len(term.codes), -1)[repeat])


def _times(Z: Array, term: Factor | Columns, G: Array) -> Array:
    """Z times the covariance of its coefficients."""
    if isinstance(term, Columns):
        return Z * G
    return (Z.reshape(len(Z), term.levels, term.effects) @ G).reshape(len(Z), -1)
