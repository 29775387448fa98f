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

from ..model.model import Model
from ..types import Array
from .linear import Given


def healed(model: Model, tree: Any, x: Array) -> tuple[Array, Array]:
    """What the mean and the variance at new points x (m, d) gain, (m,) each."""
    given, design = Given.of(model, tree["posterior"].dataset), model.design
    source = given.block.source
    made: Any = source.expansion
    kernel = made.functions.kernel
    k = given.root[:, None] * kernel(made.inputs.matrix, x)
    y = given.root * (design.y - design.offset)
    half, along = (solve_triangular(given.lower, given.F.T @ v, lower=True) for v in (k, y))
    own = np.array([kernel(point[None], point[None])[0, 0] for point in x])
    e = own - (given.half(source.encode(x)) * half).sum(axis=0)
    s, q = (k**2).sum(axis=0) - (half**2).sum(axis=0), k.T @ y - half.T @ along
    share = design.frequency / design.frequency.sum()
    spread = share @ (design.y - share @ design.y) ** 2
    room = 1.0 / spread + np.maximum(s, 0.0)
    return e * q / room, e**2 / room
