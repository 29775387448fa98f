"""Panel: the curve that a kernel or basis of one input fits, with its band.

    f(x) = intercept + sum_m u_m K(x, x_m)

It is drawn where the curve is the whole mean: no groups, no offset, at most an intercept.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..columns import Expansion
from ..posterior.redrawn import pieces
from ..results.drawing import FAINT, Image, draw, name_axes, styles
from ..results.estimates import INTERVAL, PROB
from ..results.show import label
from ..stats.normal import interval
from ..types import Array
from .view import View

GRID = 240
DRAWS = 1000
POINTS = 2000


@dataclass(frozen=True, eq=False)
class Curve:
    """One engine's curve on the grid, and the rows whose functions a maximum kept."""

    mean: Array
    lower: Array
    upper: Array
    vectors: np.ndarray


def fitted_curve(view: View) -> tuple[list[Image], str]:
    """One figure, the engines overlaid; nothing where the mean is no curve of one input."""
    made = _source(view)
    if made is None:
        return [], ""
    x = made.inputs.matrix[:, 0]
    grid = np.linspace(x.min(), x.max(), GRID)
    curves = {engine: _curve(view, engine, made, grid) for engine in view.trees}
    note = f"Line: posterior mean; band: its {INTERVAL}, without the noise of single rows."
    for engine, curve in curves.items():
        if curve.vectors.size:
            note += f" Ringed: the {curve.vectors.size} relevance vectors of {engine}."
    name = made.inputs.labels[0]
    return [_figure(view, name, x, grid, curves)], note


def _source(view: View) -> Expansion | None:
    """The basis of the one block, where the mean is a curve of its one input."""
    model = view.model
    if len(view.columns) != 1 or any(each.effects for each in view.variables):
        return None
    if model.design.offset.any() or set(model.design.fixed) - {"Intercept"}:
        return None
    made = model.blocks[0].source.expansion
    return made if made is not None and len(made.inputs.labels) == 1 else None


def _curve(view: View, engine: str, made: Expansion, grid: Array) -> Curve:
    tree, block = view.trees[engine], view.model.blocks[0]
    posterior = tree["posterior"].dataset
    step = -(-posterior["sigma"].size // DRAWS)
    thin = posterior.isel(draw=slice(None, None, step))
    functions = made.functions(grid[:, None])
    columns = np.hstack([np.ones((grid.size, 1)), functions]) if made.bias else functions
    parts, fixed = [], view.model.fixed
    for _, drawn in pieces(view.model, thin, np.random.default_rng(0)):
        curve = block.at(drawn[block.coefficients], columns)
        if fixed is not None:  # the intercept alone
            curve = curve + drawn[fixed.coefficients]
        parts.append(curve)
    draws = np.concatenate(parts)
    lower, upper = interval(draws, PROB)
    table = view.columns[block.name].tables[engine]
    left_out = table["sd"].to_numpy() == 0.0
    vectors = np.zeros(0, dtype=np.intp)
    if made.centres is not None and left_out.any():
        vectors = made.centres[~left_out[int(made.bias) :]]
    return Curve(draws.mean(axis=0), lower, upper, vectors)


def _figure(view: View, name: str, x: Array, grid: Array, curves: dict[str, Curve]) -> Image:
    y, style = view.model.design.y, styles(view.trees)
    some = np.arange(y.size)
    if y.size > POINTS:
        some = np.random.default_rng(0).choice(y.size, POINTS, False)

    def paint(axes: Any) -> None:
        axes.plot(x[some], y[some], "o", color=FAINT, markersize=2.8, mew=0, zorder=1)
        for number, (engine, curve) in enumerate(curves.items()):
            colour = style[engine][0]
            axes.fill_between(grid, curve.lower, curve.upper, color=colour, alpha=0.15, linewidth=0)
            axes.plot(grid, curve.mean, color=colour, linewidth=1.5)
            at = curve.vectors
            size = 6.5 + 2.0 * number  # rings of two engines about one row stay apart
            axes.plot(x[at], y[at], "o", color=colour, mfc="none", markersize=size, mew=1.1)
        name_axes(
            axes,
            name,
            view.model.response,
            f"{label(view.model.response, 20)} by {label(name, 16)}",
        )

    told = f"Fitted curve of {view.model.response} over {name} with its {INTERVAL}"
    return draw(paint, told, height=2.9)
