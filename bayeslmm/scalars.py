"""A tree as a list of named numbers: mean, sd, interval and, for chains, R-hat and effective size.

What was plugged in has no draws of its own: its sd is the standard error that the engine left in
`variance_parameters`. The coefficients given plugged-in variances are exactly normal, so their
interval needs no draws: mean +- z sd.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .normal import interval, reach
from .types import Array

PROB = 0.95
MOST = 500  # numbers of one variable whose chains are judged; of loadings there may be thousands
EXACT = {"beta": "fixed", "mu": "feature"}  # what has an exact normal law beside what is plugged in
INTERVAL = f"{PROB:.0%} equal-tailed interval"
Z = reach(PROB)


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
    posterior = tree["posterior"].dataset
    errors = standard_errors(tree)
    exact = exact_moments(tree)
    chained = chains(tree) > 0
    found = []
    for kind in KINDS:
        for variable in posterior.data_vars:
            if not kind.holds(str(variable)):
                continue
            for i, (name, draws) in enumerate(elements(posterior[variable], errors)):
                normal, known = exact.get((variable, name)), errors.get(name)
                judged = chained and i < MOST
                found.append(_scalar(name, kind, draws, normal, known, judged))
    return found


def chains(tree: Any) -> int:
    """Number of Markov chains; zero where the draws are independent of each other."""
    posterior = tree["posterior"]
    stats = tree.get("sample_stats", {})
    count = int(posterior.sizes.get("chain", 1))
    unknown = count > 1 and "engine" not in tree.attrs  # joined draws of an engine stay draws
    markov = stats or unknown or "markov_chains" in tree.attrs
    return count if markov and "log_weight" not in stats else 0


def _scalar(
    name: str,
    kind: Kind,
    draws: Array,
    normal: tuple[float, float] | None,
    known: tuple[float, float] | None,
    chained: bool,
) -> Scalar:
    if normal is not None:
        mean, sd = normal
        return Scalar(name, kind, mean, sd, mean - Z * sd, mean + Z * sd, draws=draws)
    if bool(np.ptp(draws) == 0.0):
        value, sd = known or (float(draws.flat[0]), np.nan)
        return Scalar(name, kind, value, sd)
    lower, upper = interval(draws.ravel(), PROB)
    rhat, ess = diagnostics(draws) if chained else (np.nan, np.nan)
    return Scalar(name, kind, draws.mean(), draws.std(), lower, upper, rhat, ess, draws)


def elements(array: Any, known: dict[str, tuple[float, float]]) -> Iterator[tuple[str, Array]]:
    """The scalars of one variable: their names, and draws (chains, draws).

    Names are those of the fixed effects themselves, sd_Subject[Days], corr_Subject[a, b] (each pair
    once), W[column, PC1]; one effect alone needs no bracket. A correlation that is zero by
    declaration is left out.
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
        rows, columns = ([str(v) for v in array[d].values] for d in dims)
        paired = dims[1] == f"{dims[0]}_2"
        for j, first in enumerate(rows):
            for i in range(j + 1 if paired else 0, len(columns)):
                full, draws = f"{name}[{first}, {columns[i]}]", values[..., j, i]
                if not paired or full in known or draws.any():
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
    """Exact mean and sd of beta or mu beside what is plugged in; empty where that was drawn."""
    if not tree["posterior"].attrs.get("fixed") or "posterior_moments" not in tree:
        return {}
    moments = tree["posterior_moments"].dataset
    found: dict[tuple[Any, str], tuple[float, float]] = {}
    for variable, dim in EXACT.items():
        if f"{variable}_mean" not in moments or f"{variable}_sd" not in moments:
            continue
        labels = [str(v) for v in moments[dim].values]
        pairs = zip(moments[f"{variable}_mean"].values, moments[f"{variable}_sd"].values)
        names = [label if variable == "beta" else f"{variable}[{label}]" for label in labels]
        names = [variable] if variable != "beta" and len(labels) == 1 else names
        found |= {(variable, n): (float(m), float(sd)) for n, (m, sd) in zip(names, pairs)}
    return found


def diagnostics(draws: Array) -> tuple[float, float]:
    """R-hat (NaN for one chain) and bulk effective sample size of draws (chains, draws)."""
    from arviz_stats.base import array_stats

    chains, count = draws.shape
    if count < 4:
        return np.nan, np.nan
    rhat = float(array_stats.rhat(draws)) if chains > 1 else np.nan
    return rhat, float(array_stats.ess(draws))
