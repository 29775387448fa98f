"""Panel: do the rows look like the model's? Residuals, and responses that the posterior draws."""

from statistics import NormalDist
from typing import Any

import numpy as np

from ..gaussian.sums import Array
from .drawing import COLOURS, Image, curve, draw, name_axes
from .view import View

POINTS = 3000  # of a cloud; more would only be black
REPLICATES = 30
NUMBERS = 2e7  # of all replicates together


def rows(view: View) -> tuple[list[Image], str]:
    """Residuals against fitted values, their quantiles, and the posterior predictive density."""
    engine, _ = view.first
    design = view.model.design
    residual = (design.y - view.fitted) * np.sqrt(view.model.precision)
    sigma = next((s.mean for s in view.scalars[engine] if s.name == "sigma"), np.nan)
    standard = residual / sigma
    some = np.arange(design.y.size)
    note = f"By {engine}. Residuals are divided by sigma"
    note += " and by the rows' known noise." if not np.all(view.model.precision == 1.0) else "."
    if some.size > POINTS:
        some = np.sort(np.random.default_rng(0).choice(some.size, POINTS, replace=False))
        note += f" Of {design.y.size:,} rows a random {POINTS:,} are drawn."
    images = [
        _residuals(view.fitted[some], standard[some], view.model.response),
        _quantiles(standard[some]),
        _predictive(view, replicates(view), view.model.response),
    ]
    return images, note


def replicates(view: View) -> Array:
    """A few responses drawn from the posterior, (k, n)."""
    import xarray as xr

    from ..predictive import posterior_predictive

    model, (_, tree) = view.model, view.first
    few = max(2, min(REPLICATES, int(NUMBERS / model.design.y.size)))
    if "posterior_predictive" in tree:
        held = tree["posterior_predictive"].dataset[model.response]
        flat = held.transpose("chain", "draw", ...).values.reshape(-1, model.design.y.size)
        return flat[np.linspace(0, len(flat) - 1, min(few, len(flat))).astype(int)]
    posterior = tree["posterior"].dataset
    last = posterior.sizes["draw"] - 1
    thin = posterior.isel(chain=[0], draw=np.unique(np.linspace(0, last, few).astype(int)))
    drawn = posterior_predictive(model, xr.DataTree.from_dict({"posterior": thin}), seed=0)
    return drawn["posterior_predictive"][model.response].values[0]


def _residuals(fitted: Array, standard: Array, response: str) -> Image:
    def paint(axes: Any) -> None:
        axes.axhline(0.0, color="#b9c0c8", linewidth=0.8)
        axes.plot(fitted, standard, "o", color=COLOURS[0], markersize=3, alpha=0.45, mew=0)
        axes.locator_params(axis="x", nbins=6)
        name_axes(axes, f"fitted {response}", "residual / sigma", "Residuals")

    return draw(paint, "Residuals against fitted values")


def _quantiles(standard: Array) -> Image:
    n = standard.size
    law = NormalDist()
    expected = [law.inv_cdf((i + 0.5) / n) for i in range(n)]

    def paint(axes: Any) -> None:
        ends = [expected[0], expected[-1]]
        axes.plot(ends, ends, color="#b9c0c8", linewidth=0.8)
        axes.plot(expected, np.sort(standard), "o", color=COLOURS[0], markersize=2.6, mew=0)
        name_axes(axes, "quantile of N(0, 1)", "residual / sigma", "Normal quantiles")

    return draw(paint, "Quantiles of the residuals against those of the normal law")


def _predictive(view: View, drawn: Array, response: str) -> Image:
    observed = curve(view.model.design.y, walls=False)

    def paint(axes: Any) -> None:
        for number, y in enumerate(drawn):
            name = f"{len(drawn)} draws" if number == 0 else None
            axes.plot(
                *curve(y, walls=False), color=COLOURS[0], alpha=0.3, linewidth=0.7, label=name
            )
        axes.plot(*observed, color="black", linewidth=1.6, label="observed")
        axes.set_ylim(bottom=0.0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=6)
        axes.legend(frameon=False, fontsize=8)
        name_axes(axes, response, "", "Posterior predictive")

    return draw(paint, f"Density of {response}, observed and drawn from the posterior")
