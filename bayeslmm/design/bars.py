"""Bars: ``(x | a/b)`` is ``(x | a)`` and ``(x | a:b)``."""

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import FormulaError, formula_error
from .nodes import Bar, Binary, Call, Dot, Name, Node, Sum
from .term_algebra import Side, expand_side


@dataclass(frozen=True)
class RandomPart:
    """One bar, nesting already expanded: its left side and the columns of its factor."""

    side: Side
    factor: tuple[str, ...]
    correlated: bool
    text: str  # as the user would write it, for messages


def expand_bar(bar: Bar, text: str, dot: Sequence[str]) -> list[RandomPart]:
    """``(x | a/b)`` is ``(x | a)`` and ``(x | a:b)``."""
    side = expand_side(bar.left, text, dot)
    if not side.terms and not side.intercept:
        raise formula_error("this random effect has no column: write (1 | g)", text, bar.start)
    mark = "||" if bar.double else "|"
    written = describe(side)
    return [
        RandomPart(side, factor, not bar.double, f"({written} {mark} {':'.join(factor)})")
        for factor in expand_group(bar.group, text)
    ]


def describe(side: Side) -> str:
    """A side as text: ``1 + x + x:z``."""
    terms = [":".join(item.label for item in term) for term in side.terms]
    return " + ".join(["1" if side.intercept else "0", *terms])


def expand_group(node: Node, text: str) -> list[tuple[str, ...]]:
    """The factors that the right side of a bar names: ``a/b`` is a and a:b.

    Raises
    ------
    FormulaError
        At anything but columns joined by ``:`` and ``/``.
    """
    if isinstance(node, Name):
        return [(node.name,)]
    if isinstance(node, Binary) and node.op in (":", "/"):
        left, right = expand_group(node.left, text), expand_group(node.right, text)
        if node.op == ":":
            return [_merge(first, second) for first in left for second in right]
        whole: tuple[str, ...] = ()
        for factor in left:
            whole = _merge(whole, factor)
        return left + [_merge(whole, factor) for factor in right]
    raise _not_a_factor(node, text)


def _merge(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return first + tuple(name for name in second if name not in first)


def _not_a_factor(node: Node, text: str) -> FormulaError:
    if isinstance(node, Sum):
        advice = "write one term for each factor: (1 | a) + (1 | b)"
    elif isinstance(node, Binary) and node.op == "*":
        advice = "write (1 | a) + (1 | b) + (1 | a:b)"
    elif isinstance(node, Call):
        advice = f"add the column {node.label} to the table first"
    elif isinstance(node, Dot):
        advice = "name the grouping columns"
    else:
        advice = "write the name of a column"
    return formula_error(
        f"the right side of a bar is a column, a:b or a/b; {advice}", text, node.start
    )
