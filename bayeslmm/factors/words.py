"""A factor model in words: its equation, its sizes."""

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


def counted(count: int, noun: str) -> str:
    """1 row; 2 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
