"""Row by row: fitted values, residuals, and how much of the variance the model takes up."""

from typing import Any

import numpy as np

from ..gaussian.sums import Array
from ..model import Model
from ..predictive import posterior_means
from ..reading import check_prob, groups, plugged, summary


def fitted(model: Model, tree: Any, *, seed: int | None = None) -> Any:
    """Fitted values: posterior mean and sd of every row's mean, groups' effects included.

    Parameters
    ----------
    model : Model
    tree : DataTree
    seed : int, optional
        Used only where draws of random effects were not kept.

    Returns
    -------
    pandas.DataFrame
        Columns mean and sd, one row per row of the table.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> bl.fitted(m, bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)).shape
    (30, 2)
    """
    import pandas as pd

    mean, sd = _fitted(model, tree, seed)
    return pd.DataFrame({"mean": mean, "sd": sd}, index=model.design.rows)


def _fitted(model: Model, tree: Any, seed: int | None) -> tuple[Array, Array]:
    draws, _ = posterior_means(model, tree, np.random.default_rng(seed))
    mean, sd = draws.mean(axis=(0, 1)), draws.std(axis=(0, 1))
    _, exact = groups(tree)
    if exact is not None and plugged(tree):  # the mean is then known exactly
        design = model.design
        mean = design.offset.copy()
        if design.fixed:
            mean += design.X @ exact["beta_mean"].values
        for term in model.terms:
            mean += term.times(exact[f"{term.coefficients}_mean"].values)
    return mean, sd


def residuals(model: Model, tree: Any, *, standardized: bool = False) -> Any:
    """Response less fitted mean, by row.

    Parameters
    ----------
    model : Model
    tree : DataTree
    standardized : bool
        Divide by the posterior mean of each row's noise sd, sigma / sqrt(w).

    Returns
    -------
    pandas.Series

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> bool(abs(bl.residuals(m, eb).mean()) < 1e-6)
    True
    """
    import pandas as pd

    values = model.design.y - _fitted(model, tree, 0)[0]
    if standardized:
        sigma = float(tree["posterior"]["sigma"].mean())
        values = values * np.sqrt(model.precision) / sigma
    return pd.Series(values, index=model.design.rows, name="residual")


def r2(model: Model, tree: Any, *, prob: float = 0.95) -> Any:
    """Marginal and conditional R^2 (Nakagawa & Schielzeth 2013; Johnson 2014 for random slopes).

    Marginal: var(X beta) over the total. Conditional: var(X beta) plus the random effects' share.
    The total adds sigma^2 (the mean of sigma^2 / w with weights).

    Parameters
    ----------
    model : Model
    tree : DataTree
    prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        Rows marginal and conditional; mean, sd, lower, upper over the draws.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    >>> bl.r2(m, bl.fit(m, bl.EmpiricalBayes("reml"), seed=1))["mean"].round(1).tolist()
    [0.3, 0.8]
    """
    import pandas as pd

    from ..recover import theta_points

    check_prob(prob)
    posterior, _ = groups(tree)
    design = model.design
    scales, sigma = theta_points(model, posterior)
    share = np.zeros(sigma.size)
    at = 0
    for term in model.terms:
        q = term.shape[1]
        L = scales[:, at : at + q * q].reshape(-1, q, q)
        moment = term.second_moment(design.frequency)
        share += np.einsum("kij,klj,il->k", L, L, moment)
        at += q * q
    fixed = np.zeros(sigma.size)
    if design.fixed:
        beta = posterior["beta"].values.reshape(sigma.size, -1)
        weight = design.frequency / design.frequency.sum()
        centred = design.X - weight @ design.X
        fixed = np.einsum("kp,pr,kr->k", beta, centred.T @ (centred * weight[:, None]), beta)
    total = fixed + share + sigma**2 * np.mean(1.0 / model.precision)
    rows = {"marginal": fixed / total, "conditional": (fixed + share) / total}
    table = {k: [float(v[0]) for v in summary(r[None, :, None], prob)] for k, r in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index", columns=["mean", "sd", "lower", "upper"])
