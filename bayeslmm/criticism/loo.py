"""Exact leave-one-out predictive densities, for rows and for whole groups.

    p(y_I | y_-I) = 1 / E[1 / p(y_I | y_-I, theta)],    theta ~ p(theta | y)

Given the variances theta the density of what is left out is exact, all coefficients integrated out
(`solvers.leave_out`); over theta it is averaged by Pareto-smoothed importance sampling
(`leave_out.smoothing`). Where theta is plugged in, there is nothing to average.
"""

import warnings
from typing import Any

import numpy as np

from ..model.declared import response_first
from ..model.model import Model
from .leave_out.passes import Pass, leave_out
from .leave_out.units_of import name_some


def loo(
    model: Model,
    tree: Any,
    *,
    unit: str = "row",
    refit: bool | None = None,
    seed: int | None = None,
) -> Any:
    """Expected log predictive density of rows, or of whole groups, left out one at a time.

    Parameters
    ----------
    model : Model
    tree : DataTree
        What `fit` returned for this model.
    unit : str
        "row", or the name of a grouping factor: all rows of one level are left out at once, and
        predicted as a new group.
    refit : bool, optional
        Of draws, True samples the variances again, by ``ImportanceSampling()``, without each unit
        whose k-hat is above ``good_k``. Its value then comes from both sets of draws (bridge
        sampling), and its k-hat is zero where the standard error is below 0.2. Takes as long as
        one fit for each. What was plugged in (empirical Bayes) is estimated anew without what is
        left out, unless False: see the notes.
    seed : int, optional
        Seed of the refits.

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

    What was plugged in (the variances, a scale for each column, loadings) is estimated anew by the
    same criterion in 20 turns (5 for more than 10,000 rows), each without another twentieth of the
    units; of 20 units or fewer without each in turn. Left at the estimate from all rows, what is
    left out included (``refit=False``), elpd is too high, the more so the more was plugged in, so
    that the largest of several models looks best. The uncertainty of one estimate is ignored. There
    are then no weights, and k-hat is zero. Where the tree's draws come from an approximation and
    ``sample_stats["log_weight"]`` tells by how much, k-hat judges the approximation too.

    References
    ----------
    Meng & Wong (1996), Statistica Sinica 6, 831-860; Vehtari, Gelman & Gabry (2017), Statistics
    and Computing 27, 1413-1432; Buerkner, Gabry & Vehtari (2021), Computational Statistics 36,
    1243-1261; Merkle, Furr & Rabe-Hesketh (2019), Psychometrika 84, 802-829, on leaving out rows
    or groups.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> round(bl.loo(m, eb).elpd, 2), round(bl.loo(m, eb, unit="Batch").elpd, 2)
    (-163.91, -166.92)
    """
    from .leave_out.elpd import elpd_of

    found = leave_out(model, tree, unit, refit=refit, seed=seed)
    _warn(found)
    units, values = found.units, found.values
    times = units.times(model)
    return elpd_of(
        unit,
        np.repeat(units.labels, times),
        np.repeat(values.elpd, times),
        np.repeat(values.in_sample - values.elpd, times),
        np.repeat(values.khat, times),
        found.samples,
        found.note,
    )


def loo_pit(model: Model, tree: Any, *, refit: bool | None = None, seed: int | None = None) -> Any:
    """Probability integral transform of every row, given all other rows: P(new y_i < y_i | y_-i).

    Uniform where the model is right; a U where its predictions are too narrow, a hump where they
    are too wide (Gelman et al. 2013, section 6.3).

    Parameters
    ----------
    model : Model
    tree : DataTree
    refit, seed
        As in `loo`.

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
    [0.77, 0.06, 0.06]
    """
    import pandas as pd

    response_first(model, "loo_pit", "see log_density for rows that stand out")
    found = leave_out(model, tree, "row", pit=True, refit=refit, seed=seed)
    _warn(found)
    return pd.Series(found.values.pit, index=model.design.rows, name="loo_pit")


def _warn(found: Pass) -> None:
    if told := doubt(found):
        warnings.warn(told, stacklevel=3)


def doubt(found: Pass) -> str:
    """The units whose values are not to be trusted, and what to do; empty where there are none."""
    if found.bad.size == 0:
        return ""
    bad, units = found.bad, found.units
    return (
        f"k-hat is above {found.limit:.2f} for {bad.size} of {units.size} x {units.name} "
        f"({name_some(units.labels[bad])}): without them the {found.shared} would be quite "
        f"different, and their values are not to be trusted"
    ) + (f"; {found.advice}" if found.advice else "")
