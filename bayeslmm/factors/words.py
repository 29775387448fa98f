"""A factor model in words: as it prints, and shows itself in a notebook."""

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import FactorModel


def equation(model: "FactorModel") -> str:
    """The model in one line."""
    return f"{model.response}[i] = mu + {'W z[i] + ' if model.components else ''}e[i]"


def sizes(model: "FactorModel") -> str:
    """Counts of rows, columns and components, in words."""
    n, d = model.design.y.shape
    gone = int((~model.design.there).sum())
    text = f"{n:,} rows, {counted(d, 'column')}, {counted(model.components, 'component')}"
    if gone:
        text += f"; {gone:,} of {n * d:,} entries missing"
    empty = int((~model.design.there.any(axis=1)).sum())
    return text + (f", {counted(empty, 'row')} without any" if empty else "")


def text(model: "FactorModel") -> str:
    lines = [
        f"{model.kind}: {model.formula}",
        f"  {model.equation}",
        "  " + model.sizes,
        "",
        "Priors",
    ]
    width = max(len(name) for name in model.prior_table)
    lines += [f"  {name:<{width}}  {law}" for name, law in model.prior_table.items()]
    return "\n".join(lines)


def html(model: "FactorModel") -> str:
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(n)}</th><td>{escape(p)}</td></tr>"
        for n, p in model.prior_table.items()
    )
    return (
        f"<div><b>{escape(model.kind)}</b> <code>{escape(model.formula)}</code>"
        f"<p>{escape(model.equation)}; {escape(model.sizes)}</p><table>{rows}</table></div>"
    )


def counted(count: int, noun: str) -> str:
    """1 row; 2 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
