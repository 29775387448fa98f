"""Simultaneous bands for empirical distribution functions of what should be uniform.

Saeilynoja, Buerkner & Vehtari (2022), Statistics and Computing 32, 32: the pointwise tail
probability is chosen by simulation so that, over all points at once, a share `prob` of uniform
samples stays inside. Only the counts at the points matter, so they are drawn, not the samples:
a hundred thousand rows take no longer than a hundred.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..results.drawing import BAND, FAINT
from ..types import Array

POINTS = 100
SIMULATIONS = 2000


def points(n: int) -> Array:
    """Where the ECDF of n values is looked at, (K,), inside (0, 1)."""
    return np.arange(1, n) / n if n <= POINTS else np.linspace(0.0, 1.0, POINTS + 1)[1:-1]


def ecdf(values: Array, at: Array) -> Array:
    """Share of values at or below each point."""
    return np.searchsorted(np.sort(values), at, side="right") / values.size


def band(n: int, at: Array, prob: float = 0.95) -> tuple[Array, Array]:
    """Lower and upper ECDF of n independent uniform values at the points, simultaneously.

    Examples
    --------
    >>> lower, upper = band(100, np.array([0.25, 0.5, 0.75]))
    >>> bool(lower[1] < 0.5 < upper[1]), round(float(upper[1]), 2) > 0.58
    (True, True)
    """
    from scipy.stats import binom

    rng = np.random.default_rng(0)
    counts = rng.multinomial(n, np.diff(at, prepend=0.0, append=1.0), size=SIMULATIONS)
    counts = counts.cumsum(axis=1)[:, :-1]
    tail = _tail(counts, lambda k: binom.cdf(k, n, at), prob)
    return binom.ppf(tail, n, at) / n, binom.ppf(1.0 - tail, n, at) / n


def rank_band(n: int, chains: int, at: Array, prob: float = 0.95) -> tuple[Array, Array]:
    """The same for the ranks of n values of one chain among those of all chains, over all chains.

    Chains share their ranks: what one has too many of low ranks, the others lack.
    """
    from scipy.stats import hypergeom

    rng = np.random.default_rng(0)
    total = n * chains
    upto = np.floor(at * total + 1e-9).astype(int)
    # law[k, j]: probability that at most k of a chain's values have a rank up to upto[j]
    law = hypergeom.pmf(np.arange(n + 1)[:, None], total, n, upto).cumsum(axis=0)
    who = np.repeat(np.arange(chains), n)
    counts = np.empty((SIMULATIONS // 4, chains, at.size), dtype=int)
    for each in counts:
        rng.shuffle(who)
        for chain in range(chains):
            each[chain] = (who == chain).cumsum()[upto - 1]

    def cdf(k: Any) -> Any:
        inside = np.clip(k, 0, n).astype(int)
        return np.where(k < 0, 0.0, law[inside, np.arange(at.size)])

    tail = _tail(counts.reshape(len(counts), -1, at.size), cdf, prob)
    lower, upper = (np.argmax(law >= p - 1e-12, axis=0) for p in (tail, 1.0 - tail))
    return lower / n, upper / n


def paint_differences(
    axes: Any,
    at: Array,
    expected: Array,
    ends: tuple[Array, Array],
    lines: Iterable[tuple[Array, dict[str, Any]]],
) -> None:
    """Lines of ECDFs less what is expected at the points, over their band (lower, upper)."""
    x = np.concatenate([[0.0], at, [1.0]])

    def whole(values: Array) -> Array:
        return np.concatenate([[0.0], values - expected, [0.0]])

    axes.fill_between(x, *map(whole, ends), color=BAND, linewidth=0)
    axes.axhline(0.0, color=FAINT, linewidth=0.8)
    for values, look in lines:
        axes.plot(x, whole(values), **look)
    axes.set_xlim(0.0, 1.0)


def _tail(counts: Any, cdf: Callable[[Any], Any], prob: float) -> float:
    """The pointwise tail probability that a share `prob` of the simulations stays within."""
    low, high = cdf(counts), 1.0 - cdf(counts - 1)
    nearest = np.minimum(low, high).reshape(counts.shape[0], -1).min(axis=1)
    return float(np.quantile(nearest, 1.0 - prob))
