"""What a panel draws, as the lines and marks on its axes, before they become a picture."""

import importlib

import numpy as np
from matplotlib.figure import Figure

from bayeslmm.report import forest
from bayeslmm.results.drawing import Image


def drawn(monkeypatch, view, *panels):
    """Words of a figure -> its axes, of every figure of the panels, such as "rows.rows"."""
    found = {}

    def keep(paint, alt, height=2.5):
        axes = Figure().add_subplot()
        paint(axes)
        found[alt] = axes
        return Image("", alt, 1, 1)

    for panel in panels:
        file, _, name = panel.partition(".")
        module = importlib.import_module(f"bayeslmm.report.{file}")
        for place in (module, forest):
            monkeypatch.setattr(place, "draw", keep, raising=False)
        getattr(module, name)(view)
    return found


def spans(axes):
    """Ends of all bars from left to right, (bars, 2), one array a colour, in their order."""
    return [
        np.array([segment[:, 0] for segment in c.get_segments()])
        for c in axes.collections
        if hasattr(c, "get_segments")
    ]


def marks(axes, mark):
    """x and y of the marks of one kind."""
    lines = [line for line in axes.lines if line.get_marker() == mark]
    return np.concatenate(
        [np.column_stack([np.atleast_1d(v) for v in line.get_data()]) for line in lines]
    )


def ticks(axes):
    """Names beside the bars."""
    return [text.get_text() for text in axes.get_yticklabels()]
