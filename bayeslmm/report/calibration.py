"""Panel: leave-one-out calibration, each row's place in its prediction from all other rows."""

from typing import Any

import numpy as np

from ..posterior.tree import inherit
from ..results.drawing import COLOURS, FAINT, Image, draw, name_axes
from .uniform import band, ecdf, paint_differences, points
from .view import View

NUMBERS = 1e7  # draws x rows that take some seconds
FEWEST = 500  # draws that are kept however many rows there are
MANY = 20_000  # rows; of so many, one more or less does not move the variances


def calibration(view: View) -> tuple[list[Image], str]:
    """LOO-PIT of the first engine: ECDF difference with a 95% band, and a histogram."""
    from ..criticism.leave_out.passes import leave_out
    from ..criticism.loo import doubt

    if view.fitted is None:
        return [], ""
    engine, tree = view.first
    tree, note = _lighter(view, tree)
    try:
        # Of many rows none moves what was plugged in, and each estimate anew takes long.
        refit = False if view.model.design.y.size > MANY else None
        left = leave_out(view.model, tree, "row", pit=True, refit=refit)
    except (ValueError, ArithmeticError) as error:
        return [], f"Not computed: {error}"
    pit, told = left.values.pit, doubt(left)
    if pit.size < 5 or not np.isfinite(pit).all():
        return [], "Not computed: there are too few rows, or a row that cannot be left out."
    note = f"By {engine}.{note}"
    note += f" Mind: {told}." if told else ""
    at = points(pit.size)
    lower, upper = band(pit.size, at)
    found = ecdf(pit, at)
    outside = (found < lower) | (found > upper)
    note += (
        f" The curve leaves the band ({outside.sum()} of {at.size} points, marked): {_shape(pit)}."
        if outside.any()
        else " The curve stays inside the band: no sign of a wrong predictive law."
    )
    return [_difference(at, found, lower, upper), _histogram(pit)], note


def _lighter(view: View, tree: Any) -> tuple[Any, str]:
    """The tree with fewer draws where all would take minutes, and what was done."""
    import xarray as xr

    posterior, rows = tree["posterior"].dataset, view.model.design.y.size
    total, most = posterior.sizes["chain"] * posterior.sizes["draw"], int(NUMBERS / rows)
    if (total <= max(FEWEST, most) and rows <= MANY) or tree["posterior"].attrs.get("fixed"):
        return tree, ""
    groups = {name: group.dataset for name, group in tree.children.items()}
    if rows > MANY:
        names = list(view.model.parameters)
        held = posterior[names].mean(("chain", "draw")).expand_dims(chain=[0], draw=[0])
        groups = {n: d for n, d in groups.items() if "draw" not in d.dims}
        kept = {"variables": ", ".join(names), "groups": ", ".join(groups)}
        cut = {"posterior": held.assign_attrs({**posterior.attrs, **kept})}
        told = " The variances were held at their means: no row of so many moves them."
    else:
        step = -(-total // max(FEWEST, most))
        cut = {
            n: d.isel(draw=slice(None, None, step)) for n, d in groups.items() if "draw" in d.dims
        }
        told = f" Every {step}th draw was used."
    return inherit(xr.DataTree.from_dict({**groups, **cut}), tree), told


def _shape(pit: Any) -> str:
    """What kind of departure it is, in words."""
    spread, shift = float(pit.std()) / np.sqrt(1.0 / 12.0), float(pit.mean()) - 0.5
    if abs(shift) > 0.5 * abs(spread - 1.0):
        side = "low" if shift > 0.0 else "high"
        return f"predictions are too {side} on average"
    if spread > 1.0:
        return "more rows lie far out than predicted, the predictions are too narrow"
    return "fewer rows lie far out than predicted: wide predictions, or heavy tails of the noise"


def _difference(at: Any, found: Any, lower: Any, upper: Any) -> Image:
    outside = (found < lower) | (found > upper)
    look = {"color": COLOURS[0], "linewidth": 1.5, "drawstyle": "steps-post"}

    def paint(axes: Any) -> None:
        paint_differences(axes, at, at, (lower, upper), [(found, look)])
        axes.plot(at[outside], (found - at)[outside], ".", color=COLOURS[1], markersize=4)
        name_axes(axes, "LOO-PIT value", "ECDF - uniform", "Calibration, 95% simultaneous band")

    where = "partly outside" if outside.any() else "inside"
    return draw(paint, f"ECDF difference of LOO-PIT values, {where} its simultaneous 95% band")


def _histogram(pit: Any) -> Image:
    bins = int(np.clip(pit.size // 15, 5, 20))

    def paint(axes: Any) -> None:
        axes.hist(pit, bins=bins, range=(0.0, 1.0), color=COLOURS[0], alpha=0.55, edgecolor="white")
        axes.axhline(pit.size / bins, color=FAINT, linewidth=1.0)
        axes.set_xlim(0.0, 1.0)
        name_axes(axes, "LOO-PIT value", "rows", "Histogram")

    return draw(paint, "Histogram of LOO-PIT values; flat where the model is right")
