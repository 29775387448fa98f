"""Laplace's approximation of the evidence, and importance sampling from it.

For posteriors near a Gaussian in coordinates of any number: the approximation is never refitted to
its own draws, for which there would be too few.
"""

import numpy as np

from ..model.model import Model
from ..types import Array
from . import start
from .integral import LogEvidence, by_importance
from .mode import posterior_mode
from .student import student


def laplace(model: Model) -> tuple[float, Array, Array]:
    """Laplace's approximation: log evidence, the mode, and a root of the covariance there."""
    target = model.target()
    centre = posterior_mode(model, target)
    values, vectors = np.linalg.eigh(-start.hessian(target, centre))
    values = np.maximum(values, 0.05)
    value = target(centre)[0] - 0.5 * float(np.log(values / (2.0 * np.pi)).sum())
    return value, centre, vectors / np.sqrt(values)


def laplace_sampled(model: Model, rng: np.random.Generator, draws: int = 20_000) -> LogEvidence:
    """Importance sampling from Laplace's approximation with a t's tails, never refitted.

    For posteriors near a Gaussian in coordinates of any number.
    """
    _, centre, root = laplace(model)
    z, log_q = student(centre, root, draws, rng)
    logs = model.target().many(z) - log_q
    return by_importance(np.where(np.isfinite(logs), logs, -np.inf))
