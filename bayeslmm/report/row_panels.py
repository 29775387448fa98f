"""Panel: do the rows look like the model's? Residuals, and responses that the posterior draws."""

from statistics import NormalDist
from typing import Any

import numpy as np

from ..criticism.residuals import noise_by_row
from ..results.drawing import COLOURS, FAINT, Image, curve, draw, name_axes, no_height
from ..results.show import label, number
from ..types import Array
from .view import View

POINTS = 3000  # of a cloud; more would only be black
FAR = 3.0  # standard deviations; beyond it a row is named
NAMED = 5
REPLICATES = 30
NUMBERS = 2e7  # of all replicates together


def rows(view: View) -> tuple[list[Image], str]:
    """Residuals against fitted values, their quantiles, and the posterior predictive density."""
    if view.fitted is None:
        return [], ""
    engine, tree = view.first
    design = view.model.design
    standard = (design.y - view.fitted) / noise_by_row(view.model, tree)
    note = f"By {engine}. Residuals are divided by sigma"
    note += (
        " and by the rows' known noise."
        if not np.all(view.model.residual.precision == 1.0)
        else "."
    )
    far = outliers(standard)
    some = thinned(standard)
    if some.size < standard.size:
        note += f" Of {design.y.size:,} rows {some.size:,} are drawn, the outermost among them."
    images = [
        _residuals(view, some, standard, far[:NAMED]),
        _quantiles(standard, some),
        _predictive(view, replicates(view), view.model.response),
    ]
    return images, note + _told(view, standard, far)


def outliers(standard: Array) -> Any:
    """Places of the rows beyond FAR, the furthest first."""
    far = np.flatnonzero(np.abs(standard) > FAR)
    return far[np.argsort(-np.abs(standard[far]), kind="stable")]


def thinned(standard: Array) -> Any:
    """Places of the rows that are drawn: all, or the outermost and some of the bulk."""
    n = standard.size
    if n <= POINTS:
        return np.arange(n)
    order = np.argsort(-np.abs(standard), kind="stable")
    bulk = np.random.default_rng(0).choice(order[POINTS // 6 :], POINTS - POINTS // 6, False)
    return np.sort(np.concatenate([order[: POINTS // 6], bulk]))


def _told(view: View, standard: Array, far: Array) -> str:
    """The outliers in words: how many, how many the normal law expects, and which."""
    if not far.size:
        return f" No row lies beyond {FAR:g}."
    design = view.model.design
    expected = 2.0 * NormalDist().cdf(-FAR) * standard.size
    told = f"{expected:,.0f}" if expected > 9.5 else f"{expected:.2g}"
    spread = float(np.std(design.y))
    named = [
        f"row {label(design.rows[i], 40)} (observed {number(float(design.y[i]), spread)}, fitted "
        f"{number(float(view.fitted[i]), spread)}, residual {standard[i]:+.1f})"
        for i in far[:NAMED]
    ]
    more = f" and {far.size - NAMED:,} more" if far.size > NAMED else ""
    verb = "row lies" if far.size == 1 else "rows lie"
    return (
        f" {far.size:,} {verb} beyond {FAR:g}, where the normal law expects {told}: "
        f"{', '.join(named)}{more}."
    )


def replicates(view: View) -> Array:
    """A few responses drawn from the posterior, (k, n)."""
    from ..posterior.predictive import posterior_predictive

    model, (_, tree) = view.model, view.first
    few = max(2, min(REPLICATES, int(NUMBERS / model.design.y.size)))
    if "posterior_predictive" in tree:
        held = tree["posterior_predictive"].dataset[model.response]
        flat = held.transpose("chain", "draw", ...).values.reshape(-1, model.design.y.size)
        return flat[np.linspace(0, len(flat) - 1, min(few, len(flat))).astype(int)]
    posterior = tree["posterior"].dataset
    last = posterior.sizes["draw"] - 1
    thin = tree.copy()
    some = np.unique(np.linspace(0, last, few).astype(int))
    thin["posterior"].dataset = posterior.isel(chain=[0], draw=some)
    drawn = posterior_predictive(model, thin, seed=0)
    return drawn["posterior_predictive"][model.response].values[0]


def _residuals(view: View, some: Array, standard: Array, named: Array) -> Image:
    fitted, names = view.fitted, view.model.design.rows
    dense = max(0.12, min(0.5, 60.0 / np.sqrt(some.size) / 10.0))

    def paint(axes: Any) -> None:
        axes.axhline(0.0, color=FAINT, linewidth=0.8)
        for limit in (-FAR, FAR):
            if np.abs(standard).max() > FAR - 0.5:
                axes.axhline(limit, color=FAINT, linewidth=0.8, linestyle=":")
        axes.plot(
            fitted[some], standard[some], "o", color=COLOURS[0], markersize=3, alpha=dense, mew=0
        )
        middle = 0.5 * (fitted.min() + fitted.max())
        for i in named:
            axes.plot(fitted[i], standard[i], "o", color=COLOURS[1], markersize=3.6, mew=0)
            right = fitted[i] > middle
            axes.annotate(
                label(names[i], 14),
                (fitted[i], standard[i]),
                xytext=(-4 if right else 4, 0),
                textcoords="offset points",
                ha="right" if right else "left",
                va="center",
                fontsize=7.5,
                parse_math=False,
            )
        axes.locator_params(axis="x", nbins=6)
        name_axes(axes, f"fitted {view.model.response}", "residual / sigma", "Residuals")

    return draw(paint, "Residuals against fitted values")


def _quantiles(standard: Array, some: Array) -> Image:
    n, law = standard.size, NormalDist()
    order = np.argsort(standard, kind="stable")
    drawn = np.flatnonzero(np.isin(order, some))
    expected = np.array([law.inv_cdf((i + 0.5) / n) for i in drawn])
    ends = [expected[0], expected[-1]]

    def paint(axes: Any) -> None:
        axes.plot(ends, ends, color=FAINT, linewidth=0.8)
        axes.plot(expected, standard[order[drawn]], "o", color=COLOURS[0], markersize=2.6, mew=0)
        name_axes(axes, "quantile of N(0, 1)", "residual / sigma", "Normal quantiles")

    return draw(paint, "Quantiles of the residuals against those of the normal law")


def _predictive(view: View, drawn: Array, response: str) -> Image:
    observed = curve(view.model.design.y, walls=False)

    def paint(axes: Any) -> None:
        for i, y in enumerate(drawn):
            name = f"{len(drawn)} draws" if i == 0 else None
            axes.plot(
                *curve(y, walls=False), color=COLOURS[0], alpha=0.3, linewidth=0.7, label=name
            )
        axes.plot(*observed, color="black", linewidth=1.6, label="observed")
        no_height(axes)
        axes.legend(frameon=False, fontsize=8)
        name_axes(axes, response, "", "Posterior predictive")

    return draw(paint, f"Density of {response}, observed and drawn from the posterior")
