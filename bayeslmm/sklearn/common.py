"""What the estimators share: an engine by its name, and names for columns."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..engines.exact import ExactFit
from ..fit import fit
from ..gaussian.sums import Array

LEAST = 1e-6  # share of y's spread that is taken for noise where there is none


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
    try:
        estimator.tree_ = fit(model, engine, seed=seed, progress=False)
    except ExactFit as told:
        model = _with_noise(model)
        sigma = float(model.space.sigma.fixed[0])
        warnings.warn(f"{told}; sigma is fixed at {sigma:.2g}", ConvergenceWarning, stacklevel=4)
        estimator.tree_ = fit(model, engine, seed=seed, progress=False)
    estimator.model_ = model


def _with_noise(model: Any) -> Any:
    """The model with a noise that is next to nothing, where the rows of a fold leave none."""
    y = model.design.y
    sigma = replace(model.space.sigma, law=None, fixed=np.array([LEAST * (np.std(y) or 1.0)]))
    return replace(model, space=replace(model.space, scales=(*model.space.scales[:-1], sigma)))


def named(estimator: Any, X: Array, bias: bool = False) -> Any:
    """X as a table with the features' names; a column of ones before it for the bias."""
    import pandas as pd

    names = getattr(estimator, "feature_names_in_", np.arange(X.shape[1]))
    table = pd.DataFrame(X, columns=[str(name) for name in names])
    if bias:
        table.insert(0, "bias", 1.0)
    return table
