"""Any declared model, which functions take which, and what they ask of a probability."""

from typing import Any

import numpy as np

from .factors import FactorModel
from .model import Model
from .options import shown

type Declared = Model | FactorModel
MODELS = (Model, FactorModel)


def model_first(model: Any, function: str) -> None:
    """Refuse what is no model.

    Raises
    ------
    TypeError
        Saying what a model is.
    """
    if not isinstance(model, MODELS):
        raise TypeError(
            f"{function} takes a model first, such as bl.lmm(formula, data); got "
            f"{type(model).__name__}"
        )


def check_prob(prob: Any) -> None:
    """Refuse what is no probability between 0 and 1."""
    if not isinstance(prob, int | float | np.number) or not 0.0 < prob < 1.0:
        raise ValueError(f"prob must lie in (0, 1), but is {shown(prob)}")


def rows_only(model: Any, function: str, instead: str) -> None:
    """Refuse a model whose rows have many responses, where a function is about one.

    Raises
    ------
    TypeError
        Naming what to call instead.
    """
    if isinstance(model, FactorModel):
        raise TypeError(f"{function} is about a response in every row, not a matrix; {instead}")
