"""One column of a table, told for what it is: numbers, booleans, text, categories; or refused.

All checks of single values are here: missing, infinite, text where numbers belong, dates.
"""

import contextlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .errors import DesignError, at_rows, quoted, some
from .table import Table

_DATE_KINDS = {
    "date", "datetime", "datetime64", "Timestamp", "Timedelta", "timedelta", "timedelta64", "time",
    "Period",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column: its kind, its values, where they are missing, and its levels if categorical.

    ``kind`` is "number" (float64, int64 or uint64), "boolean" (bool) or "text" (str objects).
    ``levels`` are the used levels of a declared categorical in their order, else None. ``rounded``
    is whether some numbers are no float64, so that they may be values but not labels. ``called`` is
    what a message calls a column that is none of a table.
    """

    name: str
    kind: str
    values: np.ndarray
    missing: np.ndarray
    levels: tuple[Any, ...] | None = None
    rounded: bool = False
    called: str = ""

    @property
    def what(self) -> str:
        """How a message calls it."""
        return self.called or f"column '{self.name}'"

    def take(self, keep: np.ndarray) -> "Column":
        """The rows of a mask."""
        if keep.all():
            return self
        values, missing = self.values[keep], self.missing[keep]
        levels = self.levels
        if levels is not None:
            used = set(values[~missing].tolist())
            levels = tuple(level for level in levels if level in used)
        return replace(self, values=values, missing=missing, levels=levels)

    @property
    def told(self) -> str:
        """Its kind for messages and for tables to come; numbers that are all 0 or 1 are told."""
        zero_one = self.kind == "number" and bool(((self.values == 0) | (self.values == 1)).all())
        return "number (0 or 1)" if zero_one else self.kind

    def comparable(self, fitted: str) -> bool:
        """Whether its values mean what those of a column that was told so meant.

        A boolean is 0 or 1 beside numbers that are nothing else, and no number beside others.
        """
        binary = ("boolean", "number (0 or 1)")
        return self.kind == fitted.split(" ")[0] or (fitted in binary and self.told in binary)

    @property
    def categorical(self) -> bool:
        """Whether it enters a design through indicator columns."""
        return self.kind == "text" or self.levels is not None


def whole_numbers(values: np.ndarray) -> np.ndarray:
    """Floats as int64 where nothing is lost: 308.0 labels the group 308."""
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        return values
    if (np.abs(values) < 2**53).all() and (values == np.round(values)).all():
        return values.astype(np.int64)
    return values


def read_column(name: str, series: Any, rows: np.ndarray, role: str = "column") -> Column:
    """Tell what a pandas Series holds.

    Parameters
    ----------
    name : str
        Its name, for messages.
    series : pandas.Series
        Its n values.
    rows : ndarray (n,)
        The labels of the rows.
    role : str
        What the column is for, for messages.

    Returns
    -------
    Column

    Raises
    ------
    DesignError
        At complex numbers, dates, and mixtures of kinds.
    """
    import pandas as pd
    from pandas.api import types

    if isinstance(series.dtype, pd.SparseDtype):
        series = series.sparse.to_dense()
    series = _intervals_as_text(series)
    dtype = series.dtype
    missing = np.asarray(series.isna(), dtype=bool)
    if isinstance(dtype, pd.CategoricalDtype):
        plain = pd.Series(series.astype(object))
        column = read_column(name, plain, rows, role)
        used = set(column.values[~missing].tolist())
        levels = tuple(level for level in dtype.categories.tolist() if level in used)
        rounded = column.rounded or _narrow(dtype.categories)
        return replace(column, levels=levels, rounded=rounded)
    if types.is_complex_dtype(dtype):
        raise DesignError(f"{role} '{name}' is complex; models here are of real numbers")
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        raise _dates(name, role)
    if types.is_bool_dtype(dtype):
        return Column(name, "boolean", _with_gaps(series, missing, bool, False), missing)
    if dtype.kind in "iuf" and dtype.itemsize <= 8:
        return _numbers(name, series, missing)
    return _objects(name, series, missing, rows, role)


def column_of(table: Table, name: str, role: str) -> Column:
    """A column of a table, told for what it is; infinity is never data."""
    column = read_column(name, table.column(name, role), table.rows, role)
    refuse_infinite(column, table.rows, role)
    return column


def _intervals_as_text(series: Any) -> Any:
    """What `pandas.cut` makes, as categories in the order of the intervals: "(18.0, 25.0]"."""
    import pandas as pd

    if isinstance(series.dtype, pd.IntervalDtype):
        series = series.astype("category")
    categories = getattr(series.dtype, "categories", None)
    if isinstance(categories, pd.IntervalIndex):
        return series.cat.rename_categories(str)
    return series


def _dates(name: str, role: str) -> DesignError:
    to = "text" if "grouping" in role else "a number, e.g. days since the first one"
    return DesignError(f"{role} '{name}' holds dates or durations; convert it to {to}")


def _with_gaps(series: Any, missing: np.ndarray, kind: Any, filler: Any) -> np.ndarray:
    values = np.full(len(missing), filler, dtype=kind)
    values[~missing] = np.asarray(series[~missing], dtype=kind)
    return values


def _numbers(name: str, series: Any, missing: np.ndarray) -> Column:
    if series.dtype.kind in "iu":  # exact, also with gaps: as floats, large ones would collapse
        present = series[~missing]
        huge = len(present) > 0 and present.max() > np.iinfo(np.int64).max
        kind = np.uint64 if huge else np.int64
        return Column(name, "number", _with_gaps(series, missing, kind, 0), missing)
    values = _with_gaps(series, missing, float, np.nan)
    return Column(name, "number", values, missing, rounded=_narrow(series[~missing]))


def _narrow(values: Any) -> bool:
    """Whether floats are too narrow to be labels: float32 has no .1, and no whole 2^24 + 1."""
    if values.dtype.kind != "f" or values.dtype.itemsize >= 8:
        return False
    limit = 2.0 ** (np.finfo(f"f{values.dtype.itemsize}").nmant + 1)
    found = np.asarray(values, dtype=float)
    halves = found * 2.0**10  # fractions that short binary numbers are
    return bool((np.abs(found) >= limit).any() or (halves != np.round(halves)).any())


def _objects(name: str, series: Any, missing: np.ndarray, rows: np.ndarray, role: str) -> Column:
    from decimal import Decimal

    values = np.full(len(missing), None, dtype=object)
    values[~missing] = np.asarray(series[~missing], dtype=object)
    present = values[~missing].tolist()
    if not present:  # a column of nothing is no text
        return Column(name, "number", np.full(len(missing), np.nan), missing)
    if all(isinstance(value, str) for value in present):
        return Column(name, "text", values, missing)
    if all(isinstance(value, bool | np.bool_) for value in present):
        return Column(name, "boolean", _with_gaps(series, missing, bool, False), missing)
    numeric = (int, float, np.number, Decimal)
    if all(isinstance(v, numeric) and not isinstance(v, bool) for v in present):
        return _exact_numbers(name, present, missing)
    kinds = sorted({type(value).__name__ for value in present})
    if _DATE_KINDS & set(kinds):
        raise _dates(name, role)
    texts = np.array([isinstance(value, str) for value in values.tolist()])
    advice = ""
    if texts.any():
        bad = [
            f"{value!r} in row {row}"
            for value, row in zip(values, rows, strict=True)
            if isinstance(value, str)
        ]
        advice = f"; text: {some(bad)}"
    if len(kinds) == 1:
        raise DesignError(
            f"{role} '{name}' holds values of the kind {quoted(kinds)}, which is neither number, "
            "text nor boolean; convert it to text, in a categorical column with "
            ".cat.rename_categories(str), which keeps the order, else with .map(str)"
        )
    raise DesignError(
        f"{role} '{name}' mixes values of the kinds {quoted(kinds)}{advice}; make it one kind"
    )


def _exact_numbers(name: str, present: list[Any], missing: np.ndarray) -> Column:
    """Numbers of any type: whole ones as integers, for floats would not tell large ones apart."""
    whole = [_whole(value) for value in present]
    for kind in (np.int64, np.uint64):
        with contextlib.suppress(OverflowError, TypeError):  # too large, or none
            values = np.zeros(len(missing), dtype=kind)
            values[~missing] = np.array(whole, dtype=kind)
            return Column(name, "number", values, missing)
    numbers = np.full(len(missing), np.nan)
    numbers[~missing] = [_float(value) for value in present]
    rounded = any(not _is_float(value) for value in present)
    rounded |= any(_narrow(np.array(v)) for v in present if isinstance(v, np.floating))
    return Column(name, "number", numbers, missing, rounded=rounded)


def _whole(value: Any) -> int | None:
    """The whole number that a value is, None where it is none; a large float may be another."""
    if isinstance(value, int | np.integer):
        return int(value)
    if not np.isfinite(_float(value)) or value != int(value):
        return None
    return int(value) if not isinstance(value, float) or abs(value) < 2**53 else None


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond 1e308
        return np.inf


def _is_float(value: Any) -> bool:
    """Whether float64 tells the value from all others, decimals by the digits that they show."""
    from decimal import Decimal

    near = _float(value)
    return bool(value == (Decimal(repr(near)) if isinstance(value, Decimal) else near))


def refuse_infinite(column: Column, rows: np.ndarray, role: str = "column") -> None:
    """Infinity is never data."""
    if column.kind == "number" and column.values.dtype.kind == "f":
        infinite = np.isinf(column.values)
        if infinite.any():
            raise DesignError(
                f"{role} '{column.name}' is infinite in {at_rows(infinite, rows)}; "
                "correct or remove these rows"
            )
