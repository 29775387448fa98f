"""Prediction for known and new groups.

    y* = offset* + X* beta + sum_t Z_t* u_t + sum_b A_b* u_b + e*

A known group keeps its effect, draw by draw. A new group draws its effects from N(0, Psi), once per
draw and jointly for all rows of that group, so that rows of one new group move together. The
coefficients of a block of columns are those of the draw.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..design import NewGroup
from ..design.visible import visible
from ..host.arithmetic import tiny_is_zero
from ..host.options import one_of, shown
from ..host.seeds import generator
from ..model.declared import check_prob, response_first
from ..model.model import Model
from ..model.space import at_draw
from ..model.terms import GroupTerm
from ..posterior.recover import points
from ..posterior.redrawn import pieces
from ..posterior.tree import read_tree
from ..stats.normal import interval
from ..types import Array, Coefficients, Theta
from .new_rows import New, read_rows


@dataclass(frozen=True)
class Prediction:
    """Draws of the prediction for new rows.

    Attributes
    ----------
    draws : ndarray (k, m)
        One row per posterior draw, one column per row of the new table.
    rows : ndarray (m,)
        Labels of the rows of the new table.
    noise : bool
        Whether the draws are of y* (noise in) or of its mean (noise out).
    new : dict of str to ndarray (m,)
        Name of each grouping factor that took part -> label of the row's group where the fitted
        table did not have that group, so that its effects were drawn from N(0, Psi); None where it
        had.
    """

    draws: Array
    rows: np.ndarray
    noise: bool
    new: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def mean(self) -> Array:
        """Mean by row, (m,)."""
        return self.draws.mean(axis=0)

    @property
    def sd(self) -> Array:
        """Standard deviation by row, (m,)."""
        return self.draws.std(axis=0)

    def interval(self, prob: float = 0.95) -> Array:
        """Equal-tailed interval by row, (m, 2)."""
        check_prob(prob)
        return interval(self.draws, prob).T

    def table(self, prob: float = 0.95) -> Any:
        """mean, sd, lower, upper as a DataFrame labelled by the rows of the new table.

        Where a row is of a group that the fitted table did not have, a column ``new`` names the
        factors of which it is.
        """
        import pandas as pd

        lower, upper = self.interval(prob).T
        columns = {"mean": self.mean, "sd": self.sd, "lower": lower, "upper": upper}
        table = pd.DataFrame(columns, index=self.rows)
        told = [
            ", ".join(name for name, labels in self.new.items() if labels[row] is not None)
            for row in range(len(table))
        ]
        return table.assign(new=told) if any(told) else table

    def __repr__(self) -> str:
        what = "y" if self.noise else "the mean of y"
        told = f"Prediction of {what}: {self.draws.shape[0]} draws\n{self.table()}"
        return visible(told, keep="\n")

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


@tiny_is_zero
def predict(
    model: Model,
    tree: Any,
    new_data: Any = None,
    *,
    terms: Mapping[str, Any] | None = None,
    groups: str = "known",
    noise: bool = False,
    weights: Any = None,
    offset: Any = None,
    noise_sd: Any = None,
    seed: int | None = None,
) -> Prediction:
    """Predict rows of a new table.

    Parameters
    ----------
    model : Model
    tree : DataTree
        What `fit` returned for this model.
    new_data : table, optional
        Columns as in the formula; the response is not needed, nor are grouping factors where
        groups="none", nor weights and known noise without `noise`. Where a model of arrays is one
        block beside an intercept, as ``bl.rvm(x, y, kernel=...)`` and ``bl.lasso(X, y)``, the new
        input of the block itself. Without it the fitted rows.
    terms : dict, optional
        Name of a block -> its new columns, in the form in which they were given: a matrix, a table,
        or the inputs of a kernel. Needed for a block that neither came from the formula nor from a
        table whose names are all in `new_data`.
    groups : {"known", "none"}
        Known groups keep their effect and new ones draw theirs from N(0, Psi); or "none": the
        population, random effects at zero. Blocks of columns stay in.
    noise : bool
        Add the noise of one observation (sigma / sqrt(w)).
    weights, offset, noise_sd : column name or array (m,), optional
        For the new rows, where they were arrays at the fit.
    seed : int, optional
        Seed of the draws of new groups and of the noise.

    Returns
    -------
    Prediction
        `mean`, `sd`, `draws`, `interval(prob)`, `table(prob)`; `new` says which rows are of groups
        that the fitted table did not have.

    Raises
    ------
    DesignError
        Where the new table lacks a column, or holds values that cannot be used.
    ValueError
        Where `groups` is neither, or the tree is of another model.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> new = {"Days": [0, 9], "Subject": [308, 308]}
    >>> bl.predict(m, eb, new, seed=2).mean.shape
    (2,)
    """
    if not one_of(groups, ("known", "none")):
        raise ValueError(f"groups must be 'known' or 'none', got {shown(groups)}")
    response_first(model, "predict", "use impute, reconstruct or transform")
    tree = read_tree(model, tree)
    rng = generator(seed)
    extras = {"weights": weights, "offset": offset, "noise_sd": noise_sd}
    new = read_rows(model, new_data, terms, groups == "known", noise, **extras)
    rows, posterior = new.rows, tree["posterior"].dataset
    theta = points(model, posterior)
    sigma = theta["sigma"]
    mean = np.empty((sigma.size, rows.rows.size))
    named = groups == "known"
    met = named and any((g.codes >= 0).any() for g in rows.groups)  # else no known effect counts
    for part, drawn in pieces(model, posterior, rng, groups=met):
        mean[part] = rows.offset
        if model.fixed:
            mean[part] += drawn[model.fixed.coefficients] @ rows.X.T
        if named:
            _add_groups(mean[part], model, new, drawn, at_draw(theta, part), rng)
        for block, columns in zip(model.blocks, new.columns):
            u = drawn[block.coefficients]
            mean[part] += block.times(u) if columns is None else block.at(u, columns)
    if noise:
        if model.design.noise_sd is not None and rows.noise_sd is None:
            raise ValueError("noise=True needs noise_sd= for the new rows: it was given at the fit")
        weighted = (model.design.weights != 1.0).any() and rows.noise_sd is None
        if weighted and not rows.weighted:
            raise ValueError(
                "noise=True needs the weights of the new rows: give their column, or weights="
            )
        mean += model.residual.at(rows).noise(theta) * rng.standard_normal(mean.shape)
    return Prediction(mean, rows.rows, noise, {g.name: _unknown(g) for g in rows.groups if named})


def _unknown(group: NewGroup) -> np.ndarray:
    """Labels of the groups that are new, by row; None where a row's group is known."""
    labels = np.full(group.codes.size, None, dtype=object)
    fresh = np.flatnonzero(group.codes < 0)
    found = group.new_levels.tolist()
    labels[fresh] = [found[-1 - code] for code in group.codes[fresh]]
    return labels


def _add_groups(
    mean: Array,
    model: Model,
    new: New,
    drawn: Coefficients,
    theta: Theta,
    rng: np.random.Generator,
) -> None:
    """Add Z_t* u_t of every factor, (k, m); effects are left out where every group is new."""
    by_name = {g.name: g for g in new.rows.groups}
    for term in model.groups:
        L = term.root(theta)
        u = drawn.get(term.coefficients, np.zeros((len(L), 0, term.shape[1])))
        mean += _effects(term, by_name[term.name], u, L, rng)


def _effects(term: GroupTerm, new: NewGroup, u: Array, L: Array, rng: np.random.Generator) -> Array:
    """Z_t* u_t for every draw, (k, m): known groups' u (k, levels, q), new ones' from N(0, LL')."""
    total = np.zeros((len(u), new.codes.size))
    known = np.flatnonzero(new.codes >= 0)
    if known.size:
        total[:, known] = term.at(u, new.codes[known], new.Z[known])
    fresh = np.flatnonzero(new.codes < 0)
    if fresh.size:
        normals = rng.standard_normal((len(u), len(new.new_levels), u.shape[-1]))
        drawn = np.einsum("kij,kgj->kgi", L, normals)
        total[:, fresh] = term.at(drawn, -1 - new.codes[fresh], new.Z[fresh])
    return total
