"""A tree as a list of named numbers: mean, sd, interval and, for chains, R-hat and effective size.

What was plugged in has no draws of its own: its sd is the standard error that the engine left in
`variance_parameters`. The coefficients given plugged-in variances are exactly normal, so their
interval needs no draws: mean +- z sd.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array
from .estimates import Estimate, estimates

MOST = 500  # numbers of one variable whose chains are judged; of loadings there may be thousands


@dataclass(frozen=True)
class Kind:
    """A family of variables that a table shows under one heading."""

    title: str
    prefix: str  # of the variable's name; the whole name where it ends without "_"
    others: tuple[str, ...] = ()

    def holds(self, variable: str) -> bool:
        return any(
            variable.startswith(p) if p.endswith("_") else variable == p
            for p in (self.prefix, *self.others)
        )


KINDS = (
    Kind("Fixed effects", "beta"),
    Kind("Means of columns", "mu"),
    Kind("Loadings", "W"),
    Kind("Standard deviations", "sd_"),
    Kind("Correlations of random effects", "corr_"),
    Kind("Penalties and slabs of blocks", "lam", ("lam_", "slab2_")),
    Kind("Noise", "sigma"),
    Kind("Noise of columns", "noise_sd"),
    Kind("Variance along components", "explained_variance"),
    Kind("Shares of variance", "icc_", ("h2_", "explained_ratio")),
)


@dataclass(frozen=True, eq=False)
class Scalar:
    """One number of a posterior."""

    name: str
    kind: Kind
    mean: float
    sd: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    rhat: float = np.nan
    ess: float = np.nan
    draws: Array | None = None  # (chains, draws); None where it was plugged in


def scalars(tree: Any) -> list[Scalar]:
    """All numbers of the kinds above that a tree holds, in the order of the kinds.

    What a block of columns has for every column, its scales and coefficients, is of no kind.
    """
    errors, chained = standard_errors(tree), chains(tree) > 0
    held = [each for each in estimates(tree).values() if each.drawn is not None]
    found: list[Scalar] = []
    for kind in KINDS:
        for each in held:
            if kind.holds(each.name):
                # A correlation that is zero by declaration is left out.
                rows = [
                    (label, at)
                    for label, at in each.elements()
                    if not each.paired or label in errors or each.draws[(..., *at)].any()
                ]
                found += numbers(each, kind, rows, chained, errors)
    return found


def numbers(
    estimate: Estimate,
    kind: Kind,
    rows: Iterable[tuple[str, tuple[int, ...]]],
    chained: bool,
    errors: Mapping[str, tuple[float, float]] = {},
) -> Iterator[Scalar]:
    """Some numbers of one variable, by label and place; those of chains are judged."""
    mean, sd, lower, upper = estimate.told
    for i, (label, at) in enumerate(rows):
        draws: Any = None if estimate.draws is None else estimate.draws[(..., *at)]
        if draws is None or not estimate.still[at]:
            judged = chained and i < MOST and estimate.exact is None
            measures = diagnostics(draws) if judged else (np.nan, np.nan)
            ends = float(mean[at]), float(sd[at]), float(lower[at]), float(upper[at])
            yield Scalar(label, kind, *ends, *measures, draws)
        else:
            yield Scalar(label, kind, *errors.get(label, (float(mean[at]), np.nan)))


def chains(tree: Any) -> int:
    """Number of Markov chains; zero where the draws are independent of each other."""
    posterior = tree["posterior"]
    stats = tree.get("sample_stats", {})
    count = int(posterior.sizes.get("chain", 1))
    unknown = count > 1 and "engine" not in tree.attrs  # joined draws of an engine stay draws
    markov = stats or unknown or "markov_chains" in tree.attrs
    return count if markov and "log_weight" not in stats else 0


def standard_errors(tree: Any) -> dict[str, tuple[float, float]]:
    """Estimate and standard error of each variance parameter, where the engine maximised."""
    if "variance_parameters" not in tree:
        return {}
    table = tree["variance_parameters"].dataset
    names = [str(v) for v in table["parameter"].values]
    pairs = zip(table["estimate"].values.tolist(), table["se"].values.tolist())
    return dict(zip(names, pairs))


def diagnostics(draws: Array) -> tuple[float, float]:
    """R-hat (NaN for one chain) and bulk effective sample size of draws (chains, draws)."""
    from arviz_stats.base import array_stats

    chains, count = draws.shape
    if count < 4:
        return np.nan, np.nan
    rhat = float(array_stats.rhat(draws)) if chains > 1 else np.nan
    return rhat, float(array_stats.ess(draws))
