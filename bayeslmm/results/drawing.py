"""Figures that no setting of the host reaches: matplotlib's object API, one SVG each, for an <img>.

Each figure is small; the page puts as many side by side as its width takes. Text stays text, drawn
by the reader's fonts, so labels in any script show. Nothing of pyplot is touched.
"""

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..host.figures import load, styled
from ..host.warned import ignored
from ..types import Array
from .show import label

COLOURS = ("#1f5fa8", "#c4501b", "#2a7f4f", "#7b4fa0", "#8a6d00", "#555555")
MARKS = ("o", "s", "^", "D", "v", "P")
INK, FAINT, BAND = "#333a44", "#b9c0c8", "#e8ecf0"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bayeslmm",  # the same figure gives the same bytes
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.edgecolor": "#9aa3ad",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.formatter.useoffset": False,
}
WIDTH = 3.7  # inches: one column of a phone


@dataclass(frozen=True)
class Image:
    """One drawn figure."""

    source: str  # a data: address
    alt: str
    width: int  # CSS pixels
    height: int


def draw(paint: Callable[[Any], None], alt: str, height: float = 2.5) -> Image:
    """Paint one pair of axes and keep it as SVG.

    Parameters
    ----------
    paint : callable
        Takes the axes.
    alt : str
        What the figure shows, for who cannot see it.
    height : float
        Inches.
    """
    load()
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # The reader's fonts draw the text; that this machine lacks a glyph says nothing.
    with styled(STYLE), ignored("Glyph .* missing from font"):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        paint(axes)
        plain(figure)
        return _image(figure, alt)


def _image(figure: Any, alt: str) -> Image:
    """The figure as SVG in a data: address."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    source = base64.b64encode(buffer.getvalue()).decode("ascii")
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    return Image(f"data:image/svg+xml;base64,{source}", alt, width, height)


def plain(figure: Any) -> None:
    """Take every text as it is: a dollar in a column's name is no formula."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)


def styles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name -> colour and mark, the same in all figures of a page."""
    return {
        name: (COLOURS[i % len(COLOURS)], MARKS[i % len(MARKS)]) for i, name in enumerate(names)
    }


def no_height(axes: Any) -> None:
    """A density: its height has no scale worth reading."""
    axes.set_ylim(bottom=0.0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=6)


def log_ranks(axes: Any) -> None:
    """A logarithmic axis of ranks, written out: the page reads no mathematics."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def falling(axes: Any, values: Array, marked: Any, look: tuple[str, str]) -> None:
    """Values in falling order by their rank, some of them marked."""
    colour, mark = look
    order = np.argsort(-values, kind="stable")
    rank, line, own = np.arange(1, order.size + 1), values[order], marked[order]
    axes.plot(rank, line, color=colour, linewidth=1.3)
    axes.plot(rank[own], line[own], mark, color=colour, markersize=3.4, mew=0)


def name_axes(axes: Any, x: str = "", y: str = "", title: str = "") -> None:
    """Title and labels, shortened and never read as mathematics."""
    if title:
        # At the figure's own edge, not that of the axes: long tick labels leave no room there.
        text = axes.figure.suptitle(label(title, 42), x=0.015, ha="left", fontsize=9.5)
        text.set(fontweight="bold", parse_math=False)
    axes.set_xlabel(label(x, 44), parse_math=False)
    axes.set_ylabel(label(y, 44), parse_math=False)


def curve(draws: Array, walls: bool = True) -> tuple[Array, Array]:
    """Density of some draws on a grid; with `walls` none beyond the ends of their range."""
    from arviz_stats.base import array_stats

    grid, density, _ = array_stats.kde(draws.ravel(), grid_len=256, bound_correction=walls)
    return grid, density


def key(names: Iterable[str]) -> dict[str, Image]:
    """Name -> a small picture of its colour and mark, for a legend outside the figures."""
    load()
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    found = {}
    for name, (colour, mark) in styles(names).items():
        with styled(STYLE):
            figure = Figure(figsize=(26 / 96, 12 / 96))
            FigureCanvasSVG(figure)
            axes = figure.add_axes((0, 0, 1, 1))
            axes.axis("off")
            axes.plot([0.0, 1.0], [0.0, 0.0], color=colour, linewidth=1.5, clip_on=False)
            axes.plot(0.5, 0.0, mark, color=colour, markersize=5)
            found[name] = _image(figure, "")
    return found
