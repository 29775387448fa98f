"""What can be left out of a model, and how: its rows, or the levels of one of its factors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...gaussian.dual import Dual
from ...gaussian.leave_out import (
    LeftOut,
    PrecisionRows,
    PrecisionUnits,
    Rows,
    Table,
    levels_out,
    undetermined,
)
from ...gaussian.primal import FixedPrior
from ...model import Model

NAMED = 5  # labels that a message names before it counts the others


@dataclass(frozen=True, eq=False, repr=False)
class UnitsOf:
    """The units of a model: code of each row's unit (n,), the units' labels."""

    name: str
    codes: NDArray[np.intp]
    labels: NDArray[Any]

    @classmethod
    def of(cls, model: Model, unit: str) -> "UnitsOf":
        """Rows, or the levels of a grouping factor."""
        if unit == "row":
            return cls(unit, np.arange(model.design.y.size), np.asarray(model.design.rows))
        for term in model.terms:
            if term.name == unit:
                return cls(unit, term.grouping.codes, np.asarray(term.grouping.levels))
        known = ", ".join(repr(name) for name in ("row", *(t.name for t in model.terms)))
        raise ValueError(f"unit must be one of {known}, got {unit!r}")

    @property
    def size(self) -> int:
        return self.labels.size

    @property
    def by_row(self) -> bool:
        return self.name == "row"

    def times(self, model: Model) -> NDArray[np.intp]:
        """How often each unit counts: a row's frequency; a group once."""
        if self.by_row:
            return model.design.frequency.astype(np.intp)
        return np.ones(self.size, np.intp)

    def way(self, model: Model, criterion: str | None) -> LeftOut:
        """How they are left out, under the criterion that the tree's coefficients follow."""
        d, flat = model.design, criterion in ("ml", "reml")
        prior = FixedPrior.flat(len(d.fixed)) if flat else model.fixed_prior
        self._refuse_undetermined(model, prior)
        solver = model.solver("reml" if flat else "evidence")
        if isinstance(solver, Dual):
            if self.by_row:
                return PrecisionRows(solver)
            return PrecisionUnits(solver, self.codes, self.size)
        factors = tuple(t.factor() for t in model.terms)
        blocks = tuple(b.block() for b in model.blocks)
        table = Table(d.y, d.X, factors, d.offset, model.precision, d.frequency, prior, blocks)
        if self.by_row:
            return Rows(table, solver)
        return levels_out(table, solver, self.codes, self.size, self.name == model.terms[0].name)

    def _refuse_undetermined(self, model: Model, prior: FixedPrior) -> None:
        lost = undetermined(model.design.X, prior, self.codes, self.size)
        if self.by_row:  # its repeats stay in
            lost = lost[model.design.frequency[lost] == 1.0]
        if lost.size:
            raise ValueError(
                f"without {self.name} {name_some(self.labels[lost])} the other rows do not "
                f"determine every fixed effect, and its prior is flat: there is no predictive "
                f"density. Give beta a proper prior and fit by NUTS or "
                f"EmpiricalBayes('evidence'), or leave out other units"
            )


def name_some(labels: NDArray[Any]) -> str:
    """A few labels, and how many more there are."""
    some = ", ".join(str(label) for label in labels[:NAMED])
    return some + (f" and {labels.size - NAMED} more" if labels.size > NAMED else "")
