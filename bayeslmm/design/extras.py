"""What comes beside the formula: weights, frequency, offset, known noise; a column or an array."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import check_frequency, check_positive, refuse_where, vector
from .column import column_of
from .errors import DesignError
from .labels import Labels
from .table import Table
from .text import numbers

type Sources = Mapping[str, str | None]  # keyword -> the column that it named; None: an array


@dataclass(frozen=True)
class Extra:
    """One of them: its values, and the column they came from (None for an array)."""

    keyword: str
    column: str | None
    values: np.ndarray

    @property
    def what(self) -> str:
        """How a message calls it."""
        return f"{self.keyword} (column '{self.column}')" if self.column else self.keyword


def read_extra(
    keyword: str, given: Any, rows: np.ndarray, table: Table | None, labels: Labels
) -> Extra:
    """Read a keyword as the name of a column or as an array with a value for each row.

    Raises
    ------
    DesignError
        If there is no such column, length or labels differ, or a value is infinite or no number.
    """
    if isinstance(given, str):
        if table is None:
            raise DesignError(
                f"{keyword}='{given}' names a column, but there is no table; give an array"
            )
        role = f"the {keyword} column"
        return Extra(keyword, given, numbers(column_of(table, given, role), rows, role))
    values = vector(labels.align(given, f"{keyword}="), len(rows), keyword)
    refuse_where(np.isinf(values), rows, f"{keyword} is infinite", "correct these rows")
    return Extra(keyword, None, values)


def read_extras(
    given: Mapping[str, Any], rows: np.ndarray, table: Table | None, labels: Labels
) -> dict[str, Extra]:
    """All keywords that were given.

    Raises
    ------
    DesignError
        As `read_extra`, and if both weights and noise_sd are given.
    """
    if given.get("weights") is not None and given.get("noise_sd") is not None:
        raise DesignError(
            "weights and noise_sd were both given: weights scale an unknown sigma, noise_sd says "
            "that the noise is known; give one of them"
        )
    return {
        keyword: read_extra(keyword, value, rows, table, labels)
        for keyword, value in given.items()
        if value is not None
    }


def check_extra(extra: Extra, rows: np.ndarray) -> None:
    """Each has its own range."""
    check: dict[str, Callable[[], None]] = {
        "weights": lambda: check_positive(
            extra.values, rows, extra.what, "drop these rows, or use frequency= for counts"
        ),
        "noise_sd": lambda: check_positive(
            extra.values, rows, extra.what, "a measurement without noise cannot be modelled"
        ),
        "frequency": lambda: check_frequency(extra.values, rows, extra.what),
        "offset": lambda: None,
    }
    check[extra.keyword]()


def values_or(extras: Mapping[str, Extra], keyword: str, n: int, filler: float) -> np.ndarray:
    """The values of a keyword, or a constant."""
    return extras[keyword].values if keyword in extras else np.full(n, filler)


def sources_of(extras: Mapping[str, Extra]) -> Sources:
    """Where a fitted design found its extras."""
    return {keyword: extra.column for keyword, extra in extras.items()}


def read_new_extras(
    sources: Sources,
    given: Mapping[str, Any],
    rows: np.ndarray,
    table: Table | None,
    labels: Labels,
    noise: bool = True,
) -> dict[str, Extra]:
    """The extras of a new table, from the same columns unless given anew.

    An offset cannot be guessed, so one that was an array must be given again. Weights default
    to one; known noise that was an array is unknown for new rows. Without `noise` the columns
    of weights and known noise are not looked for.
    """
    wanted = {keyword: value for keyword, value in given.items() if value is not None}
    for keyword in ("weights", "offset", "noise_sd") if noise else ("offset",):
        column = sources.get(keyword)
        if keyword in wanted or column is None or table is None:
            continue
        if keyword != "weights" or column in table.names:
            wanted[keyword] = column
    if sources.get("offset", "") is None and "offset" not in wanted:
        raise DesignError(
            "the model was fitted with offset= as an array, so the offset of new rows is not "
            "known; give offset= here, or fit with offset='column'"
        )
    extras = {
        keyword: read_extra(keyword, value, rows, table, labels)
        for keyword, value in wanted.items()
    }
    for extra in extras.values():
        refuse_where(
            np.isnan(extra.values), rows, f"{extra.what} is missing", "fill or drop these rows"
        )
        check_extra(extra, rows)
    return extras
