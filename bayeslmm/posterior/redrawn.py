"""Draws of the coefficients, as they were kept, or drawn again where they were not.

Given the variances the law of all coefficients is known exactly, so what was too large to keep can
be drawn anew: (beta, u) ~ N(. ; y, theta), a slice of the draws at a time, so that a block of many
columns is never held for all of them. Where only the largest factor's effects are missing, they are
drawn given the draws of all else.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..model.model import Model
from ..model.space import at_draw
from ..solvers.beta import integrated
from ..types import Array, Coefficients
from .recover import points

SLICE = 4_000_000  # coefficients drawn again at a time


def pieces(
    model: Model, posterior: Any, rng: np.random.Generator, groups: bool = True
) -> Iterator[tuple[slice, Coefficients]]:
    """All draws in order, slice by slice: which among those of all chains, and coefficients.

    Parameters
    ----------
    posterior : Dataset
    groups : bool
        Whether the effects of grouping factors are wanted too; they are left out where not.
    """
    count = posterior["sigma"].size
    wanted = [t for t in model.terms if groups or t not in model.levelled]
    absent = [t for t in wanted if t in model.parts and t.coefficients not in posterior]
    if not absent:
        yield slice(0, count), {t.coefficients: kept(t, posterior) for t in wanted}
        return
    theta = points(model, posterior)
    step = max(1, SLICE // sum(t.columns for t in model.terms))
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        point = model.roots(at_draw(theta, part))
        if groups and absent == list(model.levelled[:1]):
            yield part, _given_the_rest(model, posterior, point, part, rng)
            continue
        solver = model.solver(integrated(posterior.attrs.get("criterion")))
        drawn = model.coefficients(*solver.draws(*point, rng, groups=groups))
        yield part, {t.coefficients: drawn[t.coefficients] for t in wanted}


def kept(term: Any, posterior: Any) -> Array:
    """Draws (k, *shape) of a term's coefficients that a posterior holds."""
    values: Array = posterior[term.coefficients].values
    return values.reshape(-1, *term.shape)


def _given_the_rest(
    model: Model, posterior: Any, point: tuple[Array, Any], part: slice, rng: np.random.Generator
) -> Coefficients:
    """All coefficients, those of the largest factor drawn given the others' draws."""
    first, *rest = model.parts
    drawn = {t.coefficients: kept(t, posterior)[part] for t in model.terms if t is not first}
    others = tuple(t.asked(drawn[t.coefficients]) for t in rest)
    beta = np.zeros((point[1].size, 0))
    if model.fixed:
        beta = model.fixed.asked(drawn[model.fixed.coefficients])
    return drawn | {first.coefficients: model.solver().redraws(*point, beta, others, rng)}
