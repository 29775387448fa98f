"""How a declared model prints, and shows itself in a notebook: one form for all kinds."""

from html import escape
from typing import Any

import numpy as np

from ..design.visible import visible


def formula(model: Any) -> str:
    """The model in words, for titles."""
    words: str = model.design.formula
    many = len(model.observed[0]) > 1
    return f"{words}, {counted(model.components, 'component')}" if many else words


def equation(model: Any) -> str:
    """The model in one line."""
    if len(model.observed[0]) > 1:
        return f"{model.response}[i] = mu + {'W z[i] + ' if model.components else ''}e[i]"
    parts = (["offset"] if model.design.offset.any() else []) + (["X beta"] if model.fixed else [])
    parts += [f"Z u_{t.name}" for t in model.parts]
    return f"{model.response} = {' + '.join(parts)} + e"


def sizes(model: Any) -> str:
    """Counts of rows, columns and groups, in words."""
    if len(model.observed[0]) > 1:
        return _sizes_of_matrix(model.design.y, model.components)
    d = model.design
    groups = [f"{t.shape[0]} {t.name} x {t.shape[1]}" for t in model.groups]
    text = f"{d.y.size} rows, {len(d.fixed)} fixed effects"
    if groups:
        text += f", random effects: {', '.join(groups)}"
    columns = [f"{b.columns:,} columns {b.name} ({b.law.kind})" for b in model.blocks]
    text += "".join(f", {c}" for c in columns)
    return text + (f"; {d.dropped.size} rows dropped" if d.dropped.size else "")


def _sizes_of_matrix(Y: np.ndarray, components: int) -> str:
    (n, d), gone = Y.shape, np.isnan(Y)
    text = f"{n:,} rows, {counted(d, 'column')}, {counted(components, 'component')}"
    if gone.any():
        text += f"; {int(gone.sum()):,} of {n * d:,} entries missing"
    empty = int(gone.all(axis=1).sum())
    return text + (f", {counted(empty, 'row')} without any" if empty else "")


def counted(count: int, noun: str) -> str:
    """1 row; 2 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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
