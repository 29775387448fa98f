"""How a table is written, as its name and the options say: nothing is guessed from its content."""

import stat
from dataclasses import dataclass
from pathlib import Path


class TableError(ValueError):
    """The file cannot be read as a table."""


ENDINGS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}  # of text, each with its usual separator
PARQUET = (".parquet", ".pq")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
NAMELESS = ("/dev/", "/proc/")  # files whose name says nothing, as of <(command)


@dataclass(frozen=True)
class Form:
    """What `--separator` and `--decimal` say; None where the shell did not."""

    separator: str | None = None
    decimal: str | None = None

    @classmethod
    def of(cls, separator: str | None, decimal: str | None) -> "Form":
        """From the command line, where "tab" is a tab.

        Raises
        ------
        TableError
            Where a mark cannot be one, or both are the same.
        """
        form = cls("\t" if separator in ("tab", "\\t") else separator, decimal)
        mark = form.separator
        if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "\"'\r\n\0+-._"):
            raise TableError(
                f"--separator is one character (or tab) that is neither letter, digit, quote nor "
                f"sign, such as ';', but is {mark!r}"
            )
        if decimal not in (None, ".", ","):
            raise TableError(f"--decimal is '.' or ',', but is {decimal!r}")
        return form


@dataclass(frozen=True)
class Text:
    """A table of text: its separator and decimal mark, and how it is packed."""

    separator: str
    decimal: str = "."
    packing: str = ""


@dataclass(frozen=True)
class Parquet:
    """A table in Parquet."""


def written(path: Path, form: Form) -> Text | Parquet | None:
    """How the file is written; None where neither its name nor the options say it.

    Raises
    ------
    TableError
        Where the name says nothing though it could, or says something else than the options.
    """
    name = path.name.lower()
    packing = next((p for p in PACKED if name.endswith(p)), "")
    bare = name.removesuffix(packing)
    if bare.endswith(PARQUET) and not packing:
        if form != Form():
            raise TableError(f"--separator and --decimal go with CSV files, but {path} is Parquet")
        return Parquet()
    usual = next((mark for ending, mark in ENDINGS.items() if bare.endswith(ending)), None)
    if usual is None and form.separator is None:
        if _nameless(path):
            return None
        raise TableError(
            f"{path}: a table is a file that ends in {', '.join((*ENDINGS, *PARQUET))}, or as text "
            f"packed in {', '.join(PACKED)}; with --separator text may have any ending"
        )
    return _text(form, usual or ",", packing)


def nameless(form: Form, parquet: bool) -> Text | Parquet:
    """How the content of a pipe is written: Parquet says so itself, else it is a CSV."""
    return Parquet() if parquet else _text(form, ",", "")


def _text(form: Form, usual: str, packing: str) -> Text:
    found = Text(form.separator or usual, form.decimal or ".", packing)
    if found.separator == found.decimal:
        raise TableError(
            f"--separator and --decimal are both {found.decimal!r}: fields and decimals could "
            f"not be told apart; with decimal commas give --separator ';'"
        )
    return found


def _nameless(path: Path) -> bool:
    if str(path).startswith(NAMELESS):
        return True
    return path.exists() and stat.S_ISFIFO(path.stat().st_mode)
