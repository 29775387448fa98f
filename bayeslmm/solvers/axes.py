"""What the rows of a matrix alone say of its loadings: their size, their axes, their maximum.

Searches start at the maximum of the likelihood. Where the components can follow all rows without
noise it has none, and the likeliest loadings at some noise are taken.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..types import Array
from .beta import MAXIMISED, Beta
from .canonical import upright
from .column_moments import column_moments
from .complete import Complete
from .expectation import NoNoise
from .likeliest import Maximum, closed_form, imputed
from .problem import MatrixProblem

HELD = 0.1  # of the spread: noise at which loadings are likeliest, where less is always likelier


@dataclass(frozen=True, eq=False, repr=False)
class Axes:
    """The axes of a matrix.

    Attributes
    ----------
    problem : MatrixProblem
    beta : Beta
        The prior of the means.
    components : int
        q.
    sigma : float, optional
        The noise, where it is known.
    """

    problem: MatrixProblem
    beta: Beta
    components: int
    sigma: float | None

    @cached_property
    def spectral(self) -> bool:
        """Whether the rows enter through their mean and scatter alone."""
        return Complete.cost(self.problem, self.beta) is not None

    @cached_property
    def spread(self) -> float:
        """Rms sd of the columns."""
        Y = self.problem.Y
        if self.spectral:
            return float(np.sqrt(self.problem.scatter.total / Y.size))
        complete = self.problem.complete
        return float(np.sqrt(np.mean(column_moments(Y, complete)[1])))

    @cached_property
    def likeliest(self) -> Maximum:
        """The maximum of the likelihood.

        Raises
        ------
        NoNoise
            Where it has none.
        """
        return self.likeliest_at(self.sigma)

    def likeliest_at(self, sigma: float | None) -> Maximum:
        """The same where the noise is known."""
        if not self.problem.complete:
            return imputed(self.problem.Y, self.components, sigma, self.problem.constant)
        # The prior of mu has no part in the likelihood, whatever solver it asks for.
        return closed_form(Complete(self.problem, MAXIMISED), self.components, sigma)

    @cached_property
    def begun(self) -> Maximum:
        """From where searches start."""
        try:
            return self.likeliest
        except NoNoise:
            return self.likeliest_at(HELD * self.spread)

    @cached_property
    def reference(self) -> Array:
        """Principal axes at the maximum of the likelihood (d, q): they fix the signs."""
        return upright(self.begun.W)

    @cached_property
    def basis(self) -> Array:
        """Orthonormal basis (d, d) in which loadings are a triangle (`loadings`)."""
        if self.spectral:
            return self.problem.scatter.eigen[1]
        if not self.components:
            return np.eye(self.problem.Y.shape[1])
        return np.linalg.svd(self.begun.W)[0]

    @property
    def floor(self) -> float:
        """The length that a component has where there is none, in units of the spread."""
        n, d = self.problem.Y.shape
        return self.begun.sigma * float(np.sqrt(d / n)) / self.spread
