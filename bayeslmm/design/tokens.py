"""Cut a formula into tokens, each with its place, so that every later error can point at it."""

import re
from dataclasses import dataclass

from .errors import formula_error
from .visible import called

# Longest first: '||' before '|'. A dotted name is one token, so that 'Sepal.Length' is a column.
_PATTERN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
      | (?P<backtick>`[^`]*`)
      | (?P<string>'[^'"]*'|"[^'"]*")
      | (?P<op>\*\*|\|\||==|!=|<=|>=|[-+*/:()|~,=<>{}.])""",
    re.VERBOSE,
)

_ADVICE = {
    "^": "write ** for a power",
    "[": "subscripts are not allowed; add the column to the table first",
    "%": "this operator is not known; add the column to the table first",
    "@": "this operator is not known; add the column to the table first",
    "`": "a column name in backticks needs its closing backtick",
    "'": "a text needs its closing quote, and must not hold quotes itself",
    '"': "a text needs its closing quote, and must not hold quotes itself",
}


@dataclass(frozen=True)
class Token:
    """One piece of a formula: ``kind`` is name, number, string, op or end."""

    kind: str
    text: str
    start: int
    stop: int
    quoted: bool = False  # a name in backticks is always a column, never a function


def tokenize(formula: str) -> list[Token]:
    """Tokens of a formula, with one of kind "end" at its end.

    Raises
    ------
    FormulaError
        At a character that has no meaning in a formula.
    """
    tokens = []
    place = 0
    while place < len(formula):
        match = _PATTERN.match(formula, place)
        if match is None:
            char = formula[place]
            advice = _ADVICE.get(
                char, "a column with such a name is written in backticks: `a name`"
            )
            told = repr(char) if char.isascii() else f"{char!r} ({called(char)})"
            raise formula_error(
                f"unexpected character {told} in the formula: {advice}", formula, place
            )
        kind = str(match.lastgroup)
        text = match.group()
        if kind == "backtick":
            tokens.append(Token("name", text[1:-1], place, match.end(), quoted=True))
        elif kind == "string":
            tokens.append(Token("string", text[1:-1], place, match.end()))
        elif kind != "space":
            tokens.append(Token(kind, text, place, match.end()))
        place = match.end()
    end = len(formula.rstrip())
    tokens.append(Token("end", "", end, end))
    return tokens
