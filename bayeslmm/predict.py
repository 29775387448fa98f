"""Prediction for known and new groups.

    y* = offset* + X* beta + sum_t Z_t* u_t + e*

A known group keeps its effect, draw by draw. A new group draws its effects from N(0, Psi), once per
draw and jointly for all rows of that group, so that rows of one new group move together.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .design import NewGroup, NewRows
from .gaussian.sums import Array
from .model import Model
from .predictive import redraw
from .recover import theta_points
from .terms import GroupTerm
from .tree import check_tree


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
    """

    draws: Array
    rows: np.ndarray
    noise: bool

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
        if not 0.0 < prob < 1.0:
            raise ValueError(f"prob must lie in (0, 1), but is {prob!r}")
        tail = 0.5 * (1.0 - prob)
        return np.quantile(self.draws, [tail, 1.0 - tail], axis=0).T

    def table(self, prob: float = 0.95) -> Any:
        """mean, sd, lower, upper as a DataFrame labelled by the rows of the new table."""
        import pandas as pd

        lower, upper = self.interval(prob).T
        columns = {"mean": self.mean, "sd": self.sd, "lower": lower, "upper": upper}
        return pd.DataFrame(columns, index=self.rows)

    def __repr__(self) -> str:
        what = "y" if self.noise else "the mean of y"
        return f"Prediction of {what}: {self.draws.shape[0]} draws\n{self.table()}"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def predict(
    model: Model,
    tree: Any,
    new_data: Any = None,
    *,
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
        groups="none", nor weights and known noise without `noise`. Without it the fitted rows.
    groups : {"known", "none"}
        Known groups keep their effect and new ones draw theirs from N(0, Psi); or "none": the
        population, random effects at zero.
    noise : bool
        Add the noise of one observation (sigma / sqrt(w)).
    weights, offset, noise_sd : column name or array (m,), optional
        For the new rows, where they were arrays at the fit.
    seed : int, optional
        Seed of the draws of new groups and of the noise.

    Returns
    -------
    Prediction
        `mean`, `sd`, `draws`, `interval(prob)`, `table(prob)`.

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
    if groups not in ("known", "none"):
        raise ValueError(f"groups must be 'known' or 'none', got {groups!r}")
    check_tree(model, tree)
    rng = np.random.default_rng(seed)
    if new_data is None:
        rows = _fitted_rows(model)
    else:
        rows = model.design.encoder.encode(
            new_data,
            weights=weights,
            offset=offset,
            noise_sd=noise_sd,
            groups=groups == "known",
            noise=noise,
        )
    posterior = tree["posterior"].dataset
    scales, sigma = theta_points(model, posterior)
    mean = np.broadcast_to(rows.offset, (sigma.size, rows.offset.size)).copy()
    if model.design.fixed:
        mean += posterior["beta"].values.reshape(sigma.size, -1) @ rows.X.T
    if groups == "known":
        by_name = {g.name: g for g in rows.groups}
        at = 0
        for term in model.terms:
            q = term.shape[1]
            L = scales[:, at : at + q * q].reshape(-1, q, q)
            mean += _effects(model, term, by_name[term.name], posterior, L, rng)
            at += q * q
    if noise:
        if model.design.noise_sd is not None and rows.noise_sd is None:
            raise ValueError("noise=True needs noise_sd= for the new rows: it was given at the fit")
        weighted = (model.design.weights != 1.0).any() and rows.noise_sd is None
        if weighted and not rows.weighted:
            raise ValueError(
                "noise=True needs the weights of the new rows: give their column, or weights="
            )
        mean += sigma[:, None] / np.sqrt(rows.precision) * rng.standard_normal(mean.shape)
    return Prediction(mean, rows.rows, noise)


def _fitted_rows(model: Model) -> NewRows:
    design = model.design
    groups = tuple(
        NewGroup(g.name, g.Z, g.codes, np.array([], dtype=object)) for g in design.groups
    )
    extras = design.offset, design.weights, design.noise_sd
    return NewRows(design.X, *extras, groups, design.rows, weighted=True)


def _effects(
    model: Model, term: GroupTerm, new: NewGroup, posterior: Any, L: Array, rng: np.random.Generator
) -> Array:
    """Z_t* u_t for every draw, (k, m)."""
    draws, q = L.shape[0], term.shape[1]
    total = np.zeros((draws, new.codes.size))
    known = np.flatnonzero(new.codes >= 0)
    if known.size:
        if term.coefficients in posterior:
            u = posterior[term.coefficients].values.reshape(draws, *term.shape)
        else:
            u = redraw(model, posterior, rng)
        total[:, known] = term.times(u, new.codes[known], new.Z[known])
    fresh = np.flatnonzero(new.codes < 0)
    if fresh.size:
        normals = rng.standard_normal((draws, len(new.new_levels), q))
        u = np.einsum("kij,kgj->kgi", L, normals)
        total[:, fresh] = term.times(u, -1 - new.codes[fresh], new.Z[fresh])
    return total
