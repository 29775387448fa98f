"""Columns given as numbers: a matrix, a vector, or a table whose names become labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..design.checks import refuse_not_finite
from ..design.numeric import read_alike, read_numbers
from ..types import Array, Index


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
        what, vector = f"{self.what} in the new rows", len(self.labels) == 1
        if _is_series(new) and vector:  # one column needs no name
            new = new.rename(self.labels[0]).to_frame()
        matrix, rows = read_alike(new, self.labels, what, vector=vector)
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
    if _is_series(values) and inputs:
        values = _frame(values, "x")
    found = read_numbers(values, what, names=names, letter="x" if inputs else "", vector=inputs)
    labels = found.names
    if inputs and labels == ("x0",) and not found.named:
        labels = ("x",)
    refuse_not_finite(found.values, labels, found.rows, what, gaps=gaps)
    return Given(what, labels, found.values, found.rows, named=found.named, index=found.index)


def _is_series(values: Any) -> bool:
    return hasattr(values, "to_frame") and not hasattr(values, "columns")


def _frame(series: Any, name: str) -> Any:
    """A Series as a table of one column, with a name of its own if it has one."""
    return series.to_frame() if series.name else series.rename(name).to_frame()
