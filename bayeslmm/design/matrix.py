"""A matrix whose columns are all responses, with missing entries: what a factor model receives."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .checks import check_size, real_array, refuse_not_finite
from .column import read_column
from .errors import DesignError, at_rows, quoted, some
from .labels import UNLABELLED, Labels, index_of
from .numeric import all_numbers, is_table, read_alike, read_numbers
from .table import read_table, with_names
from .text import mostly_numbers, not_numbers

GAPS = "correct these entries or set them to NaN"


@dataclass(frozen=True, eq=False, repr=False)
class Matrix:
    """Validated rows of numbers.

    Attributes
    ----------
    formula : str
        What it is, in words, for titles.
    response : str
        Name of the matrix as a variable.
    y : ndarray (n, d)
        NaN where an entry is missing.
    features : tuple of str
        Names of the columns.
    rows : ndarray (n,)
        Labels of the rows.
    named : bool
        Whether the names of the columns are the user's.
    dropped : ndarray
        Empty: no row is dropped, one without entries has its prior.
    known : Labels
        By which another matrix is matched with the rows.
    """

    formula: str
    response: str
    y: np.ndarray
    features: tuple[str, ...]
    rows: np.ndarray
    named: bool = False
    fixed: tuple[str, ...] = ()
    dropped: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    known: Labels = UNLABELLED

    @cached_property
    def there(self) -> np.ndarray:
        """Which entries are known, (n, d)."""
        return ~np.isnan(self.y)

    @property
    def frequency(self) -> np.ndarray:
        """How many times each row counts, (n,): once."""
        return np.ones(len(self.y))

    @cached_property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not np.isnan(self.y.min())  # NaN passes through a minimum

    @property
    def others(self) -> list[np.ndarray]:
        """Numbers of the rows beside the responses: none."""
        return []

    @property
    def labels(self) -> np.ndarray | list:
        """Labels of the rows: an array where they are numbers, as of a million rows; or a list."""
        return self.rows if self.rows.dtype.kind in "iuf" else self.rows.tolist()

    def encode(self, new: Any) -> tuple[np.ndarray, np.ndarray]:
        """New rows with the same columns, and their labels.

        Parameters
        ----------
        new : table, or array_like (m, d)
            Columns of a table are found by name, those of an array by position. NaN is allowed.

        Raises
        ------
        DesignError
            Where a column is absent, infinite or no number.
        """
        what, lacks = "the new rows", "lack the columns {}; they have {}"
        values, rows = read_alike(new, self.features, what, lacks=lacks)
        refuse_not_finite(values, self.features, rows, what, GAPS, gaps=True)
        return values, rows

    def with_response(self, y: Any) -> "Matrix":
        """The same columns and rows with other numbers; entries may be missing anew.

        A table is matched by the names of its columns, where those fitted had names, and by the
        labels of its rows.
        """
        if self.named and is_table(with_names(y)):
            values, _ = self.encode(y)
        else:
            values = real_array(y, "the matrix")
        order = self.known.order(index_of(y), "the new matrix")
        values = values if order is None else values[order]
        if values.shape != self.y.shape:
            raise DesignError(f"the matrix must have shape {self.y.shape}, got {values.shape}")
        refuse_not_finite(values, self.features, self.rows, self.response, GAPS, gaps=True)
        _refuse_unusable(values, self.features, self.rows)
        return replace(self, y=values)


def read_matrix(Y: Any, what: str = "Y") -> Matrix:
    """Read a table or an array of numbers in which entries may be missing.

    Parameters
    ----------
    Y : table, or array_like (n, d)
        A pandas, polars or pyarrow table or a dict of arrays names its columns.
    what : str
        What it is called in messages.

    Raises
    ------
    DesignError
        Where a column holds text, is infinite, constant or entirely missing, two have one name,
        or there are fewer than two rows with entries.
    """
    Y = with_names(Y)
    if is_table(Y) and not all_numbers(Y):
        _refuse_text(read_table(Y), what)
    read = read_numbers(Y, what, letter="y")
    refuse_not_finite(read.values, read.names, read.rows, what, GAPS, gaps=True)
    _refuse_unusable(read.values, read.names, read.rows)
    known = Labels(read.index, "the fitted matrix")
    formula = f"{what}, {len(read.names)} columns"
    return Matrix(formula, what, read.values, read.names, read.rows, read.named, known=known)


def _refuse_text(table: Any, what: str) -> None:
    """Name all columns of text at once."""
    text = []
    for name in table.names:
        if name in table.twice:
            continue
        column = read_column(name, table.column(name), table.rows, f"the column of {what}")
        if column.categorical and not column.missing.all():
            if mostly_numbers(column):
                raise not_numbers(f"column '{name}' of {what}", column, table.rows)
            text.append(name)
    if text:
        one = len(text) == 1
        raise DesignError(
            f"the {'column' if one else 'columns'} {quoted(text)} of {what} "
            f"{'holds' if one else 'hold'} text or labels, not numbers; drop "
            f"{'it' if one else 'them'}, as in table.drop(columns={text[:3]!r})"
        )


def _refuse_unusable(values: np.ndarray, names: tuple[str, ...], rows: np.ndarray) -> None:
    """Too few rows, columns without entries or without variation."""
    n, d = values.shape
    if n < 2 or d < 1:
        raise DesignError(f"at least two rows and one column are needed, got shape {values.shape}")
    check_size(np.nan_to_num(values), names, "the column")
    low, high = values.min(axis=0), values.max(axis=0)
    if not np.isnan(low).any():  # NaN passes through a minimum
        _refuse_constant(low, high, names)
        return
    there = ~np.isnan(values)
    if not there.any():
        raise DesignError(f"all {values.size:,} values are missing; check how the table was read")
    if there.any(axis=1).sum() < 2:
        raise DesignError(f"only {at_rows(there.any(axis=1), rows)} has any entry; two are needed")
    empty = np.flatnonzero(~there.any(axis=0))
    if empty.size:
        raise DesignError(
            f"the {_columns(empty, names)} entirely missing: nothing can be learnt of "
            f"{'it' if empty.size == 1 else 'them'}; drop {'it' if empty.size == 1 else 'them'}"
        )
    _refuse_constant(np.nanmin(values, axis=0), np.nanmax(values, axis=0), names)


def _refuse_constant(low: np.ndarray, high: np.ndarray, names: tuple[str, ...]) -> None:
    still = np.flatnonzero(high - low <= 1e-14 * np.maximum(np.abs(low), np.abs(high)))
    if still.size:
        raise DesignError(
            f"the {_columns(still, names)} constant, with the value "
            f"{some(f'{v:g}' for v in low[still])}: there is no variation to model; drop "
            f"{'it' if still.size == 1 else 'them'}"
        )


def _columns(index: np.ndarray, names: tuple[str, ...]) -> str:
    """column 'a' is; columns 'a', 'b' are."""
    told = quoted([names[j] for j in index])
    return f"column {told} is" if index.size == 1 else f"columns {told} are"
