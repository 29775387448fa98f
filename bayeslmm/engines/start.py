"""Where to start: the mode of theta's coordinates, found roughly, and the width around it."""

from typing import Any

import numpy as np

from ..gaussian.sums import Array
from ..model import Model
from ..target import Target


def centre(model: Model) -> Array:
    """A point of the right magnitude: every scale at the scale of its default law.

    Response and columns give the magnitude: sd y / rms z for effects, sd y for the noise.
    """
    space, design = model.space, model.design
    spread = float(np.std(design.y - design.offset)) or 1.0
    h: list[Any] = []
    for term in model.terms:
        h.append(0.5 * spread / np.sqrt(np.mean(term.grouping.Z**2, axis=0)))
    h.append([0.5 * spread * float(np.sqrt(np.mean(model.precision)))])
    z = np.zeros(space.size)
    index = model.layout.at
    z[index[index >= 0]] = np.log(np.concatenate(h))[index >= 0]
    return z


def mode(target: Target, start: Array) -> Array:
    """A rough mode by L-BFGS-B; the start itself where no better point is found."""
    from scipy.optimize import minimize

    if start.size == 0:
        return start

    def negative(z: Array) -> tuple[float, Array]:
        value, grad = target(z)
        return (-value, -grad) if np.isfinite(value) else (1e300, np.zeros_like(z))

    bounds = [(s - 40.0, s + 40.0) for s in start]
    found = minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x if np.isfinite(found.fun) and found.fun < 1e300 else start


def hessian(target: Target, z: Array, step: float = 1e-4) -> Array:
    """Hessian (d, d) of a log density by central differences of its exact gradient."""
    d = z.size
    H = np.empty((d, d))
    for i in range(d):
        e = np.zeros(d)
        e[i] = step
        H[i] = (target(z + e)[1] - target(z - e)[1]) / (2.0 * step)
    return 0.5 * (H + H.T)


def width(target: Target, z: Array) -> Array:
    """Standard deviation of each coordinate in the Gaussian approximation at z, at most 2."""
    curvature = -hessian(target, z)
    values, vectors = np.linalg.eigh(curvature)
    variance = (vectors**2 / np.maximum(values, 0.25)).sum(axis=1)
    return np.sqrt(variance)
