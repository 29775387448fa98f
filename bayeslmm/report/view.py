"""What a page is made of: the model, its results by name, and what several panels need of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..criticism.check import Checks, check
from ..criticism.compare_engines import EngineComparison, compare_engines
from ..criticism.residuals import mean_by_row
from ..results.estimates import Estimate, estimates
from ..results.scalars import Scalar, scalars
from .columns import BlockTables, columns_of
from .described import of_matrix
from .factors import Factors


@dataclass(frozen=True, eq=False)
class View:
    """A model and its results."""

    model: Any  # Model; a panel asks it for what its kind has
    trees: Mapping[str, Any]

    @cached_property
    def scalars(self) -> dict[str, list[Scalar]]:
        """Engine -> all its numbers."""
        return {engine: scalars(tree) for engine, tree in self.trees.items()}

    @cached_property
    def checks(self) -> dict[str, Checks]:
        """Engine -> whether it can be trusted."""
        return {engine: check(tree) for engine, tree in self.trees.items()}

    @cached_property
    def comparison(self) -> EngineComparison:
        """The engines beside a reference."""
        return compare_engines(self.trees)

    @cached_property
    def first(self) -> tuple[str, Any]:
        """The engine that stands first: panels that show one engine show this."""
        return next(iter(self.trees.items()))

    @cached_property
    def factors(self) -> Factors | None:
        """What a model of a matrix says of its columns and rows; None of other models."""
        return Factors(self.model.observed[1], self.trees) if of_matrix(self.model) else None

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """Variable -> engine -> what it says of it."""
        found: dict[str, dict[str, Estimate]] = {}
        for engine, tree in self.trees.items():
            for each in estimates(tree).values():
                found.setdefault(each.name, {})[engine] = each
        return found

    @cached_property
    def variables(self) -> list[Estimate]:
        """Every variable, by the first engine that holds it."""
        return [next(iter(each.values())) for each in self.estimates.values()]

    @cached_property
    def columns(self) -> dict[str, BlockTables]:
        """Block of columns -> its coefficients by every engine."""
        return columns_of(self.model.blocks, self.trees)

    @cached_property
    def coefficients(self) -> dict[str, dict[str, list[Scalar]]]:
        """Block -> engine -> the coefficients that a table shows, as named numbers."""
        return {
            name: {engine: found.scalars(engine) for engine in found.tables}
            for name, found in self.columns.items()
        }

    @cached_property
    def fitted(self) -> Any:
        """Posterior mean of every row's mean, (n,), by the first engine; None of many responses."""
        return mean_by_row(self.model, self.first[1]) if self.factors is None else None
