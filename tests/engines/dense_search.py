"""The four criteria by dense algebra, and their highest maximum by many starts: NumPy and SciPy.

Nothing of bayeslmm is used here. A model is y ~ N(X beta, V) with

    V = sigma^2 / w + sum_t Z_t (I x L_t L_t') Z_t',     L_t lower triangular or diagonal,

and the search goes from random starts over ten orders of magnitude by BFGS with exact gradients.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

LOG_2PI = np.log(2.0 * np.pi)
BETA_SD, SIGMA_SD, EFFECT_SD = 20.0, 3.0, 2.0  # of the stated priors, Normal and HalfNormal


@dataclass(frozen=True)
class Term:
    """Random effects by codes (n,) on columns Z (n, q); or, without codes, a block of columns."""

    Z: np.ndarray
    codes: np.ndarray | None = None
    correlated: bool = False
    same: np.ndarray = field(init=False)

    def __post_init__(self):
        if self.codes is None:
            made = self.Z @ self.Z.T
        else:
            made = (self.codes[:, None] == self.codes).astype(float)
        object.__setattr__(self, "same", made)

    @property
    def entries(self):
        q = 1 if self.codes is None else self.Z.shape[1]
        return np.tril_indices(q) if self.correlated else (np.arange(q), np.arange(q))

    @property
    def unit(self):
        """rms of the columns."""
        if self.codes is None:
            return np.array([np.sqrt(np.mean((self.Z**2).sum(axis=1)))])
        return np.sqrt(np.mean(self.Z**2, axis=0))

    def factor(self, x):
        rows, cols = self.entries
        q = rows.max() + 1
        L = np.zeros((q, q))
        L[rows, cols] = x
        return L / self.unit[:, None]

    def covariance(self, L):
        if self.codes is None:
            return L[0, 0] ** 2 * self.same
        return self.same * (self.Z @ L @ L.T @ self.Z.T)

    def pull(self, M, L):
        """Slope in x of a function whose slope in V is M."""
        if self.codes is None:
            S = np.array([[(M * self.same).sum()]])
        else:
            S = self.Z.T @ (M * self.same) @ self.Z
        return (2.0 * S @ L / self.unit[:, None])[self.entries]


@dataclass(frozen=True)
class Dense:
    """One criterion of one model."""

    y: np.ndarray
    X: np.ndarray
    terms: tuple[Term, ...]
    criterion: str
    weights: np.ndarray | None = None

    def __call__(self, x):
        """The criterion and its gradient at (entries of L in units of the columns, log sigma)."""
        if not abs(x[-1]) < 50.0:
            return -np.inf, np.zeros_like(x)
        n, (sigma, factors) = self.y.size, self.split(x)
        noise = np.diag(1.0 / (np.ones(n) if self.weights is None else self.weights))
        V = sigma**2 * noise
        for term, L in zip(self.terms, factors):
            V = V + term.covariance(L)
        known = self.criterion in ("evidence", "map")
        if known:
            V = V + BETA_SD**2 * self.X @ self.X.T
        try:
            root = np.linalg.cholesky(V)
            W = np.linalg.inv(root)
            W = W.T @ W
            A = self.X.T @ W @ self.X
            half = W @ self.X
            B = np.linalg.solve(A, half.T)
        except np.linalg.LinAlgError:
            return -np.inf, np.zeros_like(x)
        P, r = W, self.y
        value = -np.log(np.diag(root)).sum() - 0.5 * n * LOG_2PI
        if not known and self.X.shape[1]:
            r = self.y - self.X @ (B @ self.y)
            if self.criterion == "reml":
                P = W - half @ B
                value += 0.5 * self.X.shape[1] * LOG_2PI - 0.5 * np.linalg.slogdet(A)[1]
        a = W @ r
        value -= 0.5 * r @ a
        M = 0.5 * (np.outer(a, a) - P)
        slopes = [t.pull(M, L) for t, L in zip(self.terms, factors)]
        grad = np.concatenate([*slopes, [2.0 * sigma**2 * (M * noise).sum()]])
        if self.criterion == "map":
            value, grad = self._with_prior(value, grad, sigma, factors)
        return value, grad

    def split(self, x):
        """sigma, and the factors L."""
        at, factors = 0, []
        for term in self.terms:
            size = term.entries[0].size
            factors.append(term.factor(x[at : at + size]))
            at += size
        return np.exp(x[-1]), factors

    def _with_prior(self, value, grad, sigma, factors):
        """HalfNormal on every sd and on sigma, LKJ(1), which is constant, on correlations."""
        grad, at = grad.copy(), 0
        half = 0.5 * np.log(2.0 / np.pi)
        for term, L in zip(self.terms, factors):
            sd2 = (L**2).sum(axis=1)
            value += (half - np.log(EFFECT_SD) - 0.5 * sd2 / EFFECT_SD**2).sum()
            if term.correlated:  # of two effects the density of the correlation is 1 / 2
                value -= np.log(2.0)
            size = term.entries[0].size
            grad[at : at + size] -= (L / EFFECT_SD**2 / term.unit[:, None])[term.entries]
            at += size
        value += half - np.log(SIGMA_SD) - 0.5 * sigma**2 / SIGMA_SD**2
        grad[-1] -= sigma**2 / SIGMA_SD**2
        return value, grad

    def highest(self, rng, starts=8):
        """The highest value found from random starts, and where."""
        best = (-np.inf, None)
        size = sum(t.entries[0].size for t in self.terms)
        spread = np.std(self.y)
        bounds = [(None, None)] * size + [np.log(spread) + np.array([-12.0, 3.0])]

        def negative(x):
            value, grad = self(x)
            return (-value, -grad) if np.isfinite(value) else (1e10, np.zeros_like(x))

        for _ in range(starts):
            x = rng.choice([-1.0, 1.0], size) * np.exp(rng.uniform(-5.0, 3.0, size)) * spread
            x = np.append(x, np.log(spread) + rng.uniform(-3.0, 0.0))
            found = minimize(negative, x, jac=True, method="L-BFGS-B", bounds=bounds)
            if -found.fun > best[0] - 1.0:
                found = minimize(negative, found.x, jac=True, method="BFGS")
            if -found.fun > best[0]:
                best = (-found.fun, found.x)
        return best
