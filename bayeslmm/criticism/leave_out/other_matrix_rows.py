"""Rows of a matrix left out one at a time, by importance over draws of loadings and means.

    p(y_i | y_-i) = 1 / E[1 / p(y_i | W, sigma, mu)],    (W, sigma, mu) ~ p(. | Y)

Scores are integrated out, so that the ratios vary with what all rows share only (Vehtari, Gelman &
Gabry 2017). A row counts with the entries that it has. Where loadings were plugged in there is
nothing to weigh: they are estimated anew from the other rows (`anew`).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model.model import Model
from ...posterior.matrix_rows import densities, means_of
from ...solvers.column_moments import column_moments
from ...stats.weights import log_mean
from ...types import Array, Index
from .units_of import UnitsOf, name_some

MEANS = 200  # draws of mu given what was plugged in


@dataclass(frozen=True)
class OtherMatrixRows:
    """A matrix without some of its rows."""

    model: Model
    units: UnitsOf
    draws: int = MEANS

    def undetermined(self, turns: Index) -> Index:
        """Turns that leave a column with no two entries, or none that differ if it has a unit."""
        y, there, lost = self.model.design.y, self.model.design.there, []
        for turn in range(int(turns.max()) + 1):
            rest = turns != turn
            few = there[rest].sum(axis=0).min() < 2
            if few or (means_of(self.model).scaled and not np.nanstd(y[rest], axis=0).all()):
                if (~rest).sum() == 1:
                    raise ValueError(
                        f"without row {name_some(self.units.labels[~rest])} a column has no two "
                        f"different entries, so that nothing can be estimated anew: drop that "
                        f"column"
                    )
                lost.append(turn)
        return np.array(lost, dtype=np.intp)

    def without(self, out: NDArray[np.bool_]) -> Model:
        """The other rows, priors as they were; units of columns are those of these rows."""
        model, design = self.model, self.model.design
        design = replace(design, y=design.y[~out], rows=design.rows[~out])
        means, scores = means_of(model), model.scores
        unit = means.unit
        if means.scaled:
            count = design.there.sum(axis=0)
            square = column_moments(design.y, design.complete)[1]
            unit = np.sqrt(square * count / (count - 1.0))
        terms: tuple[Any, ...] = (replace(means, unit=unit),)
        if scores is not None:
            terms = (*terms, replace(scores, rows=len(design.y), unit=unit))
        residual = replace(model.residual, unit=unit)
        return replace(model, design=design, terms=terms, residual=residual)

    def densities(self, rest: Model, tree: Any, out: NDArray[np.bool_]) -> tuple[Array, float]:
        """Averaged over the draws of the means."""
        rows = means_of(rest).inside(self.model.design.y[out])
        return log_mean(densities(rest, tree, rows)), np.nan
