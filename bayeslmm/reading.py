"""Reading a fit: fixed effects, random effects and variances as tables, in the words of lme4.

Means and sds are exact where the engine kept exact moments (empirical Bayes), and averages over
draws elsewhere. Intervals are equal-tailed; `prob` says how much they hold.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .declared import check_prob
from .normal import interval, reach
from .tree import any_tree
from .types import Array


def fixef(tree: Any, *, prob: float = 0.95) -> Any:
    """Fixed effects.

    Parameters
    ----------
    tree : DataTree
        What `fit` returned.
    prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        One row per coefficient: mean, sd, lower, upper. Under empirical Bayes the mean is the BLUE
        and the interval is Gaussian.

    Raises
    ------
    ValueError
        Where `prob` is not in (0, 1).

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    >>> bl.fixef(bl.fit(m, bl.EmpiricalBayes("reml"), seed=1))[["mean", "sd"]].round(3)
                  mean     sd
    Intercept  251.405  6.825
    Days        10.467  1.546
    """
    import pandas as pd

    check_prob(prob)
    tree = any_tree(tree)
    posterior, exact = groups(tree)
    if "beta" not in posterior:
        return pd.DataFrame(columns=["mean", "sd", "lower", "upper"])
    names = posterior["beta"][posterior["beta"].dims[-1]].values
    if exact is not None and "beta_mean" in exact and plugged(tree):
        names = exact["fixed"].values
        mean, sd = exact["beta_mean"].values, exact["beta_sd"].values
        lower, upper = _gaussian(mean, sd, prob)
    else:
        mean, sd, lower, upper = summary(posterior["beta"].values, prob)
    return pd.DataFrame({"mean": mean, "sd": sd, "lower": lower, "upper": upper}, index=list(names))


def ranef(tree: Any, *, prob: float = 0.95) -> dict[str, Any]:
    """Random effects of every grouping factor; coefficients of a block are read by `selected`.

    Parameters
    ----------
    tree : DataTree
    prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    dict of pandas.DataFrame
        Name of the factor -> one row per (level, effect): mean, sd, lower, upper. Under empirical
        Bayes the mean is the BLUP and the sd includes the uncertainty of beta.

    Raises
    ------
    ValueError
        Where `prob` is not in (0, 1).

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> bl.ranef(eb)["Batch"]["mean"].round(2).tolist()
    [-17.61, 0.39, 28.56, -23.08, 56.73, -45.0]
    """
    import pandas as pd

    check_prob(prob)
    tree = any_tree(tree)
    posterior, exact = groups(tree)
    found = {}
    for name in _effects(posterior, exact):
        variable = f"u_{name}"
        if is_block(posterior, exact, name):
            continue
        if (
            exact is not None
            and f"{variable}_mean" in exact
            and (plugged(tree) or variable not in posterior)
        ):
            array = exact[f"{variable}_mean"]
            mean, sd = array.values, exact[f"{variable}_sd"].values
            lower, upper = _gaussian(mean, sd, prob)
        else:
            array = posterior[variable].isel(chain=0, draw=0)
            mean, sd, lower, upper = summary(posterior[variable].values, prob)
        levels, effects = (array[d].values for d in array.dims)
        index = pd.MultiIndex.from_product([levels, effects], names=[name, "effect"])
        columns = {"mean": mean, "sd": sd, "lower": lower, "upper": upper}
        found[name] = pd.DataFrame({k: v.ravel() for k, v in columns.items()}, index=index)
    return found


def varcorr(tree: Any, *, prob: float = 0.95) -> Any:
    """Variance parameters: standard deviations, correlations, and shares of variance.

    Of a block of columns the numbers that all columns share (sd_<t>, lam, h2_<t>); the scales of
    single columns, of which there may be thousands, are left to ``tree["posterior"]``.

    Parameters
    ----------
    tree : DataTree
    prob : float
        Probability of the equal-tailed interval, for draws.

    Returns
    -------
    pandas.DataFrame
        One row per parameter. From draws: mean, sd, lower, upper. Where theta is plugged in:
        estimate and se (from the curvature of the criterion); where an se is NaN a column `why`
        tells its reason: at the boundary, or not determined.

    Raises
    ------
    ValueError
        Where `prob` is not in (0, 1).

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> bl.varcorr(bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)).round(2)
              estimate     se
    sd_Batch     42.00  17.06
    sigma        49.51   7.15
    """
    import pandas as pd

    check_prob(prob)
    tree = any_tree(tree)
    if plugged(tree) and "variance_parameters" in tree:
        table = tree["variance_parameters"].dataset
        columns = {name: table[name].values for name in table.data_vars}
        if not any(columns.get("why", ())):
            columns.pop("why", None)
        found = pd.DataFrame(columns, index=[str(p) for p in table["parameter"].values])
        single = tuple(f"{name}[" for name in local_scales(tree["posterior"].dataset))
        return found[[not label.startswith(single) for label in found.index]] if single else found
    posterior, _ = groups(tree)
    rows = {}
    for label, values in scalars(posterior):
        rows[label] = summary(values[..., None], prob)
    table = {k: [float(v[0]) for v in row] for k, row in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index", columns=["mean", "sd", "lower", "upper"])


def scalars(posterior: Any) -> Iterable[tuple[str, Array]]:
    """Every scalar variance parameter (chain, draw) with its label, such as sd_Subject[Days]."""
    for name, array in posterior.data_vars.items():
        if array.ndim == 2:  # one number a draw: sigma, icc_g, h2_t, sd_t of a block, lam
            if not name.startswith("lam2"):  # lam once more
                yield name, array.values
        elif name.startswith("sd_"):
            effects = array[array.dims[-1]].values
            for i, effect in enumerate(effects):
                yield name if len(effects) == 1 else f"{name}[{effect}]", array.values[..., i]
        elif name.startswith("corr_"):
            effects = array[array.dims[-1]].values
            for i in range(len(effects)):
                for j in range(i):
                    yield f"{name}[{effects[j]}, {effects[i]}]", array.values[..., j, i]


def local_scales(posterior: Any) -> list[str]:
    """Variables that hold one number for every column of a block, but not its coefficient."""
    return [
        str(name)
        for name, array in posterior.data_vars.items()
        if array.ndim == 3 and array.dims[-1].endswith("_column") and not name.startswith("u_")
    ]


def is_block(posterior: Any, exact: Any, name: str) -> bool:
    """Whether u_<name> is one coefficient a column, not effects by level."""
    variable = f"u_{name}"
    if variable in posterior:
        return bool(posterior[variable].ndim == 3)
    return bool(exact[f"{variable}_mean"].ndim == 1)


def groups(tree: Any) -> tuple[Any, Any]:
    """The posterior, and the exact moments where they were kept."""
    exact = tree["posterior_moments"].dataset if "posterior_moments" in tree else None
    return tree["posterior"].dataset, exact


def moments(tree: Any, name: str) -> tuple[Any, Any] | None:
    """Mean and sd of a variable as labelled arrays; exact ones where they were kept, else of draws.

    None where the tree has no such variable. The sd of what was plugged in is NaN.
    """
    posterior, exact = groups(tree)
    drawn = name in posterior
    if exact is not None and f"{name}_mean" in exact and (plugged(tree) or not drawn):
        return exact[f"{name}_mean"], exact[f"{name}_sd"]
    if not drawn:
        return None
    draws = posterior[name]
    if not (draws != draws.isel(chain=0, draw=0)).any():
        first = draws.isel(chain=0, draw=0, drop=True)
        return first, first * np.nan
    return draws.mean(("chain", "draw")), draws.std(("chain", "draw"))


def plugged(tree: Any) -> bool:
    """Whether the variances were plugged in, so that the kept moments are the whole answer."""
    return bool(tree["posterior"].attrs.get("fixed"))


def _effects(posterior: Any, exact: Any) -> list[str]:
    names = [n for n in posterior.data_vars if n.startswith("u_")]
    if exact is not None:
        names += [n.removesuffix("_mean") for n in exact.data_vars if n.endswith("_mean")]
    return list(dict.fromkeys(n.removeprefix("u_") for n in names if n.startswith("u_")))


def summary(values: Array, prob: float) -> tuple[Array, Array, Array, Array]:
    """Mean, sd and equal-tailed interval over the chains and draws, the first two axes."""
    flat = values.reshape(-1, *values.shape[2:])
    lower, upper = interval(flat, prob)
    return flat.mean(axis=0), flat.std(axis=0), lower, upper


def _gaussian(mean: Array, sd: Array, prob: float) -> tuple[Array, Array]:
    width = reach(prob)
    return mean - width * sd, mean + width * sd
