"""Rows of a matrix left out one at a time, by importance over draws of loadings and means.

    p(y_i | y_-i) = 1 / E[1 / p(y_i | W, sigma, mu)],    (W, sigma, mu) ~ p(. | Y)

Scores are integrated out, so that the ratios vary with what all rows share only (Vehtari, Gelman &
Gabry 2017). A row counts with the entries that it has. Where loadings were plugged in there is
nothing to weigh: they are estimated anew from the other rows (`anew`).
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...factors import FactorModel
from ...factors.moments import column_moments
from ...factors.rows import densities
from ...types import Array
from ...weights import log_mean, log_sum, psis
from ..plugged import Plugged, plugged_in
from .anew import fitted_again, in_words, turns_of
from .smoothing import FEWEST, relative_efficiency
from .units import name_some

MEANS = 200  # draws of mu given what was plugged in


def matrix_rows(
    model: FactorModel, tree: Any, anew: bool = True
) -> tuple[Array, Array, Array, str]:
    """elpd, in-sample density less elpd, and k-hat of every row (n,), and what to mind.

    Parameters
    ----------
    model, tree
    anew : bool
        Whether loadings that were plugged in are estimated anew without the rows left out.

    Raises
    ------
    ValueError
        Where the tree holds too few draws.
    """
    each = model.row_densities(tree, np.random.default_rng(0))
    logs = each.reshape(-1, each.shape[-1])
    inside = log_mean(logs)
    given = plugged_in(tree)
    if given is not None and anew:
        elpd, note = _anew(model, str(tree["posterior"].attrs["criterion"]), given)
        return elpd, inside - elpd, np.zeros(elpd.size), note
    if len(logs) < FEWEST:
        raise ValueError(f"loo needs at least {FEWEST} draws, but the tree holds {len(logs)}")
    share = relative_efficiency(tree["posterior"].dataset)
    elpd, khat = np.empty((2, logs.shape[1]))
    for i, own in enumerate(logs.T):
        if np.ptp(own) < 1e-9:  # everything is plugged in, or the row has no entry
            elpd[i], khat[i] = own[0], 0.0
            continue
        weights, khat[i] = psis(-own, share)
        elpd[i] = log_sum(weights + own)
    note = ""
    if given is not None:
        note = f"{given.names} are plugged in ({given}), from all rows: elpd is too high."
    return elpd, inside - elpd, khat, note


def _anew(model: FactorModel, criterion: str, given: Plugged) -> tuple[Array, str]:
    """Log density of every row (n,) where all that was plugged in comes from other rows."""
    n = len(model.design.y)
    turns = turns_of(n, n, partial(_emptied, model))
    for turn in _emptied(model, turns):
        raise ValueError(
            f"without row {name_some(model.design.rows[turns == turn])} a column has no two "
            f"different entries, so that nothing can be estimated anew: drop that column"
        )
    elpd, failed, count = np.empty(n), 0, int(turns.max()) + 1
    for turn in range(count):
        out = turns == turn
        rest = _without(model, out)
        tree, found = fitted_again(
            rest, criterion, f"row {name_some(model.design.rows[out])}", MEANS
        )
        rows = (model.design.y[out] - rest.shift) / rest.unit
        logs = densities(rest, tree, rows)
        elpd[out] = log_mean(logs)
        failed += not found
    return elpd, in_words(given.names, given.count, count, n, "row", failed)


def _emptied(model: FactorModel, turns: NDArray[np.intp]) -> NDArray[np.intp]:
    """Turns without which a column has no two entries, or none that differ where it has a unit."""
    y, there, lost = model.design.y, model.design.there, []
    for turn in range(int(turns.max()) + 1):
        rest = turns != turn
        few = there[rest].sum(axis=0).min() < 2
        if few or (model.scaled and not np.nanstd(y[rest], axis=0).all()):
            lost.append(turn)
    return np.array(lost, dtype=np.intp)


def _without(model: FactorModel, out: NDArray[np.bool_]) -> FactorModel:
    """The model of the other rows, priors as they were; units of columns are those of its rows."""
    design = replace(model.design, y=model.design.y[~out], rows=model.design.rows[~out])
    if not model.scaled:
        return replace(model, design=design)
    count = design.there.sum(axis=0)
    square = column_moments(design.y, design.complete)[1]
    return replace(model, design=design, unit=np.sqrt(square * count / (count - 1.0)))
