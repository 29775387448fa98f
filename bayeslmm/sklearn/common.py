"""What the estimators share: an engine by its name, and names for columns."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..columns.validate import equal_columns
from ..design.names import refuse_unnamed
from ..engines.exact import ExactFit
from ..fit import fit
from ..host.options import shown
from ..types import Array

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
                f"bl.NUTS(draws=2000); got {shown(engine)}"
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
    return replace(model, residual=replace(model.residual, sigma=sigma))


def named(estimator: Any, X: Array, kept: Any = None, bias: bool = False) -> Any:
    """X as a table with the features' names; a column of ones before it for the bias.

    Names that stand twice are no names: features are then called by their places. The bias takes a
    name that no feature has.
    """
    import pandas as pd

    names = [str(n) for n in getattr(estimator, "feature_names_in_", range(X.shape[1]))]
    refuse_unnamed(names, "X")
    if len(set(names)) < len(names):
        names = [str(j) for j in range(X.shape[1])]
    table = pd.DataFrame(X, columns=names)
    if kept is not None:
        table = table.iloc[:, kept]
    if bias:
        free = "bias"
        while free in names:
            free += "_"
        table.insert(0, free, 1.0)
    return table


def informative(X: Array) -> Any:
    """Places of the features that say something of their own: not constant, no repeat of another.

    A fold of a cross-validation may hold one value of a feature only, or make two features equal:
    these rows cannot tell what such a feature does.
    """
    repeats = {later for _, later in equal_columns(X)}
    low, high = X.min(axis=0), X.max(axis=0)
    rounding = 2.0 * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high))
    varies = 0.5 * high - 0.5 * low > rounding
    return np.array([j for j in np.flatnonzero(varies) if j not in repeats], dtype=np.intp)


def split(X: Array, all_of_them: bool = False) -> tuple[Any, Any]:
    """Places of the features that are taken, and of those that are not."""
    everything = np.arange(X.shape[1])
    kept = everything if all_of_them else informative(X)
    return kept, np.setdiff1d(everything, kept)


def spread(values: Array, places: Any, size: int) -> Array:
    """Values at their places, zeros elsewhere."""
    whole = np.zeros(size)
    whole[places] = values
    return whole


class ScoresRows:
    """`score` as scikit-learn has it, rows paired as `fit` pairs them."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination of the prediction of y (m,) from X (m, d).

        Raises
        ------
        ValueError
            Where X and y have the same labels in another order.
        """
        refuse_other_order(X, y)
        return float(super().score(X, y, sample_weight))  # type: ignore[misc]


def refuse_other_order(X: Any, y: Any) -> None:
    """Rows are matched by position: refuse labels that say otherwise.

    Raises
    ------
    ValueError
        Where X and y have the same labels in another order.
    """
    one: Any = getattr(X, "index", None)
    other: Any = getattr(y, "index", None)
    labelled = hasattr(one, "equals") and hasattr(other, "equals") and len(one) == len(other)
    if labelled and not one.equals(other) and set(one) == set(other):
        raise ValueError(
            "X and y have the same row labels in another order: give y.loc[X.index], or "
            "y.to_numpy() where rows do belong together by position"
        )
