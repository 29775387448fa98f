"""Rank-normalised split R-hat of many numbers at once (Vehtari et al. 2021, equations 3, 4 and 14).

Each chain is cut into halves; values are replaced by the normal quantiles of their ranks among all,
and R-hat is the larger of that of the values and of their distances from the median. The same as
ArviZ's, number by number; a test holds the two together.
"""

import numpy as np

from ..types import Array


def rank_rhat(draws: Array) -> Array:
    """R-hat (d,) of draws (chains, draws, d); NaN where nothing moves."""
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    folded = np.abs(split - np.median(split, axis=(0, 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = np.maximum(_rhat(_normal_scores(split)), _rhat(_normal_scores(folded)))
    return found


def _rhat(z: Array) -> Array:
    n = z.shape[1]
    between = n * z.mean(axis=1).var(axis=0, ddof=1)
    within = z.var(axis=1, ddof=1).mean(axis=0)
    found: Array = np.sqrt((between / within + n - 1) / n)
    return found


def _normal_scores(x: Array) -> Array:
    """Normal quantiles of average ranks (Blom 1958: (rank - 3/8) / (size + 1/4))."""
    from scipy.special import ndtri

    flat = x.reshape(-1, x.shape[2])
    size = flat.shape[0]
    ranks = np.empty(flat.shape)
    for values, own in zip(flat.T, ranks.T):
        order = np.argsort(values, kind="stable")
        first = np.concatenate([[True], np.diff(values[order]) != 0.0])
        starts = np.append(np.flatnonzero(first), size)
        average = 0.5 * (starts[:-1] + starts[1:] + 1)
        own[order] = average[np.cumsum(first) - 1]
    found: Array = ndtri((ranks - 0.375) / (size + 0.25)).reshape(x.shape)
    return found
