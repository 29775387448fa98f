"""Sums and means on the log scale, and Pareto-smoothed weights that tell when to trust them.

    log sum_i exp(l_i) = top + log sum_i exp(l_i - top),    top = max_i l_i

of importance ratios l: their mean is a ratio of normalising constants. ArviZ fits the generalised
Pareto law to the largest ratios; its shape k-hat tells whether an average over them can be trusted
(Vehtari, Simpson, Gelman, Yao & Gabry 2024).
"""

from typing import Any

import numpy as np

from ..types import Array

KHAT = 0.7
SLIGHT = 0.01  # share of all weight below which a tail is no tail


def log_sum(logs: Array, axis: int | None = 0) -> Any:
    """Log of the sum of exp(logs) over an axis; minus infinity where every term is zero."""
    top = logs.max(axis=axis, keepdims=True)
    top = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(divide="ignore"):
        return np.squeeze(top, axis) + np.log(np.exp(logs - top).sum(axis=axis))


def log_mean(logs: Array, axis: int = 0) -> Any:
    """Log of the mean of exp(logs) over an axis."""
    return log_sum(logs, axis) - np.log(logs.shape[axis])


def normalised(logs: Array) -> Array:
    """Weights (k,) in proportion to exp(logs), which sum to one."""
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def relative_variance(logs: Array, weights: Array | None = None) -> float:
    """Variance of the weighted mean of exp(logs), over its square; weights are equal by default."""
    weights = np.full(logs.size, 1.0 / logs.size) if weights is None else weights
    terms = np.exp(logs - logs.max())
    mean = weights @ terms
    return float(weights**2 @ (terms - mean) ** 2 / mean**2)


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
    count = log_ratios.size
    if np.isnan(log_ratios).any() or not np.isfinite(top := log_ratios.max()):
        return np.full(count, -np.log(count)), float("inf")
    plain, weights = log_ratios - log_sum(log_ratios), np.sort(normalised(log_ratios))
    tail = int(min(0.2 * count, 3.0 * np.sqrt(count / r_eff)))  # what the Pareto law is fitted to
    if tail < 1 or (weights[-tail:] - weights[-tail - 1]).sum() < SLIGHT:
        return plain, 0.0
    from arviz_stats.base import array_stats  # not where nothing is to be smoothed

    try:  # it takes minus the log ratios
        smooth, k = array_stats.psislw(top - log_ratios, r_eff=r_eff)
    except ValueError:  # all ratios of the tail are equal: repeated draws, which tell nothing
        return plain, float("inf")
    return smooth - log_sum(smooth), float(k) if np.isfinite(k) else float("inf")


def limit(draws: int) -> float:
    """Largest k-hat that so many draws can bear (Vehtari et al. 2024, section 3.2)."""
    return min(1.0 - 1.0 / np.log10(draws), KHAT) if draws > 10 else 0.0
