"""Text that means numbers, in the ways in which people and programs write them.

Whether a column of text is a factor or a column of numbers that was read wrongly is decided here:
by a rule that is the same for a table in Python and a file, and by what marks stand in the numbers.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .errors import some

SPACE = r"[ \u00a0\u2009\u202f]"
FIRST = r"[+-]?[1-9]\d{0,2}"  # digits before the first group of three
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.A | re.I)
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.A)
THOUSANDS = re.compile(rf"{FIRST},\d{{3}}", re.A)  # or a decimal comma
COMMA_THEN_POINT = re.compile(rf"{FIRST}((,\d{{3}})+\.\d*|(,\d{{3}}){{2,}})", re.A)
POINT_THEN_COMMA = re.compile(rf"{FIRST}((\.\d{{3}})+,\d*|(\.\d{{3}}){{2,}})", re.A)
GROUPED = re.compile(rf"{FIRST}(({SPACE}|['’_])\d{{3}})+([.,]\d+)?", re.A)
OTHERS = {  # what else stands beside the digits
    "percent signs": re.compile(rf"[+-]?[\d.,]+{SPACE}?[%‰]", re.A),
    "signs of a currency": re.compile(
        rf"[+-]?[$€£¥₹]{SPACE}?[+-]?\d[\d.,]*|[+-]?\d[\d.,]*{SPACE}?[$€£¥₹]", re.A
    ),
    "a minus sign that is no hyphen": re.compile(r"[−–‒﹣－][\d.,]+([eE][+-−]?\d+)?", re.A),
    "exponents that are written d": re.compile(r"[+-]?[\d.]+[dD][+-]?\d+", re.A),
    "the digits of base 16": re.compile(r"0[xX][0-9a-fA-F]+"),
    "brackets, stars or quotes": re.compile(
        r"\([\d.,]+\)|[+-]?[\d.,]+ ?\*+|=?[\"'][+-]?[\d.,]+[\"']?", re.A
    ),
}
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}([./-])\d{1,2}\2\d{2,4}|"
    rf"\d{{1,2}}[- ]?{MONTH}[- ]?\d{{2,4}}|{MONTH} \d{{1,2}}, \d{{4}})([T, :]+\d.*)?|"
    r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?",
    re.A | re.I,
)
UNIT = re.compile(rf"[+-]?[0-9][0-9.,]*{SPACE}?((?:°|[^\W\d_])\S{{0,9}})")
LIMIT = re.compile(rf"[<>≤≥]=?{SPACE}?[+-]?[\d.,]+", re.A)  # of what could be measured


SHAPES = {
    "comma then point": COMMA_THEN_POINT,
    "comma or thousands": THOUSANDS,
    "point then comma": POINT_THEN_COMMA,
    "decimal comma": DECIMAL_COMMA,
    "grouped": GROUPED,
    "date": DATE,
    **OTHERS,
}


def is_number(text: str) -> bool:
    """Whether a text is a number, by itself and in ASCII."""
    return NUMBER.fullmatch(text) is not None


@dataclass(frozen=True)
class Numerals:
    """What a column of text looks like: how many entries are numbers, how written, what to do."""

    count: int  # of entries that are numbers, or would be without their marks
    marks: str  # what stands in them, or ""
    examples: str
    advice: str
    odd: frozenset[str]  # entries that are none


def read_numerals(texts: Iterable[str]) -> Numerals:
    """What the entries of a column look like."""
    counts = Counter(texts)
    kinds = {text: _kind(text) for text in counts}
    unit = _unit(counts, kinds)
    kinds |= dict.fromkeys(unit, "units")
    kinds |= dict.fromkeys(_limits(kinds), "limits")
    odd = frozenset(text for text, kind in kinds.items() if kind is None)
    marked = {text: kind for text, kind in kinds.items() if kind not in (None, "plain")}
    count = sum(n for text, n in counts.items() if text not in odd)
    points = any(kind == "plain" and "." in text for text, kind in kinds.items())
    words, advice = _advice(marked, points)
    return Numerals(count, words, some(map(repr, marked), 3), advice, odd)


def _kind(text: str) -> str | None:
    text = text.strip(" \t\r\n")
    if is_number(text):
        return "plain"
    for kind, shape in SHAPES.items():
        if shape.fullmatch(text):
            return kind
    if not text.isascii() and is_number("".join(filter(_seen, text))):
        return "characters that are not seen"
    try:
        float(text)
    except ValueError:
        return None
    return "underscores or digits of other scripts"


def _seen(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) not in ("Cf", "Cc")


def _unit(counts: Mapping[str, int], kinds: Mapping[str, str | None]) -> list[str]:
    """Texts of a number and one unit, the same in all: 12 kg, 13 kg; not 1a, 1b, 2a."""
    found = {t: UNIT.fullmatch(t.strip()) for t, kind in kinds.items() if kind is None}
    units = {match[1] for match in found.values() if match}
    several = len(counts) > 1 and len(units) == 1
    return [text for text, match in found.items() if match] if several else []


def _limits(kinds: Mapping[str, str | None]) -> list[str]:
    """Texts such as <0.5 where the others are numbers; not <18, 18-65, >65."""
    odd = [text for text, kind in kinds.items() if kind is None]
    found = [text for text in odd if LIMIT.fullmatch(text.strip())]
    return found if len(found) == len(odd) < len(kinds) else []


def _advice(marked: Mapping[str, str | None], points: bool) -> tuple[str, str]:
    """What stands in the numbers, in words, and what to do about it."""
    kinds = set(marked.values())
    if not kinds:
        return "", ""
    if kinds == {"date"}:
        return "dates or times", "make a number of them, e.g. days since the first one"
    if kinds <= {"comma or thousands", "decimal comma", "comma then point", "point then comma"}:
        return _commas(kinds, points)
    if kinds == {"grouped"}:
        return "numbers in groups of three digits", "take the marks between the groups out"
    if kinds == {"units"}:
        return "numbers with their unit", "take the unit out, and name it in the name of the column"
    if kinds == {"limits"}:
        return "numbers with < or >", "put a number in their place, or take these rows out"
    others = sorted(str(kind) for kind in kinds if kind not in SHAPES or kind in OTHERS)
    told = " and ".join(others) or "marks of several kinds"
    return f"numbers with {told}", "write plain numbers, such as -1250.5"


def _commas(kinds: set[str | None], points: bool) -> tuple[str, str]:
    thousands = "take the marks between the thousands out"
    comma = "read the table with decimal=',', or replace the comma"
    if kinds == {"point then comma"}:
        return "numbers with points between the thousands", f"{thousands}, and {comma}"
    if "point then comma" in kinds and "comma then point" not in kinds:
        return (
            "numbers with decimal commas, and points between the thousands",
            f"{thousands}, and {comma}",
        )
    if "decimal comma" in kinds and (points or "comma then point" in kinds):
        return "numbers with decimal commas and with points", "write them alike"
    if "decimal comma" in kinds:
        return "numbers with a decimal comma", comma
    if "point then comma" in kinds:
        return "numbers with decimal commas and with points", "write them alike"
    if points or "comma then point" in kinds:
        return "numbers with commas between the thousands", thousands
    return (
        "numbers with commas that stand between thousands or before decimals",
        f"for thousands, {thousands}; for decimals, {comma}",
    )
