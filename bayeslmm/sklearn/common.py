"""What the estimators share: an engine by its name, and names for columns."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..fit import fit
from ..gaussian.sums import Array


def infer(estimator: Any, model: Any, engines: Mapping[str, Callable[[], Any]]) -> None:
    """Fit the model with the estimator's engine: sets model_ and tree_.

    Raises
    ------
    ValueError
        Where the engine is a word that is not among `engines`.
    """
    engine = estimator.engine
    if isinstance(engine, str):
        if engine not in engines:
            raise ValueError(
                f"engine must be one of {', '.join(map(repr, engines))}, or a value such as "
                f"bl.NUTS(draws=2000); got {engine!r}"
            )
        engine = engines[engine]()
    seed = int(check_random_state(estimator.random_state).randint(2**31 - 1))
    estimator.tree_ = fit(model, engine, seed=seed, progress=False)
    estimator.model_ = model


def named(estimator: Any, X: Array, bias: bool = False) -> Any:
    """X as a table with the features' names; a column of ones before it for the bias."""
    import pandas as pd

    names = getattr(estimator, "feature_names_in_", np.arange(X.shape[1]))
    table = pd.DataFrame(X, columns=[str(name) for name in names])
    if bias:
        table.insert(0, "bias", 1.0)
    return table
