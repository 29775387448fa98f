"""Cut a formula into tokens, each with its place, so that every later error can point at it.

And what to tell about a token that cannot stand where it stands.
"""

import re
from collections.abc import Sequence
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


COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")

_MISPLACED = {
    ")": "this ')' has no opening partner",
    "}": "this '}' has no opening partner",
    "=": "'=' has no meaning here; the response and predictors are joined by '~'",
    ".": "attribute access is not allowed; add the column to the table first",
    "|": "a random effect needs parentheses: write (x | g)",
    "||": "a random effect needs parentheses: write (x || g)",
    **dict.fromkeys(COMPARISONS, "a comparison goes inside I(...): write I(x > 2)"),
}


def unexpected(tokens: Sequence[Token], place: int) -> tuple[str, Token]:
    """The message for a token that follows a complete expression, and the token to point at."""
    token, before = tokens[place], tokens[place - 1]
    if token.kind == "op" and token.text in _MISPLACED:
        return _MISPLACED[token.text], token
    if before.kind == "name" and before.text == "lambda":
        return "lambda is not allowed; add the column to the table first", before
    return f"unexpected {token.text!r}; an operator such as '+' is missing before it", token


def missing(tokens: Sequence[Token], place: int) -> str:
    """The message for a token that stands where a column or a number should."""
    token = tokens[place]
    before = tokens[place - 1] if place else None
    if before is not None and before.kind == "op":
        if before.text == "~":
            return "the right side of '~' is empty; write '1' for an intercept only"
        if before.text not in ")}":
            return f"a column or a number is missing after {before.text!r}"
    where = f"before {token.text!r}" if token.kind != "end" else "at the end of the formula"
    return f"a column or a number is missing {where}"
