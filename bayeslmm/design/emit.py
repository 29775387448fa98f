"""Write a call back as text that formulae reads in one way only.

Every operation gets its parentheses (formulae reads ``-x**2`` as ``(-x)**2``), columns stand in
backticks, and numbers that take part in arithmetic become floats: ``I(9**9**9**9)`` then overflows
at once where exact integers would run for years, and an integer column cannot overflow silently.
"""

from dataclasses import dataclass

import numpy as np

from .errors import FormulaError, formula_error
from .nodes import Binary, Call, Dot, Name, Node, Number, Sum, Text, Word, children, names
from .transforms import resolved_name

_ARITHMETIC = {"+", "-", "*", "/", "**", "==", "!=", "<", "<=", ">", ">="}
_BASES = {"bs", "cc", "cr", "tp", "poly"}
_LARGEST_BASIS = 10_000


@dataclass(frozen=True)
class Factor:
    """One factor of a term: a column, or a call on columns.

    ``key`` is equal for two spellings of one factor; ``label`` is what the user wrote.
    """

    key: str
    label: str
    node: Name | Call


def factor_of(node: Node, formula: str) -> Factor:
    """The factor that a name or a call stands for."""
    if isinstance(node, Name):
        return Factor(f"`{node.name}`", node.name, node)
    assert isinstance(node, Call)
    if not names(node):
        raise formula_error(f"`{node.label}` uses no column of the table", formula, node.start)
    return Factor(emit(node, formula), node.label, node)


def as_factor(node: Node, formula: str, label: str) -> Factor:
    """Any arithmetic as one factor: ``y / 2`` on the left side means I(y / 2)."""
    if isinstance(node, Name | Call):
        return Factor(factor_of(node, formula).key, label, node)
    call = Call("I", (node,), (), label, node.start)
    return Factor(emit(call, formula), label, call)


def emit(node: Node, formula: str, operand: bool = False) -> str:
    """A node inside a call as text for formulae.

    Raises
    ------
    FormulaError
        At what has no meaning inside a call, such as ``:`` or ``.``.
    """
    if isinstance(node, Name):
        return f"`{node.name}`"
    if isinstance(node, Number):
        return _number(node.text, operand)
    if isinstance(node, Text):
        return f"'{node.value}'"
    if isinstance(node, Word):
        return node.word
    if isinstance(node, Sum):
        return _sum(node, formula)
    if isinstance(node, Binary) and node.op in _ARITHMETIC:
        left, right = emit(node.left, formula, True), emit(node.right, formula, True)
        return f"({left} {node.op} {right})"
    if isinstance(node, Call):
        return _call(node, formula)
    raise _no_meaning(node, formula)


def _number(text: str, operand: bool) -> str:
    if operand or not text.isdigit():
        return np.format_float_positional(float(text), trim="0")
    return str(int(text))


def _sum(node: Sum, formula: str) -> str:
    sign, first = node.items[0]
    operand = len(node.items) > 1 or not isinstance(first, Number)
    text = emit(first, formula, operand)
    text = f"(-{text})" if sign == "-" else text
    for sign, item in node.items[1:]:
        text = f"({text} {sign} {emit(item, formula, True)})"
    return text


def _call(node: Call, formula: str) -> str:
    if node.function == "offset":
        raise formula_error("offset(...) stands by itself: y ~ x + offset(z)", formula, node.start)
    if node.function in _BASES:
        _refuse_huge(node, formula)
    args = [emit(arg, formula) for arg in node.args]
    args += [f"{key}={emit(value, formula)}" for key, value in node.kwargs]
    return f"{resolved_name(node.function)}({', '.join(args)})"


def _refuse_huge(node: Call, formula: str) -> None:
    """A basis of a thousand million columns would take the memory of the machine."""
    for child in children(node):
        if isinstance(child, Number) and float(child.text) > _LARGEST_BASIS:
            raise formula_error(
                f"{child.text} is too large for {node.function}(...); at most {_LARGEST_BASIS}",
                formula,
                child.start,
            )


def _no_meaning(node: Node, formula: str) -> FormulaError:
    what = "'.'" if isinstance(node, Dot) else f"'{getattr(node, 'op', '|')}'"
    return formula_error(f"{what} has no meaning inside a call", formula, node.start)
