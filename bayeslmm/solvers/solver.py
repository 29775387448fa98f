"""What a solver is: given theta everything is Gaussian, and this is the whole question.

    y = offset + X beta + sum_t Z_t u_t + e,    u_t ~ N(0, G_t),    e ~ N(0, sigma^2 / w)

`Primal` eliminates the coefficients, `Dual` the rows; `Complete` and `Patterns` are for a matrix
whose columns W are the unknown. Solvers know no names: theta is `scales` (m,), flat, and `sigma`.
`choose` takes the cheapest.
"""

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from ..types import Array
from .beta import Beta
from .problem import MatrixProblem, Problem


@dataclass(frozen=True, repr=False)
class Moments:
    """Exact mean and covariance of the coefficients given theta."""

    log_density: float
    beta: Array  # (p,)
    beta_cov: Array  # (p, p)
    effects: tuple[Array, ...]  # per factor (levels, q), then per block (P, 1)
    effects_cov: tuple[Array, ...]  # the same with (q, q), uncertainty of beta included
    effects_own_cov: Array  # of the first factor, given beta and all other effects


class Solver(Protocol):
    """The law of y and of the coefficients, given theta.

    `scales` holds lower triangular L (q x q) of every factor row by row, then for every block its
    one scale or one for each column; of a matrix the loadings W (d x q), row by row. Zero is an
    ordinary point. `work` is scratch memory, which one thread may use at a time.
    """

    @property
    def problem(self) -> Problem | MatrixProblem: ...
    @property
    def beta(self) -> Beta:
        """What is done with beta: MAXIMISED, FLAT, or a prior."""
        ...

    fused: bool  # its data may be handed to compiled code that goes on to call its kernels

    @classmethod
    def cost(cls, problem: Any, beta: Beta) -> float | None:
        """Multiplications of the largest factorisation of a point; None where it cannot answer."""
        ...

    @classmethod
    def of(cls, problem: Any, beta: Beta) -> Self: ...
    def under(self, beta: Beta) -> Self:
        """The same rows where something else is done with beta."""
        ...

    def with_response(self, y: Array) -> Self:
        """The same design with another response."""
        ...

    def operations(self, entries: int) -> float:
        """Multiplications that one evaluation takes, roughly, for so many entries of `scales`."""
        ...

    def work(self) -> Any: ...
    def value(self, scales: Array, sigma: float, work: Any = None) -> float:
        """Log density of y; NaN where float64 cannot hold it."""
        ...

    def score(self, scales: Array, sigma: float, work: Any = None) -> tuple[float, Array, float]:
        """Log density, its slopes in the scales, and in sigma.

        Of a factor L what is told is J, twice the slope in the covariance L L' summed over levels
        (its slope in L is the lower part of J L), of a block's scale s likewise (J s).
        """
        ...

    def rounding(self, scales: Array, sigma: float) -> float:
        """To how much the log density is known in float64."""
        ...

    def condition(self, scales: Array, sigma: float) -> Moments: ...
    def draws(
        self, scales: Array, sigma: Array, rng: np.random.Generator, groups: bool = True
    ) -> tuple[Array, tuple[Array, ...]]:
        """One draw of beta (k, p) and of all effects (k, levels, q) at each of k points.

        Without `groups` those of the first factor come back as (k, 0, q).
        """
        ...

    def redraws(
        self,
        scales: Array,
        sigma: Array,
        beta: Array,
        others: tuple[Array, ...],
        rng: np.random.Generator,
    ) -> Array:
        """Draws of the first factor's effects (k, levels, q) given draws of all else."""
        ...

    def averaged(self, scales: Array, sigma: Array) -> tuple[Array, Array]:
        """Exact mean and sd (levels, q) of the first factor's effects over k points of theta."""
        ...


class CompiledSolver(Solver, Protocol):
    """One whose density compiled code can call; others are asked in Python, and say the same."""

    data_type: type  # a named tuple of arrays

    @property
    def data(self) -> Any:
        """What compiled code reads: a `data_type` of arrays that cannot be written to."""
        ...

    @staticmethod
    def evaluate(scales: Array, sigma: float, data: Any) -> tuple[float, Array, float]:
        """Log density (-inf where float64 cannot hold it), slopes in the scales, and in sigma."""
        ...
