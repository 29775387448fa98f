"""Reading a fit: fixed effects, random effects and variances as tables, in the words of lme4.

Means and sds are exact where the engine kept exact moments (empirical Bayes), and averages over
draws elsewhere. Intervals are equal-tailed; `prob` says how much they hold.
"""

from typing import Any

from ..model.declared import check_prob
from ..posterior.tree import any_tree
from .estimates import NUMBERS, Estimate, estimates, plugged


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

    beta = _read(tree, prob).get("beta")
    if beta is None:
        return pd.DataFrame(columns=NUMBERS)
    return beta.frame(list(beta.labels(0)))


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

    found = {}
    for each in _read(tree, prob).values():
        if each.effects:
            name = each.name.removeprefix("u_")
            names = [name, "effect"]
            index = pd.MultiIndex.from_product([each.labels(0), each.labels(1)], names=names)
            found[name] = each.frame(index)
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
    found = estimates(tree, prob).values()
    if plugged(tree) and "variance_parameters" in tree:
        table = tree["variance_parameters"].dataset
        columns = {name: table[name].values for name in table.data_vars}
        if not any(columns.get("why", ())):
            columns.pop("why", None)
        names = [str(p) for p in table["parameter"].values]
        own = pd.DataFrame(columns, index=names)
        single = tuple(f"{each.name}[" for each in found if each.local)
        return own[[not label.startswith(single) for label in names]] if single else own
    rows = {
        label: [float(values[at]) for values in (*each.moments, *each.interval)]
        for each in found
        if each.shared
        for label, at in each.elements()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=NUMBERS)


def _read(tree: Any, prob: float) -> dict[str, Estimate]:
    check_prob(prob)
    return estimates(any_tree(tree), prob)
