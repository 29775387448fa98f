"""Pareto-smoothed importance sampling, and when it can be trusted.

Vehtari, Simpson, Gelman, Yao & Gabry (2024). ArviZ fits the generalised Pareto law to the largest
ratios; its shape k-hat tells whether an average over them can be trusted.
"""

import numpy as np

from ..types import Array

KHAT = 0.7
SLIGHT = 0.01  # share of all weight below which a tail is no tail


def psis(log_ratios: Array, r_eff: float = 1.0) -> tuple[Array, float]:
    """Pareto-smoothed log weights (draws,), which sum to one, and k-hat, from log ratios.

    k-hat is infinite where a ratio is not a number. It is zero where all that the largest ratios
    have above the others is under 1% of the total: the ratios are then constant for every purpose,
    and the shape of so slight a tail says nothing.

    Parameters
    ----------
    log_ratios : (draws,)
        Log importance ratios; minus infinity is a ratio of zero.
    r_eff
        Effective over actual draws.
    """
    from arviz_stats.base import array_stats

    count = log_ratios.size
    if np.isnan(log_ratios).any() or not np.isfinite(top := log_ratios.max()):
        return np.full(count, -np.log(count)), float("inf")
    weights = np.sort(np.exp(log_ratios - top))
    tail = int(min(0.2 * count, 3.0 * np.sqrt(count / r_eff)))  # what the Pareto law is fitted to
    if tail < 1 or (weights[-tail:] - weights[-tail - 1]).sum() < SLIGHT * weights.sum():
        return log_ratios - top - np.log(weights.sum()), 0.0
    try:
        smooth, k = array_stats.psislw(
            top - log_ratios, r_eff=r_eff
        )  # it takes minus the log ratios
    except ValueError:  # all ratios of the tail are equal: repeated draws, which tell nothing
        return log_ratios - top - np.log(weights.sum()), float("inf")
    smooth = smooth - smooth.max()
    return smooth - np.log(np.exp(smooth).sum()), float(k) if np.isfinite(k) else float("inf")


def limit(draws: int) -> float:
    """Largest k-hat that so many draws can bear (Vehtari et al. 2024, section 3.2)."""
    return min(1.0 - 1.0 / np.log10(draws), KHAT) if draws > 10 else 0.0
