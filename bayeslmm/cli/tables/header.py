"""The names of a table's columns: each says what its column is, or the table is refused.

A first column without a name holds the names of the rows, as pandas and R write them: it is no
variable, is left out, and that is said.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ...design.names import UNNAMED
from ...design.numerals import is_number
from .form import TableError


def columns_named(
    path: Path, names: Sequence[str], separator: str, empty: Callable[[int], bool]
) -> tuple[dict[str, int], list[str]]:
    """The place of each column by its name, and what is to be said of those left out.

    Parameters
    ----------
    path : Path
        For messages.
    names : sequence of str
        As they stand in the file; spaces around them are no part of them.
    separator : str
        "" where the file has none.
    empty : callable
        Whether the column at a place has no entry.

    Raises
    ------
    TableError
        Where a name is missing, stands twice, or is a number or a remark.
    """
    names = [name.strip() for name in names]
    if separator:
        _refuse_remark(path, names[0])
        _refuse_other_separator(path, names, separator)
    notes = []
    kept: dict[str, int] = {}
    for place, name in enumerate(names):
        if not UNNAMED.fullmatch(name):
            kept.setdefault(name, place)
        elif kept and not name.startswith("__index") and not empty(place):
            where = " (the first line of a table names its columns)" * bool(separator)
            raise TableError(
                f"{path}: column {place + 1} has no name; name it, or take it out{where}"
            )
        elif not empty(place):
            notes.append(
                f"column {place + 1} has no name{f' ({name})' if name else ''}: it is taken for "
                f"the numbers or names of the rows, and left out"
            )
    _refuse_alike(path, [name for name in names if not UNNAMED.fullmatch(name)])
    if not kept:
        raise TableError(f"{path}: no column has a name; a table begins with its header")
    if separator:
        _refuse_numbers(path, list(kept))
    return kept, notes


def check_labels(path: Path, names: Collection[str], labels: Collection[str]) -> None:
    """Every column that is to be read as labels is there."""
    for name in labels:
        if name not in names:
            raise TableError(
                f"--group {name}: {path} has no such column; it has: {', '.join(names)}"
            )


def _refuse_alike(path: Path, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(f"{path}: the column {twice[0]!r} stands twice in the header; rename one")
    shown: dict[str, str] = {}
    for name in names:
        other = shown.setdefault(_as_seen(name), name)
        if other != name:
            raise TableError(
                f"{path}: the columns {other!a} and {name!a} look the same; rename one"
            )


def _as_seen(name: str) -> str:
    """A name as it looks: without characters that are not seen, wide ones as usual ones."""
    if name.isascii() and name.isprintable():
        return " ".join(name.split())
    seen = (char for char in name if unicodedata.category(char) not in ("Cf", "Cc"))
    return " ".join(unicodedata.normalize("NFC", "".join(map(_usual_width, seen))).split())


def _usual_width(char: str) -> str:
    """Full-width letters and no-break spaces as usual ones; ² is no 2."""
    alike = unicodedata.decomposition(char).startswith(("<wide>", "<narrow>", "<noBreak>"))
    return unicodedata.normalize("NFKC", char) if alike else char


def _refuse_other_separator(path: Path, names: list[str], separator: str) -> None:
    if len(names) != 1:
        return
    name = names[0]
    for mark, told, given in (
        (";", "semicolons", "';'"),
        ("\t", "tabs", "tab"),
        ("|", "bars", "'|'"),
        (",", "commas", "','"),
    ):
        if mark in name and mark == separator:
            raise TableError(f"{path}: each line stands in quotes as a whole; take them out")
        if mark in name:
            comma = ", and --decimal ',' where numbers have decimal commas" * (mark != ",")
            raise TableError(
                f"{path} is separated by {told}: give --separator {given}{comma}; or save it with "
                f"commas and decimal points"
            )


def _refuse_remark(path: Path, name: str) -> None:
    """A line that begins with # is a remark, and Excel's line of its separator no header."""
    if re.match(r"(#|//|%)\s|sep=", name):
        raise TableError(
            f"{path}: the first line begins with {name[:20]!r}: if it is a comment, take the "
            f"line out; if it names the columns, the sign"
        )


def _refuse_numbers(path: Path, names: list[str]) -> None:
    """A line of numbers is no header."""
    if all(map(is_number, names)):
        values = [float(name) for name in names]
        if sorted(set(values)) != values:  # 1990, 1991, ... may be names
            raise TableError(
                f"{path}: the first line holds numbers, {', '.join(names[:3])}, ..., not names; "
                f"write the names of the columns above it"
            )
