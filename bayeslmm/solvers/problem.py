"""What a solver is made of: validated arrays, without names.

    y = offset + X beta + sum_t Z_t u_t + sum_b A_b v_b + e,    e_i ~ N(0, sigma^2 / w_i)

A `Problem` has one response, and columns that are known. In a `MatrixProblem` every row has many
responses, and the columns are the unknown: given loadings W it is a problem too, whose groups are
the rows of the matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Array
from .beta import MAXIMISED, Beta, normal
from .scatter import Scatter


@dataclass(frozen=True)
class Factor:
    """One block of random effects with one covariance: columns `Z` (n, q) spread over levels."""

    codes: NDArray[np.intp]  # (n,) level of each row
    levels: int
    Z: Array  # (n, q)

    @property
    def effects(self) -> int:
        return self.Z.shape[1]

    @property
    def columns(self) -> int:
        return self.levels * self.effects


@dataclass(frozen=True, eq=False)
class Columns:
    """A block of columns whose coefficients are independent: one scale for all, or one each."""

    Z: Array  # (n, P)
    shared: bool

    @property
    def scales(self) -> int:
        """Number of scales: 1 or P."""
        return 1 if self.shared else self.Z.shape[1]


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """Rows with one response.

    Attributes
    ----------
    y, X : (n,), (n, p)
        Response, and fixed-effect columns of full rank.
    factors, blocks
        Grouped random effects, and blocks of columns with independent coefficients. The first
        factor should be the one with most columns: some solvers eliminate it group by group.
    offset, weights, frequency : (n,)
        Known part of the mean, precision of each row's noise, and how often each row counts.
    """

    y: Array
    X: Array
    factors: tuple[Factor, ...]
    blocks: tuple[Columns, ...]
    offset: Array
    weights: Array
    frequency: Array

    @classmethod
    def plain(
        cls,
        y: Array,
        X: Array,
        factors: tuple[Factor, ...] = (),
        blocks: tuple[Columns, ...] = (),
    ) -> "Problem":
        """Rows without offset, each of which counts once."""
        one = np.ones(y.size)
        return cls(y, X, factors, blocks, 0.0 * one, one, one)

    @property
    def first(self) -> Factor:
        """The first factor, or one without effects."""
        n = self.y.size
        return (
            self.factors[0] if self.factors else Factor(np.zeros(n, np.intp), 1, np.zeros((n, 0)))
        )

    @property
    def remain(self) -> int:
        """Columns that stay when the first factor is eliminated."""
        own = sum(f.columns for f in self.factors[1:]) + sum(b.Z.shape[1] for b in self.blocks)
        return own + self.X.shape[1]

    def only(self, keep: NDArray) -> "Problem":
        """Some of the rows."""
        return Problem(
            self.y[keep],
            self.X[keep],
            tuple(Factor(f.codes[keep], f.levels, f.Z[keep]) for f in self.factors),
            tuple(Columns(b.Z[keep], b.shared) for b in self.blocks),
            self.offset[keep],
            self.weights[keep],
            self.frequency[keep],
        )

    @property
    def arrays(self) -> list[NDArray[Any]]:
        """All but the response, one after another: as `of_arrays` reads them."""
        found: list[NDArray[Any]] = [self.X, self.offset, self.weights, self.frequency]
        for f in self.factors:
            found += [f.codes, f.Z, np.asarray(f.levels)]
        for b in self.blocks:
            found += [b.Z, np.asarray(int(b.shared))]
        return found

    @classmethod
    def of_arrays(cls, y: Array, arrays: Sequence[NDArray[Any]], factors: int) -> "Problem":
        """From a response and `arrays`, of which so many belong to factors."""
        X, offset, weights, frequency, *terms = arrays
        cut = 3 * factors
        return cls(
            y,
            X,
            tuple(
                Factor(terms[i].astype(np.intp), int(terms[i + 2]), terms[i + 1])
                for i in range(0, cut, 3)
            ),
            tuple(Columns(terms[i], bool(terms[i + 1])) for i in range(cut, len(terms), 2)),
            offset,
            weights,
            frequency,
        )


@dataclass(frozen=True, eq=False, repr=False)
class MatrixProblem:
    """Rows of many responses, y_i = mu + W z_i + e_i with z_i ~ N(0, I).

    Attributes
    ----------
    Y : (n, d)
        NaN where an entry is missing.
    constant : float
        Added to every log density: of a change of units, for instance.
    log_det_T : float
        Where the user's means are T mu: density one is a density of those.
    """

    Y: Array
    constant: float = 0.0
    log_det_T: float = 0.0

    @cached_property
    def scatter(self) -> Scatter:
        """What the rows say where none lacks an entry."""
        return Scatter.of(self.Y)

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """Which entries are known (n, d)."""
        return ~np.isnan(self.Y)

    @cached_property
    def complete(self) -> bool:
        """Whether no entry is missing."""
        return is_complete(self.Y)

    def added(self, beta: Beta) -> float:
        """What is added to the log density where this is done with mu."""
        improper = beta is not MAXIMISED and normal(beta) is None
        return self.constant + (self.log_det_T if improper else 0.0)

    def given(self, W: Array) -> Problem:
        """The same where the loadings (d, q) are known: entries are rows, and rows are groups."""
        row, column = np.nonzero(self.there)
        n, d = self.Y.shape
        scores = Factor(row, n, W[column])
        return Problem.plain(self.Y[row, column], np.eye(d)[column], (scores,))


def is_complete(Y: Array) -> bool:
    """Whether no entry is NaN; a sum that is finite has none, and is had without a mask."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(Y.sum())) or not np.isnan(Y).any()
