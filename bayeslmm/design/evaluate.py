"""The value of a variable in a table: its tree is walked, and what `transforms` allows is called.

Numbers that take part in arithmetic are floats: ``I(9**9**9**9 * x)`` then overflows at once, where
exact integers would run for years, and an integer column cannot overflow silently. Text stands by
itself, in C(...) and its kin, and beside ``==``.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .column import Column
from .errors import DesignError
from .levels import level_values
from .nodes import Binary, Call, Constant, Name, Node, Sum
from .text import numbers_meant
from .transforms import FUNCTIONS, OPERATORS, STATEFUL, TAKES_LABELS, stateful


@dataclass(frozen=True)
class Evaluator:
    """Values of nodes in one table.

    Attributes
    ----------
    label : str
        Of the whole, for messages.
    columns : mapping of str to Column
        Without gaps.
    memory : dict
        Transforms that remember the fitted table, by how they are written; filled as they are met.
    """

    label: str
    columns: Mapping[str, Column]
    memory: dict[str, Any]

    def of(self, node: Node, labels: bool = False) -> Any:
        """The value of a node; with `labels`, columns have labels, not numbers."""
        if isinstance(node, Name):
            return self.column(self.columns[node.name], labels)
        if isinstance(node, Constant):
            return int(node.value) if node.text.isdigit() else node.value
        if isinstance(node, Sum):
            return self.sum(node)
        if isinstance(node, Binary):
            either = self.compared if node.op in ("==", "!=") else self.of
            return _operate(node.op, either(node.left), either(node.right))
        assert isinstance(node, Call)
        return self.call(node, labels)

    def column(self, column: Column, labels: bool) -> Any:
        """Labels as they are, numbers as floats; a copy."""
        if labels:
            return level_values(column, "the predictor")
        if column.categorical:
            raise DesignError(
                f"`{self.label}` needs numbers, but column '{column.name}' holds text or categories"
                f"{numbers_meant(column) or '; convert the column first'}"
            )
        return column.values.astype(float)

    def compared(self, node: Node) -> Any:
        """One side of ``==``, where text may stand."""
        return self.of(node, isinstance(node, Name) and self.columns[node.name].categorical)

    def sum(self, node: Sum) -> Any:
        (sign, first), *others = node.items
        total = self.of(first)
        total = _negative(total) if sign == "-" else total
        for sign, item in others:
            total = _operate(sign, total, self.of(item))
        return total

    def call(self, node: Call, labels: bool) -> Any:
        labels = node.function in TAKES_LABELS or (labels and node.function == "I")
        args = [self.of(arg, labels) for arg in node.args]
        options = {key: self.of(value, labels) for key, value in node.kwargs}
        if node.function not in STATEFUL:
            return FUNCTIONS[node.function](*args, **options)
        written = repr(node)
        if written not in self.memory:
            self.memory[written] = stateful(node.function)
        return self.memory[written](*args, **options)


def _negative(value: Any) -> Any:
    """Minus of what is true or false is -1 or 0."""
    return -1.0 * value if np.asarray(value).dtype.kind == "b" else -value


def _operate(op: str, left: Any, right: Any) -> Any:
    left, right = (float(side) if type(side) is int else side for side in (left, right))
    if 0 not in (np.ndim(left), np.ndim(right)) and np.ndim(left) != np.ndim(right):
        raise ValueError("one side has several columns, the other has one")
    return OPERATORS[op](left, right)


@contextlib.contextmanager
def computed(label: str) -> Iterator[None]:
    """Turn whatever a transform raises into an error that names the variable."""
    try:
        with np.errstate(all="ignore"):
            yield
    except DesignError:
        raise
    except Exception as error:
        raise DesignError(f"`{label}` could not be computed: {error}") from error
