"""Did the chains agree? Rank-normalised R-hat and bulk ESS (Vehtari et al. 2021), as advice."""

from typing import Any

import numpy as np

from ..gaussian.sums import Array

RHAT = 1.01  # Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021)
ESS_PER_CHAIN = 100  # the same


def judge(draws: dict[str, Array], stats: dict[str, Array]) -> dict[str, Any]:
    """Attributes that tell whether draws (chains, draws, ...) can be used.

    Returns
    -------
    dict
        converged (0 or 1), message with what to do, divergences, rhat_max, ess_min.
    """
    from arviz_stats.base import array_stats

    flat = [d.reshape(*d.shape[:2], -1) for d in draws.values()]
    z = np.concatenate([f[..., np.ptp(f, axis=(0, 1)) > 0.0] for f in flat], axis=2)
    divergences = int(np.sum(stats.get("diverging", 0)))
    found: dict[str, Any] = {"divergences": divergences}
    advice = []
    if divergences:
        advice.append(
            f"{divergences} divergences: raise target_accept (0.95), or give tighter priors"
        )
    if z.shape[2] and z.shape[1] >= 4:
        found["ess_min"] = float(min(array_stats.ess(c, method="bulk") for c in _columns(z)))
        if z.shape[0] == 1:
            advice.append("one chain: R-hat cannot be computed; use chains=4")
        else:
            found["rhat_max"] = float(max(array_stats.rhat(c) for c in _columns(z)))
            if not found["rhat_max"] <= RHAT:
                advice.append(
                    f"R-hat is {found['rhat_max']:.4f}, above {RHAT}: tune and draw longer, or "
                    f"simplify the model"
                )
        least = ESS_PER_CHAIN * z.shape[0]
        if not found["ess_min"] >= least:
            advice.append(
                f"the smallest bulk ESS is {found['ess_min']:.0f}, under {least}: draw longer"
            )
    elif z.shape[2]:
        advice.append(f"{z.shape[1]} draws a chain are too few to judge: draw at least 100")
    found["converged"] = int(not advice)
    found["message"] = "; ".join(advice) or "converged"
    return found


def _columns(z: Array) -> list[Array]:
    return [z[:, :, i] for i in range(z.shape[2])]
