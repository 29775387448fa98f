"""One side of a formula and the columns of a table -> a named matrix, and how to make it again.

Each variable is read once: numbers as they are, labels as codes of the fitted levels. A block of
columns is then the product of its variables, those of categorical ones by their contrasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from ..types import Array, Index
from .algebra import Side
from .checks import check_size
from .coding import Coded, blocks_of
from .columns import Column
from .contrasts import Categories, Contrast
from .errors import DesignError, at_rows, quoted
from .evaluate import Evaluator, computed
from .levels import place_of
from .nodes import Call, Name, Node, names
from .rank import check_rank
from .text_use import as_categories, check_text_use
from .transforms import CATEGORICAL
from .variables import Variable


@dataclass(frozen=True, eq=False)
class Coding:
    """How one variable becomes columns, as the fitted table says.

    Attributes
    ----------
    label : str
        As the user wrote it.
    width : int
        How many columns it is, where it is numeric.
    levels : tuple or None
        Where it is categorical: its levels, in their order.
    contrast : Contrast
        And how they are coded.
    """

    label: str
    width: int = 1
    levels: tuple[Any, ...] | None = None
    contrast: Contrast = field(default_factory=Contrast)

    def read(self, value: Any, rows: Index) -> Array:
        """Numbers (n, width), or the level of each row, as an index into the fitted ones."""
        value = value.values if isinstance(value, Categories) else np.asarray(value)
        if self.levels is None:
            return value.astype(float).reshape(len(rows), self.width)
        given = value.tolist()
        codes = place_of(given, self.levels)
        if (new := codes < 0).any():
            unseen = dict.fromkeys(label for label, is_new in zip(given, new) if is_new)
            raise DesignError(
                f"'{self.label}' has the level {quoted(unseen)} in {at_rows(new, rows)}, which the "
                f"fitted table did not have; its levels are {quoted(self.levels)}; correct these "
                "rows, or fit a table that has the level"
            )
        return codes

    def columns(self, read: Array, full: bool) -> Array:
        """The columns of what was read, (n, k); all indicators, or one fewer."""
        if self.levels is None:
            return read
        found: Array = self.contrast.columns(self.levels, full)[0][read]
        return found

    def names(self, full: bool) -> list[str]:
        """The names of these columns."""
        if self.levels is not None:
            return [f"{self.label}[{n}]" for n in self.contrast.columns(self.levels, full)[1]]
        several = self.width > 1
        return [f"{self.label}[{j}]" for j in range(self.width)] if several else [self.label]


@dataclass(frozen=True, eq=False)
class FittedSide:
    """The columns of one side as coded on the fitted table.

    Attributes
    ----------
    side : Side
        The terms.
    labels : frozenset of str
        Columns of the table whose values are labels, not numbers.
    memory : dict
        What transforms saw in the fitted table.
    codings : mapping of str to Coding
        Of every variable, by its key.
    blocks : tuple of Coded
        The blocks of columns in their order; that of the intercept is a product of nothing.
    names : tuple of str
        Of the columns.
    written : tuple of str
        The user's term that each column belongs to.
    """

    side: Side
    labels: frozenset[str]
    memory: dict[str, Any]
    codings: Mapping[str, Coding]
    blocks: tuple[Coded, ...]
    names: tuple[str, ...]
    written: tuple[str, ...]

    def encode(self, columns: Mapping[str, Column], rows: Index) -> Array:
        """A new table in the same columns.

        Parameters
        ----------
        columns : mapping of str to Column
            The columns that the side uses, without gaps.
        rows : ndarray (m,)
            Labels of the rows, for messages.

        Returns
        -------
        ndarray (m, len(names))

        Raises
        ------
        DesignError
            At a level that the fitted table did not have, or a value that is not finite.
        """
        return self.matrix(self.read(columns, rows), rows)

    def read(self, columns: Mapping[str, Column], rows: Index) -> dict[str, Array]:
        """Every variable in a table, fitted or new, as its coding reads it."""
        values = Evaluator(columns, self.labels, self.memory)
        read = {}
        for item in _variables(self.side):
            with computed(item.label):
                read[item.key] = self.codings[item.key].read(values.of(item.node), rows)
        return read

    def matrix(self, read: Mapping[str, Array], rows: Index) -> Array:
        """The columns of what was read, side by side."""
        found = [np.empty((len(rows), 0))]
        for block in self.blocks:
            parts = [self.codings[key].columns(read[key], full) for key, full in block]
            found.append(reduce(_products, parts) if parts else np.ones((len(rows), 1)))
        return _finite(np.ascontiguousarray(np.column_stack(found)), self.names, rows)


def fit_side(side: Side, columns: Mapping[str, Column], rows: Index) -> tuple[FittedSide, Array]:
    """Code a side on the table that the model is fitted to.

    Parameters
    ----------
    side : Side
        The terms.
    columns : mapping of str to Column
        The columns that they use, without gaps.
    rows : ndarray (n,)
        Labels of the rows, for messages.

    Returns
    -------
    FittedSide, ndarray (n, p)

    Raises
    ------
    DesignError
        If a transform fails or gives a value that is not finite, or a variable has one level.
    """
    check_text_use(side, columns)
    labels = frozenset(as_categories(side) | {n for n in side.columns if columns[n].categorical})
    values = Evaluator(columns, labels, {})
    codings, read = {}, {}
    for item in _variables(side):
        with computed(item.label):
            value = values.of(item.node)
            codings[item.key] = _coding(item, value, columns, len(rows))
            read[item.key] = codings[item.key].read(value, rows)
    categorical = {key for key, coding in codings.items() if coding.levels is not None}
    found: list[tuple[str, Coded]] = [("Intercept", ())] if side.intercept else []
    for term, blocks in blocks_of(side.terms, side.intercept, categorical):
        found += [(":".join(item.label for item in term), block) for block in blocks]
    named = [_names(block, codings) for _, block in found]
    fitted = FittedSide(
        side=side,
        labels=labels,
        memory=values.memory,
        codings=codings,
        blocks=tuple(block for _, block in found),
        names=tuple(name for block in named for name in block),
        written=tuple(term for (term, _), block in zip(found, named) for _ in block),
    )
    return fitted, fitted.matrix(read, rows)


def _variables(side: Side) -> list[Variable]:
    """Each variable once."""
    return list({item.key: item for term in side.terms for item in term}.values())


def _coding(item: Variable, value: Any, columns: Mapping[str, Column], n: int) -> Coding:
    """Numeric or categorical: what its value decides, and the column that it is."""
    column = _column_of(item.node, columns)
    if not isinstance(value, Categories) and not (column and column.categorical):
        shape, kind = np.shape(value), getattr(value, "dtype", np.dtype(object)).kind
        if len(shape) not in (1, 2) or shape[0] != n or kind not in "biuf":
            raise ValueError("it is no column of numbers, nor a factor by C(...)")
        return Coding(item.label, shape[1] if len(shape) == 2 else 1)
    labels = value.values if isinstance(value, Categories) else value
    declared = column.levels if column else None
    levels = tuple(declared or sorted(set(labels.tolist())))
    if len(levels) == 1:
        raise DesignError(
            f"the factor '{item.label}' has one level, '{levels[0]}', so it has no effect to "
            "estimate; drop it from the formula"
        )
    contrast = value.contrast if isinstance(value, Categories) else Contrast()
    contrast.place(levels)
    return Coding(item.label, levels=levels, contrast=contrast)


def _column_of(node: Node, columns: Mapping[str, Column]) -> Column | None:
    """The column that a variable is, whose declared levels are then its own."""
    while isinstance(node, Call) and node.function in ("I", *CATEGORICAL):
        node = node.args[0]
    return columns[node.name] if isinstance(node, Name) else None


def _names(block: Coded, codings: Mapping[str, Coding]) -> list[str]:
    parts = [codings[key].names(full) for key, full in block]
    return [":".join(names) for names in product(*parts)] if parts else ["Intercept"]


def _products(left: Array, right: Array) -> Array:
    """Every column of one times every column of the other, those of the other the faster."""
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)


def check_columns(
    side: FittedSide, matrix: np.ndarray, columns: Mapping[str, Column], where: str, rank: bool
) -> None:
    """Refuse columns that are zero, constant or made up of others, with a way out of the formula.

    Parameters
    ----------
    side : FittedSide
        The side whose columns they are.
    matrix : ndarray (n, p)
    columns : mapping of str to Column
        The columns of the table.
    where : str
        What they are, for messages: "the fixed effects".
    rank : bool
        Whether all are looked at, or cells alone that no row is in.

    Raises
    ------
    DesignError
        Naming the columns, or the cells of an interaction that no row is in.
    """
    check_size(matrix, side.names, f"in {where} the column")
    if not rank:
        if (matrix == 0).all(axis=0).any():
            _refuse_empty_cells(side, columns, where)
        return
    try:
        check_rank(matrix, side.names, where, dict(zip(side.names, side.written)))
    except DesignError:
        _refuse_empty_cells(side, columns, where)
        raise


def _refuse_empty_cells(side: FittedSide, columns: Mapping[str, Column], where: str) -> None:
    n = len(next(iter(columns.values())).values)
    read = side.read(columns, np.arange(n))
    for block in reversed(side.blocks):  # the highest interaction has the cells of the others
        factors, empty = _empty_cells(side, [key for key, _ in block], read)
        if empty:
            cell = " and ".join(f"{f} = '{level}'" for f, level in zip(factors, empty[0]))
            others = len(empty) - 1
            more = f" ({others} more such {'cell' if others == 1 else 'cells'})" if others else ""
            one = "_".join(factors)
            made = " + ':' + ".join(f"table['{factor}'].astype(str)" for factor in factors)
            raise DesignError(
                f"in {where}, no row has {cell}{more}, so not all coefficients of "
                f"{':'.join(factors)} can be told. Use one factor of the cells that occur: "
                f"table['{one}'] = {made}, and write {one} in place of {' * '.join(factors)} or "
                f"{':'.join(factors)}"
            )


def _empty_cells(
    side: FittedSide, keys: list[str], read: Mapping[str, Array]
) -> tuple[list[str], list[list[Any]]]:
    """Columns of the categorical variables of a block, and their cells that no row is in."""
    nodes = {item.key: item.node for item in _variables(side.side)}
    factors = [key for key in keys if side.codings[key].levels is not None]
    if len(factors) < 2:
        return [], []
    levels = [side.codings[key].levels or () for key in factors]
    occur = set(zip(*[read[key].tolist() for key in factors], strict=True))
    cells = product(*[range(len(of)) for of in levels])
    empty = [[of[j] for of, j in zip(levels, cell)] for cell in cells if cell not in occur]
    return [min(names(nodes[key])) for key in factors], empty


def fit_vector(
    item: Variable, columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[FittedSide, np.ndarray]:
    """One numeric variable as a vector: the response, or an offset."""
    fitted, matrix = fit_side(Side(((item,),), False), columns, rows)
    if matrix.shape[1] != 1:
        raise DesignError(f"`{item.label}` must be one column of numbers, got {matrix.shape[1]}")
    return fitted, np.ascontiguousarray(matrix[:, 0])


def _finite(matrix: np.ndarray, labels: tuple[str, ...], rows: np.ndarray) -> np.ndarray:
    """Columns of data are finite by now; what is not finite was made by a transform."""
    for label, column in zip(labels, matrix.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            raise DesignError(
                f"`{label}` is {column[bad][0]} in {at_rows(bad, rows)}; "
                "the transform is not defined there"
            )
    return matrix
