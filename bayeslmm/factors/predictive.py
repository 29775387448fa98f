"""Matrices drawn from a factor model: from its prior, and from a posterior."""

from typing import Any

import numpy as np

from ..types import Array, Named
from .canonical import covariance, described, facing, principal
from .model import FactorModel
from .recover import Means, draw_all
from .rows import Points, densities


def draw_mean(model: FactorModel, rng: np.random.Generator) -> Array:
    """mu (d,) inside, from its prior.

    Raises
    ------
    ValueError
        Where it is flat.
    """
    prior = model.mean_prior
    if prior.flat:
        raise ValueError(
            "mu has a flat prior and cannot be drawn; give it a normal one, as in "
            "priors={'mu': 'Normal(0, 10)'}"
        )
    return prior.location + np.sqrt(prior.variance) * rng.standard_normal(prior.location.size)


def matrix_at(
    model: FactorModel, W: Array, sigma: float, mu: Array, z: Array, rng: np.random.Generator
) -> Array:
    """One matrix (n, d) on the user's scale, from what is inside."""
    inside = mu + z @ W.T + sigma * rng.standard_normal((z.shape[0], mu.size))
    return model.shift + model.unit * inside


def prior_draws(model: FactorModel, draws: int, rng: np.random.Generator) -> tuple[Named, Array]:
    """All variables by name, and Y (draws, n, d), from the prior; loadings in canonical form."""
    n, d = model.design.y.shape
    q, unit = model.components, model.unit
    h = [np.concatenate([np.atleast_1d(s.sample(rng)) for s in model.scales]) for _ in range(draws)]
    mu = np.array([draw_mean(model, rng) for _ in range(draws)])
    scales, sigma = np.array(h)[:, :-1], np.array(h)[:, -1]
    W = (scales[:, None, :] if q else np.zeros((draws, d, 0))) * rng.standard_normal((draws, d, q))
    axes, _ = principal(W)
    W = axes @ facing(axes, model.reference)
    z = rng.standard_normal((draws, n, q))
    Y = np.array([matrix_at(model, *each, rng) for each in zip(W, sigma, mu, z)])
    found: Named = {"mu": (("feature",), model.shift + unit * mu), "sigma": ((), sigma)}
    found["covariance"] = ("feature", "feature_2"), covariance(W, sigma) * np.outer(unit, unit)
    if q:
        own = -np.sort(-scales, axis=1)
        found["W"] = ("feature", "component"), W * unit[:, None]
        found["z"] = ("row", "component"), z
        found["sd_W"] = (("component",), own) if model.ard else ((), own[:, 0])
        for name, values in described(axes, sigma).items():
            found[name] = ("component",), values
    return found, Y


def simulated(model: FactorModel, tree: Any, rng: np.random.Generator) -> Array:
    """One new matrix (n, d) with new scores, at a draw of the prior or of a posterior.

    What was missing is missing again.
    """
    if tree is None:
        _, Y = prior_draws(model, 1, rng)
        found = Y[0]
    else:
        points = Points.of(model, tree)
        i = int(rng.integers(points.sigma.size))
        z = rng.standard_normal((model.design.y.shape[0], model.components))
        found = matrix_at(model, points.W[i], points.sigma[i], points.mu[i], z, rng)
    return np.where(model.design.there, found, np.nan)


def replicated(model: FactorModel, tree: Any, rng: np.random.Generator, groups: str) -> Array:
    """One matrix for every draw of a posterior (chains, draws, n, d), none of it missing.

    Scores are the draws of the fitted rows ("known"), or new ones.
    """
    posterior = tree["posterior"].dataset
    shape = posterior["sigma"].shape
    points = Points.of(model, tree)
    n, d = model.design.y.shape
    count = int(np.prod(shape))
    Y = np.empty((count, n, d))
    known = None
    if groups == "known" and "z" in posterior:
        known = posterior["z"].transpose("chain", "draw", "row", "component").values
        known = known.reshape(count, n, model.components)
    for s in range(count):
        i = s if points.sigma.size > 1 else 0
        W, sigma, mu = points.W[i], points.sigma[i], points.mu[i]
        if known is not None:
            z = known[s]
        elif groups == "new" or not model.components:
            z = rng.standard_normal((n, model.components))
        else:
            means = Means(None, W[None], np.array([sigma]), mu)
            z = draw_all(means, model.X, np.zeros(1, np.int64), rng)[1][0]
        Y[s] = matrix_at(model, W, sigma, mu, z, rng)
    return Y.reshape(*shape, n, d)


def row_densities(model: FactorModel, tree: Any, rng: np.random.Generator) -> Array:
    """Log density of every row's entries at every draw (chains, draws, n), z integrated out."""
    shape = tree["posterior"].dataset["sigma"].shape
    found = densities(model, tree, model.X)
    return np.broadcast_to(found, (int(np.prod(shape)), found.shape[1])).reshape(*shape, -1)
