"""A formula taken apart: response, fixed side, offsets and random effects, not yet met with data.

::

    y ~ x + offset(o) + (x | a/b)   ->   y | 1 + x | o | (x | a), (x | a:b)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .algebra import Side, expand_side
from .emit import Factor, as_factor
from .errors import FormulaError, formula_error, unknown_column
from .nodes import Bar, Binary, Call, Dot, Name, Node, Sum, names, walk
from .parser import parse


@dataclass(frozen=True)
class RandomPart:
    """One bar, nesting already expanded: its left side and the columns of its factor."""

    side: Side
    factor: tuple[str, ...]
    correlated: bool
    text: str  # as the user would write it, for messages


@dataclass(frozen=True)
class Formula:
    """What a formula says."""

    text: str
    response: Factor
    response_name: str
    fixed: Side
    offsets: tuple[Factor, ...]
    random: tuple[RandomPart, ...]

    @property
    def random_factors(self) -> list[str]:
        """Names of the grouping factors, each once whatever the order of its columns."""
        found = {frozenset(part.factor): ":".join(part.factor) for part in reversed(self.random)}
        return list(found.values())

    @property
    def columns(self) -> tuple[list[str], list[str], list[str]]:
        """Columns used: by the response, by predictors (and offsets), by grouping factors."""
        predictors = list(self.fixed.columns)
        for part in self.random:
            predictors += part.side.columns
        for item in self.offsets:
            predictors += names(item.node)
        grouping = [name for part in self.random for name in part.factor]
        return names(self.response.node), predictors, grouping

    @property
    def bare_predictors(self) -> list[str]:
        """Columns that are predictors by themselves, outside any transform."""
        sides = [self.fixed, *(part.side for part in self.random)]
        factors = [factor for side in sides for term in side.terms for factor in term]
        return list(dict.fromkeys(f.node.name for f in factors if isinstance(f.node, Name)))


def read_formula(text: str, columns: Sequence[str], reserved: Sequence[str] = ()) -> Formula:
    """Read a formula against the columns of a table.

    Parameters
    ----------
    text : str
        The formula.
    columns : sequence of str
        The columns of the table, for ``.`` and for errors.
    reserved : sequence of str
        Columns that ``.`` leaves out: weights and the like.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        If the formula cannot be read.
    DesignError
        If it names a column that the table does not have.
    """
    try:
        return _read(text, columns, reserved)
    except RecursionError:
        raise FormulaError(f"the formula of {len(text)} characters nests too deep") from None


def _read(text: str, columns: Sequence[str], reserved: Sequence[str]) -> Formula:
    left, right = parse(text)
    check_names(left, columns, text, "the response")
    check_names(right, columns, text, "the predictor")
    fixed, offsets, bars = split(right, text)
    taken = {*names(left), *reserved}
    for bar in bars:
        taken.update(names(bar.group))
    for item in offsets:
        taken.update(names(item))
    dot = [name for name in columns if name not in taken]
    name = response_name(left, text)
    response = as_factor(left, text, name)
    side = expand_side(fixed, text, dot)
    if any(factor.key == response.key for term in side.terms for factor in term):
        raise FormulaError(
            f"the response '{name}' is also a predictor; drop it from the right side"
        )
    return Formula(
        text=text,
        response=response,
        response_name=name,
        fixed=side,
        offsets=tuple(as_factor(item.args[0], text, item.label) for item in offsets),
        random=tuple(part for bar in bars for part in expand_bar(bar, text, dot)),
    )


def response_name(left: Node, text: str) -> str:
    """The response as written."""
    if isinstance(left, Name):
        return left.name
    return " ".join(text.split("~")[0].split())


def check_names(side: Node, columns: Sequence[str], text: str, role: str) -> None:
    """Every name is a column of the table; nothing is looked up anywhere else."""
    known = set(columns)
    grouping = {
        id(name)
        for bar in walk(side)
        if isinstance(bar, Bar)
        for name in walk(bar.group)
        if isinstance(name, Name)
    }
    for node in walk(side):
        if not isinstance(node, Name) or node.name in known:
            continue
        head = node.name.split(".")[0]
        if "." in node.name and (head in known or head == "np" or "__" in node.name):
            raise formula_error(
                f"attribute access `{node.name}` is not allowed; add the column to the table first",
                text,
                node.start,
            )
        error = unknown_column(
            node.name, list(columns), "the grouping factor" if id(node) in grouping else role
        )
        raise error


def split(right: Node, text: str) -> tuple[Node, list[Call], list[Bar]]:
    """The right side as fixed part, offset(...) calls, and bars."""
    items = right.items if isinstance(right, Sum) else (("+", right),)
    fixed: list[tuple[str, Node]] = []
    offsets: list[Call] = []
    bars: list[Bar] = []
    for sign, node in items:
        special = isinstance(node, Bar) or (isinstance(node, Call) and node.function == "offset")
        if special and sign == "-":
            raise formula_error("this cannot be subtracted; leave it out", text, node.start)
        if isinstance(node, Bar):
            bars.append(node)
        elif isinstance(node, Call) and node.function == "offset":
            if len(node.args) != 1 or node.kwargs:
                raise formula_error("offset(...) takes one column", text, node.start)
            offsets.append(node)
        else:
            fixed.append((sign, node))
    return Sum(tuple(fixed), right.start), offsets, bars


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
    terms = [":".join(factor.label for factor in term) for term in side.terms]
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
