"""Columns given as numbers: a matrix, a vector, or a table whose names become labels."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..design.checks import refuse_not_finite
from ..design.numeric import read_alike, read_numbers
from ..types import Array
from .source import Source


def read_given(
    values: Any,
    what: str,
    *,
    names: Sequence[Any] | None = None,
    inputs: bool = False,
    gaps: bool = False,
) -> Source:
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
    Source

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
    return Source(
        what=what,
        labels=labels,
        matrix=found.values,
        rows=found.rows,
        encode=partial(_again, f"{what} in the new rows", labels),
        index=found.index,
        reads=labels if found.named else None,
    )


def _again(what: str, labels: tuple[str, ...], new: Any) -> Array:
    """New rows of the same columns; a vector stands for one column, which needs no name.

    Raises
    ------
    DesignError
        If a column is absent, or a value is missing, infinite or no number.
    """
    vector = len(labels) == 1
    if _is_series(new) and vector:
        new = new.rename(labels[0]).to_frame()
    matrix, rows = read_alike(new, labels, what, vector=vector)
    refuse_not_finite(matrix, labels, rows, what)
    return matrix


def _is_series(values: Any) -> bool:
    return hasattr(values, "to_frame") and not hasattr(values, "columns")


def _frame(series: Any, name: str) -> Any:
    """A Series as a table of one column, with a name of its own if it has one."""
    return series.to_frame() if series.name else series.rename(name).to_frame()
