"""Draws of the coefficients, as they were kept, or drawn again where they were not.

Given the variances the law of all coefficients is known exactly, so what was too large to keep can
be drawn anew: (beta, u) ~ N(. ; y, theta), a slice of the draws at a time, so that a block of many
columns is never held for all of them. Where only the largest factor's effects are missing, they are
drawn given the draws of all else.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .gaussian.sums import Array
from .model import Model
from .recover import theta_points

SLICE = 4_000_000  # coefficients drawn again at a time


def pieces(
    model: Model, posterior: Any, rng: np.random.Generator, groups: bool = True
) -> Iterator[tuple[slice, Array, list[Array]]]:
    """All draws in order, slice by slice: which, beta (k, p), then u of every term and block.

    Parameters
    ----------
    posterior : Dataset
    groups : bool
        Whether the effects of grouping factors are wanted too; they are left out where not.

    Yields
    ------
    part : slice
        Among the draws of all chains.
    beta : ndarray (k, p)
    effects : list of ndarray
        Per term (k, levels, q), where wanted; then per block (k, P), on the columns as given.
    """
    count = posterior["sigma"].size
    wanted = (*(model.terms if groups else ()), *model.blocks)
    absent = [t for t in wanted if t.coefficients not in posterior]
    if not absent or (groups and absent == [*model.terms[:1]]):
        yield slice(0, count), _beta(model, posterior, count), _kept(model, posterior, wanted, rng)
        return
    scales, sigma = theta_points(model, posterior)
    flat = posterior.attrs.get("criterion") in ("ml", "reml")
    solver = model.solver("reml" if flat else "evidence")
    every = sum(t.columns for t in (*model.terms, *model.blocks)) + len(model.design.fixed)
    step = max(1, SLICE // max(every, 1))
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        beta, drawn = solver.draws(scales[part], sigma[part], rng, groups=groups)
        effects = model.in_units(drawn)
        yield part, beta, list(effects if groups else effects[len(model.terms) :])


def _beta(model: Model, posterior: Any, count: int) -> Array:
    if not model.design.fixed:
        return np.zeros((count, 0))
    values: Array = posterior["beta"].values
    return values.reshape(count, -1)


def _kept(model: Model, posterior: Any, wanted: tuple, rng: np.random.Generator) -> list[Array]:
    count = posterior["sigma"].size
    return [
        posterior[t.coefficients].values.reshape(count, *t.shape)
        if t.coefficients in posterior
        else redraw(model, posterior, rng)
        for t in wanted
    ]


def redraw(model: Model, posterior: Any, rng: np.random.Generator) -> Array:
    """Draws (k, levels, q) of the largest factor's effects, given the draws of all else."""
    scales, sigma = theta_points(model, posterior)
    others = []
    for term in model.terms[1:]:
        others.append(posterior[term.coefficients].values.reshape(sigma.size, *term.shape))
    for block in model.blocks:
        u = posterior[block.coefficients].values.reshape(sigma.size, -1)
        others.append((u * block.unit)[:, :, None])
    beta = _beta(model, posterior, sigma.size)
    return model.solver().redraws(scales, sigma, beta, tuple(others), rng)
