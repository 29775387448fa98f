"""Columns given as numbers: a matrix, a vector, or a table whose names become labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..design import DesignError
from ..design.array_reading import from_frame
from ..design.checks import real_array
from ..design.errors import quoted
from ..design.labels import index_of
from ..design.table import read_table, with_names
from ..types import Array, Index
from .finite import refuse_not_finite


@dataclass(frozen=True, eq=False)
class Given:
    """A numeric matrix as it stands. Attributes as in `Source`, and:

    Attributes
    ----------
    named : bool
        Whether the labels are the user's, not made up.
    """

    what: str
    labels: tuple[str, ...]
    matrix: Array
    rows: Index
    remedy: str = "drop all but one"
    named: bool = False
    index: Any = None

    @property
    def reads(self) -> tuple[str, ...] | None:
        return self.labels if self.named else None

    def encode(self, new: Any) -> Array:
        """New rows of the same columns.

        Parameters
        ----------
        new : array_like (m, P) or table
            Columns of a table are found by name, in any order, and others are left alone; those of
            an array by position. A vector stands for one column.

        Returns
        -------
        ndarray (m, P)

        Raises
        ------
        DesignError
            If a column is absent, or a value is missing, infinite or no number.
        """
        what, p = f"{self.what} in the new rows", len(self.labels)
        new = with_names(new)
        if _is_series(new) and p == 1:  # one column needs no name
            new = new.rename(self.labels[0]).to_frame()
        if _is_table(new):
            table = read_table(new)
            absent = [label for label in self.labels if label not in table.names]
            if absent:
                raise DesignError(
                    f"{what}: the table lacks the columns {quoted(absent)}; it has "
                    f"{quoted(table.names)}"
                )
            matrix, rows = from_frame(new, table.rows, what, self.labels), table.rows
        else:
            matrix = _two_dimensional(new, what, vector=p == 1)
            if matrix.shape[1] != p:
                raise DesignError(
                    f"{what} must have {p} columns as the fitted had, got shape {matrix.shape}"
                )
            rows = np.arange(len(matrix))
        refuse_not_finite(matrix, self.labels, rows, what)
        return matrix

    def take(self, places: Index) -> "Given":
        """The same with these of its rows, in this order."""
        index = None if self.index is None else self.index[places]
        matrix = np.ascontiguousarray(self.matrix[places])
        return replace(self, matrix=matrix, rows=self.rows[places], index=index)


def read_given(
    values: Any,
    what: str,
    *,
    names: Sequence[Any] | None = None,
    inputs: bool = False,
    gaps: bool = False,
) -> Given:
    """Read columns that are numbers.

    Parameters
    ----------
    values : array_like (n, P) or table
        A pandas or polars DataFrame, pyarrow Table or dict of arrays names its columns. Those of
        an array are labelled by their position from "0", as in ``values[:, 0]``.
    what : str
        What they are columns of, for messages: "term 'x'".
    names : sequence of str, optional
        Labels, in place of the above.
    inputs : bool
        Whether these are the inputs of a kernel or basis: a vector is then one input, and an array
        has the names x, or x0, x1, ...
    gaps : bool
        Whether values may be missing; their rows are then to be dropped, or refused, with those of
        the table.

    Returns
    -------
    Given

    Raises
    ------
    DesignError
        If a value is no finite number, a name stands twice, or the shape is not (n, P).

    Examples
    --------
    >>> from bayeslmm.columns import read_given
    >>> read_given({"a": [1.0, 2.0], "b": [0, 1]}, "X").encode({"b": [5], "a": [4]})
    array([[4., 5.]])
    """
    values = with_names(values)
    if _is_series(values) and inputs:
        values = _frame(values, "x")
    if _is_table(values):
        table = read_table(values)
        matrix, found, rows = from_frame(values, table.rows, what), table.names, table.rows
    else:
        matrix = _two_dimensional(values, what, vector=inputs)
        found, rows = _made_up(matrix.shape[1], inputs), np.arange(len(matrix))
    labels = found if names is None else tuple(str(name) for name in names)
    if len(labels) != matrix.shape[1]:
        raise DesignError(
            f"{len(labels)} names were given for the {matrix.shape[1]} columns of {what}"
        )
    twice = [name for name, count in Counter(labels).items() if count > 1]
    if twice:
        raise DesignError(f"several columns of {what} are called {quoted(twice)}; rename them")
    refuse_not_finite(matrix, labels, rows, what, gaps=gaps)
    named = names is not None or _is_table(values)
    return Given(what, labels, matrix, rows, named=named, index=index_of(values))


def _made_up(p: int, inputs: bool) -> tuple[str, ...]:
    if inputs and p == 1:
        return ("x",)
    return tuple(f"{'x' if inputs else ''}{j}" for j in range(p))


def _is_table(values: Any) -> bool:
    fields = getattr(getattr(values, "dtype", None), "names", None)
    return hasattr(values, "columns") or isinstance(values, Mapping) or bool(fields)


def _is_series(values: Any) -> bool:
    return hasattr(values, "to_frame") and not hasattr(values, "columns")


def _frame(series: Any, name: str) -> Any:
    """A Series as a table of one column, with a name of its own if it has one."""
    return series.to_frame() if series.name else series.rename(name).to_frame()


def _two_dimensional(values: Any, what: str, vector: bool) -> Array:
    if hasattr(values, "toarray"):
        raise DesignError(f"{what} must be a dense array, got a sparse one; call .toarray()")
    array = real_array(values, what)
    if array.ndim == 1 and vector:
        array = array[:, None]
    if array.ndim != 2:
        hint = "; write [:, None] for one column, [None, :] for one row" if array.ndim == 1 else ""
        raise DesignError(
            f"{what} must have two dimensions, rows and columns, got shape {array.shape}{hint}"
        )
    return array
