"""The columns of a block that matter: one table, by a stated rule.

"interval"   the equal-tailed interval of the coefficient excludes zero
"shrinkage"  E(1 - kappa_j | y) > 1/2,   kappa_j = 1 / (1 + |z_j|^2 s_j^2 / sigma^2)

kappa_j is how much of column j's least-squares coefficient its scale s_j shrinks away where columns
are orthogonal (Carvalho, Polson & Scott 2010, section 3.4, for the normal means). Where scales were
plugged in at a maximum that sets most of them to zero (Tipping 2001), neither is needed: a column
is in where its scale is not zero.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engines.convergence import FEWEST
from ..host.arithmetic import tiny_is_zero
from ..host.options import one_of, shown
from ..model.declared import check_prob
from ..model.model import Model
from ..posterior.recover import points
from ..posterior.tree import any_tree, model_of, read_tree
from ..types import Array
from .estimates import Estimate, estimates

RULES = ("interval", "shrinkage")


@tiny_is_zero
def selected(
    tree: Any,
    name: str | None = None,
    *,
    prob: float = 0.95,
    rule: str = "interval",
    model: Model | None = None,
) -> Any:
    """Coefficients of a block of columns, and which columns are included.

    Parameters
    ----------
    tree : DataTree
        What `fit` returned.
    name : str, optional
        Name of the block; needed where the model has several.
    prob : float
        Probability of the equal-tailed interval.
    rule : {"interval", "shrinkage"}
        When draws include a column. "interval", the default: its interval excludes zero, which is
        to say that its sign is certain to (1 + prob) / 2. It means the same under every law of the
        scales, heeds correlations between columns, and errs on the side of leaving out: under the
        horseshoe it includes few columns that do not matter (van der Pas, Szabo & van der Vaart
        2017, Bayesian Analysis 12, 1221-1274). "shrinkage" is for scales that pile up at nothing
        and at no shrinkage, those of `horseshoe` and `ard`; it includes more. Where empirical Bayes
        set scales of columns to zero, the rest are included, whatever the rule.
    model : Model, optional
        Needed by "shrinkage" where the tree was read from a file.

    Returns
    -------
    pandas.DataFrame
        One row a column: mean, sd, median, lower, upper; sign, max(P(u > 0), P(u < 0)); included.
        Included columns come first, and then by abs(mean) / sd. Coefficients are those of the
        columns as given. Where scales were plugged in, or draws not kept, all numbers are of the
        normal law with the exact mean and sd.

    Raises
    ------
    ValueError
        Where there is no such block, or an option is out of range.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> d = bl.datasets.load("diabetes")
    >>> m = bl.lmm("y ~ 1", d, terms=[bl.ridge(d.drop(columns="y"), name="x")])
    >>> table = bl.selected(bl.fit(m, bl.EmpiricalBayes(), seed=1))
    >>> table.index[table["included"]].tolist()
    ['bmi', 's5', 'bp', 'sex']
    """
    import pandas as pd

    check_prob(prob)
    if not one_of(rule, RULES):
        raise ValueError(f"selected(rule=...) is one of {', '.join(RULES)}; got {shown(rule)}")
    tree = any_tree(tree)
    name = _name(tree, name)
    held = estimates(tree, prob)
    block = held[f"u_{name}"]
    labels, (lower, upper) = block.labels(0), _enough(block, name).interval
    mean, sd = block.moments
    local = _local(held, name)
    zero = local is not None and bool((local == 0.0).all(axis=0).any())
    if local is not None and zero:
        included = ~(local == 0.0).all(axis=0)
    elif rule == "interval":
        included = (lower > 0.0) | (upper < 0.0)
    else:
        known = _model(tree, model)
        included = kept_share(known, read_tree(known, tree), name) > 0.5
    median, sign = _middle(block)
    numbers = {"mean": mean, "sd": sd, "median": median, "lower": lower, "upper": upper}
    index = pd.Index(labels, name=name)
    table = pd.DataFrame({**numbers, "sign": sign, "included": included}, index=index)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.where(mean == 0.0, 0.0, np.abs(mean) / sd)
    return table.iloc[np.lexsort((-distance, ~included))]


def kept_share(model: Model, tree: Any, name: str) -> Array:
    """E(1 - kappa_j | y) of every column, (P,)."""
    theta = points(model, tree["posterior"].dataset)
    sigma = theta["sigma"]
    for block in model.blocks:
        if block.name == name:
            if not block.law.separates:
                raise ValueError(
                    f"rule='shrinkage' is for a horseshoe or ard; under {block.law.kind} no scale "
                    f"says that its column does not matter: use rule='interval'"
                )
            weight = model.residual.precision * model.design.frequency
            size = np.einsum("i,ij,ij->j", weight, block.Z, block.Z)
            total = np.zeros(block.columns)
            for s, e in zip(block.root(theta), sigma):
                signal = size * s**2
                total += signal / (signal + e**2)
            return total / sigma.size
    raise ValueError(f"the model has no block {name!r}")


def block_names(tree: Any) -> list[str]:
    """Names of the blocks whose coefficients a tree holds."""
    return [each.name.removeprefix("u_") for each in estimates(tree).values() if each.block]


def block_moments(tree: Any, name: str) -> tuple[Array, Array]:
    """Mean and sd of a block's coefficients, (P,) each, in the order of its columns."""
    return estimates(tree)[f"u_{name}"].moments


def _name(tree: Any, name: str | None) -> str:
    names = block_names(tree)
    if not names:
        raise ValueError("this fit has no block of columns; random effects are read by ranef")
    if name is None and len(names) > 1:
        raise ValueError(f"this fit has the blocks {', '.join(names)}; name one of them")
    if name is not None and not one_of(name, names):
        raise ValueError(f"this fit has no block {shown(name)}; its blocks are: {', '.join(names)}")
    return names[0] if name is None else name


def _model(tree: Any, given: Model | None) -> Model:
    model: Any = model_of(tree) if given is None else given
    if model is None:
        raise ValueError("rule='shrinkage' needs the model beside a tree from a file: model=...")
    return model


def _local(held: Mapping[str, Estimate], name: str) -> Array | None:
    """Draws (k, P) of the scales of a block's own columns, or None where they share one."""
    for each in held.values():
        if each.local and each.dims == (f"{name}_column",) and each.name != "alpha":
            return each.draws.reshape(-1, each.mean.size)
    return None


def _enough(block: Estimate, name: str) -> Estimate:
    """The same, where something can be told of it."""
    if block.exact is None and (count := block.draws[..., 0].size) < FEWEST:
        raise ValueError(
            f"{count} draws are too few to tell which columns of {name} matter; fit again with "
            f"draws=..."
        )
    return block


def _middle(block: Estimate) -> tuple[Array, Array]:
    """Median, and the certainty of the sign, max(P(u > 0), P(u < 0)).

    Of a normal law P(the sign is the mean's); zero for a coefficient that is zero.
    """
    from scipy.special import ndtr

    if block.exact is None:
        flat = block.draws.reshape(-1, block.mean.size)
        sign = np.maximum((flat > 0.0).mean(axis=0), (flat < 0.0).mean(axis=0))
        return np.median(flat, axis=0), sign
    with np.errstate(invalid="ignore", divide="ignore"):
        sure = ndtr(np.abs(block.mean) / block.sd)
    return block.mean, np.where(block.mean == 0.0, 0.0, sure)
