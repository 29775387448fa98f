"""The value of a variable in a table: its tree is walked, and what `transforms` allows is called.

Numbers that take part in arithmetic are floats: ``I(9**9**9**9 * x)`` then overflows at once, where
exact integers would run for years, and an integer column cannot overflow silently. Text stands by
itself, in C(...) and its kin, and beside ``==``.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
    labels : bool
        Whether values are to be labels, so that whole numbers stay whole.
    """

    label: str
    columns: Mapping[str, Column]
    memory: dict[str, Any]
    labels: bool = False

    def of(self, node: Node, text: bool = False) -> Any:
        """The value of a node, which may be text or not."""
        if isinstance(node, Name):
            return self.column(self.columns[node.name], text)
        if isinstance(node, Constant):
            return int(node.value) if node.text.isdigit() else node.value
        if isinstance(node, Sum):
            return self.sum(node)
        if isinstance(node, Binary):
            text = node.op in ("==", "!=")
            return _operate(node.op, self.of(node.left, text), self.of(node.right, text))
        assert isinstance(node, Call)
        return self.call(node, text)

    def column(self, column: Column, text: bool) -> Any:
        """Labels as they are, numbers as floats; a copy."""
        if column.categorical and not text:
            raise DesignError(
                f"`{self.label}` needs numbers, but column '{column.name}' holds text or categories"
                f"{numbers_meant(column) or '; convert the column first'}"
            )
        if column.categorical or self.labels:
            return level_values(column, "the predictor")
        return column.values.astype(float)

    def sum(self, node: Sum) -> Any:
        (sign, first), *others = node.items
        total = self.of(first)
        total = _negative(total) if sign == "-" else total
        for sign, item in others:
            total = _operate(sign, total, self.of(item))
        return total

    def call(self, node: Call, text: bool) -> Any:
        within = replace(self, labels=True) if node.function in TAKES_LABELS else self
        text = node.function in TAKES_LABELS or (text and node.function == "I")
        args = [within.of(arg, text) for arg in node.args]
        options = {key: within.of(value, text) for key, value in node.kwargs}
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
