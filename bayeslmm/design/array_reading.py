"""Arrays as the columns of a table whose names are made up, at the fit and for new rows."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..types import Index
from .checks import refuse_not_finite, refuse_where
from .column import Column, read_column, refuse_infinite
from .effects import FittedRandom
from .errors import DesignError, quoted
from .labels import Labels
from .nodes import Name
from .numeric import Numbers, read_alike
from .sides import FittedSide
from .table import as_series, with_names
from .term_algebra import Side
from .variables import Variable

ROLE = "the grouping factor"


def labelled(
    X: Any, groups: Mapping[str, Any], extras: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """All arrays of rows that may have labels, with what a message calls them."""
    yield "X", X
    for name, value in groups.items():
        for each in value if isinstance(value, tuple) else (value,):
            yield f"{ROLE} '{name}'", each
    yield from ((f"{keyword}=", value) for keyword, value in extras.items())


def side_of(matrix: Numbers) -> tuple[Side, dict[str, Column]]:
    """The side whose terms are the columns of a matrix, and these columns by made-up names."""
    keys = [f"{matrix.what}\n{j}" for j in range(len(matrix.names))]
    terms = tuple((Variable(n, Name(key, 0), key),) for n, key in zip(matrix.names, keys))
    values = np.ascontiguousarray(matrix.values.T)
    columns = {
        key: Column(n, "number", x, gap, called=f"column '{n}' of {matrix.what}")
        for n, key, x, gap in zip(matrix.names, keys, values, np.isnan(values))
    }
    return Side(terms, False), columns


def read_labels(name: str, values: Any, paired: bool, rows: Index, seen: Labels) -> Column:
    """The labels of a grouping factor."""
    n, shape = len(rows), _shape(values)
    if shape != (n,):
        got = f"a {type(values).__name__} of unlike things" if shape is None else str(shape)
        hint = "" if paired else "; give labels and columns as a tuple, (labels, columns)"
        raise DesignError(
            f"the labels of grouping factor '{name}' must have shape ({n},), got {got}{hint}"
        )
    series = as_series(seen.align(values, f"{ROLE} '{name}'"), f"{ROLE} '{name}'")
    column = read_column(name, series, rows, ROLE)
    refuse_infinite(column, rows, ROLE)
    return column


def apart(value: Any) -> tuple[Any, Any]:
    """Labels, and the columns Z where these were given."""
    pair = isinstance(value, tuple) and len(value) == 2 and np.ndim(value[1]) > 0
    return value if pair else (value, None)


def _shape(values: Any) -> tuple[int, ...] | None:
    """The shape of an array, or None where it has none."""
    try:
        return np.shape(values)
    except (TypeError, ValueError):
        return None


def read_new_arrays(
    new_data: Any,
    fixed: FittedSide,
    random: tuple[FittedRandom, ...],
    given: Mapping[str, Any],
    noise: bool,
) -> tuple[dict[str, Column], Labels, Index, dict[str, Any]]:
    """New arrays as columns by the names made up at the fit; labels and names of the rows; extras.

    Raises
    ------
    DesignError
        If an array is missing, has gaps, or its shape differs.
    """
    if not isinstance(new_data, Mapping):
        raise DesignError(
            "the model was fitted to arrays, so new data are a dict with 'X' and 'groups', "
            f"got {type(new_data).__name__}"
        )
    X, groups = new_data.get("X"), new_data.get("groups") or {}
    beside = new_data if noise else {"offset": new_data.get("offset")}
    given = {key: beside.get(key) if value is None else value for key, value in given.items()}
    n = _count(X, groups, fixed.names)
    seen = Labels.first(labelled(X, groups, given))
    rows = seen.rows(n)
    columns = _again(fixed, np.empty((n, 0)) if X is None else X, "X", rows, seen)
    for part in random:
        columns |= _again_group(part, groups, rows, seen)
    return columns, seen, rows, given


def _count(X: Any, groups: Mapping[str, Any], names: tuple[str, ...]) -> int:
    if X is not None:
        return len(X)
    if names:
        raise DesignError(f"new data need 'X' with the columns {quoted(names)}")
    for value in groups.values():
        return len(apart(value)[0])
    raise DesignError("new data need 'X' or 'groups'")


def _again_group(
    part: FittedRandom, groups: Mapping[str, Any], rows: Index, seen: Labels
) -> dict[str, Column]:
    name, (side,) = part.factor.name, part.sides
    what = f"groups['{name}']"
    if name not in groups:
        raise DesignError(f"new data need {what}")
    labels, Z = apart(groups[name])
    if Z is None and side.names != ("Intercept",):
        raise DesignError(f"{what} must be (labels, Z) with Z for {quoted(side.names)}")
    column = read_labels(name, labels, Z is not None, rows, seen)
    refuse_where(column.missing, rows, f"{what} is missing", "fill or drop these rows")
    Z = np.ones((len(rows), 1)) if Z is None else Z
    return {name: column, **_again(side, Z, f"Z of {what}", rows, seen)}


def _again(side: FittedSide, new: Any, what: str, rows: Index, seen: Labels) -> dict[str, Column]:
    """A matrix of the columns that a side of the fitted arrays had."""
    matrix, _ = read_alike(seen.align(with_names(new), what), side.names, what, n=len(rows))
    refuse_not_finite(matrix, side.names, rows, what)
    found: dict[str, Column] = {}
    for key, name, x in zip(side.side.columns, side.names, matrix.T):
        found[key] = Column(name, "number", x, np.zeros(len(rows), dtype=bool))
    return found
