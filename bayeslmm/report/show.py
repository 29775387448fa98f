"""Numbers as text: as many digits as their spread makes meaningful."""

import math

NONE = "–"


def number(value: float, spread: float = math.nan) -> str:
    """A number with three digits of its spread; without a spread, four significant ones.

    Examples
    --------
    >>> number(251.40510, 6.8246), number(251.40510), number(math.nan)
    ('251.41', '251.4', '–')
    """
    if not math.isfinite(value):
        return NONE
    size = spread if math.isfinite(spread) and spread > 0.0 else abs(value) / 10.0
    if size == 0.0:
        return "0"
    digits = 2 - math.floor(math.log10(size))
    if digits > 8 or abs(value) >= 1e15:
        return f"{value:.4g}"
    text = f"{value:.{max(digits, 0)}f}"
    return text.removeprefix("-") if float(text) == 0.0 else text


def interval(lower: float, upper: float, spread: float) -> str:
    """Both ends, or a dash."""
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return NONE
    return f"{number(lower, spread)} to {number(upper, spread)}"


def count(value: float) -> str:
    """A whole number with thin thousands."""
    return f"{value:,.0f}" if math.isfinite(value) else NONE


def seconds(value: float) -> str:
    """A duration."""
    return f"{value:.2g} s" if value < 10.0 else f"{value:,.0f} s"


def label(text: object, limit: int = 28) -> str:
    """A name on one line without control characters, short enough for an axis."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
