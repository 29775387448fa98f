"""Did the chains agree? Rank-normalised R-hat, bulk and tail ESS (Vehtari et al. 2021), as advice.

What could not be judged has not passed: too few draws, no draw at all, a parameter that never moves
although its posterior has a width.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model.model import Model
from ..solvers.canonical import facing
from ..types import Array, Theta
from .endings import joined

RHAT = 1.01  # Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021)
ESS_PER_CHAIN = 100  # the same
TAIL = (0.05, 0.95)  # quantiles whose precision the tail ESS tells
FEWEST = 4  # draws of a chain from which anything can be computed


def compared(model: Model, theta: Theta, z: Array) -> dict[str, Array]:
    """What tells whether chains agree: the coordinates, where theta has but one place.

    Loadings with scales of their own have as many as there are orders and signs of them.
    """
    if model.scores is None or model.axes is None or not model.scores.loadings.own:
        return {"z": z}
    name, sd = model.scores.loadings.name, model.scores.sd.name
    W = theta[name].reshape(-1, *model.scores.loadings.shape)
    turned = W @ facing(W, model.axes.reference)
    return {
        name: turned.reshape(theta[name].shape),
        sd: -np.sort(-np.log(theta[sd]), axis=-1),
        "sigma": np.log(theta["sigma"])[..., None],
    }


def measured(draws: Array) -> dict[str, float]:
    """Bulk and tail ESS of one number's draws (chains, draws), and R-hat of several chains."""
    from arviz_stats.base import array_stats

    found = {
        "bulk ESS": float(array_stats.ess(draws, method="bulk")),
        "tail ESS": float(array_stats.ess(draws, method="tail", prob=TAIL)),
    }
    if draws.shape[0] > 1:
        found["R-hat"] = float(array_stats.rhat(draws))
    return found


@dataclass(frozen=True)
class Doubt:
    """Why draws cannot be judged."""

    name: str
    value: str
    limit: str
    advice: str


def doubts(draws: Mapping[str, Array], moving: Collection[str]) -> list[Doubt]:
    """Why chains cannot be judged at all; empty where they can.

    Parameters
    ----------
    draws : mapping
        Name -> (chains, draws, ...).
    moving : collection of str
        Names of what has a posterior with a width, so that it must move in every chain.
    """
    count = min((d.shape[1] for d in draws.values() if d.shape[0]), default=0)
    least = f"at least {ESS_PER_CHAIN} a chain"
    if not count:
        return [Doubt("draws", "there are none", least, "fit again, and let it come to its end")]
    if count < FEWEST:
        told = f"{count} draws a chain are" if count > 1 else "1 draw a chain is"
        return [Doubt("draws", f"{told} too few to judge", least, f"draw {least}")]
    if twins(draws, moving):
        advice = "fits that are joined need different seeds"
        return [Doubt("chains that differ", "some are copies of others", "all", advice)]
    still = [name for name, d in draws.items() if name in moving and _stands(d)]
    if not still:
        return []
    advice = (
        "no step was accepted: tune longer, rescale y and the columns, or look for a prior that "
        "excludes what the data say"
    )
    return [Doubt("chains that move", f"{', '.join(still)} did not move", "all", advice)]


def twins(draws: Mapping[str, Array], moving: Collection[str]) -> bool:
    """Whether a chain is there twice in all that moves: it would count as two that agree."""
    each = [d for name, d in draws.items() if name in moving and not _stands(d)]
    return bool(each) and all(len({chain.tobytes() for chain in d}) < len(d) for d in each)


def _stands(draws: Array) -> bool:
    """Whether some chain keeps every element where it is."""
    flat = draws.reshape(*draws.shape[:2], -1)
    return bool(flat.shape[2] and (np.ptp(flat, axis=1) == 0.0).all(axis=1).any())


def judge(
    draws: dict[str, Array], stats: dict[str, Array], moving: Collection[str] | None = None
) -> dict[str, Any]:
    """Attributes that tell whether draws (chains, draws, ...) can be used.

    Parameters
    ----------
    draws, stats : dict
        What was drawn, and what the sampler says of itself.
    moving : collection of str
        Names of the draws that must move; all by default.

    Returns
    -------
    dict
        converged (0 or 1), message with what to do, divergences, rhat_max, ess_min, tail_ess_min.
    """
    flat = [d.reshape(*d.shape[:2], -1) for d in draws.values()]
    z = np.concatenate([f[..., np.ptp(f, axis=(0, 1)) > 0.0] for f in flat], axis=2)
    divergences = int(np.sum(stats.get("diverging", 0)))
    found: dict[str, Any] = {"divergences": divergences}
    advice = []
    if divergences:
        advice.append(
            f"{divergences} divergences: raise target_accept (0.95), or give tighter priors"
        )
    unknown = doubts(draws, draws if moving is None else moving)
    advice += [f"{doubt.value}: {doubt.advice}" for doubt in unknown]
    if z.shape[2] and not unknown:
        each = [measured(z[:, :, i]) for i in range(z.shape[2])]
        found["ess_min"] = float(np.min([one["bulk ESS"] for one in each]))
        found["tail_ess_min"] = float(np.min([one["tail ESS"] for one in each]))
        if z.shape[0] == 1:
            advice.append("one chain: R-hat cannot be computed; use chains=4")
        else:
            found["rhat_max"] = float(np.max([one["R-hat"] for one in each]))
            if not found["rhat_max"] <= RHAT:
                advice.append(
                    f"R-hat is {found['rhat_max']:.4f}, above {RHAT}: tune and draw longer, or "
                    f"simplify the model"
                )
        least = ESS_PER_CHAIN * z.shape[0]
        for part, value in (("bulk", found["ess_min"]), ("tail", found["tail_ess_min"])):
            if not value >= least:
                advice.append(f"the smallest {part} ESS is {value:.0f}, under {least}: draw longer")
    found["converged"] = int(not advice)
    found["message"] = joined(*advice)
    return found
