"""Any declared model, and which functions take which."""

from typing import Any

from .factors import FactorModel
from .model import Model

type Declared = Model | FactorModel
MODELS = (Model, FactorModel)


def rows_only(model: Any, function: str, instead: str) -> None:
    """Refuse a model whose rows have many responses, where a function is about one.

    Raises
    ------
    TypeError
        Naming what to call instead.
    """
    if isinstance(model, FactorModel):
        raise TypeError(f"{function} is about a response in every row, not a matrix; {instead}")
