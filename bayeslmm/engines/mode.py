"""The mode of theta's coordinates, from several starts: a poor start can hide a better mode."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..types import Array
from .advice import advice
from .loadings_maximum import lowest
from .maximise import maximise
from .peaks import rough_maxima
from .start import MANY, centre, mode

FLOOR = 1e-2  # a scale at zero is started at this share of its usual size


def posterior_mode(model: Any, target: Any) -> Array:
    """The best of the modes found; see `posterior_modes`."""
    return posterior_modes(model, target)[0]


def posterior_modes(model: Any, target: Any) -> list[Array]:
    """The modes found from many magnitudes and from the likelihood's own maxima, the best first.

    A model with advice (a slope far from its intercept) is also started from the careful maxima.

    Raises
    ------
    ArithmeticError
        Where the log density is finite at none of them.
    """
    begin = centre(model)
    low = lowest(model) if model.axes is not None else None
    if begin.size > MANY:
        return [mode(target, begin, low)]
    if model.axes is not None:
        likely = mode(model.target("reml", prior=False), begin, low)
        near = np.clip(likely, begin - 5.0, begin + 40.0)
        found = [mode(target, begin, low), mode(target, near, low)]
    else:
        found = rough_maxima(model, replace(target, prior=False), target)
    for criterion in ("reml", "map") if advice(model) else ():
        try:
            z = model.space.unconstrain(maximise(model, criterion).theta)
        except ArithmeticError:
            continue
        inside = np.where(np.isfinite(z), np.clip(z, begin - 40.0, begin + 40.0), begin)
        found.append(mode(target, np.where(z == -np.inf, begin + np.log(FLOOR), inside)))
    values = np.array([target(z)[0] for z in found])
    if not np.isfinite(values).any():
        raise ArithmeticError(
            "the log posterior is not finite at any start: look for a prior that excludes what the "
            "data say, or rescale y and the columns"
        )
    order = np.argsort(-np.where(np.isfinite(values), values, -np.inf), kind="stable")
    modes = [found[i] for i in order if np.isfinite(values[i])]
    return modes[:1] if model.axes is not None else modes  # of a matrix they are one, turned
