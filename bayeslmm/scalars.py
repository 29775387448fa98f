"""A tree as a list of named numbers: mean, sd, interval and, for chains, R-hat and effective size.

What was plugged in has no draws of its own: its sd is the standard error that the engine left in
`variance_parameters`. The coefficients given plugged-in variances are exactly normal, so their
interval needs no draws: mean +- z sd.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from .gaussian.sums import Array

PROB = 0.95
INTERVAL = f"{PROB:.0%} equal-tailed interval"
Z = NormalDist().inv_cdf(0.5 + PROB / 2.0)


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
    Kind("Standard deviations", "sd_"),
    Kind("Correlations of random effects", "corr_"),
    Kind("Penalties and slabs of blocks", "lam", ("lam_", "slab2_")),
    Kind("Noise", "sigma"),
    Kind("Shares of variance", "icc_", ("h2_",)),
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
    posterior = tree["posterior"].dataset
    errors = standard_errors(tree)
    exact = exact_moments(tree)
    chained = chains(tree) > 0
    found = []
    for kind in KINDS:
        for variable in posterior.data_vars:
            if not kind.holds(str(variable)):
                continue
            for name, draws in elements(posterior[variable], errors):
                given = exact.get((variable, name)) or errors.get(name)
                found.append(_scalar(name, kind, draws, given, chained))
    return found


def chains(tree: Any) -> int:
    """Number of Markov chains; zero where the draws are independent of each other."""
    posterior = tree["posterior"]
    stats = tree.get("sample_stats", {})
    count = int(posterior.sizes.get("chain", 1))
    markov = stats or count > 1 or "markov_chains" in tree.attrs
    return count if markov and "log_weight" not in stats else 0


def _scalar(
    name: str, kind: Kind, draws: Array, given: tuple[float, float] | None, chained: bool
) -> Scalar:
    constant = bool(np.ptp(draws) == 0.0)
    if kind.prefix == "beta" and given is not None:
        mean, sd = given
        return Scalar(name, kind, mean, sd, mean - Z * sd, mean + Z * sd, draws=draws)
    if constant:
        value, sd = given or (float(draws.flat[0]), np.nan)
        return Scalar(name, kind, value, sd)
    lower, upper = np.quantile(draws, [0.5 - PROB / 2.0, 0.5 + PROB / 2.0])
    rhat, ess = diagnostics(draws) if chained else (np.nan, np.nan)
    return Scalar(name, kind, draws.mean(), draws.std(), lower, upper, rhat, ess, draws)


def elements(array: Any, known: dict[str, tuple[float, float]]) -> Iterator[tuple[str, Array]]:
    """The scalars of one variable: their names, and draws (chains, draws).

    Names are those of the fixed effects themselves, sd_Subject[Days], corr_Subject[a, b]; one
    effect alone needs no bracket. A correlation that is zero by declaration is left out.
    """
    array = array.transpose("chain", "draw", ...)
    values, name = np.asarray(array.values, dtype=np.float64), str(array.name)
    dims = array.dims[2:]
    if not dims:
        yield name, values
    elif len(dims) == 1:
        labels = [str(v) for v in array[dims[0]].values]
        for j, label in enumerate(labels):
            bare = name == "beta"
            yield (
                (label if bare else name if len(labels) == 1 else f"{name}[{label}]"),
                values[..., j],
            )
    else:
        labels = [str(v) for v in array[dims[0]].values]
        for j, first in enumerate(labels):
            for i in range(j + 1, len(labels)):
                full, draws = f"{name}[{first}, {labels[i]}]", values[..., j, i]
                if full in known or draws.any():
                    yield full, draws


def standard_errors(tree: Any) -> dict[str, tuple[float, float]]:
    """Estimate and standard error of each variance parameter, where the engine maximised."""
    if "variance_parameters" not in tree:
        return {}
    table = tree["variance_parameters"].dataset
    names = [str(v) for v in table["parameter"].values]
    pairs = zip(table["estimate"].values.tolist(), table["se"].values.tolist())
    return dict(zip(names, pairs))


def exact_moments(tree: Any) -> dict[tuple[Any, str], tuple[float, float]]:
    """Exact mean and sd of beta given plugged-in variances; empty where they were drawn."""
    if not tree["posterior"].attrs.get("fixed") or "posterior_moments" not in tree:
        return {}
    moments = tree["posterior_moments"].dataset
    if "beta_mean" not in moments or "beta_sd" not in moments:
        return {}
    names = [str(v) for v in moments["fixed"].values]
    pairs = zip(moments["beta_mean"].values.tolist(), moments["beta_sd"].values.tolist())
    return {("beta", name): pair for name, pair in zip(names, pairs)}


def diagnostics(draws: Array) -> tuple[float, float]:
    """R-hat (NaN for one chain) and bulk effective sample size of draws (chains, draws)."""
    from arviz_stats.base import array_stats

    chains, count = draws.shape
    if count < 4:
        return np.nan, np.nan
    rhat = float(array_stats.rhat(draws)) if chains > 1 else np.nan
    return rhat, float(array_stats.ess(draws))
