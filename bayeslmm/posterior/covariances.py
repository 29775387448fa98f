"""The covariance C = W W' + sigma^2 I of the rows of a matrix, at draws of theta."""

import numpy as np

from ..model.model import Model
from ..solvers.canonical import covariance
from ..types import Array, Named, Theta
from .named import passes

CHUNK = 4_000_000  # numbers of covariances held at a time
DIMS = ("feature", "feature_2")
COVARIANCE = {"covariance": DIMS}


def covariances(model: Model, theta: Theta, count: int) -> Named:
    """C on the user's scale at points (k, *shape) of theta, which stand for so many draws.

    Too large ones as their mean and sd over the draws; nothing where rows have one response.
    """
    if model.axes is None or model.fixed is None:
        return {}
    d = model.fixed.columns
    unit = model.fixed.constants["unit"][1]
    scale, sigma = np.outer(unit, unit), theta["sigma"]
    W = model.scores.root(theta) if model.scores else np.zeros((sigma.size, d, 0))
    if not passes(count, d * d):
        return {"covariance": (DIMS, covariance(W, sigma) * scale)}
    mean, sd = _moments(W, sigma)
    return {"covariance_mean": (DIMS, mean * scale), "covariance_sd": (DIMS, sd * scale)}


def _moments(W: Array, sigma: Array) -> tuple[Array, Array]:
    """Mean and sd over draws of C (d, d), a slice of the draws at a time."""
    d = W.shape[1]
    if sigma.size == 1:
        return covariance(W, sigma)[0], np.zeros((d, d))
    total, square = np.zeros((2, d, d))
    step = max(1, CHUNK // (d * d))
    first = covariance(W[:1], sigma[:1])[0]
    for start in range(0, sigma.size, step):
        C = covariance(W[start : start + step], sigma[start : start + step]) - first
        total += C.sum(axis=0)
        square += (C**2).sum(axis=0)
    mean = total / sigma.size
    return first + mean, np.sqrt(np.maximum(square / sigma.size - mean**2, 0.0))
