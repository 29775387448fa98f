"""The relevance vector machine with one more function at each new point (RVM*).

    f(x) = sum_m w_m K(x, x_m) + v K(x, x*),    v ~ N(0, a^2)

at the new point x* itself, for which alone it is made (Rasmussen & Quinonero-Candela 2005, Healing
the relevance vector machine through augmentation). With k = K(X, x*), C the covariance of y without
it, e = K(x*, x*) - phi(x*)' S Phi' k / sigma^2 what the other functions leave of it there,

    s = k' C^-1 k,   q = k' C^-1 y:   mean + e q / (a^-2 + s),   variance + e^2 / (a^-2 + s).

Among the data s is large, and little changes; far from them k is zero and the variance grows by
a^2, here that of the response, instead of falling to the noise.
"""

from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from ..model import Model
from ..recover import theta_points
from ..types import Array


def healed(model: Model, tree: Any, x: Array) -> tuple[Array, Array]:
    """What the mean and the variance at new points x (m, d) gain, (m,) each."""
    block, design = model.blocks[0], model.design
    source = block.source
    made: Any = source.expansion
    scales, sigma = theta_points(model, tree["posterior"].dataset.isel(chain=[0], draw=[0]))
    kept = np.flatnonzero(scales[0] > 0.0)
    root_weight = np.sqrt(model.precision * design.frequency) / sigma[0]
    F = root_weight[:, None] * block.Z[:, kept] * scales[0, kept]
    lower = np.linalg.cholesky(np.eye(kept.size) + F.T @ F)
    kernel = made.functions.kernel
    k = root_weight[:, None] * kernel(made.inputs.matrix, x)
    y = root_weight * (design.y - design.offset)
    half, along = (solve_triangular(lower, F.T @ v, lower=True) for v in (k, y))
    A = source.encode(x)[:, kept] * scales[0, kept]
    own = np.array([kernel(point[None], point[None])[0, 0] for point in x])
    e = own - (solve_triangular(lower, A.T, lower=True) * half).sum(axis=0)
    s, q = (k**2).sum(axis=0) - (half**2).sum(axis=0), k.T @ y - half.T @ along
    share = design.frequency / design.frequency.sum()
    spread = share @ (design.y - share @ design.y) ** 2
    room = 1.0 / spread + np.maximum(s, 0.0)
    return e * q / room, e**2 / room
