"""What public functions ask of their first arguments: a model, a response, a probability."""

from typing import Any

import numpy as np

from ..host.options import shown
from .model import Model


def model_first(model: Any, function: str) -> None:
    """Refuse what is no model.

    Raises
    ------
    TypeError
        Saying what a model is.
    """
    if not isinstance(model, Model):
        raise TypeError(
            f"{function} takes a model first, such as bl.lmm(formula, data); got "
            f"{type(model).__name__}"
        )


def check_prob(prob: Any) -> None:
    """Refuse what is no probability between 0 and 1."""
    if not isinstance(prob, int | float | np.number) or not 0.0 < prob < 1.0:
        raise ValueError(f"prob must lie in (0, 1), but is {shown(prob)}")


def response_first(model: Any, function: str, instead: str) -> None:
    """Refuse what has no response in every row, where a function is about it.

    Raises
    ------
    TypeError
        Naming what to call instead.
    """
    model_first(model, function)
    if model.design.y.ndim > 1:
        raise TypeError(f"{function} is about a response in every row, not a matrix; {instead}")
