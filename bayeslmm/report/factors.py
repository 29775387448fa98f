"""What trees say of a matrix: loadings, scores and eigenvalues by engine, ready to be drawn.

A figure shows few columns of many, and columns on scales of their own share no axis: which are
shown, and in what unit, is decided here for all panels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..results.estimates import Estimate, estimates
from ..types import Array
from .columns import ALIKE


@dataclass(frozen=True, eq=False)
class Factors:
    """A matrix (n, d), NaN where an entry is missing, and the trees of one model of it."""

    Y: Array
    trees: Mapping[str, Any]

    @property
    def first(self) -> str:
        """The engine that panels of one engine show."""
        return next(iter(self.trees))

    @cached_property
    def there(self) -> np.ndarray:
        return ~np.isnan(self.Y)

    @cached_property
    def features(self) -> list[str]:
        """Names of the columns."""
        return [str(v) for v in self.trees[self.first]["constant_data"]["feature"].values]

    @cached_property
    def taken(self) -> Array:
        """What the model divides columns by, (d,)."""
        held: Array = self.trees[self.first]["constant_data"]["unit"].values
        return held

    @cached_property
    def spread(self) -> Array:
        """Sds of the columns, (d,)."""
        return np.asarray(np.nanstd(self.Y, axis=0))

    @cached_property
    def unit(self) -> tuple[Array, str]:
        """What loadings are divided by to share an axis, and that in words."""
        if self.spread.max() <= ALIKE * self.spread.min():
            return np.ones(self.spread.size), ""
        return self.spread, " / sd of its column"

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """Engine -> what it says of every variable."""
        return {engine: estimates(tree) for engine, tree in self.trees.items()}

    @cached_property
    def loadings(self) -> dict[str, Estimate]:
        """Engine -> loadings (d, q), in units that share an axis."""
        return {
            engine: held["W"].per(self.unit[0])
            for engine, held in self.estimates.items()
            if "W" in held and held["W"].mean.size
        }

    def longest(self, most: int) -> np.ndarray:
        """Places of at most so many columns, those of the longest loadings, in their order."""
        length: Any = np.max(
            [np.linalg.norm(e.mean, axis=1) for e in self.loadings.values()], axis=0
        )
        return np.sort(np.argsort(-length, kind="stable")[:most])
