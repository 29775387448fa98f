"""Panel: the ascent of a variational bound, step by step."""

from itertools import pairwise
from typing import Any

import numpy as np

from ..results.drawing import FAINT, Image, draw, name_axes, styles
from ..types import Array
from .view import View

WINDOW = 250  # steps of the running mean
BINS = 240  # of a trace; more points would only be ink


def bound(view: View) -> tuple[list[Image], str]:
    """One figure an engine that left the trace of its bound."""
    images, notes = [], []
    for engine, tree in view.trees.items():
        if "elbo" not in tree:
            continue
        table = tree["elbo"].dataset
        values = np.asarray(table["elbo"].values, dtype=float)
        if values.size < 3 or not np.isfinite(values).all():
            continue
        colour = styles(view.trees)[engine][0]
        if "rate" in table:
            images.append(_noisy(engine, values, table["rate"].values, colour))
            notes.append(
                f"{engine}: running mean over {WINDOW} steps, and the range of 9 in 10 steps; the "
                f"vertical lines are where the rate of the steps was lowered. The axis shows the "
                f"end of the ascent."
            )
        else:
            images.append(_exact(engine, values, colour))
            notes.append(f"{engine}: what each sweep still lacked of the last bound, in nats.")
    return images, " ".join(notes)


def _noisy(engine: str, values: Array, rates: Array, colour: str) -> Image:
    window = min(WINDOW, values.size)
    total = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    running = (total[window:] - total[:-window]) / window + values.mean()
    end = running.size + window - 1
    some = np.unique(np.linspace(0, running.size - 1, BINS).astype(int))
    edges = np.linspace(0, values.size, min(BINS, values.size // 5) + 1).astype(int)
    parts = [values[a:b] for a, b in pairwise(edges)]
    low, high = (np.array([np.quantile(p, q) for p in parts]) for q in (0.05, 0.95))
    centre = 0.5 * (edges[:-1] + edges[1:])
    changes = np.flatnonzero(np.diff(rates)) + 1

    def paint(axes: Any) -> None:
        axes.fill_between(centre, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(some + window, running[some], color=colour, linewidth=1.4)
        last = values[values.size // 2 :]
        bottom, top = np.quantile(last, [0.02, 0.98])
        room = max(0.6 * (top - bottom), 1e-9)
        axes.set_ylim(bottom - room, top + room)
        for at in changes:
            axes.axvline(at, color=FAINT, linewidth=0.9)
            axes.annotate(
                f"rate {rates[at]:g}", (at, 0.03), xycoords=("data", "axes fraction"), fontsize=7.5,
                xytext=(3, 0), textcoords="offset points",
            )  # fmt: skip
        axes.set_xlim(0, end)
        axes.locator_params(axis="x", nbins=5)
        name_axes(axes, "step", "bound (nats)", engine)

    told = f"Bound of {engine} over {values.size:,} steps; at the end {running[-1]:.2f}"
    return draw(paint, told, height=2.2)


def _exact(engine: str, values: Array, colour: str) -> Image:
    from matplotlib.ticker import FuncFormatter, NullLocator

    gap = np.maximum(values[-1] - values[:-1], 0.0)
    sweep = np.arange(1, gap.size + 1)
    some = np.unique(np.linspace(0, gap.size - 1, BINS).astype(int))
    some = some[gap[some] > 0.0]

    def paint(axes: Any) -> None:
        axes.plot(sweep[some], gap[some], color=colour, linewidth=1.5)
        if some.size:
            axes.set_yscale("log")
            # The page reads no mathematics, so the powers of ten are written out.
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0e}"))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.locator_params(axis="x", nbins=5)
        name_axes(axes, "sweep", "last bound - bound", engine)

    told = f"Bound of {engine} over {values.size:,} sweeps; at the end {values[-1]:.3f}"
    return draw(paint, told, height=2.2)
