"""How a new table is read in the coordinates of a fitted design."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .blank import blank_rows
from .columns import Column, read_column, refuse_infinite
from .effects import FittedRandom
from .errors import DesignError, at_rows, some
from .extras import Sources, values_or
from .labels import UNLABELLED, Labels
from .records import NewRows
from .sides import FittedSide
from .table import read_table


@dataclass(frozen=True, eq=False)
class FormulaEncoder:
    """Encodes tables for a design that was made from a formula."""

    fixed: FittedSide
    random: tuple[FittedRandom, ...]
    offsets: tuple[FittedSide, ...]
    kinds: Mapping[str, str]
    sources: Sources

    def encode(
        self,
        new_data: Any,
        *,
        weights: Any = None,
        offset: Any = None,
        noise_sd: Any = None,
        groups: bool = True,
        noise: bool = True,
    ) -> NewRows:
        """A new table in the coordinates of the fitted design.

        Transforms and categories are coded as in the fitted table. A level of a predictor that
        the fitted table did not have is refused; a new level of a grouping factor is allowed.

        Parameters
        ----------
        new_data : table
            A table of m rows with the columns of the formula; the response is not needed.
        weights, offset, noise_sd : str or array_like (m,), optional
            In place of the columns that the fit took them from. Weights default to one. An offset
            that was an array at the fit must be given.
        groups, noise : bool
            Whether grouping factors, and weights or known noise, are needed; where not, their
            columns may be absent.

        Returns
        -------
        NewRows

        Raises
        ------
        DesignError
            If a column is missing, has gaps, or changed its kind.

        Examples
        --------
        >>> from bayeslmm.design import build_design
        >>> table = {"y": [1.0, 2.0, 4.0, 3.0], "g": ["a", "a", "b", "b"]}
        >>> design = build_design("y ~ 1 + (1 | g)", table)
        >>> new = design.encoder.encode({"g": ["b", "z"]})
        >>> new.groups[0].codes, new.groups[0].new_levels
        (array([ 1, -1]), array(['z'], dtype='<U1'))
        """
        table = read_table(new_data)
        given = {"weights": weights, "offset": offset, "noise_sd": noise_sd}
        rows, n = table.rows, len(table)
        seen = table.labels.or_first((f"{key}=", value) for key, value in given.items())
        random = self.random if groups else ()
        columns = self._columns(table, random)
        extras = self.sources.for_new_rows(given, rows, table, seen, noise)
        total = values_or(extras, "offset", n, 0.0)
        for side in self.offsets:
            total = total + side.encode(columns, rows)[:, 0]
        return NewRows(
            X=self.fixed.encode(columns, rows),
            offset=total,
            weights=values_or(extras, "weights", n, 1.0),
            noise_sd=extras["noise_sd"].values if "noise_sd" in extras else None,
            groups=tuple(part.encode(columns, rows) for part in random),
            rows=rows,
            weighted="weights" in extras,
            labels=seen,
        )

    def blank(
        self,
        count: int,
        *,
        weights: Any = None,
        offset: Any = None,
        noise_sd: Any = None,
        labels: Labels = UNLABELLED,
        noise: bool = True,
    ) -> NewRows:
        """Rows of which nothing but these is known: no fixed effects (count, 0), no groups.

        Raises
        ------
        DesignError
            If the offset cannot be known, or a value cannot be used.
        """
        if self.offsets:
            raise DesignError("the formula has an offset(...): give new_data with its columns")
        given = {"weights": weights, "offset": offset, "noise_sd": noise_sd}
        return blank_rows(self.sources, count, given, labels, noise)

    def fixed_only(self) -> "FormulaEncoder":
        """The same for the columns of X alone: nothing else is looked for in a new table."""
        kinds = {name: self.kinds[name] for name in self.fixed.side.columns}
        return FormulaEncoder(self.fixed, (), (), kinds, Sources())

    def _columns(self, table: Any, random: tuple[FittedRandom, ...]) -> dict[str, Column]:
        roles = dict.fromkeys(self.fixed.side.columns, "the predictor")
        for side in self.offsets:
            roles |= dict.fromkeys(side.side.columns, "the offset")
        for part in random:
            for side in part.sides:
                roles |= dict.fromkeys(side.side.columns, "the predictor")
        for part in random:
            roles |= dict.fromkeys(part.factor.columns, "the grouping factor")
        return {name: self._column(table, name, role) for name, role in roles.items()}

    def _column(self, table: Any, name: str, role: str) -> Column:
        column = read_column(name, table.column(name, role), table.rows, role)
        refuse_infinite(column, table.rows, role)
        if column.missing.any():
            raise DesignError(
                f"{role} '{name}' is missing in {at_rows(column.missing, table.rows)} of the new "
                "table; fill or drop these rows"
            )
        if not column.comparable(self.kinds[name]):
            raise DesignError(
                f"{role} '{name}' was {self.kinds[name]} in the fitted table and is {column.kind} "
                f"here (e.g. {some(column.values[:3])}); convert it"
            )
        column = column.take(np.ones(len(table), dtype=bool))
        return replace(column, levels=None)  # those of the fitted table count
