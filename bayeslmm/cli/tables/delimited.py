"""The fields of a CSV as text, exactly as written; and the line in which each row stands.

Every row has as many fields as the header has names, or the file is refused: a short one would
lose what stands to the right of a gap.
"""

import csv
import io
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contents import not_utf8, utf8
from .form import TableError, Text

BLOCK = 1 << 24  # bytes that a row may have
STAND_IN = "\x1f"  # for a separator that has several bytes
type Lines = Callable[[int], int]


@dataclass(frozen=True)
class Fields:
    """Names as they stand in the header, a column of text for each, and the line of row i."""

    names: tuple[str, ...]
    columns: tuple[Any, ...]  # pyarrow.ChunkedArray of strings
    line: Lines


def read_fields(path: Path, raw: bytes, text: Text) -> Fields:
    """Split text into fields.

    Raises
    ------
    TableError
        Where the file is empty, broken, or a row has more or fewer fields than the header.
    """
    import pyarrow as pa

    raw = utf8(path, raw)
    mark = text.separator
    if not mark.isascii():
        if STAND_IN.encode() in raw:
            raise TableError(f"{path} holds U+001F, so that {mark!r} cannot separate its fields")
        raw, mark = raw.replace(mark.encode(), STAND_IN.encode()), STAND_IN
    try:
        header = next(_records(path, raw, mark), None)
        if header is None:
            raise TableError(f"{path} is empty: it has no header and no rows")
        table = _parsed(raw, mark, len(header[1]))
    except (pa.ArrowInvalid, UnicodeDecodeError):  # of which our own words say more
        raise not_utf8(path, raw) or _irregular(path, raw, mark) from None
    columns = table.slice(1).columns
    if mark != text.separator:
        columns = [_replaced(column, mark, text.separator) for column in columns]
    names = tuple(name.replace(mark, text.separator) for name in header[1])
    return Fields(names, tuple(columns), _lines(path, raw, mark, table.num_rows))


def _parsed(raw: bytes, mark: str, width: int) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow

    return arrow.read_csv(
        pa.BufferReader(raw),
        arrow.ReadOptions(autogenerate_column_names=True, block_size=BLOCK),
        arrow.ParseOptions(delimiter=mark, newlines_in_values=True),
        arrow.ConvertOptions(
            column_types={f"f{i}": pa.string() for i in range(width)}, strings_can_be_null=False
        ),
    )


def _replaced(column: Any, mark: str, wanted: str) -> Any:
    import pyarrow.compute as pc

    return pc.replace_substring(column, mark, wanted)


def _records(path: Path, raw: bytes, mark: str) -> Iterator[tuple[int, list[str]]]:
    """The line in which each record begins, and its fields; blank lines are none."""
    stream = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8", newline="")
    csv.field_size_limit(BLOCK)
    reader = csv.reader(stream, delimiter=mark, strict=True)
    before = 0
    try:
        for record in reader:
            if record:
                yield before + 1, record
            before = reader.line_num
    except csv.Error as error:
        reason = str(error)
        if "unexpected end" in reason:
            reason = "EOF inside string, for a quote that opens is never closed"
        elif "field limit" in reason:
            reason = f"a field has more than {BLOCK:,} characters; is a quote never closed?"
        raise TableError(f"{path} is broken: {reason} (line {before + 1})") from None


def _lines(path: Path, raw: bytes, mark: str, records: int) -> Lines:
    """The line of each row: the next one, unless lines are blank or a field has several.

    Whether every quote is closed is known by then: one that is not would hold several lines.
    """
    ends = raw.count(b"\n") or raw.count(b"\r")
    paired = raw.count(b'"') % 2 == 0 and b'\\"' not in raw  # \" is no quote in a CSV
    if paired and ends + (not raw.endswith((b"\n", b"\r"))) == records:
        return lambda row: row + 2
    starts = array("q", (line for line, _ in _records(path, raw, mark)))
    if len(starts) != records:
        raise _irregular(path, raw, mark)
    return lambda row: starts[row + 1]


def _irregular(path: Path, raw: bytes, mark: str) -> TableError:
    """Which row has another number of fields than the header, and what that may mean."""
    records = list(_records(path, raw, mark))
    start, header = records[0]
    n = len(header)
    if len(records) == 1:
        return TableError(f"{path} is empty: it has {n} columns and no rows")
    line, found = next(((at, len(r)) for at, r in records if len(r) != n), (0, 0))
    if not line:
        return TableError(f"{path} is broken: its quotes or lines are irregular")
    told = f"{path}: line {line} has {'more' if found > n else 'fewer'} fields than the header"
    told += f" ({found}, and {n} {'name' if n == 1 else 'names'})"
    if header[0].startswith(("#", "sep=")) or (n == 1 and found > 1):
        return TableError(
            f"{told}; line {start} is {_short(header)}: the names of the columns come first, so "
            f"take out titles, comments and the like"
        )
    if found == n + 1 and all(len(r) == n + 1 for _, r in records[1:]):
        return TableError(
            f"{told}: name every column, or leave out the names of the rows, in R by "
            f"write.csv(..., row.names = FALSE)"
        )
    return TableError(f"{told}; name every column, and give every row a field for each")


def _short(fields: list[str]) -> str:
    text = ", ".join(filter(None, fields))
    return repr(text if len(text) <= 40 else text[:40] + "...")
