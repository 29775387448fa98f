"""A formula taken apart: response, fixed side, offsets and random effects, not yet met with data.

::

    y ~ x + offset(o) + (x | a/b)   ->   y | 1 + x | o | (x | a), (x | a:b)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .bars import RandomPart, expand_bar
from .errors import FormulaError, formula_error, nests_too_deep, unknown_column
from .names import refuse_unnamed
from .nodes import Bar, Call, Dot, Name, Node, Sum, children, names, walk
from .parser import parse
from .term_algebra import Side, expand_side
from .transforms import CATEGORICAL
from .variables import Variable, as_variable


@dataclass(frozen=True)
class Formula:
    """What a formula says."""

    text: str
    response: Variable
    response_name: str
    fixed: Side
    offsets: tuple[Variable, ...]
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
        nodes = [item.node for side in sides for term in side.terms for item in term]
        return list(dict.fromkeys(node.name for node in nodes if isinstance(node, Name)))


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
        raise nests_too_deep(text) from None


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
    if any(isinstance(node, Dot) for node in walk(right)):
        refuse_unnamed(dot, "the table, all columns of which `.` takes,")
    name = response_name(left, text)
    response = as_variable(left, text, name)
    side = expand_side(fixed, text, dot)
    if any(item.key == response.key for term in side.terms for item in term):
        raise FormulaError(
            f"the response '{name}' is also a predictor; drop it from the right side"
        )
    return Formula(
        text=text,
        response=response,
        response_name=name,
        fixed=side,
        offsets=tuple(as_variable(item.args[0], text, item.label) for item in offsets),
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
    bars = [node for node in walk(side) if isinstance(node, Bar)]
    grouping = {id(node) for bar in bars for node in walk(bar.group)}
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
        of = "the grouping factor" if id(node) in grouping else role
        raise unknown_column(node.name, list(columns), of)


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
