"""Draws of y: from the prior, from the posterior, from a given theta; and the density of each row.

y | beta, u, sigma ~ N(offset + X beta + sum_t Z_t u_t, sigma^2 / w)
"""

from typing import Any

import numpy as np

from ..host.arithmetic import tiny_is_zero
from ..host.options import one_of, shown
from ..host.seeds import generator, stored
from ..model.declared import model_first
from ..model.handed_out import refuse_changed
from ..model.model import Model
from ..model.simulate import draw_fixed, draw_new, mean_of, simulate_rows
from ..model.space import at_draw, stacked
from ..stats.normal import log_normal
from ..types import Array, Coefficients, Named
from .covariances import covariances
from .matrix_rows import densities
from .recover import canonical, points, theta_points, theta_variables
from .redrawn import kept, pieces


@tiny_is_zero
def simulate(model: Model, tree: Any = None, *, seed: int | None = None) -> Array:
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
    found, y = _simulated(model, tree, generator(seed)), model.design.y
    return np.where(np.isnan(y), np.nan, found) if np.isnan(y).any() else found


def _simulated(model: Model, tree: Any, rng: np.random.Generator) -> Array:
    """One new response of new groups, at a draw of the prior or of a posterior."""
    if tree is None:
        theta = canonical(model, stacked([model.space.sample(rng)]))
        return simulate_rows(model, *model.roots(at_draw(theta, 0)), rng)
    posterior = tree["posterior"].dataset
    theta = points(model, posterior)
    i = int(rng.integers(theta["sigma"].size))
    fixed: Coefficients = {}
    if model.fixed:
        name = model.fixed.coefficients
        held = tree["posterior_moments"] if "posterior_moments" in tree.children else {}
        exact = f"{name}_mean" in held and posterior.attrs.get("fixed")
        fixed[name] = held[f"{name}_mean"].values if exact else kept(model.fixed, posterior)[i]
    return simulate_rows(model, *model.roots(at_draw(theta, i)), rng, fixed)


@tiny_is_zero
def prior_predictive(model: Model, *, draws: int = 500, seed: int | None = None) -> Any:
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
    variables, y = prior_draws(model, draws, generator(seed))
    prior = {name: (dims, values[None]) for name, (dims, values) in variables.items()}
    response = {model.response: (model.observed[0], y[None])}
    groups: dict[str, Any] = {"prior": prior, "prior_predictive": response}
    return build(model, groups, {"seed": -1 if seed is None else stored(seed), "draws": draws})


def prior_draws(model: Model, draws: int, rng: np.random.Generator) -> tuple[Named, Array]:
    """All variables by name, and responses (draws, ...), from the prior."""
    theta = canonical(model, stacked([model.space.sample(rng) for _ in range(draws)]))
    fixed = [draw_fixed(model, rng) for _ in range(draws)]
    roots, _ = model.roots(theta)
    every = [{**f, **draw_new(model, root, rng)} for f, root in zip(fixed, roots)]
    variables = theta_variables(model, theta) | covariances(model, theta, 1)
    for term in model.terms:
        values = np.array([each[term.coefficients] for each in every])
        variables[term.coefficients] = (term.dims, values)
    mean = np.array([mean_of(model, each, root) for each, root in zip(every, roots)])
    return variables, mean + model.residual.noise(theta) * rng.standard_normal(mean.shape)


def posterior_means(model: Model, tree: Any, rng: np.random.Generator) -> Array:
    """Draws of the mean of every row (chains, draws, n).

    Effects whose draws were not kept are drawn again, given the draws of all else. Of a matrix rows
    are (chains, draws, n, d).
    """
    return _means(model, tree["posterior"].dataset, rng, known=True)


def posterior_noise(model: Model, posterior: Any) -> Array:
    """Draws of the noise of every row (chains, draws, n), or of every column of a matrix."""
    noise = model.residual.noise(points(model, posterior))
    return noise.reshape(*posterior["sigma"].shape, *noise.shape[1:])


def _means(model: Model, posterior: Any, rng: np.random.Generator, known: bool) -> Array:
    """The same with the groups' own effects, or with those of new ones from N(0, Psi)."""
    sigma = posterior["sigma"].values
    fresh: list[Coefficients] = []
    roots, _ = theta_points(model, posterior)
    if not known:
        fresh = [draw_new(model, root, rng, model.levelled) for root in roots]
    mean = np.empty((sigma.size, *model.design.y.shape))
    for part, drawn in pieces(model, posterior, rng, groups=known):
        for name in fresh[0] if fresh else ():
            drawn[name] = np.array([each[name] for each in fresh[part]])
        mean[part] = mean_of(model, drawn, roots[part])
    return mean.reshape(*sigma.shape, *model.design.y.shape)


@tiny_is_zero
def posterior_predictive(
    model: Model, tree: Any, *, seed: int | None = None, groups: str = "known"
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
    rng = generator(seed)
    posterior = tree["posterior"].dataset
    mean = _means(model, posterior, rng, groups == "known")
    y = mean + posterior_noise(model, posterior) * rng.standard_normal(mean.shape)
    return add_group(model, tree, "posterior_predictive", {model.response: (model.observed[0], y)})


@tiny_is_zero
def log_likelihood(model: Model, tree: Any, *, seed: int | None = None) -> Any:
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
    value = row_densities(model, tree, generator(seed))
    return add_group(model, tree, "log_likelihood", {model.response: (("row",), value)})


def row_densities(model: Model, tree: Any, rng: np.random.Generator) -> Array:
    """Log density of every row given its mean (chains, draws, n).

    Of a row of a matrix it is that of its entries, its scores integrated out.
    """
    if model.axes is not None:
        shape = tree["posterior"]["sigma"].shape
        found = densities(model, tree, model.axes.problem.Y)
        return np.broadcast_to(found, (int(np.prod(shape)), found.shape[1])).reshape(*shape, -1)
    mean = posterior_means(model, tree, rng)
    sd = posterior_noise(model, tree["posterior"].dataset)
    return log_normal(model.design.y - mean, sd) * model.design.frequency
