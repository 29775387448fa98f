"""Panel: leave-one-out calibration, each row's place in its prediction from all other rows."""

import warnings
from typing import Any

import numpy as np

from .drawing import BAND, COLOURS, FAINT, Image, draw, name_axes
from .uniform import band, ecdf, points
from .view import View

NUMBERS = 1e7  # draws x rows that take some seconds
FEWEST = 100  # draws that are kept however many rows there are


def calibration(view: View) -> tuple[list[Image], str]:
    """LOO-PIT of the first engine: ECDF difference with a 95% band, and a histogram."""
    from ..criticism.loo import loo_pit

    engine, tree = view.first
    tree, thinned = _thin(tree, view.model.design.y.size)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            pit = np.asarray(loo_pit(view.model, tree), dtype=float)
    except (ValueError, ArithmeticError) as error:
        return [], f"Not computed: {error}"
    if pit.size < 5 or not np.isfinite(pit).all():
        return [], "Not computed: there are too few rows, or a row that cannot be left out."
    note = f"By {engine}."
    if thinned:
        note += f" {thinned:,} of its draws were used."
    note += "".join(f" Mind: {w.message}." for w in told if w.category is UserWarning)
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


def _thin(tree: Any, rows: int) -> tuple[Any, int]:
    """The tree with fewer draws where all would take minutes, and how many are left (or zero)."""
    import xarray as xr

    sizes = tree["posterior"].sizes
    total, most = sizes["chain"] * sizes["draw"], max(FEWEST, int(NUMBERS / rows))
    if total <= most or tree["posterior"].attrs.get("fixed"):
        return tree, 0
    step = -(-total // most)
    groups = {name: group.dataset for name, group in tree.children.items()}
    cut = {n: d.isel(draw=slice(None, None, step)) for n, d in groups.items() if "draw" in d.dims}
    other = xr.DataTree.from_dict({**groups, **cut})
    other.attrs.update(tree.attrs)
    return other, sizes["chain"] * other["posterior"].sizes["draw"]


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
    x = np.concatenate([[0.0], at, [1.0]])

    def whole(values: Any) -> Any:
        return np.concatenate([[0.0], values - at, [0.0]])

    def paint(axes: Any) -> None:
        axes.fill_between(x, whole(lower), whole(upper), color=BAND, linewidth=0)
        axes.axhline(0.0, color=FAINT, linewidth=0.8)
        axes.plot(x, whole(found), color=COLOURS[0], linewidth=1.5, drawstyle="steps-post")
        axes.plot(at[outside], (found - at)[outside], ".", color=COLOURS[1], markersize=4)
        axes.set_xlim(0.0, 1.0)
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
