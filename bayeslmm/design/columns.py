"""One column of a table, told for what it is: numbers, booleans, text, categories; or refused.

All checks of single values are here: missing, infinite, text where numbers belong, dates.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import DesignError, at_rows, quoted, some

_DATE_KINDS = {"date", "datetime", "Timestamp", "Timedelta", "timedelta", "time", "Period"}


@dataclass(frozen=True)
class Column:
    """A column: its kind, its values, where they are missing, and its levels if categorical.

    ``kind`` is "number" (values float64 or int64), "boolean" (bool) or "text" (str objects).
    ``levels`` are the used levels of a declared categorical in their order, else None.
    """

    name: str
    kind: str
    values: np.ndarray
    missing: np.ndarray
    levels: tuple[Any, ...] | None = None

    def take(self, keep: np.ndarray) -> "Column":
        """The rows of a mask; integers that were floats only for their gaps are integers again."""
        values, missing = self.values[keep], self.missing[keep]
        levels = self.levels
        if levels is not None:
            used = set(values[~missing].tolist())
            levels = tuple(level for level in levels if level in used)
        if self.kind == "number" and not missing.any():
            values = whole_numbers(values)
        return Column(self.name, self.kind, values, missing, levels)

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

    dtype = series.dtype
    missing = np.asarray(series.isna(), dtype=bool)
    if isinstance(dtype, pd.CategoricalDtype):
        plain = pd.Series(series.astype(object))
        column = read_column(name, plain, rows, role)
        used = set(column.values[~missing].tolist())
        levels = tuple(level for level in dtype.categories.tolist() if level in used)
        return Column(name, column.kind, column.values, missing, levels)
    if types.is_complex_dtype(dtype):
        raise DesignError(f"{role} '{name}' is complex; models here are of real numbers")
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        raise _dates(name, role)
    if types.is_bool_dtype(dtype):
        return Column(name, "boolean", _with_gaps(series, missing, bool, False), missing)
    if types.is_numeric_dtype(dtype):
        return _numbers(name, series, missing)
    return _objects(name, series, missing, rows, role)


def _dates(name: str, role: str) -> DesignError:
    to = "text" if "grouping" in role else "a number, e.g. days since the first one"
    return DesignError(f"{role} '{name}' holds dates or durations; convert it to {to}")


def _with_gaps(series: Any, missing: np.ndarray, kind: Any, filler: Any) -> np.ndarray:
    values = np.full(len(missing), filler, dtype=kind)
    values[~missing] = np.asarray(series[~missing], dtype=kind)
    return values


def _numbers(name: str, series: Any, missing: np.ndarray) -> Column:
    whole = str(series.dtype).lower().startswith(("int", "uint"))
    if whole:  # exact, also with gaps: as floats, identifiers above 2**53 would collapse
        present = series[~missing]
        huge = len(present) > 0 and present.max() > np.iinfo(np.int64).max
        kind = np.uint64 if huge else np.int64
        return Column(name, "number", _with_gaps(series, missing, kind, 0), missing)
    return Column(name, "number", _with_gaps(series, missing, float, np.nan), missing)


def _objects(name: str, series: Any, missing: np.ndarray, rows: np.ndarray, role: str) -> Column:
    from decimal import Decimal

    values = np.full(len(missing), None, dtype=object)
    values[~missing] = np.asarray(series[~missing], dtype=object)
    present = values[~missing].tolist()
    if all(isinstance(value, str) for value in present):
        return Column(name, "text", values, missing)
    if all(isinstance(value, bool | np.bool_) for value in present):
        return Column(name, "boolean", _with_gaps(series, missing, bool, False), missing)
    if all(isinstance(value, int | float | np.number | Decimal) for value in present):
        numbers = _with_gaps(series, missing, float, np.nan)
        return Column(name, "number", whole_numbers(numbers), missing)
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
    raise DesignError(
        f"{role} '{name}' mixes values of the kinds {quoted(kinds)}{advice}; make it one kind"
    )


def refuse_infinite(column: Column, rows: np.ndarray, role: str = "column") -> None:
    """Infinity is never data."""
    if column.kind == "number" and column.values.dtype.kind == "f":
        infinite = np.isinf(column.values)
        if infinite.any():
            raise DesignError(
                f"{role} '{column.name}' is infinite in {at_rows(infinite, rows)}; "
                "correct or remove these rows"
            )
