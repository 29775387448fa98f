"""One pass over the draws of the variances: every unit's density at every draw, then smoothed.

The densities of all units at all draws are held at once only where they fit into `LIMIT`; else the
draws are thinned evenly, to `FEW` at the least, and the units taken in blocks.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..gaussian.leave_out import LeftOut, Rows, Table, levels_out, undetermined
from ..gaussian.primal import FixedPrior
from ..gaussian.sums import Array
from ..model import Model
from ..reading import groups
from ..recover import theta_points
from ..tree import check_tree
from .smoothing import log_sum, relative_efficiency, smooth

LIMIT = 400e6  # bytes of densities held at a time
FEW = 400  # draws that are kept however many units there are


@dataclass(frozen=True, eq=False, repr=False)
class LeftOutPass:
    """Every unit left out: pointwise values (units,)."""

    unit: str
    labels: NDArray[Any]
    times: NDArray[np.intp]  # how often each counts: a row's frequency
    elpd: Array
    p: Array
    khat: Array
    pit: Array
    samples: int
    note: str


@dataclass(frozen=True, eq=False, repr=False)
class Draws:
    """Draws of the variances: scales (k, .), sigma (k,), log weight of each, and efficiency."""

    scales: Array
    sigma: Array
    log_weight: Array
    r_eff: float
    notes: list[str] = field(default_factory=list)


def leave_out(model: Model, tree: Any, unit: str, pit: bool = False) -> LeftOutPass:
    """Leave out every unit, and average over the draws of the variances."""
    check_tree(model, tree)
    codes, labels = _units(model, unit)
    draws = _draws(model, tree, labels.size * (2 if pit else 1))
    # Matrices here are small: threads of BLAS would spend their time on waiting for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        way = _way(model, tree, unit, codes, labels)
        step = max(1, int(LIMIT / (8.0 * draws.sigma.size * (2 if pit else 1))))
        blocks = [slice(at, at + step) for at in range(0, labels.size, step)]
        parts = [_block(way, draws, block, labels[block], pit) for block in blocks]
    elpd, lpd, khat, values = (np.concatenate(part) for part in zip(*parts))
    times = model.design.frequency.astype(np.intp) if unit == "row" else np.ones(labels.size, int)
    note = "\n".join(draws.notes)
    samples = draws.sigma.size
    return LeftOutPass(unit, labels, times, elpd, lpd - elpd, khat, values, samples, note)


def _block(
    way: LeftOut, draws: Draws, block: slice, labels: NDArray[Any], pit: bool
) -> tuple[Array, Array, Array, Array]:
    """elpd, log density in sample, k-hat and PIT of the units in a block."""
    from scipy.special import ndtr

    k = draws.sigma.size
    logs = np.empty((k, labels.size))
    below = np.empty((k if pit else 0, labels.size))
    weight, _ = smooth(draws.log_weight, draws.r_eff) if k > 1 else (np.zeros(1), 0.0)
    in_sample = np.full(labels.size, -np.inf)
    for i in range(k):
        left = way.at(draws.scales[i], float(draws.sigma[i]))
        logs[i] = left.log_density[block]
        in_sample = np.logaddexp(in_sample, weight[i] + left.in_sample[block])
        if pit:
            below[i] = ndtr(left.z[block])
    _check_finite(logs, labels)
    elpd, khat = np.empty(labels.size), np.zeros(labels.size)
    values = np.empty(labels.size)
    for j in range(labels.size):
        column = logs[:, j]
        weights = np.zeros(1)
        if k > 1:
            weights, khat[j] = smooth(draws.log_weight - column, draws.r_eff)
        elpd[j] = log_sum(weights + column)
        values[j] = np.exp(weights) @ below[:, j] if pit else np.nan
    return elpd, in_sample, khat, values


def _draws(model: Model, tree: Any, columns: int) -> Draws:
    """Draws of the variances, thinned where (draws, columns) would pass the limit."""
    posterior, _ = groups(tree)
    posterior = posterior[list(model.parameters)]
    sizes, notes = posterior.sizes, []
    total = sizes["chain"] * sizes["draw"]
    if total == 0:
        raise ValueError("the posterior of this tree holds no draws; fit again with draws=...")
    keep = np.arange(sizes["draw"])
    scales, sigma = theta_points(model, posterior)
    if np.ptp(sigma) == 0.0 and not np.ptp(scales, axis=0).any():
        return Draws(scales[:1], sigma[:1], np.zeros(1), 1.0, [_plugged(tree)])
    most = max(FEW, int(LIMIT / (8.0 * columns)))
    if total > most:
        each = max(1, most // sizes["chain"])
        keep = np.linspace(0, sizes["draw"] - 1, each).round().astype(int)
        notes.append(f"{each * sizes['chain']} of {total} draws were used, evenly thinned.")
    posterior = posterior.isel(draw=keep)
    scales, sigma = theta_points(model, posterior)
    log_weight = np.zeros(sigma.size)
    if "sample_stats" in tree.children and "log_weight" in tree["sample_stats"]:
        log_weight = tree["sample_stats"]["log_weight"].isel(draw=keep).values.ravel()
        notes.append("The draws are of an approximation; their weights are in k-hat.")
    elif "criterion" in tree.attrs:
        notes.append("The draws are of an approximation, which the weights do not correct.")
    return Draws(scales, sigma, log_weight, relative_efficiency(posterior), notes)


def _plugged(tree: Any) -> str:
    if not tree["posterior"].attrs.get("fixed"):
        return "All variances are fixed by the model: the values are exact."
    return (
        "The variances were plugged in: their uncertainty is ignored, and they were estimated "
        "from all rows, those left out included."
    )


def _units(model: Model, unit: str) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Code of each row's unit (n,), and the units' labels."""
    if unit == "row":
        return np.arange(model.design.y.size), np.asarray(model.design.rows)
    for term in model.terms:
        if term.name == unit:
            return term.grouping.codes, np.asarray(term.grouping.levels)
    known = ", ".join(repr(name) for name in ("row", *(t.name for t in model.terms)))
    raise ValueError(f"unit must be one of {known}, got {unit!r}")


def _way(
    model: Model, tree: Any, unit: str, codes: NDArray[np.intp], labels: NDArray[Any]
) -> LeftOut:
    """How these units are left out, under the criterion that the tree's coefficients follow."""
    d, flat = model.design, tree.attrs.get("criterion") in ("ml", "reml")
    prior = FixedPrior.flat(len(d.fixed)) if flat else model.fixed_prior
    single = unit != "row" or d.frequency == 1.0
    lost = undetermined(d.X, prior, codes, labels.size)
    lost = lost[np.broadcast_to(single, labels.size)[lost]]  # an equal row stays in
    if lost.size:
        raise ValueError(
            f"without {unit} {_first(labels[lost])} the other rows do not determine every fixed "
            f"effect, and its prior is flat: there is no predictive density. Give it a proper "
            f"prior and fit by NUTS or EmpiricalBayes('evidence'), or leave out other units"
        )
    factors = tuple(t.factor() for t in model.terms)
    table = Table(d.y, d.X, factors, d.offset, model.precision, d.frequency, prior)
    solver = model.solver("reml" if flat else "evidence")
    if unit == "row":
        return Rows(table, solver)
    return levels_out(table, solver, codes, labels.size, unit == model.terms[0].name)


def _check_finite(logs: Array, labels: NDArray[Any]) -> None:
    bad = ~np.isfinite(logs).all(axis=0)
    if bad.any():
        raise ValueError(
            f"float64 does not hold the density of {_first(labels[bad])} given the other rows: "
            f"it alone tells about an effect whose variance is huge beside the noise"
        )


def _first(labels: NDArray[Any]) -> str:
    some = ", ".join(str(label) for label in labels[:5])
    return some + (f" and {labels.size - 5} more" if labels.size > 5 else "")
