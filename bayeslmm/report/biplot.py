"""Panel: scores of the rows and loadings of the columns in one picture (Gabriel 1971, Biometrika).

Scores are posterior means with the ellipse that holds 95% of their posterior; loadings are arrows,
all lengthened alike so that they fill the picture. One component alone has a plot of dots.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from ..results.drawing import COLOURS, FAINT, WIDTH, Image, draw, name_axes
from ..results.estimates import INTERVAL, PROB, Estimate
from ..results.show import labels
from ..types import Array
from .factors import Factors
from .forest import forest, marks
from .placing import Placed, placed
from .view import View

EVERY = 60  # rows up to which each has its ellipse
POINTS = 1000  # rows that are drawn
ARROWS, NAMED = 40, 12
LEVELS = 40  # rows of a plot of dots
RADIUS = float(np.sqrt(-2.0 * np.log(1.0 - PROB)))  # of the ellipse, in sds along its axes
SIZE = 7.5  # points of a name
INNER = WIDTH - 0.65  # inches between the edges of the axes
REACH = 0.85  # length of the longest arrow beside the furthest row


def biplot(view: View) -> tuple[list[Image], str]:
    """One figure of the first engine; nothing where its tree holds no scores."""
    found = view.factors
    scores = None if found is None else found.estimates[found.first].get("z")
    if found is None or scores is None or not found.loadings.get(found.first):
        return [], ""
    partial = not found.there.all()
    note = f"By {found.first}."
    note += " Hollow: rows with missing entries." if partial else ""
    if scores.mean.shape[1] == 1:
        image, told = _dots(found, scores)
        return [image], f"{note} {told}"
    mean = scores.mean[:, :2]
    covariance = _covariances(scores)
    circled, told = ellipses(mean, covariance)
    some = np.arange(len(mean))
    if some.size > POINTS:
        bulk = np.random.default_rng(0).choice(some, POINTS, False)
        some = np.unique(np.concatenate([bulk, circled]))
        told += f" Of {len(mean):,} rows {some.size:,} are drawn."
    arrows = found.loadings[found.first].mean[:, :2]
    kept = np.argsort(-np.linalg.norm(arrows, axis=1), kind="stable")[:ARROWS]
    if kept.size < len(arrows):
        told += f" Of {len(arrows):,} columns the {ARROWS} with the longest arrows are drawn."
    if kept.size > NAMED:
        told += f" The {NAMED} longest are named."
    factor = _stretch(mean, arrows)
    image = _figure(found, mean, covariance, circled, some, factor * arrows[kept], kept)
    return [image], f"{note} {told} Arrows are {factor:.2g} times the loadings{found.unit[1]}."


def _covariances(scores: Estimate) -> Array:
    """Covariances of the first two scores of every row, (n, 2, 2)."""
    if scores.draws is None:
        return scores.sd[:, :2, None] ** 2 * np.eye(2)
    draws = scores.draws[..., :2].reshape(-1, len(scores.mean), 2)
    centred = draws - draws.mean(axis=0)
    return np.asarray(np.einsum("kni,knj->nij", centred, centred) / len(draws))


def ellipses(mean: Array, covariance: Array) -> tuple[np.ndarray, str]:
    """Places of the rows whose ellipse is drawn, and which these are."""
    if len(mean) <= EVERY:
        return np.arange(len(mean)), f"Ellipses hold {PROB:.0%} of each row's posterior."
    angle = np.arange(8) * np.pi / 4.0
    outer = (mean @ np.array([np.cos(angle), np.sin(angle)])).argmax(axis=0)
    area = np.linalg.det(covariance)
    middle = np.argsort(np.abs(area - np.median(area)), kind="stable")[:1]
    chosen = np.unique(np.concatenate([outer, np.argsort(-area, kind="stable")[:4], middle]))
    return chosen, (
        f"Ellipses hold {PROB:.0%} of the row's posterior; of {len(mean):,} rows {chosen.size} "
        f"have one, those furthest out in eight directions, the four least certain and a middling "
        f"one."
    )


def _stretch(mean: Array, arrows: Array) -> float:
    """What arrows are lengthened by, a round number."""
    longest = float(np.linalg.norm(arrows, axis=1).max())
    if longest == 0.0:
        return 1.0
    return float(f"{REACH * np.linalg.norm(mean, axis=1).max() / longest:.2g}")


def _figure(
    found: Factors,
    mean: Array,
    covariance: Array,
    circled: Any,
    some: Any,
    arrows: Array,
    kept: Any,
) -> Image:
    rings = [_ring(mean[i], covariance[i]) for i in circled]
    whole = found.there.all(axis=1)
    names = labels([found.features[j] for j in kept[:NAMED]], 16)
    corners = np.concatenate([mean[some], *rings, arrows])
    low, high, height, texts = _frame(corners, arrows, names)

    def paint(axes: Any) -> None:
        axes.axhline(0.0, color=FAINT, linewidth=0.6, zorder=0)
        axes.axvline(0.0, color=FAINT, linewidth=0.6, zorder=0)
        for ring in rings:
            axes.fill(*ring.T, color=COLOURS[0], alpha=0.10, linewidth=0, zorder=1)
        dense = float(np.clip(8.0 / np.sqrt(some.size), 0.25, 0.8))
        for own, face in ((some[whole[some]], COLOURS[0]), (some[~whole[some]], "white")):
            axes.plot(
                *mean[own].T, "o", color=COLOURS[0], mfc=face, markersize=2.8, mew=0.6, alpha=dense
            )
        for arrow in arrows:
            axes.annotate(
                "", arrow, (0.0, 0.0), zorder=4,
                arrowprops={"arrowstyle": "-|>", "color": COLOURS[1], "lw": 1.1, "shrinkA": 0,
                            "shrinkB": 0, "mutation_scale": 8},
            )  # fmt: skip
        for name, arrow, text in zip(names, arrows, texts):
            _write(axes, name, arrow, text)
        axes.set_aspect("equal", adjustable="box")
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        axes.locator_params(nbins=6)
        name_axes(axes, "PC1", "PC2", "Scores and loadings")

    named = ", ".join(f"{n} ({a[0]:.2g}, {a[1]:.2g})" for n, a in zip(names, arrows))
    told = f"Scores of {some.size:,} rows on PC1 and PC2, and arrows of columns: {named}"
    return draw(paint, told, height=height)


def _frame(
    corners: Array, arrows: Array, names: list[str]
) -> tuple[Array, Array, float, list[Placed]]:
    """Limits and height of the figure, and places of names: the more room these take, the less
    is left for what they stand beside, so it is found in a few steps."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    for _ in range(4):
        edge = 0.04 * (high - low).max()
        span = high - low + 2.0 * edge
        height = float(np.clip(INNER * span[1] / span[0], 1.4, 3.6))
        points = 72.0 * min(INNER / span[0], height / span[1])
        texts = placed(names, arrows[: len(names)] * points, SIZE, shafts=arrows * points)
        boxes = np.array([text.box for text in texts]).reshape(-1, 2, 2) / points
        low = np.minimum(corners.min(axis=0), boxes[:, :, 0].min(axis=0))
        high = np.maximum(corners.max(axis=0), boxes[:, :, 1].max(axis=0))
    return low - edge, high + edge, height + 0.8, texts


def _write(axes: Any, name: str, arrow: Array, text: Placed) -> None:
    written = axes.annotate(
        name, arrow, text.offset, textcoords="offset points", ha=text.side, va="center",
        fontsize=SIZE, color=COLOURS[1], zorder=5, parse_math=False,
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6},
    )  # fmt: skip
    written.set_in_layout(False)  # the limits have room for it


def _ring(mean: Array, covariance: Array) -> Array:
    """Points of the ellipse that holds 95%, (., 2)."""
    values, axes = np.linalg.eigh(covariance)
    turn = np.linspace(0.0, 2.0 * np.pi, 41)
    circle = np.array([np.cos(turn), np.sin(turn)]) * np.sqrt(np.maximum(values, 0.0))[:, None]
    return np.asarray(mean + RADIUS * (axes @ circle).T)


def _dots(found: Factors, scores: Estimate) -> tuple[Image, str]:
    """Scores on the one component, in their order."""
    mean = scores.mean[:, 0]
    order = np.argsort(mean, kind="stable")
    told = f"Mean and {INTERVAL} of each row's score."
    if order.size > LEVELS:
        half = LEVELS // 2
        order = np.concatenate([order[:half], order[-half:]])
        told += f" Of {mean.size:,} rows the {half} lowest and the {half} highest are shown."
    own = replace(marks(scores, (order, 0)), filled=found.there.all(axis=1)[order])
    rows = found.trees[found.first]["observed_data"]["row"].values[order].tolist()
    words = f"Scores of {order.size} rows on PC1: mean and {INTERVAL}"
    words += f"; from {mean.min():.3g} to {mean.max():.3g}"
    axis, title = "score on PC1", "Scores"
    by = {found.first: own}
    return forest(rows, by, by, words, axis=axis, title=title, rising=True), told
