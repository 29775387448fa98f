"""What to tell about a token that cannot stand where it stands."""

from collections.abc import Sequence

from .tokens import Token

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")

_ADVICE = {
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
    if token.kind == "op" and token.text in _ADVICE:
        return _ADVICE[token.text], token
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
