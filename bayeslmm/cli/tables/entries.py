"""Entries of a column of text as what they are for: numbers, labels, or text.

Labels are exact: 1e5 and 100000 are two, and so are 007 and 7. Whole numbers, and decimals that are
written alike in every row, label groups as numbers all the same, for there nothing can be lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .form import TableError

# What counts as missing in text, beside an empty field: the marks of pandas.
MISSING = (
    "", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NaN", "nan", "-NaN", "-nan", "NULL",
    "null", "None", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN",
)  # fmt: skip
HEAD = 20
TRUE, FALSE = ("True", "TRUE", "true"), ("False", "FALSE", "false")


@dataclass(frozen=True)
class Note:
    """Something to be said of a column."""

    column: str
    text: str


@dataclass(frozen=True)
class Roles:
    """What columns are for: labels by `--group`, labels by the formula, or something else too."""

    given: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()  # with "." for all that are not named

    def uses(self, name: str) -> bool:
        """Whether the model may use a column."""
        return name in self.labels or name in self.others or "." in self.others


def read_entries(name: str, text: Any, decimal: str, roles: Roles) -> tuple[Any, list[Note]]:
    """A column of text as a pandas Series, and what is to be said of it.

    Raises
    ------
    TableError
        Where labels would be lost, for the column is also a number of the formula.
    """
    if name in roles.given:
        known = _without(text, [""])
        return _categories(known), _spaces(name, known)
    if name not in roles.labels:
        found = _numbers(text, decimal)
        if found is not None:
            return _series(found), []
    known = _without(text, MISSING)
    if name in roles.labels:
        found = _labels(name, known, decimal, name in roles.others)
    else:
        trimmed = _trimmed(known)
        found = _numbers(trimmed, decimal)
        found = _booleans(trimmed) if found is None else found
        if found is not None:
            return _series(found), []
    notes = [*_marks(name, text, known), *_points(name, known, decimal), *_spaces(name, known)]
    return _series(known if found is None else found), notes


def _labels(name: str, known: Any, decimal: str, also_number: bool) -> Any:
    """Numbers where they tell apart what the text does, and show as it was written; or None."""
    import pyarrow.compute as pc

    distinct = pc.unique(known).drop_null()
    trimmed = _trimmed(distinct)
    numbers = _numbers(trimmed, decimal)
    if numbers is None:
        flags = also_number or set(trimmed.to_pylist()) <= {"True", "False"}
        return _booleans(_trimmed(known)) if flags else None
    apart = len(pc.unique(numbers)) == len(distinct)
    if apart and (also_number or _usual(trimmed, numbers)):
        return _numbers(_trimmed(known), decimal)
    if also_number:
        raise TableError(
            f"column {name!r} is a group of the formula and a number beside it, and several of its "
            f"labels are one number ({_same(trimmed.to_pylist(), numbers.to_pylist())}): write "
            f"them alike, or make two columns of it"
        )
    return None


def _usual(texts: Any, numbers: Any) -> bool:
    """Whether numbers are written as usual: 308, 0.5, 1 or 1.0; not 007, 1e5 or 0.50."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(numbers.type):
        return bool(pc.all(pc.equal(pc.cast(numbers, pa.string()), texts)).as_py())
    pairs = zip(texts.to_pylist(), numbers.to_pylist(), strict=True)
    return all(
        abs(number) < 2**53 and text.replace(",", ".") in (repr(number), f"{number:g}")
        for text, number in pairs
    )


def _same(texts: Sequence[str], numbers: Sequence[float]) -> str:
    seen: dict[float, str] = {}
    pairs = zip(texts, numbers, strict=True)
    return next(f"{seen[v]!r} and {t!r}" for t, v in pairs if seen.setdefault(v, t) != t)


def _numbers(text: Any, decimal: str) -> Any:
    """Exact whole numbers, or floats; None where an entry is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if decimal == ",":
        if pc.any(pc.match_substring(text, ".")).as_py():
            return None
        text = pc.replace_substring(text, ",", ".")
    for kind in (pa.int64(), pa.uint64(), pa.float64()):
        try:
            pc.cast(text.slice(0, HEAD), kind)  # whole columns that fail are slow
            found = pc.cast(text, kind)
        except pa.ArrowInvalid:
            continue
        hexadecimal = pc.match_substring(text, "x", ignore_case=True)
        return None if kind != pa.float64() and pc.any(hexadecimal).as_py() else found
    return None


def _booleans(text: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    true = pc.is_in(text, pa.array(TRUE))
    known = pc.or_(pc.or_(true, pc.is_in(text, pa.array(FALSE))), pc.is_null(text))
    if not pc.all(known).as_py() or text.null_count == len(text):
        return None
    return pc.if_else(pc.is_valid(text), true, None)


def _trimmed(text: Any) -> Any:
    import pyarrow.compute as pc

    return pc.ascii_trim_whitespace(text)


def _without(text: Any, marks: Sequence[str]) -> Any:
    """Missing where an entry, but for the spaces around it, is one of the marks."""
    import pyarrow as pa
    import pyarrow.compute as pc

    gone = pc.is_in(_trimmed(text), pa.array(marks))
    return pc.if_else(gone, None, text) if pc.any(gone).as_py() else text


def _marks(name: str, text: Any, known: Any) -> list[Note]:
    """Words that were taken for missing in a column of labels, where they may be labels."""
    import pyarrow.compute as pc

    if not known.null_count:
        return []
    gone = pc.unique(_trimmed(text.filter(pc.is_null(known)))).to_pylist()
    words = sorted(repr(word) for word in gone if word)
    if not words or known.null_count == len(known):
        return []
    said = f"{', '.join(words)} in column {name!r} counts as missing"
    return [Note(name, f"{said}; --group {name} takes it as a label")]


def _points(name: str, known: Any, decimal: str) -> list[Note]:
    """Points in a column are no decimal marks where the shell has said that these are commas."""
    if decimal == "," and _numbers(_trimmed(known), ".") is not None:
        return [Note(name, f"column {name!r} has points, but --decimal says ','")]
    return []


def _spaces(name: str, known: Any) -> list[Note]:
    """Labels that look the same."""
    import pyarrow.compute as pc

    distinct = pc.unique(known).drop_null()
    if len(pc.unique(_trimmed(distinct))) == len(distinct):
        return []
    return [Note(name, f"column {name!r} has labels that differ by the spaces around them alone")]


def _categories(text: Any) -> Any:
    return text.to_pandas().astype("category")


def _series(found: Any) -> Any:
    """As pandas has them: whole numbers with gaps as floats, where these are exact."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if not found.null_count and pa.types.is_primitive(found.type):
        return found.to_numpy()

    exact = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
    exact[pa.bool_()] = pd.BooleanDtype()
    if pa.types.is_integer(found.type):
        ends = pc.min_max(found).as_py()
        if max(abs(ends["min"] or 0), abs(ends["max"] or 0)) < 2**53:
            return found.to_pandas()
    return found.to_pandas(types_mapper=exact.get)
