"""Panel: does the model give back the covariances? Those observed, and those of replicated rows.

Replicates have the same number of rows and the same entries missing. Pairwise covariances do not
depend on the means, so these stay at zero.
"""

from typing import Any

import numpy as np

from ..results.drawing import COLOURS, FAINT, Image, draw, name_axes
from ..results.estimates import PROB
from ..results.show import label, number
from ..stats.normal import interval
from ..types import Array
from .factors import Factors
from .scree import of_pairs, pairwise
from .view import View

COLUMNS = 40  # whose pairs are drawn
DRAWS = (100, 400)  # replicates
NUMBERS = 4e7  # of all replicates together
NAMED = 5
FEW = 120  # pairs that are drawn boldly


def covariance(view: View) -> tuple[list[Image], str]:
    """Observed pairwise covariances against their replicates, by the first engine."""
    found = view.factors
    if found is None:
        return [], ""
    d = found.Y.shape[1]
    shown = _shown(found)
    unit = found.spread[shown] if found.unit[1] else np.ones(shown.size)
    Y = found.Y[:, shown] / unit
    pairs: Any = np.triu_indices(shown.size)
    observed = pairwise(Y)[pairs]
    drawn = np.array([C[pairs] for C in replicates(found, shown, unit)])
    seen = np.isfinite(observed)
    observed, drawn = observed[seen], drawn[:, seen]
    pairs = tuple(index[seen] for index in pairs)
    lower, upper = interval(drawn, PROB)
    outside = (observed < lower) | (observed > upper)
    note = f"By {found.first}: mean and {PROB:.0%} interval of {len(drawn)} replicates."
    if shown.size < d:
        note += f" Of {d:,} columns the {COLUMNS} with the largest variance are taken."
    if found.unit[1]:
        note += " The columns differ in scale, so each is divided by its sd."
    names = [found.features[j] for j in shown]
    note += _told(names, pairs, observed, lower, upper, outside)
    if found.unit[1] and outside[pairs[0] == pairs[1]].any() and (found.taken == 1.0).all():
        note += " Noise is alike in all columns here; with scale='sd' it is in units of their sds."
    return [_figure(pairs, observed, drawn.mean(axis=0), lower, upper, outside)], note


def _shown(found: Factors) -> np.ndarray:
    scaled = found.spread / found.unit[0]
    return np.sort(np.argsort(-scaled, kind="stable")[:COLUMNS])


def replicates(found: Factors, shown: np.ndarray, unit: Array) -> list[Array]:
    """Pairwise covariances (d, d) of matrices drawn from the posterior predictive."""
    tree, rng = found.trees[found.first], np.random.default_rng(0)
    n = len(found.Y)
    few = int(np.clip(NUMBERS / (n * shown.size), *DRAWS))
    posterior = tree["posterior"].dataset[["sigma", *(["W"] if "W" in tree["posterior"] else [])]]
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    at = np.linspace(0, total - 1, few).round().astype(int)
    flat = posterior.stack(one=("chain", "draw"), create_index=False).transpose("one", ...)
    flat = flat.isel(one=at)
    seen, scale = found.there[:, shown].astype(float), found.taken[shown] / unit
    count = seen.T @ seen
    out = []
    for k, sigma in enumerate(flat["sigma"].values):
        Y = sigma * scale * rng.standard_normal((n, shown.size))
        if "W" in flat:
            W = flat["W"].values[k][shown] / unit[:, None]
            Y += rng.standard_normal((n, W.shape[1])) @ W.T
        out.append(of_pairs(Y * seen, seen, count))
    return out


def _told(
    names: list[str], pairs: Any, observed: Array, lower: Array, upper: Array, outside: Any
) -> str:
    """How many lie outside, and which lie furthest."""
    count = int(outside.sum())
    what = f" Of {observed.size:,} variances and covariances"
    if not count:
        return f"{what} none lies outside its interval."
    width = upper - lower
    far = np.maximum(lower - observed, observed - upper) / width
    named = []
    for k in np.argsort(-far, kind="stable")[: min(count, NAMED)]:
        i, j = (label(names[index[k]], 40) for index in pairs)
        name = f"the variance of {i}" if pairs[0][k] == pairs[1][k] else f"{i} with {j}"
        low, value, high = (number(float(v[k]), float(width[k])) for v in (lower, observed, upper))
        named.append(f"{name} (observed {value}, replicated {low} to {high})")
    rest = f" and {count - NAMED:,} more" if count > NAMED else ""
    return (
        f"{what} {count:,} {'lies' if count == 1 else 'lie'} outside (orange), where one in twenty "
        f"or fewer would be by chance: {', '.join(named)}{rest}."
    )


def _figure(
    pairs: Any, observed: Array, mean: Array, lower: Array, upper: Array, outside: Any
) -> Image:
    own, few = pairs[0] == pairs[1], observed.size <= FEW
    dense = 0.6 if few else 0.25
    ends = [min(observed.min(), lower.min()), max(observed.max(), upper.max())]

    def paint(axes: Any) -> None:
        axes.plot(ends, ends, color=FAINT, linewidth=0.9, zorder=0)
        for chosen, colour in ((~outside, COLOURS[0]), (outside, COLOURS[1])):
            x = observed[chosen]
            low, high = lower[chosen], upper[chosen]
            axes.vlines(x, low, high, color=colour, linewidth=0.6 + 0.4 * few, alpha=dense)
            for kind, face in ((~own, colour), (own, "white")):
                both = chosen & kind
                axes.plot(
                    observed[both], mean[both], "o", color=colour, mfc=face, ms=2.4 + few, mew=0.8
                )
        axes.locator_params(nbins=6)
        name_axes(axes, "observed", "replicated", "Covariances (hollow: variances)")

    told = (
        f"Observed variances and covariances against replicated ones, {int(outside.sum())} of "
        f"{observed.size} outside their {PROB:.0%} intervals"
    )
    return draw(paint, told, height=2.9)
