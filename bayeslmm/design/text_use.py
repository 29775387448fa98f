"""Where text and categories may stand: by themselves, in C(...) and its kin, beside ``==``."""

from collections.abc import Mapping

from .algebra import Side
from .columns import Column
from .errors import DesignError
from .nodes import Binary, Call, Name, Node, children, names, walk
from .transforms import CATEGORICAL

_TAKES_TEXT = {*CATEGORICAL, "binary", "B"}


def check_text_use(side: Side, columns: Mapping[str, Column]) -> None:
    """Refuse text inside transforms of numbers, such as log('a')."""
    for term in side.terms:
        for factor in term:
            if isinstance(factor.node, Call):
                _check_numbers(factor.node, factor.label, columns, False)


def _check_numbers(
    node: Node, label: str, columns: Mapping[str, Column], text_allowed: bool
) -> None:
    if isinstance(node, Name):
        if columns[node.name].categorical and not text_allowed:
            raise DesignError(
                f"`{label}` needs numbers, but column '{node.name}' holds text or categories; "
                "convert the column first"
            )
    elif isinstance(node, Call):
        text_allowed = node.function in _TAKES_TEXT or (text_allowed and node.function == "I")
        for child in node.args + tuple(value for _, value in node.kwargs):
            _check_numbers(child, label, columns, text_allowed)
    elif isinstance(node, Binary):
        for child in (node.left, node.right):
            _check_numbers(child, label, columns, node.op in ("==", "!="))
    else:
        for child in children(node):
            _check_numbers(child, label, columns, False)


def as_categories(side: Side) -> set[str]:
    """Columns inside C(...) and its kin: their values are labels, and stay what they are."""
    return {
        name
        for term in side.terms
        for factor in term
        for node in walk(factor.node)
        if isinstance(node, Call) and node.function in _TAKES_TEXT
        for name in names(node)
    }
