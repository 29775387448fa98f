"""Log densities of draws: of each parameter under its prior, and of the rows and coefficients.

log p(theta), parameter by parameter,    and    log p(y, u | beta, theta) + log p(beta)
"""

import numpy as np

from .gaussian.sums import Array
from .laws import log_densities
from .model import Model
from .predictive import mean_of
from .target import foreign_log_density

BLOCK = 10_000_000  # numbers of a block of row means


def log_prior(
    model: Model, variables: dict[str, tuple[tuple[str, ...], Array]]
) -> dict[str, tuple[tuple[str, ...], Array]]:
    """Log prior density draw by draw, each parameter on its declared scale (sd, correlation).

    beta has one value a draw, its joint density; parameters that are fixed or flat have none.
    """
    found: dict[str, tuple[tuple[str, ...], Array]] = {}
    for scale in model.space.scales:
        if scale.name not in variables or scale.fixed is not None:
            continue
        dims, values = variables[scale.name]
        if scale.law is None:
            found[scale.name] = (dims, foreign_log_density(scale, values))
        elif scale.law.proper:
            found[scale.name] = (dims, log_densities(scale.law, values))
    for c in model.space.correlations:
        if c.free and c.name in variables:
            found[c.name] = ((), c.log_density(variables[c.name][1]))
    if model.fixed_prior.H.shape[0] and "beta" in variables:
        found["beta"] = ((), model.fixed_prior.log_density(variables["beta"][1]))
    return found


def log_complete(
    model: Model, scales: Array, sigma: Array, beta: Array, effects: tuple[Array, ...]
) -> Array:
    """log p(y, u | beta, theta) + log p(beta) at k points: a product of normal densities.

    Parameters
    ----------
    scales, sigma : (k, sum of q^2), (k,)
        Triangular factors and noise; one row stands for all points where there is only one.
    beta, effects : (k, p), per term (k, levels, q)
    """
    d, k = model.design, beta.shape[0]
    total = model.fixed_prior.log_density(beta)
    at = 0
    for term, u in zip(model.terms, effects):
        q = term.shape[1]
        L = np.broadcast_to(scales[:, at : at + q * q], (k, q * q)).reshape(k, q, q)
        at += q * q
        alive = L.any(axis=(0, 2))
        if not alive.all():  # an effect fixed at zero is zero, and the others' law is their own
            L = L[:, alive]
            L = np.linalg.cholesky(L @ L.transpose(0, 2, 1)) if alive.any() else L[:, :, :0]
        white = np.linalg.solve(L, u[..., alive].transpose(0, 2, 1))
        log_det = np.log(np.abs(np.diagonal(L, axis1=1, axis2=2))).sum(axis=1)
        total = total - 0.5 * (white**2).sum(axis=(1, 2)) - term.shape[0] * log_det
        total -= 0.5 * term.shape[0] * alive.sum() * np.log(2.0 * np.pi)
    noise = np.broadcast_to(sigma, k)
    n = d.frequency.sum()
    total = total - n * np.log(noise) + 0.5 * d.frequency @ np.log(model.precision)
    total -= 0.5 * n * np.log(2.0 * np.pi)
    step = max(1, BLOCK // d.y.size)
    for i in range(0, k, step):
        part = slice(i, i + step)
        rest = d.y - mean_of(model, beta[part], [u[part] for u in effects])
        total[part] -= 0.5 * (rest**2 @ (model.precision * d.frequency)) / noise[part] ** 2
    return total
