"""Panel: engines compared, how wide and how far off each is beside the reference."""

from typing import Any

import numpy as np

from ..engines.approximation import NARROW, WIDE
from ..results.drawing import BAND, FAINT, Image
from ..results.show import label
from .forest import Marks, forest
from .view import View

MOST = 24  # parameters; more would not be read


def compared(view: View) -> tuple[list[Image], str]:
    """Dots for sd ratio and distance, one mark an engine; nothing where there is one engine."""
    if len(view.trees) < 2:
        return [], ""
    found = view.comparison
    ratios = found.parameters["sd ratio"].unstack("engine")
    distances = found.parameters["distance"].unstack("engine")
    order = list(dict.fromkeys(found.parameters.index.get_level_values(0)))
    others = [engine for engine in view.trees if engine != found.reference]
    ratios, distances = ratios.loc[order, others], distances.loc[order, others]
    told = ~(ratios.isna() & distances.isna()).all(axis=1)
    ratios, distances = ratios[told], distances[told]
    if ratios.empty:
        return [], ""
    note = f"The reference is {found.reference}: a ratio below one is narrower than its posterior."
    if len(ratios) > MOST:
        with np.errstate(divide="ignore"):
            off = np.abs(np.log(ratios.where(ratios > 0.0))).max(axis=1).fillna(0.0)
        worst = (off + distances.max(axis=1).fillna(0.0)).sort_values(ascending=False)
        kept = set(worst.index[:MOST])
        rows = [name for name in ratios.index if name in kept]
        note += f" Of {len(ratios)} parameters the {MOST} that differ most are drawn."
        ratios, distances = ratios.loc[rows], distances.loc[rows]
    note += f" Band: {NARROW} to {WIDE}, widths called right. {_pooled(view)}"
    gone = [engine for engine in others if ratios[engine].isna().any()]
    if gone:
        note += (
            f" No ratio is drawn where {' or '.join(gone)} has no sd: a value that was plugged in, "
            f"or one at the boundary."
        )
    short = label(found.reference, 12)
    ratios = ratios.dropna(how="all")
    images = [] if ratios.empty else [_figure(view, ratios, "sd ratio", f"sd over that of {short}")]
    axis = f"|difference of means| / sd of {short}"
    return [*images, _figure(view, distances, "distance", axis)], note


def _pooled(view: View) -> str:
    """What the rows of coefficients stand for."""
    if view.factors is not None:
        scored = "; z rows pool the scores of all rows" if "z" in view.estimates else ""
        return f"The row covariance pools all pairs of columns{scored}."
    blocks = ["the columns of a block"] if any(each.block for each in view.variables) else []
    levels = not blocks or any(each.effects for each in view.variables)
    what = (["the levels of an effect"] if levels else []) + blocks
    return f"u_ rows pool {' or '.join(what)}."


def _figure(view: View, table: Any, title: str, axis: str) -> Image:
    ratio, values = title == "sd ratio", table.to_numpy(dtype=float)
    shown = np.where(values > 0.0, values, np.nan) if ratio else values
    none = np.full(len(table), np.nan)
    own = {engine: Marks(x, none, none) for engine, x in zip(table.columns, shown.T)}

    def ground(axes: Any) -> None:
        place = np.arange(len(table))
        axes.hlines(place, 0, 1, transform=axes.get_yaxis_transform(), color=BAND, linewidth=0.7)
        if ratio:
            axes.axvspan(NARROW, WIDE, color=BAND, linewidth=0)
            axes.axvline(1.0, color=FAINT, linewidth=0.9)
        _scale(axes, values, ratio)

    worst = table.max().max() if not ratio else table.min().min()
    told = f"{title} of {len(table)} parameters by {', '.join(map(str, table.columns))}"
    told += f"; {'smallest' if ratio else 'largest'} {worst:.3g}"
    look: Any = {"axis": axis, "title": title, "longest": 24, "room": 0.19, "ground": ground}
    return forest(list(table.index), own, list(view.trees), told, **look)


def _scale(axes: Any, values: Any, ratio: bool) -> None:
    """A logarithmic axis with plain numbers for ratios; distances start at zero."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    finite = values[np.isfinite(values)]
    if not ratio:
        axes.set_xlim(0.0, max(0.5, 1.1 * finite.max(initial=0.0)))
        axes.locator_params(axis="x", nbins=6)
        return
    positive = finite[finite > 0.0]
    low, high = positive.min(initial=1.0) * 0.9, positive.max(initial=1.0) * 1.1
    low, high = min(low, 0.65), max(high, 1.5)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    spread = high / low
    ticks = [0.6, 0.8, 1.0, 1.25, 1.5, 2.0]
    if spread > 200.0:
        ticks = [10.0**k for k in range(-12, 13, 2)]
    elif spread > 5.0:
        ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
    axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
