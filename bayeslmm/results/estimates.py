"""What a fit says of every variable that it holds: one long table, of which all others are filters.

A variable is held as draws; as the exact mean and sd of a normal law, where variances were plugged
in or its draws were too many to be kept; or as the one value that was plugged in.

    draws       mean, sd, and the quantiles under both tails, over chains and draws
    exact       mean -+ z sd
    one value   itself: nothing varies, so that draws have an sd of zero, and `told` has none
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..posterior.named import elements
from ..stats.normal import interval, reach
from ..types import Array

PROB = 0.95
INTERVAL = f"{PROB:.0%} equal-tailed interval"
NUMBERS = ["mean", "sd", "lower", "upper"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """One variable.

    Attributes
    ----------
    name : str
    drawn : Variable or None
        Its draws, where they were kept.
    exact : tuple of Variable, or None
        Mean and sd of its normal law, where these are the whole answer.
    coords : mapping
        Dimension -> labels.
    prob : float
        Probability of the equal-tailed interval.
    """

    name: str
    drawn: Any
    exact: tuple[Any, Any] | None
    coords: Mapping[Any, Any] = field(default_factory=dict)
    prob: float = PROB

    @cached_property
    def dims(self) -> tuple[str, ...]:
        """Its own dimensions, after chain and draw."""
        array = self.drawn if self.exact is None else self.exact[0]
        return tuple(str(d) for d in array.dims if d not in ("chain", "draw"))

    def labels(self, at: int) -> Any:
        """Labels along one of its dimensions."""
        return self.coords[self.dims[at]].values

    @cached_property
    def draws(self) -> Any:
        """(chains, draws, ...); None where they were not kept."""
        if self.drawn is None:
            return None
        return np.asarray(self.drawn.transpose("chain", "draw", ...).values, dtype=np.float64)

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """Mean and sd."""
        if self.exact is not None:
            return self.exact[0].values, self.exact[1].values
        return self.draws.mean(axis=(0, 1)), self.draws.std(axis=(0, 1))

    @property
    def mean(self) -> Array:
        return self.moments[0]

    @property
    def sd(self) -> Array:
        return self.moments[1]

    @cached_property
    def interval(self) -> tuple[Array, Array]:
        """Both ends."""
        if self.exact is not None:
            width = reach(self.prob) * self.sd
            return self.mean - width, self.mean + width
        lower, upper = interval(self.draws.reshape(-1, *self.draws.shape[2:]), self.prob)
        return lower, upper

    @cached_property
    def still(self) -> Any:
        """Where nothing varies: what was plugged in, or given."""
        if self.exact is not None:
            return np.zeros(self.mean.shape, bool)
        return np.ptp(self.draws, axis=(0, 1)) == 0.0

    @property
    def told(self) -> tuple[Array, Array, Array, Array]:
        """Mean, sd and both ends; the value, and NaN for the rest, where nothing varies."""
        mean, *rest = *self.moments, *self.interval
        if self.still.any() and self.draws is not None:
            mean = np.where(self.still, self.draws[0, 0], mean)
        sd, lower, upper = (np.where(self.still, np.nan, each) for each in rest)
        return mean, sd, lower, upper

    def per(self, unit: Array) -> "Estimate":
        """The same in other units: divided, along its first dimension."""
        import xarray as xr

        by = xr.Variable(self.dims[:1], unit)
        drawn = None if self.drawn is None else self.drawn / by
        exact = None if self.exact is None else (self.exact[0] / by, self.exact[1] / by)
        return replace(self, drawn=drawn, exact=exact)

    @property
    def block(self) -> bool:
        """Whether these are coefficients of a block: one a column, not effects by level."""
        return self.name.startswith("u_") and len(self.dims) == 1

    @property
    def effects(self) -> bool:
        """Whether these are random effects, by level and effect."""
        return self.name.startswith("u_") and len(self.dims) == 2

    @property
    def local(self) -> bool:
        """Whether it is one number for every column of a block, but not its coefficient."""
        by_column = len(self.dims) == 1 and self.dims[0].endswith("_column")
        return by_column and not self.name.startswith("u_")

    @property
    def paired(self) -> bool:
        """Whether it is a symmetric matrix."""
        return len(self.dims) == 2 and self.dims[1] == f"{self.dims[0]}_2"

    @property
    def shared(self) -> bool:
        """Whether it is a variance parameter: one number, or one (a pair) of each effect."""
        one = not self.dims and not self.name.startswith("lam2")  # lam once more
        return self.drawn is not None and (one or self.name.startswith(("sd_", "corr_")))

    def elements(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Label and place of every number: of a correlation each pair once, of beta its column."""
        labels = [self.labels(at) for at in range(len(self.dims))]
        if self.name == "beta":
            return ((str(label), (j,)) for j, label in enumerate(labels[0]))
        return elements(self.name, labels, self.paired)

    def frame(self, index: Any) -> Any:
        """DataFrame of mean, sd, lower and upper, one row a number."""
        import pandas as pd

        values = [each.ravel() for each in (*self.moments, *self.interval)]
        return pd.DataFrame(dict(zip(NUMBERS, values)), index=index)


def estimates(tree: Any, prob: float = PROB) -> dict[str, Estimate]:
    """All variables that a tree holds, as draws or as moments, in their order."""
    posterior, whole = tree["posterior"].dataset, plugged(tree)
    drawn = posterior.variables
    exact = tree["posterior_moments"].dataset.variables if "posterior_moments" in tree else {}
    kept = [str(n).removesuffix("_mean") for n in exact if str(n).endswith("_mean")]
    found = {}
    for name in dict.fromkeys([*map(str, posterior.data_vars), *kept]):
        moments = None
        if f"{name}_mean" in exact and (whole or name not in drawn):
            moments = exact[f"{name}_mean"], exact[f"{name}_sd"]
        coords = drawn if moments is None else exact
        found[name] = Estimate(name, drawn.get(name), moments, coords, prob)
    return found


def from_draws(name: str, draws: Array, prob: float) -> Estimate:
    """The estimate of what was computed draw by draw, (k, ...)."""
    import xarray as xr

    dims = ("chain", "draw", *(f"{name}_{i}" for i in range(draws.ndim - 1)))
    return Estimate(name, xr.Variable(dims, draws[None]), None, prob=prob)


def variances(posterior: Any) -> Iterator[tuple[str, Array]]:
    """Label and draws (chains, draws) of every variance parameter, such as sd_Subject[Days]."""
    for name in posterior.data_vars:
        each = Estimate(str(name), posterior.variables[name], None, posterior.variables)
        if each.shared:
            yield from ((label, each.draws[(..., *at)]) for label, at in each.elements())


def plugged(tree: Any) -> bool:
    """Whether the variances were plugged in, so that the kept moments are the whole answer."""
    return bool(tree["posterior"].attrs.get("fixed"))
