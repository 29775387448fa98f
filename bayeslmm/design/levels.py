"""A level is a value of its type, and is found by its value: here, and nowhere else.

Equal values are one level whatever holds them: 1 and 1.0, True and numpy's True. What shows a level
may be a text; what matches never is. Every row is found to have exactly one level, or a new one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .column import Column, whole_numbers
from .errors import DesignError, some

EXACT = 2**53  # from here on not every whole number is a float


def level_values(column: Column, role: str = "column") -> np.ndarray:
    """The values of a column without gaps as labels: text, booleans, or numbers.

    Raises
    ------
    DesignError
        If a number or a text may not be what the table meant: whole numbers from 2^53 on that
        passed through float64, decimals with more digits than a float holds, a NUL in a text
        (which NumPy cuts off), or negative numbers beside ones above 2^63.
    """
    if column.kind == "text":
        values = np.array(column.values.tolist(), dtype=str)
        _refuse_changed(column, values, role)
        return values
    _refuse_rounded(column, role)
    return whole_numbers(column.values)


def level_texts(column: Column, role: str = "column") -> list[str]:
    """The same as texts, each the one text of its value: 1.0 is 1."""
    return [_text(value) for value in level_values(column, role).tolist()]


def _refuse_changed(column: Column, values: np.ndarray, role: str) -> None:
    given = column.values.tolist()
    if values.tolist() != given:
        changed = [repr(a) for a, b in zip(given, values.tolist(), strict=True) if a != b]
        raise DesignError(
            f"{role} '{column.name}' holds texts that end in NUL, {some(dict.fromkeys(changed))}; "
            "remove it, e.g. with .str.rstrip('\\0')"
        )


def _refuse_rounded(column: Column, role: str) -> None:
    values = column.values
    floats = values.dtype.kind == "f"
    if not column.rounded and not (floats and (np.abs(values) >= EXACT).any()):
        return
    largest = values[np.argmax(np.abs(values))]
    raise DesignError(
        f"{role} '{column.name}' holds labels that passed through floating point, which other "
        f"labels may have been rounded to (up to {largest:.17g}; float64 tells whole numbers apart "
        "up to 2^53, float32 up to 2^24, and few fractions). Give it as text, or as whole numbers "
        "of one sign: pandas makes floats of integers with gaps unless the column's type is "
        "'Int64' or text"
    )


def match(
    given: Sequence[np.ndarray], known: Sequence[np.ndarray]
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Codes of labels among known levels.

    Parameters
    ----------
    given : sequence of ndarray (m,)
        The labels of m rows, one array for each column of the factor.
    known : sequence of ndarray (G,)
        Values of the G levels, likewise.

    Returns
    -------
    codes : ndarray (m,)
        Index into the known levels; -1 - j for the j-th new level, in order of appearance.
    new : tuple of ndarray
        Values of the new levels.
    """
    found, first, inverse = distinct(given)
    place = {key: code for code, key in enumerate(_keys(known))}
    table = np.array([place.get(key, -1) for key in _keys(found)], dtype=np.intp)
    new = np.flatnonzero(table < 0)
    new = new[np.argsort(first[new], kind="stable")]
    table[new] = -1 - np.arange(len(new))
    return table[inverse], tuple(values[new] for values in found)


def distinct(given: Sequence[np.ndarray]) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """The combinations that occur, sorted by their first column, then the second.

    Returns
    -------
    values : tuple of ndarray (G,)
        Of each column.
    first : ndarray (G,)
        The row in which each first appears.
    codes : ndarray (m,)
        The combination of each row.
    """
    if len(given) == 1:
        values, first, codes = np.unique(given[0], return_index=True, return_inverse=True)
        return (values,), first, codes.ravel().astype(np.intp)
    coded = np.stack([np.unique(labels, return_inverse=True)[1] for labels in given], axis=1)
    _, first, codes = np.unique(coded, axis=0, return_index=True, return_inverse=True)
    return tuple(labels[first] for labels in given), first, codes.ravel().astype(np.intp)


def shown(values: Sequence[np.ndarray]) -> np.ndarray:
    """What stands for levels in a result: the value; of a crossed factor a text, ``"A:0.5"``."""
    if len(values) == 1:
        return values[0]
    texts = [[_text(value) for value in column.tolist()] for column in values]
    return np.array([":".join(parts) for parts in zip(*texts, strict=True)], dtype=str)


def place_of(values: Sequence[Any], levels: Sequence[Any]) -> np.ndarray:
    """Index into levels of each value; -1 where it is none of them."""
    place = {level: code for code, level in enumerate(levels)}
    return np.array([place.get(value, -1) for value in values], dtype=np.intp)


def _keys(values: Sequence[np.ndarray]) -> list[tuple[Any, ...]]:
    """Levels as tuples of Python values, which compare whole numbers and floats exactly."""
    return list(zip(*[column.tolist() for column in values], strict=True))


def _text(value: Any) -> str:
    """One text for a value, whatever the rest of its column is: 1.0 is 1."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
