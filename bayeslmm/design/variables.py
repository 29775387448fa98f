"""Variables: columns, and calls on columns, of which the terms of a formula are products.

Whether a call says anything is found here, with a caret under what does not; its value in a table
is found by `values`.
"""

from dataclasses import dataclass

from .errors import formula_error
from .nodes import Binary, Call, Constant, Dot, Name, Node, children, names, walk
from .transforms import BASES, OPERATORS

_LARGEST_BASIS = 10_000


@dataclass(frozen=True)
class Variable:
    """A column, or a call on columns.

    ``key`` is equal for two spellings of one variable; ``label`` is what the user wrote.
    """

    label: str
    node: Name | Call
    key: str


def variable(node: Node, formula: str) -> Variable:
    """What a name or a call stands for.

    Raises
    ------
    FormulaError
        At a call without a column, or what has no meaning inside one, such as ``:`` or ``.``.
    """
    if isinstance(node, Name):
        return Variable(node.name, node, repr(node))
    assert isinstance(node, Call)
    if not names(node):
        raise formula_error(f"`{node.label}` uses no column of the table", formula, node.start)
    return as_variable(node, formula, node.label)


def as_variable(node: Node, formula: str, label: str) -> Variable:
    """Any arithmetic as one variable: ``y / 2`` on the left side means I(y / 2)."""
    if not isinstance(node, Name | Call):
        node = Call("I", (node,), (), label, node.start)
    for part in walk(node):
        _check(part, formula)
    return Variable(label, node, repr(node))


def _check(node: Node, formula: str) -> None:
    if isinstance(node, Call):
        if node.function == "offset":
            advice = "offset(...) stands by itself: y ~ x + offset(z)"
            raise formula_error(advice, formula, node.start)
        if node.function in BASES:
            _refuse_huge(node, formula)
    elif isinstance(node, Dot) or (isinstance(node, Binary) and node.op not in OPERATORS):
        what = "." if isinstance(node, Dot) else node.op
        raise formula_error(f"'{what}' has no meaning inside a call", formula, node.start)


def _refuse_huge(node: Call, formula: str) -> None:
    """A basis of a thousand million columns would take the memory of the machine."""
    for child in children(node):
        value = child.value if isinstance(child, Constant) else 0.0
        if isinstance(value, float) and value > _LARGEST_BASIS:
            raise formula_error(
                f"{value:.0f} is too large for {node.function}(...); at most {_LARGEST_BASIS}",
                formula,
                child.start,
            )
