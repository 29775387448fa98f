"""What can be left out of a model, and how: its rows, or the levels of one of its factors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...host.options import one_of, shown
from ...model.model import Model
from ...solvers.beta import beta_of, integrated
from ...solvers.leave_out import LeftOut, Units, left_out, undetermined
from ...types import Index

NAMED = 5  # labels that a message names before it counts the others


@dataclass(frozen=True, eq=False, repr=False)
class UnitsOf:
    """The units of a model: code of each row's unit (n,), the units' labels."""

    name: str
    codes: Index
    labels: NDArray[Any]

    @classmethod
    def of(cls, model: Any, unit: str) -> "UnitsOf":
        """Rows, or the levels of a grouping factor."""
        if one_of(unit, ("row",)) and model.axes is not None:
            return cls(unit, np.arange(len(model.design.rows)), np.asarray(model.design.rows))
        names = ("row", *(t.name for t in model.groups))
        if not one_of(unit, names):
            known = ", ".join(map(repr, names))
            raise ValueError(f"unit must be one of {known}, got {shown(unit)}")
        if unit == "row":
            return cls(unit, np.arange(model.design.y.size), np.asarray(model.design.rows))
        grouping = model.group(unit).grouping
        return cls(unit, grouping.codes, np.asarray(grouping.levels))

    @property
    def size(self) -> int:
        return self.labels.size

    @property
    def by_row(self) -> bool:
        return self.name == "row"

    def times(self, model: Any) -> Index:
        """How often each unit counts: a row's frequency; a group once."""
        if self.by_row and model.axes is None:
            return model.design.frequency.astype(np.intp)
        return np.ones(self.size, np.intp)

    def way(self, model: Model, criterion: str | None) -> LeftOut:
        """How they are left out, under the criterion that the tree's coefficients follow."""
        self.refuse_undetermined(model, criterion)
        solver, frequency = model.solver(integrated(criterion)), model.design.frequency
        units = Units.rows(frequency) if self.by_row else Units.levels(self.codes, self.size)
        return left_out(solver, units)

    def undetermined(
        self, model: Model, criterion: str | None, turns: Index | None = None
    ) -> Index:
        """Units, or turns in which several are left out, that leave a coefficient undetermined."""
        count = self.size if turns is None else int(turns.max()) + 1
        codes = self.codes if turns is None else turns[self.codes]
        if self.by_row:  # its repeats stay in
            codes, count = np.where(model.design.frequency > 1.0, count, codes), count + 1
        beta = beta_of(integrated(criterion), model.beta)
        lost = undetermined(model.design.X, beta, codes, count)
        return lost[lost < count - 1] if self.by_row else lost

    def refuse_undetermined(self, model: Model, criterion: str | None) -> None:
        """Refuse units without which the rest does not determine a coefficient.

        Raises
        ------
        ValueError
            It names them.
        """
        lost = self.undetermined(model, criterion)
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
