"""Draws of y given theta, a fold over terms: coefficients, the mean of every row, the noise.

y | beta, u, theta ~ N(offset + sum_t A_t u_t, sigma^2 C)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import Array, Coefficients


def draw_new(
    model: Any, roots: Array, rng: np.random.Generator, some: Sequence[Any] | None = None
) -> Coefficients:
    """New coefficients of all terms whose law is theta's, or of some, at roots (m,)."""
    each = zip(model.parts, model.entries.split(roots))
    wanted = [(p, root) for p, root in each if some is None or p in some]
    return {p.coefficients: p.draw_new(root, p.shape[0], rng) for p, root in wanted}


def draw_fixed(model: Any, rng: np.random.Generator) -> Coefficients:
    """Fixed effects from their prior."""
    return {model.fixed.coefficients: model.fixed.draw(rng)} if model.fixed else {}


def mean_of(model: Any, drawn: Coefficients, roots: Array | None = None) -> Array:
    """Mean of every row, (..., n) or (..., n, d), from coefficients.

    Roots (..., m) are asked only where columns are the unknown.
    """
    own = {} if roots is None else dict(zip(model.parts, model.entries.split(roots)))
    mean: Array = getattr(model.design, "offset", np.zeros(model.design.y.shape))
    for term in model.terms:
        mean = mean + term.times(drawn[term.coefficients], own.get(term))
    return mean


def simulate_rows(
    model: Any,
    roots: Array,
    sigma: float,
    rng: np.random.Generator,
    fixed: Coefficients | None = None,
) -> Array:
    """One response given the variances; fixed effects from their prior, or as given."""
    fixed = draw_fixed(model, rng) if fixed is None else fixed
    mean = mean_of(model, {**fixed, **draw_new(model, roots, rng)}, roots)
    own = model.entries.split(roots)[len(model.parts) :]
    found: Array = mean + model.residual.sd(sigma, *own) * rng.standard_normal(mean.shape)
    return found
