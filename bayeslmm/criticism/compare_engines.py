"""Engines side by side: what each says of every parameter, and how far that is from a reference.

The sd ratio tells a posterior that is too narrow (mean field; variances that were plugged in), the
distance one that sits elsewhere: |mean - reference mean| / reference sd. Draws of an approximation
whose k-hat allows it are also weighted by their importance.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines.passed import passed
from ..host.arithmetic import tiny_is_zero
from ..host.options import one_of, shown
from ..posterior.named import element
from ..posterior.tree import alike, any_tree, model_of, read_tree
from ..results.estimates import Estimate, estimates
from ..results.scalars import Scalar, chains, scalars
from ..stats.weights import limit, psis
from ..types import Array
from . import frames as tables
from .check import check
from .resampling import log_weights


@dataclass(frozen=True, repr=False)
class EngineComparison:
    """Fits of one model by several engines.

    Attributes
    ----------
    engines : pandas.DataFrame
        One row an engine: verdict, what was plugged in, k-hat, smallest bulk ESS, seconds.
    parameters : pandas.DataFrame
        One row a parameter and engine: mean, sd, sd ratio and distance to the reference, and
        mean and sd after importance weighting (NaN where that is not possible). A row such as
        u_Subject[Days] pools the levels, u_x the columns of a block, z[PC1] the rows' scores and
        covariance the pairs of columns: its sd is the root mean square over them, its distance
        likewise; it has no mean.
    reference : str
        The engine that the others are compared with.
    """

    engines: Any
    parameters: Any
    reference: str

    def __repr__(self) -> str:
        title = f"Engines; sd ratio and distance against {self.reference}"
        return tables.text(title, self.engines) + "\n\n" + tables.text("", self.parameters)

    def _repr_html_(self) -> str:
        title = f"Engines; sd ratio and distance against {self.reference}"
        return tables.html(title, self.engines) + tables.html("", self.parameters)


@dataclass(frozen=True)
class Quantity:
    """One number, or the levels of one effect together."""

    name: str
    mean: Array  # (levels,)
    sd: Array
    weighted: tuple[float, float] = (np.nan, np.nan)


@tiny_is_zero
def compare_engines(
    results: Mapping[str, Any], *, reference: str | None = None
) -> EngineComparison:
    """Put fits of one model by several engines side by side.

    Parameters
    ----------
    results : dict of str to DataTree
        Name -> what `fit` returned.
    reference : str, optional
        The name to compare with; by default the first fit by Markov chains, else the first.

    Returns
    -------
    EngineComparison
        `engines` and `parameters` are DataFrames; it shows itself as both.

    Raises
    ------
    TypeError
        Where `results` is no dict of fits.
    ValueError
        Where there are none, `reference` names none of them, or they are of different models.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> fits = {"NUTS": bl.fit(m, bl.NUTS(), seed=1), "CAVI": bl.fit(m, bl.CAVI(), seed=1)}
    >>> table = bl.compare_engines(fits).parameters
    >>> bool(table.loc[("sd_Batch", "CAVI"), "sd ratio"] < 0.8)
    True
    """
    import pandas as pd

    results = _read(results)
    if reference is None:
        chained = [name for name, tree in results.items() if chains(tree)]
        reference = (chained or list(results))[0]
    elif not one_of(reference, results):
        raise ValueError(f"reference={shown(reference)} is none of {', '.join(map(repr, results))}")
    told = {name: scalars(tree) for name, tree in results.items()}
    each = {n: {q.name: q for q in _quantities(t, told[n])} for n, t in results.items()}
    base = each[reference]
    index = [
        (parameter, engine)
        for parameter in dict.fromkeys(name for found in each.values() for name in found)
        for engine, found in each.items()
        if parameter in found
    ]
    rows = [_row(each[engine][parameter], base.get(parameter)) for parameter, engine in index]
    columns = ["mean", "sd", "sd ratio", "distance", "weighted mean", "weighted sd"]
    labels = pd.MultiIndex.from_tuples(index, names=["parameter", "engine"])
    table = pd.DataFrame(rows, index=labels, columns=columns)
    if table[["weighted mean", "weighted sd"]].isna().all(axis=None):
        table = table.drop(columns=["weighted mean", "weighted sd"])
    ran = [_engine(tree, told[name]) for name, tree in results.items()]
    engines = pd.DataFrame(ran, index=list(results))
    for name, nats in _short(results, reference).items():
        engines.loc[name, "verdict"] = (
            f"not to be trusted: under {reference}'s draws lies a maximum {nats:.2f} nats higher"
        )
    return EngineComparison(engines, table, reference)


def _short(results: Mapping[str, Any], reference: str) -> dict[str, float]:
    """Fits whose plugged-in maximum lies below one under the reference's draws, and by how much."""
    drawn, model = results[reference], model_of(results[reference])
    found: dict[str, float] = {}
    if model is None or not chains(drawn):
        return found
    for name, tree in results.items():
        if "variance_parameters" in tree and "columns_kept" not in tree.attrs:
            nats = passed(model, read_tree(model, tree), read_tree(model, drawn))
            found |= {name: nats} if nats else {}
    return found


def _read(results: Any) -> dict[str, Any]:
    """The fits by name, all of one model."""
    if not isinstance(results, Mapping) or hasattr(results, "groups"):
        raise TypeError(
            f"compare_engines takes a dict such as {{'NUTS': nuts, 'EB': eb}}, not a "
            f"{type(results).__name__}"
        )
    if not results:
        raise ValueError("compare_engines needs at least one fit; the dict is empty")
    first: Any = None
    found: dict[str, Any] = {}
    for name, tree in results.items():
        tree = any_tree(tree, whole=True)
        about = tree.attrs.get("formula"), tree.attrs.get("model_digest")
        if first is not None and about != first:
            same = " with other data or priors" if about[0] == first[0] else ""
            raise ValueError(
                f"{name!r} is a fit of {about[0]}{same}, the ones before it of {first[0]}: engines "
                f"are compared on one model; for several models there is compare_models"
            )
        first = about
        found[name] = alike(tree, next(iter(found.values()), None))
    return found


def _quantities(tree: Any, told: list[Scalar]) -> list[Quantity]:
    logs = log_weights(tree)
    weights = None
    if logs is not None:
        smooth, k = psis(logs)
        weights = np.exp(smooth) if k <= limit(logs.size) else None
    found = [
        Quantity(s.name, np.array([s.mean]), np.array([s.sd]), _weighted(s, weights)) for s in told
    ]
    held = estimates(tree)
    several = [each for each in held.values() if each.effects]
    several += [each for each in held.values() if each.block]
    several += [held[name] for name in ("z", "covariance") if name in held]
    return found + [pooled for each in several for pooled in _pooled(each)]


def _pooled(each: Estimate) -> Iterator[Quantity]:
    """The levels of an effect, the rows' scores on a component, all columns, all pairs of them."""
    mean, sd, *_ = each.told
    if not each.still.all():  # a number that never varies has no part in the width of the rest
        sd = np.where(each.still, 0.0, sd)
    if each.block:
        yield Quantity(each.name, mean, sd)
    elif each.paired:
        pairs = np.triu_indices(len(mean))
        yield Quantity(each.name, mean[pairs], sd[pairs])
    else:
        for j, label in enumerate(each.labels(1)):
            yield Quantity(element(each.name, label), mean[:, j], sd[:, j])


def _weighted(scalar: Scalar, weights: Array | None) -> tuple[float, float]:
    if weights is None or scalar.draws is None:
        return np.nan, np.nan
    draws = scalar.draws.ravel()
    mean = float(weights @ draws)
    return mean, float(np.sqrt(weights @ (draws - mean) ** 2))


def _row(q: Quantity, base: Quantity | None) -> list[float]:
    """mean, sd, sd ratio, distance, weighted mean and sd."""
    mean = float(q.mean[0]) if q.mean.size == 1 and not q.name.startswith("u_") else np.nan
    sd = float(np.sqrt(np.mean(q.sd**2)))
    ratio = distance = np.nan
    if base is not None:
        width = float(np.sqrt(np.mean(base.sd**2)))
        if width > 0.0:
            ratio = sd / width
            distance = float(np.sqrt(np.mean((q.mean - base.mean) ** 2))) / width
    return [mean, sd, ratio, distance, *q.weighted]


def _engine(tree: Any, told: list[Scalar]) -> dict[str, Any]:
    attrs = tree.attrs
    fixed = str(tree["posterior"].attrs.get("fixed", ""))
    return {
        "verdict": check(tree).verdict.partition(", given")[0],
        "plugged in": fixed or "nothing",
        "k-hat": float(attrs.get("khat", np.nan)),
        "smallest ESS": min((s.ess for s in told if np.isfinite(s.ess)), default=np.nan),
        "seconds": float(attrs.get("seconds", np.nan)),
    }
