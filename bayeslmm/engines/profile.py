"""Profile-likelihood intervals of the variance parameters.

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
    table, _ = estimates(best)
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
