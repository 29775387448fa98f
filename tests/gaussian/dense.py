"""The dense oracle: everything from the n x n covariance, in float64 or with 50 digits.

    V = sigma^2 W^-1 + sum_t Z_t (I x Psi_t) Z_t',    A = X'V^-1 X + H'S^-2 H

Rows are repeated by their frequency, Z is written out, and no formula of the package is used: the
quadratic form is completed at b = A^-1 (X'V^-1 y + H'S^-2 m), which is exact for a Gaussian.
"""

from dataclasses import dataclass, replace

import numpy as np
from mpmath import MPContext

from bayeslmm.gaussian.beta import FixedPrior, beta_of
from bayeslmm.gaussian.primal import Primal
from bayeslmm.gaussian.problem import Factor
from bayeslmm.gaussian.problem import Problem as Rows

mp = MPContext()
mp.dps = 50
exact = np.vectorize(mp.mpf, otypes=[object])
CRITERIA = ("ml", "reml", "evidence")


@dataclass(frozen=True)
class Problem:
    """Rows, a prior of beta, and a point (L of every factor, sigma)."""

    y: np.ndarray
    X: np.ndarray
    factors: tuple[Factor, ...]
    L: tuple[np.ndarray, ...]
    sigma: float
    offset: np.ndarray
    weights: np.ndarray
    frequency: np.ndarray
    prior: FixedPrior

    @property
    def scales(self) -> np.ndarray:
        return np.concatenate([*(L.ravel() for L in self.L), np.zeros(0)])

    def solver(self, criterion: str) -> Primal:
        return Primal.of(self.rows, beta_of(criterion, self.prior))

    @property
    def rows(self) -> Rows:
        return Rows(self.y, self.X, self.factors, (), self.offset, self.weights, self.frequency)

    def psi(self, number=float) -> list[np.ndarray]:
        """Covariances of the effects, from L in the given numbers."""
        return [number_array(L, number) @ number_array(L, number).T for L in self.L]


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


def number_array(a, number) -> np.ndarray:
    return np.asarray(a, float) if number is float else exact(np.asarray(a, float))


def cholesky(A: np.ndarray) -> np.ndarray:
    """Lower factor, in whatever numbers A holds (Golub & Van Loan 2013, algorithm 4.2.1)."""
    C = A * 0
    for j in range(len(A)):
        C[j, j] = (A[j, j] - C[j, :j] @ C[j, :j]) ** 0.5 if j else A[j, j] ** 0.5
        if j + 1 < len(A):
            C[j + 1 :, j] = (A[j + 1 :, j] - (C[j + 1 :, :j] @ C[j, :j] if j else 0)) / C[j, j]
    return C


def forward(C: np.ndarray, b: np.ndarray) -> np.ndarray:
    """C^-1 b for lower triangular C and b (n, k)."""
    x = b.copy()
    for i in range(len(C)):
        if i:
            x[i] = x[i] - C[i, :i] @ x[:i]
        x[i] = x[i] / C[i, i]
    return x


def log_det(C: np.ndarray):
    """Twice the sum of the logarithms of C's diagonal."""
    log = np.log if C.dtype == float else mp.log
    return 2 * sum((log(C[i, i]) for i in range(len(C))), 0 * log(1))


@dataclass(frozen=True)
class Dense:
    """The answers of the oracle."""

    value: object
    beta: np.ndarray
    beta_cov: np.ndarray
    effects: list[np.ndarray]  # (levels, q)
    effects_cov: list[np.ndarray]  # (levels, q, q)
    mean: np.ndarray  # of (beta, u of every factor), in one vector
    cov: np.ndarray


def dense(problem: Problem, criterion: str, number=mp.mpf, psi=None, sigma=None) -> Dense:
    """Value and conditional law at a point; `psi` and `sigma` may be other numbers than its own."""
    repeat = np.repeat(np.arange(problem.y.size), problem.frequency.astype(int))
    take = lambda a: number_array(a[repeat], number)  # noqa: E731
    psi = problem.psi(number) if psi is None else psi
    sigma = number(problem.sigma) if sigma is None else sigma
    n, p = repeat.size, problem.X.shape[1]
    X, y = take(problem.X), (take(problem.y) - take(problem.offset))[:, None]
    blocks = [_written_out(f, repeat, number) for f in problem.factors]
    V = np.diag(sigma**2 / take(problem.weights))
    ZG = []
    for Z, f, G in zip(blocks, problem.factors, psi, strict=True):
        by_level = Z.reshape(n, f.levels, f.effects) @ G
        ZG.append(by_level.reshape(n, -1))
        V = V + ZG[-1] @ Z.T
    C = cholesky(V)
    log_2pi = np.log(2 * np.pi) if number is float else mp.log(2 * mp.pi)
    prior = problem.prior if criterion == "evidence" else FixedPrior.flat(p)
    scale = number_array(prior.scale, number)
    K = number_array(prior.H, number) / scale[:, None]
    known = (number_array(prior.location, number) / scale)[:, None]
    WX, Wy = forward(C, X), forward(C, y)
    A = WX.T @ WX + (K.T @ K if len(scale) else 0)
    CA = cholesky(A)
    rhs = WX.T @ Wy + (K.T @ known if len(scale) else 0)
    beta = _backward(CA, forward(CA, rhs))
    r = Wy - WX @ beta if p else Wy
    value = -(n * log_2pi + log_det(C) + (r.T @ r)[0, 0]) / 2
    if criterion != "ml":
        value += (p - len(scale)) * log_2pi / 2 - log_det(CA) / 2
        if len(scale):
            d = K @ beta - known
            log = np.log if number is float else mp.log
            value += number(prior.log_det) - sum(log(s) for s in scale) - (d.T @ d)[0, 0] / 2
    G = _block_diagonal(
        [np.kron(np.eye(f.levels, dtype=int), g) for f, g in zip(problem.factors, psi)]
    )
    WZG = forward(C, np.hstack([*ZG, X[:, :0]]))
    u = WZG.T @ r
    cov_u = G - WZG.T @ WZG
    beta_cov = forward(CA, np.eye(p, dtype=int) * number(1))
    beta_cov = beta_cov.T @ beta_cov
    if criterion == "ml":
        beta_cov = beta_cov * 0
    cross = -beta_cov @ (WX.T @ WZG) if p else np.zeros((0, len(u)))
    if p and criterion != "ml":
        half = forward(CA, WX.T @ WZG)
        cov_u = cov_u + half.T @ half
    mean = np.concatenate([beta[:, 0], u[:, 0]]).astype(float)
    cov = np.block([[beta_cov, cross], [cross.T, cov_u]]).astype(float)
    effects, covs, at = [], [], 0
    for f in problem.factors:
        q = f.effects
        effects.append(u[at : at + f.columns, 0].astype(float).reshape(f.levels, q))
        starts = range(at, at + f.columns, q)
        covs.append(np.array([cov_u[s : s + q, s : s + q] for s in starts]).astype(float))
        at += f.columns
    return Dense(value, mean[:p], cov[:p, :p], effects, covs, mean, cov)


def value(problem: Problem, criterion: str, **point):
    """The log density alone."""
    return dense(problem, criterion, **point).value


def at(problem: Problem, **changes) -> Problem:
    """The same rows at another point."""
    return replace(problem, **changes)


def _written_out(f: Factor, repeat: np.ndarray, number) -> np.ndarray:
    Z = np.zeros((len(f.codes), f.levels, f.effects))
    Z[np.arange(len(f.codes)), f.codes] = f.Z
    return number_array(Z.reshape(len(f.codes), -1)[repeat], number)


def _backward(C: np.ndarray, b: np.ndarray) -> np.ndarray:
    """C'^-1 b."""
    return forward(C[::-1, ::-1].T, b[::-1])[::-1]


def _block_diagonal(blocks: list[np.ndarray]) -> np.ndarray:
    size = sum(len(b) for b in blocks)
    whole = np.zeros((size, size), dtype=blocks[0].dtype if blocks else float)
    at = 0
    for b in blocks:
        whole[at : at + len(b), at : at + len(b)] = b
        at += len(b)
    return whole
