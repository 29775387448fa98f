"""Independent replicates of an importance sample, each resampled to draws of equal weight.

Every replicate has Sobol points with a scramble of its own. Of more points than draws some are
taken, each in proportion to its smoothed weight: where no weight passes the mean by more than the
points pass the draws, no point is taken twice. Systematic resampling (one uniform) after a random
permutation, for the points' own order is part of what makes them even.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..stats.rank_rhat import rank_rhat
from ..stats.weights import KHAT, log_mean, psis, relative_variance
from ..types import Array
from .convergence import ESS_PER_CHAIN, FEWEST, RHAT
from .endings import joined
from .many_points import Values
from .proposal import Proposal, sobol, uniforms

FEWEST_POINTS = 256  # points of a replicate, whatever the draws
MOST_TIMES = 8  # points for each draw
DISTINCT = 0.9  # share of draws that a replicate's draws are to be worth


@dataclass(frozen=True)
class Plan:
    """Points of each replicate to begin with, and what all draws are to be worth."""

    points: int
    enough: float


@dataclass(frozen=True, repr=False)
class Replicates:
    """Draws z (chains, draws, d), their log ratios log p / q, and what judges them."""

    z: Array
    log_ratio: Array
    khat: float
    effective: float  # independent draws that all of them are worth
    points: int
    efficiency: float  # effective share of the weighted points
    log_evidence: float
    error: float


def replicates(
    value: Values,
    proposal: Proposal,
    shape: tuple[int, int],
    plan: Plan,
    rng: np.random.Generator,
) -> tuple[Replicates, Array, Array]:
    """Replicates of a proposal; more points where draws would repeat too often.

    Parameters
    ----------
    shape
        Chains and draws.
    plan
        How many points, and what for.

    Returns
    -------
    The replicates, all points (k, d) that were looked at, and their log densities (k,).
    """
    chains, draws = shape
    sequences = [sobol(proposal.columns, rng) for _ in range(chains)]
    size = plan.points
    z = np.empty((chains, 0, proposal.laws[0].centre.size))
    logs, heights = np.empty((chains, 0)), np.empty((chains, 0))
    more = size
    while True:
        fresh = np.stack([proposal.draw(uniforms(each, more)) for each in sequences])
        flat = fresh.reshape(-1, fresh.shape[2])
        height = value(flat)
        ratios = height - proposal.log_density(flat)
        z = np.concatenate([z, fresh], axis=1)
        logs = np.concatenate([logs, ratios.reshape(chains, more)], axis=1)
        heights = np.concatenate([heights, height.reshape(chains, more)], axis=1)
        smooth, khat = psis(logs.ravel())
        weights = np.exp(smooth).reshape(logs.shape)
        taken = np.array([resampled(w, draws, rng) for w in weights])
        worth = sum(_worth(each) for each in taken)
        more = z.shape[1]
        enough = worth >= plan.enough or khat > KHAT
        if enough or 2 * more > MOST_TIMES * max(draws, FEWEST_POINTS):
            break
    every = logs.ravel()
    found = Replicates(
        np.take_along_axis(z, taken[:, :, None], axis=1),
        np.take_along_axis(logs, taken, axis=1),
        khat,
        worth,
        every.size,
        1.0 / float((weights**2).sum() * every.size),
        float(log_mean(every)),
        float(np.sqrt(relative_variance(every))),
    )
    return found, z.reshape(every.size, -1), heights.ravel()


def agreed(found: Replicates) -> dict[str, Any]:
    """Attributes that tell whether replicates agree, in the words of chains.

    R-hat is that of chains; the draws are independent, so their effective size is what repeats
    leave of them.
    """
    chains, draws, _ = found.z.shape
    least, told = ESS_PER_CHAIN * chains, []
    attrs: dict[str, Any] = {"ess_min": found.effective, "tail_ess_min": found.effective}
    if chains > 1 and draws >= FEWEST:
        attrs["rhat_max"] = float(np.max(rank_rhat(found.z)))
        if not attrs["rhat_max"] <= RHAT:
            told.append(f"R-hat is {attrs['rhat_max']:.4f}, above {RHAT}: draw more")
    if not found.effective >= least:
        told.append(f"the draws are worth {found.effective:.0f}, under {least}: draw more")
    return {**attrs, "converged": int(not told), "message": joined(*told)}


def resampled(weights: Array, draws: int, rng: np.random.Generator) -> Array:
    """Which points are taken (draws,), in random order."""
    order = rng.permutation(weights.size)
    total = np.cumsum(weights[order])
    steps = (np.arange(draws) + rng.uniform()) / draws * total[-1]
    taken = order[np.minimum(np.searchsorted(total, steps), weights.size - 1)]
    return rng.permutation(taken)


def _worth(taken: Array) -> float:
    """Independent draws that draws with repeats are worth."""
    counts = np.unique(taken, return_counts=True)[1]
    return float(taken.size) ** 2 / float((counts**2).sum())
