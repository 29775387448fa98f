"""Log densities of draws: of each parameter under its prior, and of the rows and coefficients.

log p(theta), parameter by parameter,    and    log p(y, u | beta, theta) + log p(beta)
"""

import numpy as np

from .laws import log_densities
from .model import Model
from .normal import LOG_2PI, log_normal
from .parameters import Positive
from .predictive import mean_of
from .target import foreign_log_density
from .terms import BlockTerm
from .types import Array, Named, Theta

BLOCK = 10_000_000  # numbers of a block of row means
MANY = 10_000  # numbers from which it pays to look whether all draws are the same


def log_prior(model: Model, variables: Named) -> Named:
    """Log prior density draw by draw, each parameter on its declared scale (sd, correlation).

    beta has one value a draw, its joint density; parameters that are fixed or flat have none.
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
    for c in model.space.correlations:
        if c.free and c.name in variables:
            found[c.name] = ((), c.log_density(variables[c.name][1]))
    if model.fixed_prior.H.shape[0] and "beta" in variables:
        found["beta"] = ((), model.fixed_prior.log_density(variables["beta"][1]))
    return found


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


def log_complete(model: Model, theta: Theta, beta: Array, effects: tuple[Array, ...]) -> Array:
    """log p(y, u | beta, theta) + log p(beta) at k points: a product of normal densities.

    Parameters
    ----------
    theta
        The variances at k points, or at one that stands for all.
    beta, effects : (k, p), per term (k, levels, q)
    """
    d, k = model.design, beta.shape[0]
    total = model.fixed_prior.log_density(beta)
    for term, u in zip(model.terms, effects):
        L = np.broadcast_to(term.root(theta), (k, *term.root_shape))
        alive = L.any(axis=(0, 2))
        if not alive.all():  # an effect fixed at zero is zero, and the others' law is their own
            L = L[:, alive]
            L = np.linalg.cholesky(L @ L.transpose(0, 2, 1)) if alive.any() else L[:, :, :0]
        white = np.linalg.solve(L, u[..., alive].transpose(0, 2, 1))
        log_det = np.log(np.abs(np.diagonal(L, axis1=1, axis2=2))).sum(axis=1)
        total = total - 0.5 * (white**2).sum(axis=(1, 2)) - term.shape[0] * log_det
        total -= 0.5 * term.shape[0] * alive.sum() * LOG_2PI
    for block, u in zip(model.blocks, effects[len(model.terms) :]):
        s = block.root(theta) / block.unit
        with np.errstate(divide="ignore", invalid="ignore"):  # a scale of zero: no density
            white = log_normal(u, s)
        total = total + np.broadcast_to(white, (k, block.columns)).sum(axis=1)
    noise = np.broadcast_to(theta["sigma"], k)
    n = d.frequency.sum()
    total = total - n * np.log(noise) + 0.5 * d.frequency @ np.log(model.precision)
    total -= 0.5 * n * LOG_2PI
    step = max(1, BLOCK // d.y.size)
    for i in range(0, k, step):
        part = slice(i, i + step)
        rest = d.y - mean_of(model, beta[part], [u[part] for u in effects])
        total[part] -= 0.5 * (rest**2 @ (model.precision * d.frequency)) / noise[part] ** 2
    return total
