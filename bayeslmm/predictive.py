"""Draws of y: from the prior, from the posterior, from a given theta; and the density of each row.

y | beta, u, sigma ~ N(offset + X beta + sum_t Z_t u_t, sigma^2 / w)
"""

from typing import Any

import numpy as np

from .coefficients import kept, pieces
from .declared import Declared, model_first
from .handed_out import refuse_changed
from .host.arithmetic import tiny_is_zero
from .model import Model
from .normal import log_normal
from .options import one_of, shown
from .recover import points, theta_points, theta_variables
from .seeds import generator, stored
from .space import at_draw, stacked
from .types import Array, Coefficients, Named


def draw_new(model: Model, scales: Array, rng: np.random.Generator) -> Coefficients:
    """New coefficients of all terms whose law is theta's, at roots (m,)."""
    roots = zip(model.parts, model.entries.split(scales))
    return {p.coefficients: p.draw_new(root, p.shape[0], rng) for p, root in roots}


def draw_fixed(model: Model, rng: np.random.Generator) -> Coefficients:
    """Fixed effects from their prior."""
    return {model.fixed.coefficients: model.fixed.draw(rng)} if model.fixed else {}


def mean_of(model: Model, drawn: Coefficients) -> Array:
    """Mean of every row, (..., n), from coefficients."""
    mean: Array = model.design.offset
    for term in model.terms:
        mean = mean + term.times(drawn[term.coefficients])
    return mean


def simulate_rows(
    model: Model,
    scales: Array,
    sigma: float,
    rng: np.random.Generator,
    fixed: Coefficients | None = None,
) -> Array:
    """One response (n,) given the variances; fixed effects from their prior, or as given."""
    fixed = draw_fixed(model, rng) if fixed is None else fixed
    mean = mean_of(model, {**fixed, **draw_new(model, scales, rng)})
    return mean + model.residual.sd(sigma) * rng.standard_normal(mean.size)


@tiny_is_zero
def simulate(model: Declared, tree: Any = None, *, seed: int | None = None) -> Array:
    """One new response, with new groups' effects: parameters from the prior, or from a posterior.

    Parameters
    ----------
    model : Model
    tree : DataTree, optional
        One draw of its posterior gives beta and the variances; under empirical Bayes both are the
        estimates (the parametric bootstrap), but where it maximised lam alone the rest is one draw.
        Without a tree they come from the prior.
    seed : int, optional

    Returns
    -------
    y : ndarray (n,)
        Ready for ``model.with_data(y)``.

    Raises
    ------
    ValueError
        Where there is no tree and a prior is improper.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> bl.simulate(m, seed=1).shape
    (30,)
    """
    model_first(model, "simulate")
    if tree is None:
        refuse_changed(model)
    else:
        from .tree import read_tree

        tree = read_tree(model, tree)
    found: Array = model.simulated(tree, generator(seed))
    return found


def simulated(model: Model, tree: Any, rng: np.random.Generator) -> Array:
    """One new response (n,) of new groups, at a draw of the prior or of a posterior."""
    if tree is None:
        theta = model.space.sample(rng)
        return simulate_rows(model, *model.roots(theta), rng)
    posterior = tree["posterior"].dataset
    theta = points(model, posterior)
    i = int(rng.integers(theta["sigma"].size))
    fixed: Coefficients = {}
    if model.fixed:
        name = model.fixed.coefficients
        plugged = posterior.attrs.get("fixed") and "posterior_moments" in tree.children
        exact = tree["posterior_moments"][f"{name}_mean"].values if plugged else None
        fixed[name] = kept(model.fixed, posterior)[i] if exact is None else exact
    return simulate_rows(model, *model.roots(at_draw(theta, i)), rng, fixed)


@tiny_is_zero
def prior_predictive(model: Declared, *, draws: int = 500, seed: int | None = None) -> Any:
    """Parameters and responses drawn from the prior.

    Parameters
    ----------
    model : Model
    draws : int
    seed : int, optional

    Returns
    -------
    DataTree
        Groups ``prior`` and ``prior_predictive`` (one chain), ``observed_data``.

    Raises
    ------
    ValueError
        Where a prior is improper, or `draws` is not positive.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> bl.prior_predictive(m, draws=50, seed=1)["prior_predictive"]["Yield"].shape
    (1, 50, 30)
    """
    from .tree import build

    model_first(model, "prior_predictive")
    whole = isinstance(draws, int | np.integer) and not isinstance(draws, bool)
    if not whole or draws < 1:
        raise ValueError(
            f"prior_predictive(draws=...) must be a whole number of at least 1, got {shown(draws)}"
        )
    variables, y = model.prior_draws(draws, generator(seed))
    prior = {name: (dims, values[None]) for name, (dims, values) in variables.items()}
    response = {model.response: (model.observed[0], y[None])}
    groups: dict[str, Any] = {"prior": prior, "prior_predictive": response}
    return build(model, groups, {"seed": -1 if seed is None else stored(seed), "draws": draws})


def prior_draws(model: Model, draws: int, rng: np.random.Generator) -> tuple[Named, Array]:
    """All variables by name, and y (draws, n), from the prior."""
    drawn = [model.space.sample(rng) for _ in range(draws)]
    fixed = [draw_fixed(model, rng) for _ in range(draws)]
    new = [draw_new(model, model.roots(theta)[0], rng) for theta in drawn]
    every = [{**f, **u} for f, u in zip(fixed, new)]
    variables = theta_variables(model, stacked(drawn))
    for term in model.terms:
        values = np.array([each[term.coefficients] for each in every])
        variables[term.coefficients] = (term.dims, values)
    mean = np.array([mean_of(model, each) for each in every])
    noise = model.residual.sd(model.residual.scale(stacked(drawn)))
    return variables, mean + noise * rng.standard_normal(mean.shape)


def posterior_means(model: Model, tree: Any, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draws of the mean of every row (chains, draws, n) and of sigma (chains, draws).

    Effects whose draws were not kept are drawn again, given the draws of all else.
    """
    posterior = tree["posterior"].dataset
    sigma = posterior["sigma"].values
    mean = np.empty((sigma.size, model.design.y.size))
    for part, drawn in pieces(model, posterior, rng):
        mean[part] = mean_of(model, drawn)
    return mean.reshape(*sigma.shape, -1), sigma


@tiny_is_zero
def posterior_predictive(
    model: Declared, tree: Any, *, seed: int | None = None, groups: str = "known"
) -> Any:
    """Replicated responses, one for every draw of the posterior.

    Parameters
    ----------
    model : Model
    tree : DataTree
        What `fit` returned for this model.
    seed : int, optional
    groups : {"known", "new"}
        Keep the groups' effects, or draw new ones from N(0, Psi); of a factor model the scores.

    Returns
    -------
    DataTree
        The tree with a group ``posterior_predictive``.

    Raises
    ------
    ValueError
        Where `groups` is neither.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml", draws=100), seed=1)
    >>> bl.posterior_predictive(m, eb, seed=2)["posterior_predictive"]["Yield"].shape
    (1, 100, 30)
    """
    from .tree import add_group, read_tree

    tree = read_tree(model, tree)
    if not one_of(groups, ("known", "new")):
        raise ValueError(f"groups must be 'known' or 'new', got {shown(groups)}")
    y = model.replicated(tree, generator(seed), groups)
    return add_group(model, tree, "posterior_predictive", {model.response: (model.observed[0], y)})


def replicated(model: Model, tree: Any, rng: np.random.Generator, groups: str) -> Array:
    """One response (chains, draws, n) for every draw of the posterior."""
    if groups == "known":
        mean, sigma = posterior_means(model, tree, rng)
    else:
        mean, sigma = _new_means(model, tree["posterior"].dataset, rng)
    noise = model.residual.sd(sigma)
    return mean + noise * rng.standard_normal(mean.shape)


def _new_means(model: Model, posterior: Any, rng: np.random.Generator) -> tuple[Array, Array]:
    scales, _ = theta_points(model, posterior)
    sigma = posterior["sigma"].values
    each = [
        [t.draw_new(L, t.shape[0], rng) for t, L in zip(model.groups, model.entries.split(s))]
        for s in scales
    ]
    mean = np.empty((sigma.size, model.design.y.size))
    for part, drawn in pieces(model, posterior, rng, groups=False):
        new = {
            t.coefficients: np.array([u[i] for u in each[part]]) for i, t in enumerate(model.groups)
        }
        mean[part] = mean_of(model, {**drawn, **new})
    return mean.reshape(*sigma.shape, -1), sigma


@tiny_is_zero
def log_likelihood(model: Declared, tree: Any, *, seed: int | None = None) -> Any:
    """Log density of every row given its mean: the group that `az.loo` reads.

    Parameters
    ----------
    model : Model
    tree : DataTree
    seed : int, optional
        Used only where draws of random effects were not kept.

    Returns
    -------
    DataTree
        The tree with a group ``log_likelihood`` (chain, draw, row). A row that counts f times
        (`frequency`) has f times its log density. A row of a factor model has that of the entries
        that it has, its scores integrated out.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml", draws=100), seed=1)
    >>> bl.log_likelihood(m, eb)["log_likelihood"]["Yield"].dims
    ('chain', 'draw', 'row')
    """
    from .tree import add_group, read_tree

    tree = read_tree(model, tree)
    value = model.row_densities(tree, generator(seed))
    return add_group(model, tree, "log_likelihood", {model.response: (("row",), value)})


def row_densities(model: Model, tree: Any, rng: np.random.Generator) -> Array:
    """Log density of every row given its mean (chains, draws, n)."""
    mean, sigma = posterior_means(model, tree, rng)
    sd = model.residual.sd(sigma)
    return log_normal(model.design.y - mean, sd) * model.design.frequency
