"""Profile-likelihood intervals of the variance parameters.

The signed root of twice the drop of the criterion, maximised over all other parameters, is compared
with a normal quantile (Bates et al. 2015, section 5.1). An interval ends at zero, or at a
correlation of one, where the criterion has not dropped enough there. Where other maxima are nearly
as high, the profile is searched from them too, and the interval reaches around them. A point above
the maximum is no rounding: it is a higher maximum, from which everything starts again.
"""

import warnings
from typing import Any

import numpy as np

from ..host.arithmetic import tiny_is_zero
from ..model.declared import check_prob, response_first
from ..model.model import Model
from ..posterior.tree import read_tree
from ..stats.normal import reach
from ..types import Array
from .determined import findings, why
from .maximise import Optimum, maximise, near
from .uncertainty import estimates, labels, values

HIGHER = 1e-3  # nats by which a point above the maximum is more than rounding


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

    Warns
    -----
    UserWarning
        Where there is a higher maximum than the tree's: the intervals are then around that one.

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

    check_prob(prob)
    response_first(model, "confint", "use NUTS() for intervals")
    tree = read_tree(model, tree)
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
    names = labels(model)
    unknown = [p for p in parameters or [] if p not in names]
    if unknown:
        raise ValueError(f"no parameter {unknown[0]!r}; there are: {', '.join(names)}")
    wanted = [i for i, name in enumerate(names) if parameters is None or name in parameters]
    drop = reach(prob)
    best = maximise(model, criterion)
    rows = _intervals(best, wanted, drop)
    while isinstance(rows, Optimum):  # a profile has passed a higher maximum
        best = rows
        rows = _intervals(best, wanted, drop)
    _tell(best.value - float(tree.attrs["log_marginal"]))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "lower", "upper"])


def _tell(short: float) -> None:
    if short > HIGHER:
        warnings.warn(
            f"the fit stopped short of a higher maximum, by {short:.4g} nats, and these intervals "
            f"are around that one: its estimates are not those of the tree. Fit the model again; "
            f"where that changes nothing, centre and scale the columns, or use NUTS()",
            stacklevel=3,
        )


@tiny_is_zero
def _intervals(best: Optimum, wanted: list[int], drop: float) -> dict[str, Any] | Optimum:
    """Estimate and ends by name; or the higher maximum that was passed on the way."""
    names, (table, _) = labels(best.model), estimates(best, why(findings(best)))
    others = near(best, 0.5 * drop**2)
    rows = {}
    for index in wanted:
        profile = _Profile(best, index, others)
        se = float(table["se"][1][index])
        ends = [profile.end(side, drop, se) for side in (-1, 1)]
        if profile.top is not None:
            higher = maximise(best.model, best.criterion, best.chart.theta(profile.top))
            if higher.value > best.value + HIGHER:
                return higher
        rows[names[index]] = (profile.estimate, *ends)
    return rows


class _Profile:
    """The criterion as a function of one parameter, maximised over all others."""

    def __init__(self, best: Optimum, index: int, others: list[Array]) -> None:
        self.best, self.index, self.others = best, index, others
        self.top: Array | None = None  # a point above the maximum
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

        def search(start: Array) -> Any:
            return minimize(
                negative,
                _off_zero(start),
                jac=True,
                method="SLSQP",
                constraints={"type": "eq", "fun": gap},
                options={"ftol": 1e-12, "maxiter": 500},
            )

        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # a step may leave float64, and comes back
            found = search(self.warm)
            for other in map(search, self.others):
                if other.fun < found.fun and abs(gap(other.x)) < 1e-6 * max(1.0, abs(value)):
                    found = other
        if abs(gap(found.x)) < 1e-6 * max(1.0, abs(value)):
            self.warm = found.x
        if found.fun < -HIGHER and self.top is None:
            self.top = found.x
        return float(np.sqrt(2.0 * max(found.fun, 0.0)))

    def end(self, side: int, drop: float, se: float) -> float:
        """Where the root reaches `drop` on one side, or the limit of the parameter space."""
        from scipy.optimize import brentq

        limit = self.limits[0] if side < 0 else self.limits[1]
        model, chart = self.best.model, self.best.chart
        reached = [float(values(model, chart.theta(x))[self.index]) for x in self.others]
        furthest = side * float(np.nanmax(side * np.array([self.estimate, *reached])))
        if furthest == limit:
            return limit
        self.warm = self.best.x
        step = se if np.isfinite(se) and se > 0 else 0.5 * self._scale()
        inner, outer = furthest, furthest + side * step
        for _ in range(60):
            if np.isfinite(limit) and side * (outer - limit) >= 0.0:
                outer = limit - side * 1e-4 * min(step, self._scale())
                if self.root(outer) < drop:
                    return limit
                break
            if self.root(outer) >= drop:
                break
            inner, outer = outer, furthest + 1.7 * (outer - furthest)
        else:
            return side * np.inf
        return float(brentq(lambda v: self.root(v) - drop, inner, outer, xtol=1e-6 * self._scale()))

    def _scale(self) -> float:
        if self.limits[0] == -1.0:
            return 1.0
        return max(abs(self.estimate), 1e-3 * float(self.best.theta["sigma"]))


def _off_zero(x: Array) -> Array:
    """A start of a constrained search: off any exact zero, where all slopes vanish."""
    x = x.copy()
    x[x == 0.0] = 1e-3
    return x
