"""Did Markov chains mix: the worst of all variables, by name, or why that cannot be said."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..engines.convergence import ESS_PER_CHAIN, RHAT, doubts, measured
from ..posterior.named import element
from ..types import Array
from .item import Check

# Rows without which nothing is said.
UNJUDGED = {"draws", "chains that move", "chains that differ", "sampler statistics"}
MOST = 500  # elements of one variable that are looked at; of more, so many at equal distances


def chained(tree: Any, count: int) -> Iterator[Check]:
    """R-hat and effective sizes of the chains of a tree, or why there are none."""
    posterior = tree["posterior"].dataset
    unknown = list(_unknown(tree, posterior))
    if unknown:
        yield from unknown
        return
    worst: dict[str, tuple[float, str]] = {}
    for name, draws in _scalars(posterior):
        if np.ptp(draws) <= 1e-12 * np.abs(draws).max():
            continue
        for measure, value in measured(draws).items():
            if measure not in worst or _rank(measure, value) < _rank(measure, worst[measure][0]):
                worst[measure] = value, name
    least = ESS_PER_CHAIN * count
    independent = "effective_draws" in tree.attrs
    longer = "draw more: raise draws=" if independent else "draw longer: NUTS(draws=...)"
    if "R-hat" in worst:
        value, name = worst["R-hat"]
        advice = longer if independent else "tune and draw longer, or simplify the model"
        ok = value <= RHAT
        yield Check("largest R-hat", f"{value:.4f} ({name})", f"at most {RHAT}", ok, advice)
    elif count == 1:
        yield Check("largest R-hat", "one chain", "2 chains", False, "use chains=4")
    for measure in ("bulk ESS", "tail ESS"):
        if measure in worst:
            value, name = worst[measure]
            ok, text = value >= least, f"{value:,.0f} ({name})"
            yield Check(f"smallest {measure}", text, f"at least {least:,}", ok, longer)


def _rank(measure: str, value: float) -> float:
    """The smaller, the worse; what is no number is the worst."""
    if np.isnan(value):
        return -np.inf
    return -value if measure == "R-hat" else value


def strange() -> Check:
    """What is neither chains nor anything that an engine of this package leaves behind."""
    advice = "check what bayeslmm.fit returned, or chains that another program drew"
    return Check("draws", "independent or of one chain: nothing tells which", "", False, advice)


def _unknown(tree: Any, posterior: Any) -> Iterator[Check]:
    """Why chains cannot be judged."""
    bare = [str(n) for n, a in posterior.data_vars.items() if not {"chain", "draw"} <= {*a.dims}]
    if bare:
        advice = "give every variable of the posterior the dimensions chain and draw"
        yield Check("draws", f"{bare[0]} has no chains of draws", "all", False, advice)
        return
    draws = {str(n): a.transpose("chain", "draw", ...).values for n, a in posterior.items()}
    told = posterior.attrs.get("moving")
    moving = draws if told is None else told.split(", ")
    found = doubts(draws, moving)
    if told is None and any(np.ptp(d) > 0.0 for d in draws.values() if d.size):
        found = [doubt for doubt in found if doubt.name != "chains that move"]  # it may be fixed
    for doubt in found:
        yield Check(doubt.name, doubt.value, doubt.limit, False, doubt.advice)
    if "engine" not in tree.attrs and "diverging" not in tree.get("sample_stats", {}):
        advice = "keep the sampler's statistics: without divergences a posterior is half known"
        yield Check("sampler statistics", "none", "divergences", False, advice)


def _scalars(posterior: Any) -> Iterator[tuple[str, Array]]:
    """Every element of every variable with its label: draws (chains, draws)."""
    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...).values
        dims = array.dims[2:]
        every = list(np.ndindex(values.shape[2:]))
        for index in every[:: -(-len(every) // MOST)]:
            labels = [array[d].values[i] for d, i in zip(dims, index)]
            yield element(str(name), *labels), values[(..., *index)]
