"""Where text and categories may stand: by themselves, in C(...) and its kin, beside ``==``."""

from collections.abc import Mapping

from .algebra import Side
from .columns import Column
from .errors import DesignError, nests_too_deep
from .nodes import Bar, Binary, Call, Dot, Name, Node, children, names, walk
from .parser import parse
from .text import meant
from .transforms import BINARY, CATEGORICAL

_TAKES_TEXT = {*CATEGORICAL, *BINARY}


def check_text_use(side: Side, columns: Mapping[str, Column]) -> None:
    """Refuse text inside transforms of numbers, such as log('a')."""
    for term in side.terms:
        for item in term:
            if isinstance(item.node, Call):
                _check_numbers(item.node, item.label, columns, False)


def _check_numbers(
    node: Node, label: str, columns: Mapping[str, Column], text_allowed: bool
) -> None:
    if isinstance(node, Name):
        if columns[node.name].categorical and not text_allowed:
            raise DesignError(
                f"`{label}` needs numbers, but column '{node.name}' holds text or categories"
                f"{meant(columns[node.name]) or '; convert the column first'}"
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
        for item in term
        for node in walk(item.node)
        if isinstance(node, Call) and node.function in _TAKES_TEXT
        for name in names(node)
    }


def label_columns(formula: str) -> tuple[frozenset[str], frozenset[str]]:
    """Columns whose values are labels by what a formula says, and those that it uses otherwise.

    Grouping factors, and what stands in C(...) and its kin; a column may be both. A ``.`` stands
    for itself.

    Raises
    ------
    FormulaError
        If the formula cannot be read.
    """
    labels: set[str] = set()
    others: set[str] = set()

    def look(node: Node) -> None:
        if isinstance(node, Bar):
            labels.update(names(node.group))
            look(node.left)
        elif isinstance(node, Call) and node.function in CATEGORICAL:
            labels.update(names(node))
        elif isinstance(node, Name):
            others.add(node.name)
        elif isinstance(node, Dot):
            others.add(".")
        else:
            for child in children(node):
                look(child)

    try:
        for side in parse(formula):
            look(side)
    except RecursionError:
        raise nests_too_deep(formula) from None
    return frozenset(labels), frozenset(others)
