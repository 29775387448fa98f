"""Profile-likelihood intervals of the variance parameters, and the likelihood-ratio test.

The signed root of twice the drop of the criterion, maximised over all other parameters, is compared
with a normal quantile (Bates et al. 2015, section 5.1). An interval ends at zero, or at a
correlation of one, where the criterion has not dropped enough there.
"""

from typing import Any

import numpy as np

from ..declared import rows_only
from ..gaussian.sums import Array
from ..model import Model
from ..tree import check_tree
from .maximise import Optimum, maximise
from .uncertainty import estimates, labels, values


def confint(
    model: Model, tree: Any, *, prob: float = 0.95, parameters: str | list[str] | None = None
) -> Any:
    """Profile-likelihood intervals of the variance parameters.

    Parameters
    ----------
    model : Model
    tree : DataTree
        A fit by `EmpiricalBayes`: its criterion is the one that is profiled.
    prob : float
        Probability of the interval.
    parameters : str or list of str, optional
        Names as in ``varcorr(tree)``; all by default.

    Returns
    -------
    pandas.DataFrame
        estimate, lower, upper; one row per parameter.

    Raises
    ------
    ValueError
        Where the tree was not fitted by EmpiricalBayes, columns were chosen by it (`ard`, `rvm`),
        or a name is unknown.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> bl.confint(m, bl.fit(m, bl.EmpiricalBayes("ml"), seed=1)).round(2)
              estimate  lower  upper
    sd_Batch     37.26  12.20  84.06
    sigma        49.51  38.23  67.66
    """
    import pandas as pd
    from scipy.special import ndtri

    if not 0.0 < prob < 1.0:
        raise ValueError(f"prob must lie in (0, 1), but is {prob!r}")
    rows_only(model, "confint", "use NUTS() for intervals")
    check_tree(model, tree)
    parameters = [parameters] if isinstance(parameters, str) else parameters
    criterion = tree.attrs.get("criterion")
    if criterion is None:
        raise ValueError(
            f"confint profiles a criterion of the variances, and this fit, by "
            f"{tree.attrs.get('engine')}, maximised none: fit with EmpiricalBayes, without a block "
            f"whose scales it draws (laplace, horseshoe); draws have quantiles instead"
        )
    chosen = [b.name for b in model.blocks if b.law.selects]
    if chosen:
        raise ValueError(
            f"confint has no profile where columns are chosen: another value of a variance keeps "
            f"other columns of {chosen[0]}; use NUTS()"
        )
    best = maximise(model, criterion)
    names = labels(model)
    unknown = [p for p in parameters or [] if p not in names]
    if unknown:
        raise ValueError(f"no parameter {unknown[0]!r}; there are: {', '.join(names)}")
    table, _ = estimates(best, {})
    drop = float(ndtri(0.5 + 0.5 * prob))
    rows = {}
    for index, name in enumerate(names):
        if parameters is None or name in parameters:
            profile = _Profile(best, index)
            se = float(table["se"][1][index])
            rows[name] = (profile.estimate, profile.end(-1, drop, se), profile.end(1, drop, se))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "lower", "upper"])


class _Profile:
    """The criterion as a function of one parameter, maximised over all others."""

    def __init__(self, best: Optimum, index: int) -> None:
        self.best, self.index = best, index
        self.estimate = float(values(best.model, best.theta)[index])
        correlation = labels(best.model)[index].startswith("corr_")
        self.limits = (-1.0, 1.0) if correlation else (0.0, np.inf)
        self.warm = best.x

    def root(self, value: float) -> float:
        """sqrt(2 (maximum - profile)) at a value of the parameter."""
        from scipy.optimize import minimize

        chart = self.best.chart

        def negative(x: Array) -> tuple[float, Array]:
            found, grad = chart.value(x)
            if not np.isfinite(found):
                return 1e300, np.zeros_like(x)
            return self.best.value - found, -grad

        def gap(x: Array) -> float:
            return float(values(self.best.model, chart.theta(x))[self.index]) - value

        found = minimize(
            negative,
            self._warm_start(),
            jac=True,
            method="SLSQP",
            constraints={"type": "eq", "fun": gap},
            options={"ftol": 1e-12, "maxiter": 500},
        )
        if abs(gap(found.x)) < 1e-6 * max(1.0, abs(value)):
            self.warm = found.x
        return float(np.sqrt(2.0 * max(found.fun, 0.0)))

    def _warm_start(self) -> Array:
        """Start of the constrained search: the last solution, off any exact zero."""
        x = self.warm.copy()
        x[x == 0.0] = 1e-3
        return x

    def end(self, side: int, drop: float, se: float) -> float:
        """Where the root reaches `drop` on one side, or the limit of the parameter space."""
        from scipy.optimize import brentq

        limit = self.limits[0] if side < 0 else self.limits[1]
        if self.estimate == limit:
            return limit
        self.warm = self.best.x
        step = se if np.isfinite(se) and se > 0 else 0.5 * self._scale()
        inner, outer = self.estimate, self.estimate + side * step
        for _ in range(60):
            if np.isfinite(limit) and side * (outer - limit) >= 0.0:
                outer = limit - side * 1e-4 * min(step, self._scale())
                if self.root(outer) < drop:
                    return limit
                break
            if self.root(outer) >= drop:
                break
            inner, outer = outer, self.estimate + 1.7 * (outer - self.estimate)
        else:
            return side * np.inf
        return float(brentq(lambda v: self.root(v) - drop, inner, outer, xtol=1e-6 * self._scale()))

    def _scale(self) -> float:
        if self.limits[0] == -1.0:
            return 1.0
        return max(abs(self.estimate), 1e-3 * self.best.theta.sigma)


def lr_test(small: Any, large: Any) -> Any:
    """Likelihood-ratio test between two nested fits.

    Parameters
    ----------
    small, large : DataTree
        Fits by ``EmpiricalBayes("ml")`` of the smaller and the larger model on the same rows; or by
        ``"reml"`` where the fixed effects are the same.

    Returns
    -------
    pandas.Series
        deviance of both, chisq, df, p_value, and p_boundary: where variances are tested the null
        lies on the boundary and p_value is conservative. p_boundary halves it, which is exact
        for one variance of a grouping factor alone (Self & Liang 1987, case 5), and still
        conservative for the sd of a block of columns: its zero has more than half of the
        probability (Crainiceanu & Ruppert 2004). NaN where anything else is tested (a correlation
        of zero, or a fixed effect, is not at a boundary).

    Raises
    ------
    ValueError
        Where the fits are of other criteria, rows or not nested, or columns were chosen (`ard`,
        `rvm`).

    Examples
    --------
    >>> import bayeslmm as bl
    >>> data = bl.datasets.load("sleepstudy")
    >>> fits = [bl.fit(bl.lmm(f, data), bl.EmpiricalBayes("ml"), seed=1) for f in
    ...         ("Reaction ~ 1 + (1 | Subject)", "Reaction ~ Days + (1 | Subject)")]
    >>> bl.lr_test(*fits)[["chisq", "df"]].round(2).tolist()
    [116.46, 1.0]
    """
    import pandas as pd
    from scipy.stats import chi2

    criteria = [t.attrs.get("criterion") for t in (small, large)]
    if criteria[0] != criteria[1] or criteria[0] not in ("ml", "reml"):
        raise ValueError(
            f"a likelihood-ratio test needs two fits by EmpiricalBayes('ml') or two by 'reml'; "
            f"these are by {criteria[0]!r} and {criteria[1]!r}"
        )
    _same_rows(small, large)
    _refuse_chosen(small, large)
    responses = [t["observed_data"].dataset.to_array().values for t in (small, large)]
    if responses[0].shape != responses[1].shape or not np.array_equal(*responses):
        raise ValueError("the fits are not of the same rows and response")
    fixed = [_fixed(t) for t in (small, large)]
    if criteria[0] == "reml" and fixed[0] != fixed[1]:
        raise ValueError(
            "REML criteria are comparable only between models with the same fixed effects; fit "
            "both by EmpiricalBayes('ml')"
        )
    names = [list(t["variance_parameters"]["parameter"].values) for t in (small, large)]
    df = len(names[1]) - len(names[0]) + len(fixed[1]) - len(fixed[0])
    missing = set(fixed[0]) - set(fixed[1])
    chisq = 2.0 * (large.attrs["log_marginal"] - small.attrs["log_marginal"])
    if df < 1 or missing or chisq < -1e-4:
        raise ValueError(
            "the first model is not nested in the second: give the smaller fit first"
            + (f"; {', '.join(sorted(missing))} is only in the first" if missing else "")
        )
    p_value = float(chi2.sf(max(chisq, 0.0), df))
    added = [name for name in names[1] if name not in names[0]]
    alone = df == 1 and fixed[0] == fixed[1] and all(n.startswith("sd_") for n in added)
    return pd.Series(
        {
            "deviance_small": -2.0 * small.attrs["log_marginal"],
            "deviance_large": -2.0 * large.attrs["log_marginal"],
            "chisq": max(chisq, 0.0),
            "df": float(df),
            "p_value": p_value,
            "p_boundary": (0.5 * p_value if chisq > 0 else 1.0) if alone else np.nan,
        }
    )


def _same_rows(small: Any, large: Any) -> None:
    """The smaller model's factors, effects, weights and offset must be the larger one's."""
    for tree in (small, large):
        if not hasattr(tree, "children") or "constant_data" not in tree.children:
            raise TypeError(f"lr_test takes two fits, not {type(tree).__name__}")
    a, b = (t["constant_data"].dataset for t in (small, large))
    if a.sizes.get("row") != b.sizes.get("row"):
        return  # told by the comparison of the responses
    for name in {*a.data_vars, *b.data_vars} & {"offset", "weights", "frequency"}:
        if name not in a or name not in b or not np.array_equal(a[name].values, b[name].values):
            raise ValueError(f"the fits differ in {name}: they are not nested")
    for name in (str(v) for v in a.data_vars if str(v).startswith("codes_")):
        group = name.removeprefix("codes_")
        same = name in b and np.array_equal(a[name].values, b[name].values)
        effects = [t["posterior"][f"{group}_effect"].values for t in (small, large) if same]
        if not same or not set(effects[0]) <= set(effects[1]):
            raise ValueError(
                f"the random effects by {group} of the first model are not in the second: the fits "
                f"are not nested, or give the smaller fit first"
            )


def _refuse_chosen(small: Any, large: Any) -> None:
    """Columns that the maximum chose are no parameters of a test."""
    if any("columns_kept" in tree.attrs for tree in (small, large)):
        raise ValueError(
            "there is no likelihood-ratio test where a fit chose columns (ard, rvm): twice the "
            "log ratio is no chi-square then; compare the fits by loo"
        )


def _fixed(tree: Any) -> tuple[str, ...]:
    posterior = tree["posterior"]
    return tuple(posterior["fixed"].values) if "beta" in posterior else ()
