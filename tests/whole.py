"""One model with everything at once, and its equation written out in NumPy beside it.

    y_i = o_i + b_0 + b_1 x_i + a_0[g_i] + a_1[g_i] x_i + c[h_i] + sum_k z_ik v_k + e_i
    e_i ~ N(0, sigma^2 / w_i),    row i counts f_i times

Its numbers are the draws of a tree, put into this equation by hand.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

import bayeslmm as bl

FORMULA = "y ~ x + (x | g) + (1 | h)"
COLUMNS = ["z0", "z1", "z2", "z3"]
PRIORS = {"Intercept": "Normal(30, 20)", "x": "Normal(0, 5)"}
ROWS, GROUPS, OTHERS = 60, 10, 5


def table() -> pd.DataFrame:
    """Weights of 1/4, 1 and 4, rows that count up to three times, a large offset."""
    rng = np.random.default_rng(7)
    g, h = np.repeat(np.arange(GROUPS), 6), np.tile(np.arange(OTHERS), 12)
    d = pd.DataFrame({"x": rng.normal(2.0, 1.5, ROWS)})
    d["g"], d["h"] = [f"g{i}" for i in g], [f"h{i}" for i in h]
    d["w"], d["f"] = rng.choice([0.25, 1.0, 4.0], ROWS), rng.integers(1, 4, ROWS)
    d["o"] = rng.normal(0.0, 8.0, ROWS)
    for j, name in enumerate(COLUMNS):
        d[name] = rng.normal(0.0, 2.0**j, ROWS)
    by_group, by_other = rng.normal(size=(GROUPS, 2)) * [2.0, 0.7], rng.normal(size=OTHERS)
    mean = 30.0 + d["o"] + 1.5 * d["x"] + by_group[g, 0] + by_group[g, 1] * d["x"] + by_other[h]
    d["y"] = mean + 1.2 * d["z0"] - 0.3 * d["z1"] + rng.normal(size=ROWS) / np.sqrt(d["w"])
    return d


def declare(data: pd.DataFrame, **changed: Any) -> Any:
    """The model; `changed` takes other options."""
    options = {"weights": "w", "frequency": "f", "offset": "o", "priors": PRIORS} | changed
    formula = options.pop("formula", FORMULA)
    terms = options.pop("terms", [bl.ridge(data[COLUMNS], name="z")])
    return bl.lmm(formula, data, terms=terms, **options)


@dataclass(frozen=True, eq=False)
class Whole:
    """The table, the model, and what two engines say of it."""

    data: pd.DataFrame
    model: Any
    eb: Any
    nuts: Any

    @cached_property
    def X(self) -> np.ndarray:
        return np.column_stack([np.ones(ROWS), self.data["x"]])

    @cached_property
    def columns(self) -> np.ndarray:
        """The block's columns as `ridge` takes them beside an intercept: less their mean."""
        Z = self.data[COLUMNS].to_numpy()
        return Z - np.average(Z, axis=0, weights=self.data["f"])

    def of_groups(self, u_g: np.ndarray, u_h: np.ndarray) -> np.ndarray:
        """What effects (..., 10, 2) and (..., 5, 1) give to every row (..., n)."""
        g, h = self.data["g"].str[1:].astype(int), self.data["h"].str[1:].astype(int)
        return (u_g[..., g, :] * self.X).sum(axis=-1) + u_h[..., h, 0]

    def of_columns(self, beta: np.ndarray, u_z: np.ndarray) -> np.ndarray:
        """What beta (..., 2) and the block's coefficients (..., 4) give to every row (..., n)."""
        return beta @ self.X.T + u_z @ self.columns.T

    def means(self, tree: Any) -> np.ndarray:
        """Mean of every row at every draw, (chains, draws, n)."""
        p = tree["posterior"]
        known = self.of_columns(p["beta"].values, p["u_z"].values) + self.data["o"].to_numpy()
        return known + self.of_groups(p["u_g"].values, p["u_h"].values)

    def noise(self, tree: Any) -> np.ndarray:
        """Noise sd of every row at every draw, (chains, draws, n)."""
        return tree["posterior"]["sigma"].values[..., None] / np.sqrt(self.data["w"].to_numpy())

    @cached_property
    def design(self) -> np.ndarray:
        """All columns side by side, (n, 2 + 20 + 5 + 4)."""
        u_g, u_h = np.eye(2 * GROUPS).reshape(-1, GROUPS, 2), np.eye(OTHERS)[:, :, None]
        none_g, none_h = np.zeros((OTHERS, GROUPS, 2)), np.zeros((2 * GROUPS, OTHERS, 1))
        by_g, by_h = self.of_groups(u_g, none_h), self.of_groups(none_g, u_h)
        return np.column_stack([self.X, by_g.T, by_h.T, self.columns])

    @cached_property
    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """A'WA and A'W(y - o), each row as often as it counts."""
        A, weight = self.design, (self.data["w"] * self.data["f"]).to_numpy()
        return A.T @ (weight[:, None] * A), A.T @ (weight * (self.data["y"] - self.data["o"]))

    @cached_property
    def spread(self) -> np.ndarray:
        """sds of the block's columns."""
        return np.sqrt(np.average(self.columns**2, axis=0, weights=self.data["f"]))

    def law_given(self, sd_g, corr, sd_h, sd_z, sigma) -> tuple[np.ndarray, np.ndarray]:
        """Mean (31,) and precision (31, 31) of all coefficients given the variances.

        The block's coefficients are those of the columns as given: sd_z over the column's sd.
        """
        (gram, rhs), spread = self.sums, self.spread
        psi = sd_g[:, None] * corr * sd_g
        prior = np.zeros(gram.shape)
        prior[0, 0], prior[1, 1] = 20.0**-2, 5.0**-2
        prior[2:22, 2:22] = np.kron(np.eye(GROUPS), np.linalg.inv(psi))
        prior[22:27, 22:27] = np.eye(OTHERS) / sd_h**2
        prior[27:, 27:] = np.diag((spread / sd_z) ** 2)
        precision = gram / sigma**2 + prior
        known = rhs / sigma**2
        known[0] += 30.0 / 20.0**2
        return np.linalg.solve(precision, known), precision


def not_kept(tree: Any, *names: str) -> Any:
    """The tree as a fit leaves it where the draws of these variables would be too large."""
    held, lean = tree["posterior"].dataset.drop_vars(names), tree.copy()
    kept = [name for name in held.attrs["variables"].split(", ") if name not in names]
    lean["posterior"].dataset = held.assign_attrs(variables=", ".join(kept))
    return lean


def fitted_whole() -> Whole:
    """Few draws, for numbers are compared with these very draws."""
    data = table()
    model = declare(data)
    eb = bl.fit(model, bl.EmpiricalBayes("evidence", draws=400), seed=1)
    nuts = bl.fit(model, bl.NUTS(draws=200, tune=200, chains=2, cores=1), seed=1)
    return Whole(data, model, eb, nuts)
