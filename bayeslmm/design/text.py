"""Text where numbers belong: say which entries of which rows are not numbers."""

import numpy as np

from .column import Column
from .errors import DesignError, some
from .numerals import Numerals, read_numerals


def numbers(column: Column, rows: np.ndarray, role: str = "column") -> np.ndarray:
    """The column as float64, NaN where it is missing.

    Raises
    ------
    DesignError
        If it holds text; the rows whose entries are not numbers are named.
    """
    if column.categorical:
        raise not_numbers(f"{role} '{column.name}'", column, rows)
    values = column.values.astype(float)
    values[column.missing] = np.nan
    return values


def mostly_numbers(column: Column) -> bool:
    """Whether more than half of the entries of a text are numbers, but for marks in them."""
    return column.kind == "text" and 2 * _reading(column).count > (~column.missing).sum()


def numbers_meant(column: Column) -> str:
    """What a text seems to mean, for messages: numbers, and how they are written; else ""."""
    if not mostly_numbers(column):
        return ""
    found = _reading(column)
    told = f"{found.marks}: {found.examples}); {found.advice}" if found.marks else "numbers)"
    return f" (its entries are {told}"


def not_numbers(what: str, column: Column, rows: np.ndarray) -> DesignError:
    """The error for text where numbers belong: which entries are none, and what to do."""
    found = _reading(column)
    told, advice = " (every entry reads as a number)", "convert it first, e.g. pandas.to_numeric"
    if found.odd:
        told = _odd(column, rows, found)
    elif found.marks:
        told, advice = f" (its entries are {found.marks}: {found.examples})", found.advice
    return DesignError(f"{what} holds text or categories where numbers belong{told}; {advice}")


def _reading(column: Column) -> Numerals:
    return read_numerals(str(value) for value in column.values[~column.missing].tolist())


def _odd(column: Column, rows: np.ndarray, found: Numerals) -> str:
    n = int((~column.missing).sum())
    bad = np.zeros(len(column.missing), dtype=bool)
    bad[~column.missing] = [str(v) in found.odd for v in column.values[~column.missing].tolist()]
    told = [f"{v!r} in row {row}" for v, row in zip(column.values[bad], rows[bad], strict=True)]
    return f" ({bad.sum()} of {n} entries are not numbers: {some(told)})"


def refuse_numbers_as_text(column: Column, rows: np.ndarray) -> None:
    """A predictor of text that is mostly numbers is a table that was read wrongly.

    Raises
    ------
    DesignError
        If more than half of the entries are numbers, or would be without the marks in them.
    """
    if column.levels is not None or not mostly_numbers(column):
        return
    found, n = _reading(column), int((~column.missing).sum())
    others = _odd(column, rows, found) if found.odd else ""
    told = f"column '{column.name}' holds text, but {found.count} of {n} entries read as numbers"
    advice = "convert it with pandas.to_numeric"
    if found.marks:
        told = f"column '{column.name}' holds {found.marks} ({found.examples}) as text"
        advice = found.advice
    raise DesignError(
        f"{told}{others}; {advice}, or, if these are categories, write C({column.name}) or make it "
        f"a categorical column"
    )
