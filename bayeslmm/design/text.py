"""Text where numbers belong: say which entries of which rows are not numbers."""

import re
from typing import Any

import numpy as np

from .columns import Column
from .errors import DesignError, some

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def numbers(column: Column, rows: np.ndarray, role: str = "column") -> np.ndarray:
    """The column as float64, NaN where it is missing.

    Raises
    ------
    DesignError
        If it holds text; the rows whose entries are not numbers are named.
    """
    if column.categorical:
        raise DesignError(
            f"{role} '{column.name}' holds text or categories where numbers belong"
            f"{not_numbers(column, rows)}; convert it first, e.g. pandas.to_numeric"
        )
    values = column.values.astype(float)
    values[column.missing] = np.nan
    return values


def not_numbers(column: Column, rows: np.ndarray) -> str:
    """Which entries of a text do not read as numbers."""
    bad = ~reads_as_number(column)
    if not bad.any():
        return " (every entry reads as a number)"
    told = [
        f"{value!r} in row {row}" for value, row in zip(column.values[bad], rows[bad], strict=True)
    ]
    return f" ({bad.sum()} of {len(bad)} entries are not numbers: {some(told)})"


def reads_as_number(column: Column) -> np.ndarray:
    """Mask of the entries that float() would take; gaps count as numbers."""

    def reads(value: Any) -> bool:
        try:
            float(value)
        except (TypeError, ValueError):
            return False
        return True

    known: dict[Any, bool] = {}
    for value in column.values[~column.missing].tolist():
        if value not in known:
            known[value] = reads(value)
    good = column.missing.copy()
    good[~column.missing] = [known[value] for value in column.values[~column.missing].tolist()]
    return good


def refuse_numbers_as_text(column: Column, rows: np.ndarray) -> None:
    """A predictor of text that is mostly numbers is a table that was read wrongly."""
    if column.kind != "text" or column.levels is not None:
        return
    comma = [str(v) for v in column.values[~column.missing].tolist()]
    if comma and all(DECIMAL_COMMA.fullmatch(v) for v in comma):
        raise DesignError(
            f"column '{column.name}' holds numbers with a decimal comma ({some(comma)}); read the "
            f"table with decimal=',', or replace the comma"
        )
    good = reads_as_number(column)
    if good.mean() > 0.5:
        others = "" if good.all() else not_numbers(column, rows)
        raise DesignError(
            f"column '{column.name}' holds text, but {good.sum()} of {len(good)} entries read as "
            f"numbers{others}; convert it with pandas.to_numeric, or, if these are categories, "
            f"write C({column.name}) or make it a categorical column"
        )
