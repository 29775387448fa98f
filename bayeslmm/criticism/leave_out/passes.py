"""One pass over the draws of what units share: every unit's density at every draw, then smoothed.

Where it was plugged in, each unit has its density at an estimate that never saw it (`anew`). The
densities of all units at all draws are held at once only where they fit into a limit; else the
draws are thinned (`theta_draws`) and the units taken in blocks.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engines.bridge import bridge
from ...host.arithmetic import arithmetic
from ...host.seeds import generator
from ...model.model import Model
from ...posterior.predictive import row_densities
from ...posterior.tree import read_tree
from ...results.reading import plugged
from ...solvers.leave_out import LeftOut
from ...stats.weights import log_mean, log_sum
from ...types import Array, Index
from ..plugged import plugged_in
from .anew import estimated_anew
from .refit import OtherRows, draws_without
from .smoothing import good_k, relative_efficiency, smooth
from .theta_draws import LIMIT, ThetaDraws, draws_of, without_absent
from .units_of import UnitsOf, name_some

SURE = 0.2  # standard error of a refitted log density, in nats, up to which it counts as known


class Pointwise(NamedTuple):
    """Values by unit, (units,)."""

    elpd: Array
    in_sample: Array  # log density of new responses given all rows
    khat: Array
    pit: Array


@dataclass(frozen=True, eq=False, repr=False)
class Pass:
    """Every unit left out."""

    units: UnitsOf
    values: Pointwise
    samples: int
    note: str
    shared: str = "variances"  # what the draws are of
    advice: str = "refit=True samples again without each of them"

    @property
    def limit(self) -> float:
        """Largest k-hat that is good enough."""
        return good_k(self.samples)

    @property
    def bad(self) -> Index:
        """Units whose values are not to be trusted."""
        return np.flatnonzero(~(self.values.khat <= self.limit))


def leave_out(
    model: Any,
    tree: Any,
    unit: str,
    *,
    pit: bool = False,
    refit: bool | None = None,
    seed: int | None = None,
) -> Pass:
    """Leave out every unit, and average over the draws of what they share."""
    if model.axes is not None:
        _refuse_other_than_rows(model, tree, unit, refit)
    tree = read_tree(model, tree)
    units = UnitsOf.of(model, unit)
    with arithmetic():
        if model.axes is not None:
            return _of_matrix(model, tree, units, refit is not False)
        return _of_rows(model, tree, units, pit, refit, seed)


def _of_rows(
    model: Model, tree: Any, units: UnitsOf, pit: bool, refit: bool | None, seed: int | None
) -> Pass:
    draws, given = draws_of(model, tree, units.size * (2 if pit else 1)), plugged_in(tree)
    if draws.criterion is not None:
        units.refuse_undetermined(model, draws.criterion)
        if refit is not False and given is not None:
            others = OtherRows(model, units, draws.criterion)
            whole = others.left(draws).in_sample
            rows, criterion = model.design.y.size, draws.criterion
            logs, z, note = estimated_anew(others, rows, criterion, given)
            _check_finite(logs[None], units.labels)
            return Pass(units, Pointwise(logs, whole, np.zeros(units.size), _below(z)), 1, note)
    if draws.criterion is not None or not refit:  # draws made without a unit have all columns
        model, draws = without_absent(model, draws)
    way = units.way(model, draws.criterion)
    found = Pass(units, _in_blocks(way, draws, units, pit), draws.size, draws.note)
    if refit and found.bad.size:
        return _refitted(model, way, found, draws, pit, seed)
    return found


def _of_matrix(model: Any, tree: Any, units: UnitsOf, anew: bool) -> Pass:
    each = row_densities(model, tree, np.random.default_rng(0))
    logs = each.reshape(-1, each.shape[-1])
    whole, given, note = log_mean(logs), plugged_in(tree), ""
    if given is not None and anew:
        from .other_matrix_rows import OtherMatrixRows

        criterion = str(tree["posterior"].attrs["criterion"])
        others = OtherMatrixRows(model, units)
        elpd, z, note = estimated_anew(others, units.size, criterion, given)
        values = Pointwise(elpd, whole, np.zeros(units.size), z)
    else:
        share = relative_efficiency(tree["posterior"].dataset)
        values = _averaged(np.zeros(len(logs)), share, logs, whole, np.empty((0, units.size)))
        if given is not None:
            note = f"{given.names} are plugged in ({given}), from all rows: elpd is too high."
    return Pass(units, values, len(logs), note, "loadings", "")


def _refuse_other_than_rows(model: Any, tree: Any, unit: str, refit: bool | None) -> None:
    if unit != "row" or (refit and not plugged(read_tree(model, tree))):
        raise ValueError(
            f"of a {model.kind} rows are left out (unit='row'), and draws without refits; got "
            f"unit={unit!r}, refit={refit!r}"
        )


def _in_blocks(way: LeftOut, draws: ThetaDraws, units: UnitsOf, pit: bool) -> Pointwise:
    step = max(1, int(LIMIT / (8.0 * draws.size * (2 if pit else 1))))
    blocks = [np.arange(at, min(at + step, units.size)) for at in range(0, units.size, step)]
    parts = [_block(way, draws, units, block, pit) for block in blocks]
    return Pointwise(*(np.concatenate(part) for part in zip(*parts)))


def _block(way: LeftOut, draws: ThetaDraws, units: UnitsOf, block: Index, pit: bool) -> Pointwise:
    """The units of one block, averaged over all draws."""
    found = _densities(way, draws, units, block, pit)
    return _averaged(draws.log_weight, draws.r_eff if draws.posterior else None, *found)


def _densities(
    way: LeftOut, draws: ThetaDraws, units: UnitsOf, block: Index, pit: bool
) -> tuple[Array, Array, Array]:
    """Log density and z of every unit at every draw (k, units); in-sample density (units,)."""
    logs = np.empty((draws.size, block.size))
    z = np.empty((draws.size if pit else 0, block.size))
    weight, _ = smooth(draws.log_weight, draws.r_eff)
    in_sample = np.full(block.size, -np.inf)
    for i in range(draws.size):
        left = way.at(draws.scales[i], float(draws.sigma[i]))
        logs[i] = left.log_density[block]
        in_sample = np.logaddexp(in_sample, weight[i] + left.in_sample[block])
        if pit:
            z[i] = left.z[block]
    _check_finite(logs, units.labels[block])
    return logs, in_sample, z


def _averaged(
    log_weight: Array, r_eff: float | None, logs: Array, in_sample: Array, z: Array
) -> Pointwise:
    """Each ratio 1 / p(y_I | y_-I, theta) smoothed; draws that never saw a unit have no r_eff."""
    elpd, khat, pit = (np.zeros(logs.shape[1]) for _ in range(3))
    for j in range(logs.shape[1]):
        if r_eff is not None:
            weights, khat[j] = smooth(log_weight - logs[:, j], r_eff)
        else:
            weights = log_weight - np.log(log_weight.size)
        elpd[j] = log_sum(weights + logs[:, j])
        if z.shape[0]:
            pit[j] = np.exp(weights) @ _below(z[:, j])
    return Pointwise(elpd, in_sample, khat, pit)


def _below(z: Array) -> Array:
    from scipy.special import ndtr

    return ndtr(z)


def _refitted(
    model: Model, way: LeftOut, found: Pass, draws: ThetaDraws, pit: bool, seed: int | None
) -> Pass:
    """Units with too large a k-hat again, with draws that never saw them."""
    rng, units, failed = generator(seed), found.units, []
    values = Pointwise(*(v.copy() for v in found.values))
    weight, _ = smooth(draws.log_weight, draws.r_eff)
    for j in found.bad:
        inside = units.codes == j
        scales, sigma, r_eff, converged = draws_without(model, inside, units.by_row, rng)
        rest = ThetaDraws(scales, sigma, np.zeros(sigma.size), posterior=False)
        one = np.array([j])
        known = _densities(way, draws, units, one, False)[0][:, 0]
        logs, in_sample, z = _densities(way, rest, units, one, pit)
        values.elpd[j], error = bridge(known, logs[:, 0], weight, (draws.r_eff, r_eff))
        values.pit[j] = _averaged(rest.log_weight, None, logs, in_sample, z).pit[0]
        if not converged:
            failed.append(j)
        elif error < SURE:
            values.khat[j] = 0.0
    note = f"The variances were sampled again without {name_some(units.labels[found.bad])}."
    if failed:
        note += f" Draws did not converge without {name_some(units.labels[failed])}."
    notes = "\n".join(n for n in (found.note, note) if n)
    advice = "sampling again did not help: they lie where the model hardly ever draws"
    return replace(found, values=values, note=notes, advice=advice)


def _check_finite(logs: Array, labels: NDArray[Any]) -> None:
    bad = ~np.isfinite(logs).all(axis=0)
    if bad.any():
        raise ValueError(
            f"float64 does not hold the density of {name_some(labels[bad])} given the other rows: "
            f"an effect that nothing else tells about has a variance that is huge beside the noise"
        )
