"""The multivariate t: a proposal with tails, around a centre, with a root of its scale matrix."""

from collections.abc import Sequence

import numpy as np

from ..stats.weights import log_mean
from ..types import Array

DF = 6.0


def square_root(cov: Array) -> Array:
    """A root with root root' = cov, whose smallest directions are kept open."""
    values, vectors = np.linalg.eigh(cov)
    return vectors * np.sqrt(np.maximum(values, 1e-12))


def student(
    centre: Array, root: Array, size: int, rng: np.random.Generator, df: float = DF
) -> tuple[Array, Array]:
    """Draws of a multivariate t (size, d) and their log density."""
    white = rng.standard_normal((size, centre.size))
    z = centre + (white / np.sqrt(rng.chisquare(df, (size, 1)) / df)) @ root.T
    return z, log_student(z, centre, root, df)


def log_student(z: Array, centre: Array, root: Array, df: float = DF) -> Array:
    """Log density of a multivariate t with scale root root' at points z (k, d)."""
    from scipy.special import gammaln

    d = centre.size
    white = np.linalg.solve(root, (z - centre).T)
    log_det = np.linalg.slogdet(root)[1]
    constant = gammaln(0.5 * (df + d)) - gammaln(0.5 * df) - 0.5 * d * np.log(df * np.pi) - log_det
    return constant - 0.5 * (df + d) * np.log1p((white**2).sum(axis=0) / df)


def mixture(
    places: Sequence[tuple[Array, Array]], size: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draws of an equal mixture of t's, (centre, root) each, and their log density."""
    k = len(places)
    counts = [len(range(i, size, k)) for i in range(k)]
    z = np.concatenate([student(*p, count, rng)[0] for p, count in zip(places, counts)])
    logs = np.array([log_student(z, *place) for place in places])
    return z, log_mean(logs)
