"""One pass over the draws of the variances: every unit's density at every draw, then smoothed.

The densities of all units at all draws are held at once only where they fit into a limit; else the
draws are thinned (`theta_draws`) and the units taken in blocks.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engines.bridge import bridge
from ...gaussian.leave_out import LeftOut
from ...host.arithmetic import arithmetic
from ...model import Model
from ...seeds import generator
from ...tree import read_tree
from ...types import Array
from ...weights import log_sum
from ..plugged import plugged_in
from .again import estimated_anew
from .refit import draws_without
from .smoothing import good_k, smooth
from .theta_draws import LIMIT, Draws, draws_of, without_absent
from .units import UnitsOf, name_some

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
    refitted: bool = False

    @property
    def limit(self) -> float:
        """Largest k-hat that is good enough."""
        return good_k(self.samples)

    @property
    def bad(self) -> NDArray[np.intp]:
        """Units whose values are not to be trusted."""
        return np.flatnonzero(~(self.values.khat <= self.limit))


def leave_out(
    model: Model,
    tree: Any,
    unit: str,
    *,
    pit: bool = False,
    refit: bool | None = None,
    seed: int | None = None,
) -> Pass:
    """Leave out every unit, and average over the draws of the variances."""
    tree = read_tree(model, tree)
    units = UnitsOf.of(model, unit)
    draws = draws_of(model, tree, units.size * (2 if pit else 1))
    if draws.criterion is not None:
        units.refuse_undetermined(model, draws.criterion)
        if refit is not False and plugged_in(tree) is not None:
            draws = estimated_anew(model, tree, units, draws)
    if draws.criterion is not None or not refit:  # draws made without a unit have all columns
        model, draws = without_absent(model, draws)
    with arithmetic():
        way = units.way(model, draws.criterion)
        values = _in_blocks(way, draws, units, pit)
        found = Pass(units, values, draws.size if draws.used is None else 1, draws.note)
        if refit and found.bad.size:
            return _refitted(model, way, found, draws, pit, seed)
    return found


def _in_blocks(way: LeftOut, draws: Draws, units: UnitsOf, pit: bool) -> Pointwise:
    step = max(1, int(LIMIT / (8.0 * draws.size * (2 if pit else 1))))
    blocks = [np.arange(at, min(at + step, units.size)) for at in range(0, units.size, step)]
    parts = [_block(way, draws, units, block, pit) for block in blocks]
    return Pointwise(*(np.concatenate(part) for part in zip(*parts)))


def _block(
    way: LeftOut, draws: Draws, units: UnitsOf, block: NDArray[np.intp], pit: bool
) -> Pointwise:
    """The units of one block, averaged over all draws."""
    found = _densities(way, draws, units, block, pit)
    if draws.used is not None:
        return Pointwise(*_at_their_own(draws.used[block], *found))
    return Pointwise(*_averaged(draws, *found))


def _densities(
    way: LeftOut, draws: Draws, units: UnitsOf, block: NDArray[np.intp], pit: bool
) -> tuple[Array, Array, Array]:
    """Log density and z of every unit at every draw (k, units); in-sample density (units,)."""
    logs = np.empty((draws.size, block.size))
    z = np.empty((draws.size if pit else 0, block.size))
    if draws.used is None:
        weight, _ = smooth(draws.log_weight, draws.r_eff)
    else:  # the first is the estimate from all rows
        weight = np.where(np.arange(draws.size) == 0, 0.0, -np.inf)
    in_sample = np.full(block.size, -np.inf)
    for i in range(draws.size):
        left = way.at(draws.scales[i], float(draws.sigma[i]))
        logs[i] = left.log_density[block]
        in_sample = np.logaddexp(in_sample, weight[i] + left.in_sample[block])
        if pit:
            z[i] = left.z[block]
    _check_finite(logs, units.labels[block])
    return logs, in_sample, z


def _at_their_own(
    used: NDArray[np.intp], logs: Array, in_sample: Array, z: Array
) -> tuple[Array, ...]:
    """elpd, in-sample density, k-hat and PIT, each unit at the variances that never saw it."""
    from scipy.special import ndtr

    units = np.arange(used.size)
    pit = ndtr(z[used, units]) if z.shape[0] else np.zeros(used.size)
    return logs[used, units], in_sample, np.zeros(used.size), pit


def _averaged(draws: Draws, logs: Array, in_sample: Array, z: Array) -> tuple[Array, ...]:
    """elpd, in-sample density, k-hat and PIT, each ratio 1 / p(y_I | y_-I, theta) smoothed."""
    from scipy.special import ndtr

    elpd, khat, pit = (np.zeros(logs.shape[1]) for _ in range(3))
    for j in range(logs.shape[1]):
        if draws.posterior:
            weights, khat[j] = smooth(draws.log_weight - logs[:, j], draws.r_eff)
        else:
            weights = draws.log_weight - np.log(draws.size)
        elpd[j] = log_sum(weights + logs[:, j])
        if z.shape[0]:
            pit[j] = np.exp(weights) @ ndtr(z[:, j])
    return elpd, in_sample, khat, pit


def _refitted(
    model: Model, way: LeftOut, found: Pass, draws: Draws, pit: bool, seed: int | None
) -> Pass:
    """Units with too large a k-hat again, with draws that never saw them."""
    rng, units, failed = generator(seed), found.units, []
    values = Pointwise(*(v.copy() for v in found.values))
    weight, _ = smooth(draws.log_weight, draws.r_eff)
    for j in found.bad:
        inside = units.codes == j
        scales, sigma, r_eff, converged = draws_without(model, inside, units.by_row, rng)
        rest = Draws(scales, sigma, np.zeros(sigma.size), posterior=False)
        one = np.array([j])
        known = _densities(way, draws, units, one, False)[0][:, 0]
        logs, in_sample, z = _densities(way, rest, units, one, pit)
        values.elpd[j], error = bridge(known, logs[:, 0], weight, (draws.r_eff, r_eff))
        values.pit[j] = _averaged(rest, logs, in_sample, z)[3][0]
        if not converged:
            failed.append(j)
        elif error < SURE:
            values.khat[j] = 0.0
    note = f"The variances were sampled again without {name_some(units.labels[found.bad])}."
    if failed:
        note += f" NUTS did not converge without {name_some(units.labels[failed])}."
    notes = "\n".join(n for n in (found.note, note) if n)
    return replace(found, values=values, note=notes, refitted=True)


def _check_finite(logs: Array, labels: NDArray[Any]) -> None:
    bad = ~np.isfinite(logs).all(axis=0)
    if bad.any():
        raise ValueError(
            f"float64 does not hold the density of {name_some(labels[bad])} given the other rows: "
            f"an effect that nothing else tells about has a variance that is huge beside the noise"
        )
