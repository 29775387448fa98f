"""A table from a file named on the command line: text (CSV), also packed, or Parquet.

Nothing is guessed: a file that does not read as what its name says is refused with what to do, and
what is left out is said.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .contents import content, unpacked
from .delimited import Fields, read_fields
from .entries import Note, Roles, read_entries
from .form import Form, Parquet, TableError, Text, nameless, written
from .header import check_labels, columns_named
from .parquet import labels, plain, read_parquet

__all__ = ["Form", "Roles", "TableError", "TableFile", "read_table_file"]

NO_ROLES, USUAL = Roles(), Form()
TOTALS = ("total", "totals", "grand total", "sum")


@dataclass(frozen=True)
class TableFile:
    """A table, what is to be said of how it was read, and where each of its rows stands.

    Attributes
    ----------
    data : pandas.DataFrame
    notes : tuple of str
        Of the whole table.
    of_columns : tuple of Note
        Of single columns, which matter to who uses them.
    row : str
        What a row is called: the "line" of a text, or the "row" of a table.
    place : callable
        The number of the row at a place, counted as people do.
    """

    data: Any
    notes: tuple[str, ...]
    of_columns: tuple[Note, ...]
    row: str
    place: Callable[[int], int]

    @property
    def said(self) -> list[str]:
        """What is said to who asked for the table."""
        return [f"Note: {text}" for text in (*self.notes, *(n.text for n in self.of_columns))]


def read_table_file(path: Path, roles: Roles = NO_ROLES, form: Form = USUAL) -> TableFile:
    """Read a table.

    Parameters
    ----------
    path : Path
        A file that ends in .csv or .tsv (also packed), .parquet or .pq; with a separator text of
        any ending; or a pipe.
    roles : Roles
        Which columns hold labels.
    form : Form
        Separator and decimal mark of text.

    Raises
    ------
    TableError
        Where there is no such file, its ending or content is another one, it is empty, a column
        stands twice, is missing or has no name, or a form is given for a file that has none.
    """
    how = written(path, form)
    try:
        read, how = _loaded(path, form, how)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    if isinstance(how, Text):
        found = _of_text(path, read, how, roles)
    else:
        found = _of_arrow(path, read, roles)
    if found.data.shape[0] == 0:
        raise TableError(f"{path} is empty: it has {found.data.shape[1]} columns and no rows")
    return found


def _loaded(path: Path, form: Form, how: Text | Parquet | None) -> tuple[Any, Text | Parquet]:
    """What the file holds, fields of text or a pyarrow.Table, and how it was written."""
    raw = content(path)
    how = how or nameless(form, raw.startswith(b"PAR1"))
    if isinstance(how, Parquet):
        return read_parquet(path, raw), how
    raw = unpacked(path, raw, how.packing)
    return read_fields(path, raw, how), how


def _of_text(path: Path, fields: Fields, how: Text, roles: Roles) -> TableFile:
    texts = fields.columns
    kept, notes = columns_named(path, fields.names, how.separator, lambda i: not _any(texts[i]))
    check_labels(path, kept, roles.given)
    data, of_columns = {}, []
    for name, place in kept.items():
        data[name], said = read_entries(name, texts[place], how.decimal, roles)
        of_columns += said if roles.uses(name) else []
        _refuse_total(path, name, data[name], fields.line)
    return _table_file(data, notes, of_columns, roles, "line", fields.line)


def _of_arrow(path: Path, table: Any, roles: Roles) -> TableFile:
    columns = table.columns
    kept, notes = columns_named(
        path, table.schema.names, "", lambda i: columns[i].null_count == len(columns[i])
    )
    check_labels(path, kept, roles.given)
    data = {
        name: (labels if name in roles.given else plain)(name, columns[place])
        for name, place in kept.items()
    }
    return _table_file(data, notes, [], roles, "row", lambda row: row + 1)


def _table_file(
    columns: dict[str, Any],
    notes: list[str],
    of_columns: list[Note],
    roles: Roles,
    row: str,
    place: Callable[[int], int],
) -> TableFile:
    import pandas as pd

    data = pd.DataFrame(columns)
    if "." in roles.others:
        of_columns = [*of_columns, *(_counting(n, data[n]) for n in data if _counts(data[n]))]
    return TableFile(data, tuple(notes), tuple(of_columns), row, place)


def _counts(column: Any) -> bool:
    """Whether a column counts the rows, from 0 or 1."""
    if len(column) < 3 or column.dtype.kind not in "iu":
        return False
    first = int(column.iloc[0])
    return first in (0, 1) and bool((column.to_numpy() == np.arange(len(column)) + first).all())


def _counting(name: str, column: Any) -> Note:
    told = f"column {name!r} counts the rows, {column.iloc[0]} to {column.iloc[-1]}"
    return Note(name, f"{told}, and is taken for a variable; if it is none, leave it out")


def _any(text: Any) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.not_equal(pc.ascii_trim_whitespace(text), "")).as_py())


def _refuse_total(path: Path, name: str, column: Any, line: Callable[[int], int]) -> None:
    """A last row that sums the others up is none of them."""
    if column.dtype.kind in "iufb" or not len(column):
        return
    last = column.iloc[-1]  # of text: numbers are arrays
    if str(last).strip().lower() in TOTALS and int((column == last).sum()) == 1:
        raise TableError(
            f"{path}: line {line(len(column) - 1)}, the last one, is called {last!r} in column "
            f"{name!r}, and would count as a row; take it out, or give it another name"
        )
