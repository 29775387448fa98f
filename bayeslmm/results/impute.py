"""Reading rows by a factor model: scores, missing entries, reconstructions, outliers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..design.errors import DesignError
from ..design.visible import visible
from ..host.arithmetic import tiny_is_zero
from ..model.declared import check_prob
from ..model.model import Model
from ..model.terms import MeansTerm
from ..posterior.matrix_rows import Entries, densities, means_of, predicted, scores
from ..posterior.tree import read_tree
from ..stats.weights import log_mean
from ..types import Array


@dataclass(frozen=True, repr=False)
class Scores:
    """Scores of rows.

    Attributes
    ----------
    mean, sd : ndarray (m, q)
        Posterior mean and standard deviation.
    rows, components : list
        Labels.
    """

    mean: Array
    sd: Array
    rows: list
    components: list[str]

    def table(self) -> Any:
        """DataFrame: one row for each row, columns (component, mean or sd)."""
        import pandas as pd

        columns = pd.MultiIndex.from_product([self.components, ["mean", "sd"]])
        values = np.stack([self.mean, self.sd], axis=2).reshape(len(self.rows), -1)
        return pd.DataFrame(values, index=self.rows, columns=columns)

    def __repr__(self) -> str:
        return visible(f"Scores of {len(self.rows)} rows\n{self.table()}", keep="\n")

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


@dataclass(frozen=True, repr=False)
class Imputed:
    """Missing entries with their uncertainty.

    Attributes
    ----------
    entries : pandas.DataFrame
        One row for each missing entry: row, column, mean, sd, lower, upper.
    filled : pandas.DataFrame
        The matrix, missing entries at their means.
    prob : float
        Probability of the equal-tailed interval.
    """

    entries: Any
    filled: Any
    prob: float

    def __repr__(self) -> str:
        told = f"{len(self.entries)} missing entries, {self.prob:.0%} intervals\n{self.entries}"
        return visible(told, keep="\n")

    def _repr_html_(self) -> str:
        return self.entries._repr_html_()


@tiny_is_zero
def transform(model: Model, tree: Any, new_data: Any = None) -> Scores:
    """Scores of rows along the loadings as they are told: mean and sd, given a row's entries.

    Parameters
    ----------
    model : Model
    tree : DataTree
        What `fit` returned for this model.
    new_data : table or array_like (m, d), optional
        New rows, NaN where an entry is missing; by default the fitted ones. Columns of a table are
        found by name. What is known of mu is what the fitted rows say.

    Returns
    -------
    Scores

    Raises
    ------
    DesignError
        Where a column is absent, infinite or no number, or the model has no component.
    ValueError
        Where the tree is of another model.

    Notes
    -----
    E[z] = M^-1 W_o'(y - mu)_o with M = sigma^2 I + W_o'W_o over the entries o that are there
    (Tipping & Bishop 1999, equation 6): shrunk towards zero, the more the fewer there are.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> iris = bl.datasets.load("iris").drop(columns="Species")
    >>> m = bl.ppca(iris, components=2)
    >>> eb = bl.fit(m, bl.EmpiricalBayes("ml"), seed=1)
    >>> bl.transform(m, eb, [[5.0, 3.0, float("nan"), 0.2]]).mean.round(1).tolist()
    [[-1.1, -0.3]]
    """
    tree = _read(model, tree, "transform")
    if model.scores is None:
        raise DesignError("a model with components=0 has no scores")
    X, rows = _inside(model, new_data)
    return Scores(*scores(model, tree, X), list(rows), model.scores.labels)


@tiny_is_zero
def reconstruct(model: Model, tree: Any, new_data: Any = None, *, prob: float = 0.95) -> Any:
    """What the components make of every entry: mu + W z, without noise.

    Parameters
    ----------
    model, tree, new_data
        As in `transform`.
    prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        One row for each row, columns (feature; mean, sd, lower, upper).

    Raises
    ------
    DesignError, ValueError
        As `transform`, and where `prob` is not in (0, 1).

    Examples
    --------
    >>> import bayeslmm as bl
    >>> iris = bl.datasets.load("iris").drop(columns="Species")
    >>> m = bl.ppca(iris, components=2)
    >>> eb = bl.fit(m, bl.EmpiricalBayes("ml"), seed=1)
    >>> bl.reconstruct(m, eb)["Petal.Width"].shape
    (150, 4)
    """
    import pandas as pd

    tree = _read(model, tree, "reconstruct")
    check_prob(prob)
    X, rows = _inside(model, new_data)
    found = predicted(model, tree, X, np.ones(X.shape, dtype=bool), False, prob, 0)
    names = ("mean", "sd", "lower", "upper")
    values = np.stack([getattr(found, name).reshape(X.shape) for name in names], axis=2)
    columns = pd.MultiIndex.from_product([model.design.features, names])
    return pd.DataFrame(values.reshape(len(X), -1), index=list(rows), columns=columns)


@tiny_is_zero
def impute(
    model: Model,
    tree: Any,
    new_data: Any = None,
    *,
    prob: float = 0.95,
    seed: int = 0,
) -> Imputed:
    """Missing entries: mean, sd and interval of the measurement that is not there.

    Parameters
    ----------
    model, tree, new_data
        As in `transform`.
    prob : float
        Probability of the equal-tailed interval, of a measurement: its noise is included.
    seed : int
        Of the draws from which intervals are read where theta was drawn too.

    Returns
    -------
    Imputed
        `entries`, a table of the missing entries; `filled`, the matrix with their means.

    Raises
    ------
    DesignError, ValueError
        As `transform`, and where `prob` is not in (0, 1).

    Notes
    -----
    Right where entries are missing at random: whether one is missing may depend on what is there,
    not on the entry itself (Little & Rubin 2002, section 6.2). With plugged-in loadings (empirical
    Bayes) intervals leave out their uncertainty, and are too short where rows are few.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> iris = bl.datasets.load("iris").drop(columns="Species")
    >>> iris.iloc[0, 2] = float("nan")  # it was 1.4
    >>> m = bl.ppca(iris, components=2)
    >>> found = bl.impute(m, bl.fit(m, bl.EmpiricalBayes("ml"), seed=1), prob=0.9)
    >>> found.entries.round(2).values.tolist()
    [[0, 'Petal.Length', 1.57, 0.45, 0.83, 2.31]]
    """
    import pandas as pd

    tree = _read(model, tree, "impute")
    check_prob(prob)
    X, rows = _inside(model, new_data)
    found = predicted(model, tree, X, np.isnan(X), True, prob, seed)
    columns = np.array(model.design.features, dtype=object)
    table = pd.DataFrame(
        {
            "row": np.asarray(rows)[found.row],
            "column": columns[found.column],
            **{name: getattr(found, name) for name in ("mean", "sd", "lower", "upper")},
        }
    )
    return Imputed(table, _filled(model, X, rows, found), prob)


def _filled(model: Model, X: Array, rows: Any, found: Entries) -> Any:
    import pandas as pd

    values = means_of(model).told(X)
    values[found.row, found.column] = found.mean
    return pd.DataFrame(values, index=list(rows), columns=list(model.design.features))


@tiny_is_zero
def log_density(model: Model, tree: Any, new_data: Any = None) -> Any:
    """Log density of rows: the lower, the less a row is like the others.

    Parameters
    ----------
    model, tree, new_data
        As in `transform`. A row counts with the entries that it has.

    Returns
    -------
    pandas.Series
        log p(row), averaged over the posterior; named "log_density".

    Raises
    ------
    DesignError, ValueError
        As `transform`.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> iris = bl.datasets.load("iris").drop(columns="Species")
    >>> m = bl.ppca(iris, components=2)
    >>> eb = bl.fit(m, bl.EmpiricalBayes("ml"), seed=1)
    >>> bl.log_density(m, eb).nsmallest(2).index.tolist()  # the rows least like the others
    [100, 106]
    """
    import pandas as pd

    tree = _read(model, tree, "log_density")
    X, rows = _inside(model, new_data)
    each = densities(model, tree, X)
    return pd.Series(log_mean(each), index=list(rows), name="log_density")


def _read(model: Any, tree: Any, function: str) -> Any:
    if not isinstance(getattr(model, "fixed", None), MeansTerm):
        raise TypeError(
            f"{function} takes a model of a matrix first, such as bl.ppca(Y, components=2); got "
            f"{type(model).__name__}"
        )
    return read_tree(model, tree)


def _inside(model: Model, new_data: Any) -> tuple[Array, Any]:
    """Rows as the model takes them, and their labels."""
    if new_data is None:
        return model.problem.Y, model.design.rows
    values, rows = model.design.encode(new_data)
    return means_of(model).inside(values), rows
