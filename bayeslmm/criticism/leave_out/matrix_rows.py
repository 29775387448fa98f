"""Rows of a matrix left out one at a time, by importance over draws of loadings and means.

    p(y_i | y_-i) = 1 / E[1 / p(y_i | W, sigma, mu)],    (W, sigma, mu) ~ p(. | Y)

Scores are integrated out, so that the ratios vary with what all rows share only (Vehtari, Gelman &
Gabry 2017). A row counts with the entries that it has.
"""

from typing import Any

import numpy as np

from ...declared import Declared
from ...engines.pareto import psis
from ...gaussian.sums import Array
from ...tree import check_tree
from .smoothing import FEWEST, relative_efficiency


def matrix_rows(model: Declared, tree: Any) -> tuple[Array, Array, Array]:
    """elpd, in-sample density less elpd, and k-hat of every row (n,).

    Raises
    ------
    ValueError
        Where the tree is of another model, or holds too few draws.
    """
    check_tree(model, tree)
    each = model.row_densities(tree, np.random.default_rng(0))
    logs = each.reshape(-1, each.shape[-1])
    if len(logs) < FEWEST:
        raise ValueError(f"loo needs at least {FEWEST} draws, but the tree holds {len(logs)}")
    share = relative_efficiency(tree["posterior"].dataset)
    elpd, khat = np.empty((2, logs.shape[1]))
    for i, own in enumerate(logs.T):
        if np.ptp(own) < 1e-9:  # everything is plugged in, or the row has no entry
            elpd[i], khat[i] = own[0], 0.0
            continue
        weights, khat[i] = psis(-own, share)
        elpd[i] = _log_sum(weights + own)
    inside = np.array([_log_sum(own) for own in logs.T]) - np.log(len(logs))
    return elpd, inside - elpd, khat


def _log_sum(values: Array) -> float:
    top = values.max()
    return float(top + np.log(np.exp(values - top).sum()))
