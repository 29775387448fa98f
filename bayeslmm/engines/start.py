"""Where to start: the mode of theta's coordinates, found roughly, and the width around it."""

from typing import Any

import numpy as np

from ..model.model import Model
from ..model.target import hessian
from ..types import Array
from .loadings_maximum import likely_centre

MANY = 500  # coordinates from which curvature is not asked for, and a mode is only approached
WALL = 1e4  # how much worse than the start a point counts that float64 cannot hold


def centre(model: Model) -> Array:
    """A point of the right magnitude: every scale at the scale of its default law.

    Response and columns give the magnitude: sd y / rms z for effects, sd y for the noise. Of
    loadings it is the most probable of the likelihood's maxima.
    """
    if model.axes is not None:
        return likely_centre(model)
    design = model.design
    spread = float(np.std(design.y - design.offset)) or 1.0
    noise = float(np.sqrt(np.mean(model.residual.precision)))
    scales: dict[str, Any] = {model.space.sigma.name: 0.5 * spread * noise}
    for term in model.groups:
        scales[term.sd.name] = 0.5 * spread / np.sqrt(np.mean(term.grouping.Z**2, axis=0))
    for block in model.blocks:
        size = 0.5 * spread / np.sqrt(max(block.columns, 1))
        for p in block.law.parameters:
            flat = p.law is None or not p.law.proper
            scales[p.name] = size if flat else p.law.typical  # type: ignore[union-attr]
    z = np.zeros(model.space.size)
    for name, value in scales.items():
        if name in model.space.places:
            z[model.space.places[name]] = np.log(value)
    return z


def mode(target: Any, start: Array, lowest: Array | None = None) -> Array:
    """A rough mode by L-BFGS-B; the start itself where no better point is found.

    `lowest` bounds each coordinate where the density has a pole that holds no mass.

    The first step goes along the gradient and as far as it is long, so the function is divided by
    that length: a step of one, not one that ends at noise of exp(-40).
    """
    from scipy.optimize import minimize

    if start.size == 0:
        return start
    begin, slope = target(start)
    if not np.isfinite(begin):
        return start
    size = max(1.0, float(np.linalg.norm(slope)))

    def negative(z: Array) -> tuple[float, Array]:
        value, grad = target(z)
        if not np.isfinite(value):  # far, but not so far that a line search loses its digits
            return (WALL - begin) / size, np.zeros_like(z)
        return -value / size, -grad / size

    low = start - 40.0 if lowest is None else np.maximum(start - 40.0, np.minimum(lowest, start))
    bounds = list(zip(low, start + 40.0))
    options = {"ftol": 1e-12, "gtol": 1e-5 / size}
    if start.size > MANY:
        options["maxiter"] = 50
    found = minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return found.x if -found.fun * size > begin else start


def width(target: Any, z: Array) -> Array:
    """Standard deviation of each coordinate in the Gaussian approximation at z, at most 2.

    Of many coordinates, most are local scales: their prior is about one wide.
    """
    if z.size > MANY:
        return np.ones(z.size)
    curvature = -hessian(target, z)
    values, vectors = np.linalg.eigh(curvature)
    variance = (vectors**2 / np.maximum(values, 0.25)).sum(axis=1)
    return np.sqrt(variance)
