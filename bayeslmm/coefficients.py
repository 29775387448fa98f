"""Draws of the coefficients, as they were kept, or drawn again where they were not.

Given the variances the law of all coefficients is known exactly, so what was too large to keep can
be drawn anew: (beta, u) ~ N(. ; y, theta), a slice of the draws at a time, so that a block of many
columns is never held for all of them. Where only the largest factor's effects are missing, they are
drawn given the draws of all else.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .gaussian.beta import integrated
from .model import Model
from .recover import theta_points
from .terms import BlockTerm, GroupTerm
from .types import Array

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
    everything: tuple[GroupTerm | BlockTerm, ...] = model.parts
    wanted = everything if groups else everything[len(model.terms) :]
    absent = [t for t in wanted if t.coefficients not in posterior]
    if not absent:
        each = [posterior[t.coefficients].values.reshape(count, *t.shape) for t in wanted]
        yield slice(0, count), _beta(model, posterior, count), each
        return
    scales, sigma = theta_points(model, posterior)
    every = sum(t.columns for t in everything) + len(model.design.fixed)
    step = max(1, SLICE // every)
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        if groups and absent == list(model.terms[:1]):
            yield part, *_given_the_rest(model, posterior, scales, sigma, part, rng)
            continue
        solver = model.solver(integrated(posterior.attrs.get("criterion")))
        beta, drawn = solver.draws(scales[part], sigma[part], rng, groups=groups)
        effects = model.in_units(drawn)
        yield part, beta, list(effects if groups else effects[len(model.terms) :])


def _given_the_rest(
    model: Model,
    posterior: Any,
    scales: Array,
    sigma: Array,
    part: slice,
    rng: np.random.Generator,
) -> tuple[Array, list[Array]]:
    """beta and all effects, those of the largest factor drawn given the others' draws."""
    rest: tuple[GroupTerm | BlockTerm, ...] = (*model.terms[1:], *model.blocks)
    kept = [posterior[t.coefficients].values.reshape(sigma.size, *t.shape)[part] for t in rest]
    others = list(kept)
    for i, block in enumerate(model.blocks, len(model.terms) - 1):
        others[i] = (kept[i] * block.unit)[:, :, None]
    beta = _beta(model, posterior, sigma.size)[part]
    u = model.solver().redraws(scales[part], sigma[part], beta, tuple(others), rng)
    return beta, [u, *kept]


def _beta(model: Model, posterior: Any, count: int) -> Array:
    if not model.design.fixed:
        return np.zeros((count, 0))
    values: Array = posterior["beta"].values
    return values.reshape(count, -1)
