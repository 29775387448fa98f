"""How a declared model prints, and shows itself in a notebook: one form for all kinds."""

from html import escape
from typing import Any

from .design.visible import visible


def text(model: Any) -> str:
    """Kind, formula, equation, sizes, and the table of priors."""
    lines = [f"{model.kind}: {model.formula}", f"  {model.equation}", "  " + model.sizes]
    lines += ["", "Priors"]
    names = [visible(name) for name in model.prior_table]
    width = max(len(name) for name in names)
    lines += [f"  {name:<{width}}  {law}" for name, law in zip(names, model.prior_table.values())]
    return "\n".join(visible(line) for line in lines)


def html(model: Any) -> str:
    """The same as HTML; what comes from the user is escaped."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(n)}</th><td>{escape(p)}</td></tr>"
        for n, p in model.prior_table.items()
    )
    return (
        f"<div><b>{escape(model.kind)}</b> <code>{escape(model.formula)}</code>"
        f"<p>{escape(model.equation)}; {escape(model.sizes)}</p><table>{rows}</table></div>"
    )
