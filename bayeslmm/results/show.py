"""Numbers as text: as many digits as their spread makes meaningful."""

import math
from collections.abc import Sequence

from ..design.visible import visible

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
    """A name as it can be seen, short enough for an axis; both ends are kept, to tell it apart.

    Examples
    --------
    >>> label("sd_of_some_very_long_factor[Intercept]", 20)
    'sd_of_som…Intercept]'
    """
    whole = visible(text)
    if len(whole) <= limit:
        return whole
    tail = (limit - 1) // 2 + 1 if limit > 12 else 0
    return whole[: limit - 1 - tail] + "…" + whole[len(whole) - tail :]


def labels(names: Sequence[object], limit: int = 28) -> list[str]:
    """Short labels of several names; where these would be alike, the part that tells them apart.

    Examples
    --------
    >>> labels(["a_very_long_name_1_of_a_thing", "a_very_long_name_2_of_a_thing", "x"], 12)
    ['…me_1_of_a_…', '…me_2_of_a_…', 'x']
    """
    short = [label(name, limit) for name in names]
    alike: dict[str, list[str]] = {}
    for text, name in zip(short, names):
        alike.setdefault(text, []).append(visible(name))
    told = {text: _shared(same) for text, same in alike.items() if same[1:]}
    out = []
    for text, name in zip(short, names):
        start = max(told.get(text, 0) - 3, 0)
        out.append(f"…{label(visible(name)[start:], 10**9)[: limit - 2]}…" if start else text)
    return out


def _shared(names: list[str]) -> int:
    """Length of what all names begin with."""
    first, last = min(names), max(names)
    return next((i for i, c in enumerate(first) if last[i : i + 1] != c), len(first))
