"""Columns of numbers with names, from what a user has at hand: X, Z, a block, or a matrix Y.

A table names its columns, and new rows find theirs by these names; those of an array have names
that are made up, and are found by their place.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array, Index
from .checks import real_array
from .column import read_column
from .errors import DesignError, quoted
from .labels import index_of
from .names import refuse_unnamed
from .table import read_table, with_names
from .text import numbers


@dataclass(frozen=True, eq=False)
class Numbers:
    """A matrix (n, p) in which NaN is a gap, the names of its columns, the labels of its rows."""

    what: str  # how a message calls it
    values: Array
    names: tuple[str, ...]
    rows: Index
    named: bool  # whether the names are the user's
    index: Any = None  # of pandas, where rows have labels


def read_numbers(
    values: Any,
    what: str,
    *,
    names: Sequence[Any] | None = None,
    letter: str = "",
    vector: bool = False,
    n: int | None = None,
) -> Numbers:
    """Read a table or an array.

    Parameters
    ----------
    values : table, or array_like (n, p)
        A pandas, polars or pyarrow table or a dict of arrays names its columns.
    what : str
        What it is called in messages.
    names : sequence of str, optional
        Names, in place of the table's.
    letter : str
        What made-up names begin with: x0, x1, ...
    vector : bool
        Whether a vector is one column.
    n : int, optional
        How many rows there must be.

    Raises
    ------
    DesignError
        If a column holds no numbers, a name stands twice, or the shape differs.
    """
    values = with_names(values)
    table = is_table(values)
    if table:
        read = read_table(values)
        array, found, rows = from_frame(values, read.rows, what), read.names, read.rows
        _check_shape(array, what, n)
    else:
        array = _rectangle(values, what, vector, n)
        rows = np.arange(len(array))
        found = tuple(f"{letter}{j}" for j in range(array.shape[1]))
    if names is not None:
        found = tuple(str(name) for name in names)
        if len(found) != array.shape[1]:
            raise DesignError(
                f"{len(found)} names were given for the {array.shape[1]} columns of {what}"
            )
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise DesignError(f"several columns of {what} are called {quoted(twice)}; rename them")
    return Numbers(what, array, found, rows, table or names is not None, index_of(values))


def read_alike(
    new: Any,
    names: Sequence[str],
    what: str,
    *,
    lacks: str = "lacks the columns {}; it has {}",
    vector: bool = False,
    n: int | None = None,
) -> tuple[Array, Index]:
    """New rows of columns that were read before, and the labels of these rows.

    Columns of a table are found by name, in any order, and others are left alone; those of an
    array by position.

    Raises
    ------
    DesignError
        If a column is absent or holds no numbers, or the shape differs.
    """
    new = with_names(new)
    if is_table(new):
        table = read_table(new)
        absent = [name for name in names if name not in table.names]
        if absent:
            raise DesignError(f"{what} {lacks.format(quoted(absent), quoted(table.names))}")
        array, rows = from_frame(new, table.rows, what, names), table.rows
        _check_shape(array, what, n)
        return array, rows
    array = _rectangle(new, what, vector, n, len(names))
    return array, np.arange(len(array))


def is_table(values: Any) -> bool:
    """Whether something has names for its columns."""
    fields = getattr(getattr(values, "dtype", None), "names", None)
    mapping = isinstance(values, Mapping) and not hasattr(values, "data_vars")  # of xarray
    return hasattr(values, "columns") or mapping or bool(fields)


def from_frame(frame: Any, rows: Index, what: str, names: Sequence[str] | None = None) -> Array:
    """Columns of a table (all, or those named), each read by itself so a bad one can be named."""
    table = read_table(frame)
    if names is None:
        refuse_unnamed(table.names, what)
    wanted = table.names if names is None else names
    if all_numbers(frame) and not table.twice:  # nothing to find out; thousands of columns at once
        place = {name: j for j, name in enumerate(table.names)}
        values = frame if names is None else frame.iloc[:, [place[name] for name in wanted]]
        return np.array(values.to_numpy(dtype=float), order="C")  # a copy, the model's own
    found, role = [np.empty((len(table), 0))], f"the column of {what}"
    for name in wanted:
        column = read_column(name, table.column(name), table.rows, role)
        found.append(numbers(column, table.rows, role)[:, None])
    return np.concatenate(found, axis=1)


def all_numbers(frame: Any) -> bool:
    """Whether this is a pandas DataFrame of nothing but numpy numbers."""
    if type(frame).__module__.split(".")[0] != "pandas":
        return False
    return all(isinstance(kind, np.dtype) and kind.kind in "fiu" for kind in frame.dtypes)


def _rectangle(values: Any, what: str, vector: bool, n: int | None, p: int | None = None) -> Array:
    if hasattr(values, "toarray"):
        raise DesignError(f"{what} must be a dense array, got a sparse one; call .toarray()")
    array = real_array(values, what)
    array = array[:, None] if array.ndim == 1 and vector else array
    _check_shape(array, what, n, p)
    return array


def _check_shape(array: Array, what: str, n: int | None, p: int | None = None) -> None:
    if array.ndim == 2 and n in (None, len(array)) and p in (None, array.shape[1]):
        return
    wanted, got = f"shape ({n}, {p or 'columns'})", f"{array.shape}"
    if n is None:
        wanted = f"{p} columns as the fitted had" if p else "two dimensions, rows and columns"
        got = f"shape {array.shape}"
    of = what if what.isidentifier() else ""
    hint = f"; write {of}[:, None] for one column, {of}[None, :] for one row"
    raise DesignError(f"{what} must have {wanted}, got {got}{hint if array.ndim == 1 else ''}")
