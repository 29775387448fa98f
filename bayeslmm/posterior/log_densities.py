"""Log densities of draws: of each parameter under its prior, and of the rows and coefficients.

log p(theta), parameter by parameter,    and    log p(y, u | beta, theta) + log p(beta)
"""

import numpy as np

from ..model.laws import log_densities
from ..model.model import Model
from ..model.parameters import Positive
from ..model.space import at_draw
from ..model.target import foreign_log_density
from ..model.terms import BlockTerm, ScoresTerm
from ..stats.normal import log_normal
from ..types import Array, Coefficients, Named, Theta
from .predictive import mean_of

BLOCK = 10_000_000  # numbers of a block of row means
MANY = 10_000  # numbers from which it pays to look whether all draws are the same


def log_prior(model: Model, variables: Named, turned: bool = True) -> Named:
    """Log prior density draw by draw, each parameter on its declared scale (sd, correlation).

    beta has one value a draw, its joint density; parameters that are fixed or flat have none.
    `turned` says that loadings are in the form in which they are told.
    """
    found: Named = {}
    hidden = {p.name for block in model.blocks for p in block.law.parameters}
    for scale in model.space.scales:
        if scale.name in variables and scale.name not in hidden:
            dims, values = variables[scale.name]
            density = _density(scale, values)
            if density is not None:
                found[scale.name] = (dims, density)
    for block in model.blocks:
        found |= _block_prior(block, variables)
    if model.scores:
        found |= _loadings_prior(model.scores, variables, turned)
    for c in model.space.correlations:
        if c.free and c.name in variables:
            found[c.name] = ((), c.log_density(variables[c.name][1]))
    fixed = model.fixed
    if fixed and fixed.known and fixed.coefficients in variables:
        density = fixed.log_density(variables[fixed.coefficients][1], {})
        found[fixed.coefficients] = ((), density)
    return found


def _loadings_prior(scores: ScoresTerm, variables: Named, turned: bool) -> Named:
    """Log prior density of the loadings, one value a draw.

    With scales of their own they have one only before they are turned to be told.
    """
    name, scale = scores.loadings.name, scores.sd.name
    if (scores.loadings.own and turned) or not {name, scale} <= set(variables):
        return {}
    W, sd = variables[name][1], variables[scale][1]
    shape = W.shape[:-2]
    if W.strides[:2] == (0, 0):  # plugged in: the same draw throughout
        W, sd = W[:1, :1], sd[:1, :1]
    unit = scores.unit[:, None]
    density = log_normal(
        W, (sd[..., None, :] if scores.sd.dim else sd[..., None, None]) * unit
    ).sum(axis=(-1, -2))
    return {name: ((), np.broadcast_to(density, shape))}


def _density(scale: Positive, values: Array) -> Array | None:
    """Log prior density of a parameter; None where it is fixed or flat."""
    if scale.fixed is not None:
        return None
    if scale.law is not None and not scale.law.proper:
        return None
    shape = values.shape
    if values.ndim > 1 and values.size > MANY and values.shape[-1] == scale.size:
        first = values[(0,) * (values.ndim - 1)]
        if (values == first).all():  # plugged in: the same draw throughout
            values = first[None]
    if scale.law is None:
        return np.broadcast_to(foreign_log_density(scale, values), shape)
    return np.broadcast_to(log_densities(scale.law, values), shape)


def _block_prior(block: BlockTerm, variables: Named) -> Named:
    """Log prior density of a block's parameters as they are reported, given those above them."""
    if not all(p.name in variables for p in block.law.parameters):
        return {}
    reported = {n: variables[n][1] for n in ("sigma", *(p.name for p in block.law.parameters))}
    theta = {"sigma": reported["sigma"], **block.read(reported)}
    found: Named = {}
    for p in block.law.parameters:
        density = _density(p, theta[p.name])
        if density is not None:
            slope = block.law.jacobian(p.name, theta)
            density = density if isinstance(slope, float) else density + slope
            found[p.name] = (variables[p.name][0], density)
    return found


def log_complete(model: Model, theta: Theta, drawn: Coefficients) -> Array:
    """log p(y, u | beta, theta) + log p(beta) at k points: a product of normal densities.

    Parameters
    ----------
    theta
        The variances at k points, or at one that stands for all.
    drawn
        All coefficients (k, *shape) by name.
    """
    total = sum(t.log_density(drawn[t.coefficients], theta) for t in model.terms)
    step, count = max(1, BLOCK // model.design.y.size), theta["sigma"].size
    k = next(iter(drawn.values())).shape[0] if drawn else count
    rows, roots = np.empty(k), None
    if model.scores:  # columns differ from point to point
        roots = model.roots(theta)[0]
        roots = np.broadcast_to(roots, (k, roots.shape[-1]))
    for i in range(0, k, step):
        part = slice(i, i + step)
        columns = None if roots is None else roots[part]
        mean = mean_of(model, {name: v[part] for name, v in drawn.items()}, columns)
        own = theta if count == 1 else at_draw(theta, part)
        rows[part] = model.residual.log_density(model.design.y - mean, own)
    return total + rows
