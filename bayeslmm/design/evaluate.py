"""The value of a variable in a table: its tree is walked, and what `transforms` allows is called.

Numbers that take part in arithmetic are floats: ``I(9**9**9**9 * x)`` then overflows at once, where
exact integers would run for years, and an integer column cannot overflow silently.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .columns import Column
from .errors import DesignError
from .levels import level_values
from .nodes import Binary, Call, Name, Node, Number, Sum, Text, Word
from .transforms import FUNCTIONS, OPERATORS, STATEFUL, WORDS, stateful


@dataclass(frozen=True)
class Evaluator:
    """Values of nodes in one table.

    Attributes
    ----------
    columns : mapping of str to Column
        Without gaps.
    labels : frozenset of str
        Columns whose values are labels, not numbers.
    memory : dict
        Transforms that remember the fitted table, by how they are written; filled as they are met.
    """

    columns: Mapping[str, Column]
    labels: frozenset[str]
    memory: dict[str, Any]

    def of(self, node: Node) -> Any:
        if isinstance(node, Name):
            return self.column(node.name)
        if isinstance(node, Number):
            return int(node.value) if node.text.isdigit() else node.value
        if isinstance(node, Text):
            return node.value
        if isinstance(node, Word):
            return WORDS[node.word]
        if isinstance(node, Sum):
            return self.sum(node)
        if isinstance(node, Binary):
            return _operate(node.op, self.of(node.left), self.of(node.right))
        assert isinstance(node, Call)
        return self.call(node)

    def column(self, name: str) -> Any:
        """Labels as they are, numbers as floats; a copy."""
        column = self.columns[name]
        if name in self.labels:
            return level_values(column, "the predictor")
        return column.values.astype(float)

    def sum(self, node: Sum) -> Any:
        (sign, first), *others = node.items
        total = self.of(first)
        total = _negative(total) if sign == "-" else total
        for sign, item in others:
            total = _operate(sign, total, self.of(item))
        return total

    def call(self, node: Call) -> Any:
        args = [self.of(arg) for arg in node.args]
        options = {key: self.of(value) for key, value in node.kwargs}
        if node.function not in STATEFUL:
            return FUNCTIONS[node.function](*args, **options)
        written = repr(node)
        if written not in self.memory:
            self.memory[written] = stateful(node.function)
        return self.memory[written](*args, **options)


def _negative(value: Any) -> Any:
    """A whole number stays one; minus of what is true or false is -1 or 0."""
    return -value if type(value) is int else -1.0 * value


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
