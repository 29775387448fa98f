"""A term: columns of the design, and the law of their coefficients' variances.

    Z_t u_t,    u_t ~ N(0, G_t(theta))

A grouped term has one covariance Psi = diag(sd) corr diag(sd) for the q effects of every level. The
columns are kept as codes and a narrow (n, q) block, never as a dense Z.
"""

from dataclasses import dataclass

import numpy as np

from .design import Grouping
from .gaussian.sums import Array, Factor
from .space import Correlation, Positive


@dataclass(frozen=True)
class GroupTerm:
    """Random effects of one grouping factor.

    Attributes
    ----------
    grouping
        Levels, codes and columns of the factor.
    sd, correlation
        Law of the standard deviations, one per effect, and of their correlations.
    """

    grouping: Grouping
    sd: Positive
    correlation: Correlation

    @property
    def name(self) -> str:
        return self.grouping.name

    @property
    def coefficients(self) -> str:
        """Name of the random variable, u_<name>."""
        return f"u_{self.name}"

    @property
    def dims(self) -> tuple[str, str]:
        return self.name, f"{self.name}_effect"

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.grouping.levels), len(self.grouping.effects)

    @property
    def columns(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def correlated(self) -> bool:
        """Whether any two effects may be correlated."""
        return bool(self.correlation.parts)

    def factor(self) -> Factor:
        """The columns, as the solver takes them."""
        return Factor(self.grouping.codes, self.shape[0], self.grouping.Z)

    def second_moment(self, frequency: Array) -> Array:
        """Mean over rows of z z', (q, q): tr(Psi times it) is the term's share of variance."""
        Z = self.grouping.Z
        return (Z * (frequency / frequency.sum())[:, None]).T @ Z

    def times(self, u: Array, codes: np.ndarray | None = None, Z: Array | None = None) -> Array:
        """Z_t u for draws u (..., levels, q): (..., rows)."""
        codes = self.grouping.codes if codes is None else codes
        Z = self.grouping.Z if Z is None else Z
        total = np.zeros((*u.shape[:-2], codes.size))
        for j in range(u.shape[-1]):
            total += u[..., codes, j] * Z[:, j]
        return total
