"""What complete rows say of a matrix: their mean, and their scatter about it, in its eigenbasis."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

from ..types import Array

NEAR = 0.01  # share of a column's squares, below which its mean takes no digits from its scatter
THIN = 1e-8  # share of the whole scatter below which products lose the digits of what is left
MANY = 100  # columns from which all eigenvectors are dear beside the first few


@dataclass(frozen=True, repr=False)
class Scatter:
    """What complete rows say: how many, their mean (d,), and the scatter about it.

    `root` (r, d) has root'root = scatter where there are no more rows than columns, or where noise
    is so little that products would lose its digits: eigenvalues of the scatter are then squares of
    its singular values.
    """

    n: float
    mean: Array
    scatter: Array | None
    root: Array | None = None

    @classmethod
    def of(cls, Y: Array) -> "Scatter":
        """From rows Y (n, d), read once where they are already taken about nearly their mean."""
        n, d = Y.shape
        mean = Y.mean(axis=0)
        if n <= d:
            return cls(float(n), mean, None, Y - mean)
        scatter = Y.T @ Y
        if (n * mean**2 > NEAR * np.diagonal(scatter)).any():
            centred = Y - mean
            scatter = centred.T @ centred
        else:
            scatter -= n * np.outer(mean, mean)
        if _thin(scatter):
            return cls(float(n), mean, None, np.linalg.qr(Y - mean, mode="r"))
        return cls(float(n), mean, scatter)

    @cached_property
    def total(self) -> float:
        """Trace of the scatter."""
        if self.scatter is None:
            assert self.root is not None
            return float((self.root**2).sum())
        return float(np.trace(self.scatter))

    @cached_property
    def eigen(self) -> tuple[Array, Array]:
        """Eigenvalues (d,), the largest first, and eigenvectors (d, d)."""
        if self.root is not None:
            d = self.mean.size
            U, sizes, _ = np.linalg.svd(self.root.T)
            values = np.zeros(d)
            values[: sizes.size] = sizes**2
            return values, np.ascontiguousarray(U)
        values, vectors = eigh(self.scatter)
        return np.maximum(values[::-1], 0.0), np.ascontiguousarray(vectors[:, ::-1])

    def leading(self, q: int) -> tuple[Array, Array, float]:
        """The q largest eigenvalues, their eigenvectors (d, q), and the sum of all others."""
        d = self.mean.size
        if self.scatter is None or "eigen" in self.__dict__ or d < MANY or q == 0:
            values, vectors = self.eigen
            return values[:q], vectors[:, :q], float(values[q:].sum())
        values, vectors = eigh(self.scatter, subset_by_index=[d - q, d - 1])
        rest = self.total - float(values.sum())
        return values[::-1], vectors[:, ::-1], max(rest, 0.0)


def _thin(scatter: Array) -> bool:
    """Whether some column has hardly anything that the columns before it do not have."""
    try:
        own = np.diagonal(np.linalg.cholesky(scatter)) ** 2
    except np.linalg.LinAlgError:
        return True
    return bool(own.min() < THIN * np.trace(scatter))
