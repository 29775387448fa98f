"""Row by row: fitted values, residuals, and how much of the variance the model takes up."""

from typing import Any

import numpy as np

from ..host.arithmetic import tiny_is_zero
from ..host.seeds import generator
from ..model.declared import check_prob, response_first
from ..model.model import Model
from ..posterior.predictive import mean_of, posterior_means
from ..posterior.redrawn import pieces
from ..posterior.tree import read_tree
from ..results.estimates import estimates, from_draws
from ..types import Array

BLOCK = 10_000_000  # numbers of a block of draws


@tiny_is_zero
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

    response_first(model, "fitted", "use reconstruct")
    tree = read_tree(model, tree)
    mean, sd = _fitted(model, tree, seed)
    return pd.DataFrame({"mean": mean, "sd": sd}, index=model.design.rows)


def _fitted(model: Model, tree: Any, seed: int | None) -> tuple[Array, Array]:
    """Mean and sd by row, over blocks of draws so that few (draws, n) numbers are held at once."""
    rng = generator(seed)
    posterior = tree["posterior"]
    step = max(1, BLOCK // (model.design.y.size * posterior.sizes["chain"]))
    total, square, count = np.zeros(model.design.y.size), np.zeros(model.design.y.size), 0
    origin = mean_by_row(model, tree)
    for at in range(0, posterior.sizes["draw"], step):
        block = {"posterior": posterior.isel(draw=slice(at, at + step))}
        draws = posterior_means(model, block, rng).reshape(-1, total.size)
        total += (draws - origin).sum(axis=0)
        square += ((draws - origin) ** 2).sum(axis=0)
        count += draws.shape[0]
    mean = total / count
    sd = np.sqrt(np.maximum(square / count - mean**2, 0.0))
    return origin, sd


def mean_by_row(model: Model, tree: Any) -> Array:
    """Posterior mean of every row's mean, (n,): linear in the coefficients, so by their means."""
    held = estimates(tree)
    return mean_of(model, {t.coefficients: held[t.coefficients].mean for t in model.terms})


@tiny_is_zero
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

    response_first(model, "residuals", "use reconstruct")
    tree = read_tree(model, tree)
    values = model.design.y - mean_by_row(model, tree)
    if standardized:
        values = values / noise_by_row(model, tree)
    return pd.Series(values, index=model.design.rows, name="residual")


def noise_by_row(model: Model, tree: Any) -> Array:
    """Noise of every row (n,) at the mean of the residual's parameters."""
    posterior, own = tree["posterior"], model.residual.parameters
    found: Array = model.residual.noise({p.name: np.asarray(posterior[p.name].mean()) for p in own})
    return found


@tiny_is_zero
def r2(model: Model, tree: Any, *, prob: float = 0.95, seed: int | None = None) -> Any:
    """Marginal and conditional R^2 (Nakagawa & Schielzeth 2013; Johnson 2014 for random slopes).

    Marginal: var(X beta + A u) over the total, A u what blocks of columns give to a row, which like
    X beta holds for any group. Conditional: the random effects' share is added. The total adds
    sigma^2 (the mean of sigma^2 / w with weights).

    Parameters
    ----------
    model : Model
    tree : DataTree
    prob : float
        Probability of the equal-tailed interval.
    seed : int, optional
        Used only where draws of a block's coefficients were not kept.

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
    from ..posterior.recover import points

    check_prob(prob)
    response_first(model, "r2", "see explained_ratio in tree['posterior']")
    tree = read_tree(model, tree)
    posterior = tree["posterior"].dataset
    design = model.design
    theta = points(model, posterior)
    sigma = theta["sigma"]
    share = sum((term.share(theta, design.frequency) for term in model.groups), 0.0 * sigma)
    fixed = _spread_of_columns(model, posterior, seed)
    total = fixed + share + model.residual.share(theta)
    draws = np.column_stack([fixed, fixed + share]) / total[:, None]
    return from_draws("r2", draws, prob).frame(["marginal", "conditional"])


def _spread_of_columns(model: Model, posterior: Any, seed: int | None) -> Array:
    """var(X beta + A u) over the rows, one value a draw, (k,)."""
    design, fixed = model.design, model.fixed
    weight = design.frequency / design.frequency.sum()
    found = np.zeros(posterior["sigma"].size)
    centred = design.X - weight @ design.X
    moment = centred.T @ (centred * weight[:, None])
    step = max(1, BLOCK // design.y.size)
    columns = [t for t in model.terms if t not in model.groups]
    for part, drawn in pieces(model, posterior, generator(seed), groups=False):
        if fixed and not model.blocks:
            beta = drawn[fixed.coefficients]
            found[part] = np.einsum("kp,pr,kr->k", beta, moment, beta)
        for at in range(part.start, part.stop if model.blocks else 0, step):
            some = slice(at - part.start, at - part.start + step)
            mean = sum(t.times(drawn[t.coefficients][some]) for t in columns)
            mean = mean - (mean @ weight)[:, None]
            found[at : at + len(mean)] = mean**2 @ weight
    return found
