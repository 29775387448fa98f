"""Is a factor model the same in its solver, its graphs and its recovery?

The same ties as for models of one response: dense algebra over all entries that are there, with
mu and every row's scores as coefficients; differences; and the candidate's identity.
"""

from typing import Any

import numpy as np

from ..engines.start import centre
from ..factors import FactorModel
from ..factors.flat import Flat
from ..laws import log_densities
from ..normal import LOG_2PI
from ..types import Array
from .dense import check_gradient, close


def check_matrix_model(model: FactorModel, seed: int, points: int, graphs: bool) -> None:
    """Check a factor model on a small table; see `check_model`."""
    rng = np.random.default_rng(seed)
    joint = model.graph.compile_logp(mode="FAST_COMPILE") if graphs else None
    marginal = None
    if graphs and not model.ard:  # its graph takes the loadings as they are
        marginal = model.marginal.compile_logp(mode="FAST_COMPILE")
    for _ in range(points):
        z = centre(model) + 0.2 * rng.standard_normal(model.space.size)
        W, h = (a[0] for a in model.target().loadings(z[None]))
        sigma = float(h[-1])
        C, prior, location, y = _columns(model, W)
        total = C.T @ C / sigma**2 + prior
        mean = np.linalg.solve(total, C.T @ y / sigma**2 + prior @ location)
        truth = _evidence(C, y, prior, location, mean, total, sigma) + model.log_jacobian
        ours = model.solver().value(W, sigma)
        close(ours, truth, 1e-8 * max(1.0, abs(truth)), "log p(Y | theta) and the dense normal")
        check_gradient(model, z)
        _means(model, W, sigma, mean, np.linalg.inv(total))
        if joint is None:
            continue
        b = mean + np.linalg.solve(np.linalg.cholesky(total).T, rng.standard_normal(mean.size))
        found = float(joint(_point(model, W, h, b)))
        away = b - mean
        conditional = 0.5 * (np.linalg.slogdet(total)[1] - mean.size * LOG_2PI)
        conditional -= 0.5 * float(away @ total @ away)
        conditional -= float(np.log(model.unit).sum())  # of mu on the user's scale
        expected = ours + _log_theta(model, W, h) + conditional
        close(found, expected, 1e-7 * max(1.0, abs(expected)), "the candidate's identity")
        if marginal is not None:
            point, slope = _coordinates(model, z)
            value = model.target()(z)[0] - slope
            close(float(marginal(point)), value, 1e-7 * max(1.0, abs(value)), "marginal graph")


def _columns(model: FactorModel, W: Array) -> tuple[Array, Array, Array, Array]:
    """Columns of (mu, z_1, ..., z_n) for the entries that are there, their prior, the entries."""
    n, d = model.X.shape
    q = W.shape[1]
    row, column = np.nonzero(model.design.there)
    C = np.zeros((row.size, d + n * q))
    C[np.arange(row.size), column] = 1.0
    for k in range(q):
        C[np.arange(row.size), d + row * q + k] = W[column, k]
    known = model.mean_prior
    precision = np.concatenate([1.0 / known.variance, np.ones(n * q)])
    location = np.concatenate([known.location, np.zeros(n * q)])
    return C, np.diag(precision), location, model.X[row, column]


def _evidence(
    C: Array, y: Array, prior: Array, location: Array, mean: Array, total: Array, sigma: float
) -> float:
    """Log p(y) by the candidate's formula at the conditional mean."""
    error, away = y - C @ mean, mean - location
    value = -0.5 * error @ error / sigma**2 - y.size * (np.log(sigma) + 0.5 * LOG_2PI)
    value += 0.5 * float(np.log(np.diag(prior)).sum()) - 0.5 * float(away @ prior @ away)
    return float(value - 0.5 * np.linalg.slogdet(total)[1])


def _means(model: FactorModel, W: Array, sigma: float, mean: Array, cov: Array) -> None:
    d = W.shape[0]
    ours, V = model.solver().mean_law(W, sigma)
    sd = np.sqrt(np.diag(cov)[:d])
    close(float(np.abs((ours - mean[:d]) / sd).max()), 0.0, 1e-6, "means, in conditional sds")
    worst = float(np.abs(V - cov[:d, :d]).max() / cov[:d, :d].max())
    close(worst, 0.0, 1e-6, "covariance of the means, relative")


def _log_theta(model: FactorModel, W: Array, h: Array) -> float:
    """Log prior of W on the user's scale, and of the logarithms of the free scales."""
    total, at = 0.0, 0
    for scale in model.scales:
        own = h[at : at + scale.size]
        at += scale.size
        if scale.law is not None:
            total += float(log_densities(scale.law, own).sum() + np.log(own).sum())
    if model.components:
        sd = np.broadcast_to(h[:-1], W.shape[1]) * model.unit[:, None]
        white = W * model.unit[:, None] / sd
        total += float((-0.5 * white**2 - np.log(sd) - 0.5 * LOG_2PI).sum())
    return total


def _point(model: FactorModel, W: Array, h: Array, b: Array) -> dict[str, Any]:
    """Values of the joint graph's free variables."""
    n, d = model.X.shape
    natural: dict[str, Any] = {
        "mu": model.shift + model.unit * b[:d],
        "W": W * model.unit[:, None],
        "z": b[d:].reshape(n, -1),
    }
    at = 0
    for scale in model.scales:
        own = h[at : at + scale.size]
        natural[scale.name] = own if scale.dim else own[0]
        at += scale.size
    point = {}
    for rv in model.graph.free_RVs:
        logarithm = model.graph.rvs_to_transforms[rv] is not None
        value = natural[rv.name]
        name = model.graph.rvs_to_values[rv].name
        point[name] = np.asarray(np.log(value) if logarithm else value)
    return point


def _coordinates(model: FactorModel, z: Array) -> tuple[dict[str, Any], float]:
    """Values of the marginal graph's variables at z, and log |dv / dz|."""
    shapes = model.marginal.initial_point()
    places, at = {}, 0
    for name, value in shapes.items():
        places[name] = slice(at, at + np.size(value))
        at += np.size(value)
    index, factor, shift = Flat(model, model.marginal, places).units
    v = factor * z[index] + shift
    point = {name: v[place].reshape(np.shape(shapes[name])) for name, place in places.items()}
    return point, float(np.log(np.abs(factor)).sum())
