"""Read a matrix or the labels of a grouping factor, with names, from what a user has at hand."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .checks import check_names, real_array, refuse_where
from .columns import Column, read_column, refuse_infinite
from .effects import refuse_single_level
from .errors import DesignError
from .grouping import Factor, fit_factor
from .labels import Labels
from .rank import check_rank
from .records import Grouping
from .table import as_series, read_table, with_names
from .text import numbers
from .unnamed import refuse_unnamed


def labelled(
    X: Any, groups: Mapping[str, Any], extras: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """All arrays of rows that may have labels, with what a message calls them."""
    yield "X", X
    for name, value in groups.items():
        for each in value if isinstance(value, tuple) else (value,):
            yield f"the grouping factor '{name}'", each
    yield from ((f"{keyword}=", value) for keyword, value in extras.items())


def read_matrix(
    values: Any, n: int, rows: np.ndarray, labels: Labels, what: str, letter: str, given: Any = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """A matrix of n rows, and the names of its columns: given, a DataFrame's, or made up."""
    values = np.empty((n, 0)) if values is None else labels.align(with_names(values), what)
    columns = None if getattr(values, "columns", None) is None else read_table(values).names
    array = real_array(values, what) if columns is None else from_frame(values, rows, what)
    if array.ndim != 2 or len(array) != n:
        hint = f"; write {what}[:, None] for one column" if array.ndim == 1 else ""
        raise DesignError(f"{what} must have shape ({n}, columns), got {array.shape}{hint}")
    if given is not None:
        names = tuple(str(name) for name in given)
        if len(names) != array.shape[1]:
            raise DesignError(
                f"{len(names)} names were given for the {array.shape[1]} columns of {what}"
            )
    elif columns is not None:
        names = tuple(str(name) for name in columns)
    else:
        ones = [bool(len(column)) and bool((column == 1).all()) for column in array.T]
        first = ones.index(True) if True in ones else -1
        names = tuple("Intercept" if j == first else f"{letter}{j}" for j in range(array.shape[1]))
    for name, column in zip(names, array.T, strict=True):
        where = f"column '{name}' of {what} is infinite"
        refuse_where(np.isinf(column), rows, where, "correct or remove these rows")
    return array, names


def from_frame(frame: Any, rows: np.ndarray, what: str, names: Any = None) -> np.ndarray:
    """Columns of a table (all, or those named), each read by itself so a bad one can be named."""
    table = read_table(frame)
    if names is None:
        refuse_unnamed(table.names, what)
    wanted = table.names if names is None else names
    if all_numbers(frame) and not table.twice:  # nothing to find out; thousands of columns at once
        place = {name: j for j, name in enumerate(table.names)}
        values = frame if names is None else frame.iloc[:, [place[name] for name in wanted]]
        return np.array(values.to_numpy(dtype=float), order="C")  # a copy, the model's own
    found = [np.empty((len(table), 0))]
    for name in wanted:
        role = f"the column of {what}"
        column = read_column(name, table.column(name), table.rows, role)
        found.append(numbers(column, table.rows, role)[:, None])
    return np.concatenate(found, axis=1)


def all_numbers(frame: Any) -> bool:
    """Whether this is a pandas DataFrame of nothing but numpy numbers."""
    if type(frame).__module__.split(".")[0] != "pandas":
        return False
    return all(isinstance(kind, np.dtype) and kind.kind in "fiu" for kind in frame.dtypes)


def read_group(
    name: str, value: Any, n: int, rows: np.ndarray, seen: Labels
) -> tuple[Column, np.ndarray, tuple[str, ...]]:
    """Labels and effects of one grouping factor."""
    pair = isinstance(value, tuple) and len(value) == 2 and np.ndim(value[1]) > 0
    labels, Z = value if pair else (value, np.ones((n, 1)))
    shape = _shape(labels)
    if shape != (n,):
        got = f"a {type(labels).__name__} of unlike things" if shape is None else str(shape)
        hint = "" if pair else "; give labels and columns as a tuple, (labels, columns)"
        raise DesignError(
            f"the labels of grouping factor '{name}' must have shape ({n},), got {got}{hint}"
        )
    role = "the grouping factor"
    series = as_series(seen.align(labels, f"{role} '{name}'"), f"{role} '{name}'")
    column = read_column(name, series, rows, role)
    refuse_infinite(column, rows, role)
    return column, *read_matrix(Z, n, rows, seen, f"Z of '{name}'", "z")


def _shape(values: Any) -> tuple[int, ...] | None:
    """The shape of an array, or None where it has none."""
    try:
        return np.shape(values)
    except (TypeError, ValueError):
        return None


def make_grouping(
    column: Column, Z: np.ndarray, effects: tuple[str, ...]
) -> tuple[Factor, Grouping]:
    """Levels and codes from labels; effects from the columns of Z, all correlated."""
    factor, codes = fit_factor([column])
    refuse_single_level(factor.name, factor.levels)
    check_names(effects)
    check_rank(Z, effects, f"the random effects of '{factor.name}'")
    blocks = (tuple(range(len(effects))),)
    Z = np.ascontiguousarray(Z)
    return factor, Grouping(factor.name, factor.levels, codes, effects, Z, blocks)
