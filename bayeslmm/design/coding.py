"""How one variable becomes columns: numbers as they are, labels by contrasts of their levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array, Index
from .column import Column
from .contrasts import C, Categories, Contrast
from .errors import DesignError, at_rows, quoted
from .evaluate import Evaluator, computed
from .levels import place_of
from .nodes import Call, Name, Node
from .transforms import CATEGORICAL
from .variables import Variable

type ByName = Mapping[str, Column]
type Memory = dict[str, Any]  # transforms that saw the fitted table


@dataclass(frozen=True, eq=False)
class Coding:
    """A variable as the fitted table has it: some columns of numbers, or levels and a contrast."""

    variable: Variable
    width: int = 1
    levels: tuple[Any, ...] | None = None
    contrast: Contrast | None = None

    def read(self, columns: ByName, memory: Memory, rows: Index) -> Array:
        """The variable in a table, fitted or new, as `coded` gives it."""
        return self.coded(_value(self.variable, columns, memory, self.levels is not None), rows)

    def coded(self, value: Any, rows: Index) -> Array:
        """Numbers (n, width), or the level of each row, as an index into the fitted ones.

        Raises
        ------
        DesignError
            At a level that the fitted table did not have; the rows are named.
        """
        if self.levels is None:
            return np.asarray(value, dtype=float).reshape(len(rows), self.width)
        given = value.values.tolist()
        codes = place_of(given, self.levels)
        if (new := codes < 0).any():
            unseen = dict.fromkeys(label for label, is_new in zip(given, new) if is_new)
            raise DesignError(
                f"'{self.variable.label}' has the level {quoted(unseen)} in {at_rows(new, rows)}, "
                f"which the fitted table did not have; its levels are {quoted(self.levels)}; "
                "correct these rows, or fit a table that has the level"
            )
        return codes

    def columns(self, read: Array, full: bool) -> Array:
        """The columns of what was read, (n, k); all indicators, or one fewer."""
        if self.contrast is None or self.levels is None:
            return read
        found: Array = self.contrast.columns(self.levels, full)[0][read]
        return found

    def names(self, full: bool) -> list[str]:
        """The names of these columns."""
        label = self.variable.label
        if self.contrast is not None and self.levels is not None:
            return [f"{label}[{name}]" for name in self.contrast.columns(self.levels, full)[1]]
        return [label] if self.width == 1 else [f"{label}[{j}]" for j in range(self.width)]


def fit_coding(
    variable: Variable, columns: ByName, memory: Memory, rows: Index
) -> tuple[Coding, Array]:
    """Numeric or categorical: what its value decides; and the variable as `Coding.coded` gives it.

    Raises
    ------
    DesignError
        If it cannot be computed, or has one level.
    """
    column = _column_of(variable.node, columns)
    value = _value(variable, columns, memory, column is not None and column.categorical)
    with computed(variable.label):
        coding = _coding(variable, value, column, len(rows))
    return coding, coding.coded(value, rows)


def _coding(variable: Variable, value: Any, column: Column | None, n: int) -> Coding:
    if not isinstance(value, Categories):
        shape, kind = np.shape(value), getattr(value, "dtype", np.dtype(object)).kind
        if len(shape) not in (1, 2) or shape[0] != n or kind not in "biuf":
            raise ValueError("it is no column of numbers, nor a factor by C(...)")
        return Coding(variable, shape[1] if len(shape) == 2 else 1)
    declared = column.levels if column else None
    levels = tuple(declared or sorted(set(value.values.tolist())))
    value.contrast.place(levels)
    if len(levels) == 1:
        raise DesignError(
            f"the factor '{variable.label}' has one level, '{levels[0]}', so it has no effect to "
            "estimate; drop it from the formula"
        )
    return Coding(variable, levels=levels, contrast=value.contrast)


def _value(variable: Variable, columns: ByName, memory: Memory, labels: bool) -> Any:
    """Numbers, or Categories where a column is one by itself."""
    if isinstance(variable.node, Name):
        value = Evaluator(variable.label, columns, memory, labels).of(variable.node, text=labels)
        return C(value) if labels else value
    with computed(variable.label):
        return Evaluator(variable.label, columns, memory).of(variable.node)


def _column_of(node: Node, columns: ByName) -> Column | None:
    """The column that a variable is, whose declared levels are then its own."""
    while isinstance(node, Call) and node.function in ("I", *CATEGORICAL):
        node = node.args[0]
    return columns[node.name] if isinstance(node, Name) else None
