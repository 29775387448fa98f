"""A table from a file named on the command line: CSV (also compressed) or Parquet, by its ending.

Nothing is guessed: a file that does not read as what its name says is refused with what to do.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class TableError(ValueError):
    """The file cannot be read as a table."""


@dataclass(frozen=True)
class Form:
    """How a CSV file is written."""

    separator: str = ","
    decimal: str = "."

    @classmethod
    def of(cls, separator: str | None, decimal: str | None) -> "Form":
        """From the command line: "tab" is a tab, what is not given is usual.

        Raises
        ------
        TableError
            Where a mark is not one character, or both are the same.
        """
        form = cls("\t" if separator in ("tab", "\\t") else separator or ",", decimal or ".")
        for option, mark in (("--separator", form.separator), ("--decimal", form.decimal)):
            if len(mark) != 1:
                raise TableError(f"{option} is one character (or tab), but is {mark!r}")
        if form.separator == form.decimal:
            raise TableError(
                f"--separator and --decimal are both {form.decimal!r}: fields and decimals could "
                f"not be told apart; with decimal commas give --separator ';'"
            )
        return form


USUAL = Form()


def read_table_file(path: Path, labels: Collection[str] = (), form: Form = USUAL) -> Any:
    """Read a table.

    Parameters
    ----------
    path : Path
        A file that ends in .csv, .csv.gz, .parquet or .pq.
    labels : collection of str
        Columns whose entries are labels, taken as text: 007 stays 007.
    form : Form
        Separator and decimal mark of a CSV file.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    TableError
        Where there is no such file, its ending or content is another one, it is empty, or a column
        stands twice or is missing, or a form is given for a file that has none.
    """
    ending = next((e for e in READERS if path.name.lower().endswith(e)), None)
    if ending is None:
        raise TableError(
            f"{path}: a table is a file that ends in {', '.join(READERS)}; convert it first"
        )
    if not path.exists():
        raise TableError(f"{path}: there is no such file")
    if path.is_dir():
        raise TableError(f"{path} is a folder, not a table")
    try:
        table = READERS[ending](path, labels, form)
    except TableError:
        raise
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    if table.shape[0] == 0:
        raise TableError(f"{path} is empty: it has {table.shape[1]} columns and no rows")
    return table


def _read_csv(path: Path, labels: Collection[str], form: Form) -> Any:
    import pandas as pd

    options: dict[str, Any] = {"encoding": "utf-8-sig", "sep": form.separator}
    options["decimal"] = form.decimal
    try:
        head = pd.read_csv(path, header=None, nrows=1, dtype=str, **options).iloc[0]
        names = [str(name) for name in head if not pd.isna(name)]
        _check_header(path, names, labels)
        table = pd.read_csv(path, low_memory=False, dtype=dict.fromkeys(labels, str), **options)
        table = _exact(path, table, options)
    except pd.errors.EmptyDataError:
        raise TableError(f"{path} is empty: it has no header and no rows") from None
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"
        ) from None
    except (pd.errors.ParserError, EOFError) as error:
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise TableError(f"{path} is broken: {reason}") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise TableError(
            f"{path}: the rows have more fields than the header has names; name every column"
        )
    return table


def _exact(path: Path, table: Any, options: dict[str, Any]) -> Any:
    """Whole numbers from 2^53 on in a column with gaps, which pandas reads as floats, as they are.

    Such numbers are labels: as floats, neighbours would become one.
    """
    import pandas as pd

    large = [name for name in table if table[name].dtype.kind == "f" and _beyond(table[name])]
    if not large:
        return table
    texts = pd.read_csv(path, usecols=large, dtype=str, **options)
    for name in large:
        written = texts[name].str.strip()
        if written.dropna().str.fullmatch(r"[+-]?\d+").all():
            whole = [None if pd.isna(text) else int(text) for text in written]
            table[name] = pd.Series(whole, index=table.index, dtype=object)
    return table


def _beyond(column: Any) -> bool:
    return bool((column.abs() >= 2.0**53).any())


def _check_header(path: Path, names: list[str], labels: Collection[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(f"{path}: the column {twice[0]!r} stands twice in the header; rename one")
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        mark = "semicolons" if ";" in names[0] else "tabs"
        given = "';'" if mark == "semicolons" else "tab"
        raise TableError(
            f"{path} is separated by {mark}: give --separator {given}, and --decimal ',' where "
            f"numbers have decimal commas; or save it with commas and decimal points"
        )
    _check_labels(path, names, labels)


def _check_labels(path: Path, names: Collection[str], labels: Collection[str]) -> None:
    for name in labels:
        if name not in names:
            raise TableError(
                f"--group {name}: {path} has no such column; it has: {', '.join(names)}"
            )


def _read_parquet(path: Path, labels: Collection[str], form: Form) -> Any:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    if form != USUAL:
        raise TableError(f"--separator and --decimal go with CSV files, but {path} is Parquet")
    try:
        read = pq.read_table(path)
    except pa.ArrowException as error:
        raise TableError(f"{path} is no Parquet file: {str(error).splitlines()[0]}") from None
    table = read.to_pandas()
    whole = [field.name for field in read.schema if pa.types.is_integer(field.type)]
    for name in whole:
        floats = name in table and table[name].dtype.kind == "f"  # for the gaps
        if floats and (name in labels or _beyond(table[name])):
            exact = read.column(name).to_pylist()
            table[name] = pd.Series(exact, index=table.index, dtype=object)
    table.columns = table.columns.map(str)
    _check_labels(path, list(table.columns), labels)
    for name in labels:
        table[name] = table[name].map(str, na_action="ignore")
    return table.reset_index(drop=True)


READERS: dict[str, Callable[[Path, Collection[str], Form], Any]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}
