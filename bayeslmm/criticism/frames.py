"""Tables that show themselves, in a terminal and in a notebook, with a verdict above."""

from html import escape
from typing import Any

from ..design.visible import visible


def text(title: str, table: Any, verdict: str = "") -> str:
    """A title, a DataFrame as plain text, and a verdict."""
    import pandas as pd

    with pd.option_context(
        "display.width", 160, "display.max_columns", 30, "display.max_colwidth", 76
    ):
        body = table.to_string(na_rep="–", float_format=short)
    return visible("\n".join(part for part in (title, body, verdict) if part), keep="\n")


def html(title: str, table: Any, verdict: str = "") -> str:
    """The same for a notebook; whatever comes from data is escaped."""
    body = table.to_html(na_rep="–", float_format=short, escape=True, border=0)
    told = f"<p>{escape(verdict)}</p>" if verdict else ""
    return f"<div><b>{escape(title)}</b>{body}{told}</div>"


def short(value: float) -> str:
    """Four significant digits; what is zero to rounding is zero."""
    return "0" if abs(value) < 1e-9 else f"{value:.4g}"
