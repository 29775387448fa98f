"""How a new table, or new arrays, are read in the coordinates of a fitted design."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..types import Array, Index
from .array_reading import read_new_arrays
from .column import Column, column_of
from .effects import FittedRandom
from .errors import DesignError, at_rows, some
from .extras import Extra, Sources, read_new_extras, values_or
from .grouping import NewGroup
from .labels import UNLABELLED, Labels
from .sides import FittedSide
from .table import Table, read_table


@dataclass(frozen=True, eq=False)
class NewRows:
    """A new table in the coordinates of the fitted design.

    Attributes
    ----------
    X : ndarray (m, p)
    offset : ndarray (m,)
    weights : ndarray (m,)
        Ones where the new table has no such column.
    noise_sd : ndarray (m,) or None
    groups : tuple of NewGroup
        In the order of `Design.groups`.
    rows : ndarray (m,)
        Labels of the rows.
    weighted : bool
        Whether weights were given, by a column or an argument.
    labels : Labels
        By which what comes beside the new table is matched with it.
    """

    X: np.ndarray
    offset: np.ndarray
    weights: np.ndarray
    noise_sd: np.ndarray | None
    groups: tuple[NewGroup, ...]
    rows: np.ndarray
    weighted: bool = False
    labels: Labels = UNLABELLED

    @property
    def precision(self) -> np.ndarray:
        """1 / (noise variance of a row at sigma = 1), (n,): the weights, or the known noise's."""
        return self.weights if self.noise_sd is None else 1.0 / self.noise_sd**2


@dataclass(frozen=True, eq=False)
class Encoder:
    """Encodes new rows like those of the fitted design.

    Attributes
    ----------
    fixed : FittedSide
        The columns of X.
    random : tuple of FittedRandom
        The grouping factors and their columns.
    offsets : tuple of FittedSide
        Those of a formula.
    kinds : mapping of str to str
        What each column of the fitted table was told to be.
    sources : mapping of str to str or None
        Where weights and the like came from: a column, or an array.
    arrays : bool
        Whether the design was made from arrays; its columns then have made-up names.
    kept : ndarray, optional
        Which columns of X are asked for.
    """

    fixed: FittedSide
    random: tuple[FittedRandom, ...]
    offsets: tuple[FittedSide, ...]
    kinds: Mapping[str, str]
    sources: Sources
    arrays: bool = False
    kept: Index | None = None

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
        """New rows in the coordinates of the fitted design.

        Transforms and categories are coded as in the fitted table. A level of a predictor that
        the fitted table did not have is refused; a new level of a grouping factor is allowed.

        Parameters
        ----------
        new_data : table, or mapping
            A table of m rows with the columns of the formula; the response is not needed. For a
            design from arrays ``{"X": (m, p), "groups": {name: labels or (labels, Z)}}``,
            optionally with "weights", "offset" and "noise_sd".
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
            If a column or array is missing, has gaps, or changed its kind or shape.

        Examples
        --------
        >>> from bayeslmm.design import build_design
        >>> table = {"y": [1.0, 2.0, 4.0, 3.0], "g": ["a", "a", "b", "b"]}
        >>> design = build_design("y ~ 1 + (1 | g)", table)
        >>> new = design.encoder.encode({"g": ["b", "z"]})
        >>> new.groups[0].codes, new.groups[0].new_levels
        (array([ 1, -1]), array(['z'], dtype='<U1'))
        """
        given = {"weights": weights, "offset": offset, "noise_sd": noise_sd}
        random = self.random if groups else ()
        table: Table | None = None
        if self.arrays:
            columns, labels, rows, given = read_new_arrays(
                new_data, self.fixed, random, given, noise
            )
        else:
            table = read_table(new_data)
            rows, columns = table.rows, self._columns(table, random)
            labels = table.labels.or_first((f"{key}=", value) for key, value in given.items())
        extras = read_new_extras(self.sources, given, rows, table, labels, noise)
        X = self.fixed.encode(columns, rows)
        parts = tuple(part.encode(columns, rows) for part in random)
        found = _new_rows(X if self.kept is None else X[:, self.kept], parts, extras, rows, labels)
        more = [side.encode(columns, rows)[:, 0] for side in self.offsets]
        return replace(found, offset=sum(more, found.offset))

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
        given, rows = {"weights": weights, "offset": offset, "noise_sd": noise_sd}, np.arange(count)
        extras = read_new_extras(self.sources, given, rows, None, labels, noise)
        return _new_rows(np.empty((count, 0)), (), extras, rows, labels)

    def fixed_only(self) -> "Encoder":
        """The same for the columns of X alone: nothing else is looked for in new data."""
        return replace(self, random=(), offsets=(), sources={})

    def keep(self, index: Index) -> "Encoder":
        """The same for these columns of X."""
        return replace(self, kept=index if self.kept is None else self.kept[index])

    def _columns(self, table: Table, random: tuple[FittedRandom, ...]) -> dict[str, Column]:
        sides = [(self.fixed, "the predictor"), *((side, "the offset") for side in self.offsets)]
        sides += [(side, "the predictor") for part in random for side in part.sides]
        roles = {name: role for side, role in sides for name in side.side.columns}
        roles |= {n: "the grouping factor" for part in random for n in part.factor.columns}
        return {name: self._column(table, name, role) for name, role in roles.items()}

    def _column(self, table: Table, name: str, role: str) -> Column:
        column = column_of(table, name, role)
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
        return replace(column, levels=None)  # those of the fitted table count


def _new_rows(
    X: Array,
    groups: tuple[NewGroup, ...],
    extras: Mapping[str, Extra],
    rows: Index,
    labels: Labels,
) -> NewRows:
    return NewRows(
        X=X,
        offset=values_or(extras, "offset", len(rows), 0.0),
        weights=values_or(extras, "weights", len(rows), 1.0),
        noise_sd=extras["noise_sd"].values if "noise_sd" in extras else None,
        groups=groups,
        rows=rows,
        weighted="weights" in extras,
        labels=labels,
    )
