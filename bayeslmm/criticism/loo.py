"""Exact leave-one-out predictive densities, for rows and for whole groups.

    p(y_I | y_-I) = 1 / E[1 / p(y_I | y_-I, theta)],    theta ~ p(theta | y)

Given the variances theta the density of what is left out is exact, all coefficients integrated out
(`gaussian.leave_out`); over theta it is averaged by Pareto-smoothed importance sampling
(`smoothing`). Where theta is plugged in, there is nothing to average.
"""

import warnings
from typing import Any

import numpy as np

from ..gaussian.sums import Array
from ..model import Model
from .left_out import LeftOutPass, leave_out

NAMED = 5  # units that a message names before it counts the others


def loo(model: Model, tree: Any, *, unit: str = "row") -> Any:
    """Expected log predictive density of rows, or of whole groups, left out one at a time.

    Parameters
    ----------
    model : Model
    tree : DataTree
        What `fit` returned for this model.
    unit : str
        "row", or the name of a grouping factor: all rows of one level are left out at once, and
        predicted as a new group.

    Returns
    -------
    arviz_stats.ELPDDataLOO
        ``elpd``, ``se``, ``p``; by unit ``elpd_i``, ``pareto_k`` and ``p_loo_i``, over a dimension
        with the unit's name. ``az.compare`` takes it. ``note`` says what to mind.

    Raises
    ------
    ValueError
        Where `unit` is neither, the tree is of another model or holds fewer than 25 draws, or the
        other data leave a coefficient with a flat prior undetermined.

    Warns
    -----
    UserWarning
        Where k-hat of a unit is above ``good_k``: its value is not to be trusted.

    Notes
    -----
    ``p`` is the log density of new responses at the same rows given all data, beta, u and theta
    integrated, less elpd: at least zero up to Monte Carlo error (Jensen's inequality).

    A row that counts f times (`frequency`) is f observations; one of them is left out, and the
    result has f equal values for it. A group is left out with all of them.

    Where the variances are plugged in (empirical Bayes), they were estimated from all of y,
    what is left out included, and their uncertainty is ignored: elpd is somewhat too high. There
    are then no weights, and k-hat is zero. Where the tree's draws come from an approximation and
    ``sample_stats["log_weight"]`` tells by how much, k-hat judges the approximation too.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432; Buerkner, Gabry &
    Vehtari (2021), Computational Statistics 36, 1243-1261; Merkle, Furr & Rabe-Hesketh (2019),
    Psychometrika 84, 802-829, on leaving out rows or groups.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> round(bl.loo(m, eb).elpd, 2), round(bl.loo(m, eb, unit="Batch").elpd, 2)
    """
    from .elpd import elpd_of

    found = leave_out(model, tree, unit)
    times = found.times
    values = (np.repeat(v, times) for v in (found.labels, found.elpd, found.p, found.khat))
    labels, elpd, p, khat = values
    result = elpd_of(unit, labels, elpd, p, khat, found.samples, found.note)
    if result.warning:
        warnings.warn(_advice(found, result.good_k), stacklevel=2)
    return result


def loo_pit(model: Model, tree: Any) -> Any:
    """Probability integral transform of every row, given all other rows: P(new y_i < y_i | y_-i).

    Uniform where the model is right; a U where its predictions are too narrow, a hump where they
    are too wide (Gelman et al. 2013, section 6.3).

    Parameters
    ----------
    model : Model
    tree : DataTree

    Returns
    -------
    pandas.Series
        One value in [0, 1] for every row of the table.

    Raises
    ------
    ValueError
        As `loo`.

    Warns
    -----
    UserWarning
        As `loo`.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> bl.loo_pit(m, eb).round(2).tolist()[:3]
    """
    import pandas as pd

    from .elpd import good_k

    found = leave_out(model, tree, "row", pit=True)
    limit = good_k(found.samples)
    if (found.khat > limit).any():
        warnings.warn(_advice(found, limit), stacklevel=2)
    return pd.Series(found.pit, index=model.design.rows, name="loo_pit")


def _advice(found: LeftOutPass, limit: float) -> str:
    bad = found.labels[found.khat > limit]
    return (
        f"k-hat is above {limit:.2f} for {bad.size} of {found.labels.size} x {found.unit} "
        f"({name_some(bad)}): the variances would be others without them, and their values are "
        f"not to be trusted. Draw more, or fit without each of them: the log density is "
        f"log_evidence(model).value less that of the model of the other rows, priors fixed"
    )


def name_some(labels: Array) -> str:
    """A few labels, and how many more there are."""
    some = ", ".join(str(label) for label in labels[:NAMED])
    return some + (f" and {labels.size - NAMED} more" if labels.size > NAMED else "")
