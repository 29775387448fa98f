"""What makes a block unfit to be fitted: found before any heavy work, and said by name."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..design import DesignError
from ..design.checks import refuse_not_finite
from ..design.errors import quoted, some
from ..solvers.memory import memory
from ..types import Array
from .source import Source

COPIES = 3  # of the matrix, and of square ones
_BLOCK = 256  # columns hashed at a time


def validate(
    source: Source, n: int | None = None, *, constant: bool = False, duplicates: bool = False
) -> None:
    """Refuse a block that cannot be fitted.

    Parameters
    ----------
    source : Source
        The block.
    n : int, optional
        Rows that the response has.
    constant : bool
        Whether one constant column may stand: a bias, or a block of a model without an intercept.
    duplicates : bool
        Whether equal columns may stand: they do no harm where all share one variance.

    Raises
    ------
    DesignError
        If the block has no columns or another number of rows, does not fit into memory, has a
        missing or infinite value, or a column that is zero, constant, or equal to another. Columns
        and rows are named.

    Examples
    --------
    >>> from bayeslmm.columns import read_given, validate
    >>> validate(read_given({"a": [1, 2, 3], "b": [1, 2, 3]}, "X"))
    Traceback (most recent call last):
        ...
    bayeslmm.design.errors.DesignError: columns of X are equal in every row: 'a' and 'b'; drop all but one
    """  # noqa: E501
    matrix, labels, what = source.matrix, source.labels, source.what
    rows, p = matrix.shape
    if n is not None and rows != n:
        raise DesignError(
            f"{what}: {rows:,} rows, but the response has {n:,}; give both for the same rows"
        )
    if p == 0:
        raise DesignError(f"{what}: there are no columns; give at least one")
    refuse_too_large(rows, p, what)
    refuse_not_finite(matrix, labels, source.rows, what)
    _refuse_constant(source, constant)
    if not duplicates:
        _refuse_equal(matrix, labels, what, source.remedy)


def refuse_too_large(
    n: int,
    p: int,
    what: str,
    advice: str = "use fewer columns",
    *,
    there: Callable[[], float | None] = memory,
) -> None:
    """Raise where n x p and square matrices of the smaller side do not fit into memory.

    n rows of p columns take the matrix, its scaled copy and one more in passing; the dual solver
    (n < p) or the primal one (p <= n) adds square matrices of the smaller side. `there` tells the
    bytes of this machine, or None.

    Raises
    ------
    DesignError
        Saying the gigabytes needed, and those there are.
    """
    side = min(n, p)
    need, limit = 8.0 * COPIES * (float(n) * p + float(side) ** 2), there()
    if limit is None or need <= limit:
        return
    raise DesignError(
        f"{what}: {n:,} rows x {p:,} columns need {COPIES} matrices of that size and {COPIES} of "
        f"{side:,} x {side:,}, {need / 1e9:,.0f} GB, but this machine has {limit / 1e9:,.0f} GB; "
        f"{advice}"
    )


def _refuse_constant(source: Source, allowed: bool) -> None:
    matrix, labels, what = source.matrix, source.labels, source.what
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    zero = (low == 0) & (high == 0)
    if zero.any():
        raise DesignError(
            f"{_told(labels, zero)} of {what}: zero in every row, which says nothing; drop it"
        )
    largest = np.maximum(np.abs(low), np.abs(high))
    flat = high / 2 - low / 2 <= 2 * np.finfo(float).eps * largest  # constant to rounding
    if flat.sum() > allowed:
        reason = "which is what the intercept says; drop it"
        if allowed:
            reason = "where one such column can stand (bias or intercept); " + source.remedy
        raise DesignError(f"{_told(labels, flat)} of {what}: one value in every row, {reason}")


def _told(labels: Sequence[str], mask: np.ndarray) -> str:
    names = [labels[int(j)] for j in np.flatnonzero(mask)]
    return f"{'column' if len(names) == 1 else 'columns'} {quoted(names)}"


def _refuse_equal(matrix: Array, labels: Sequence[str], what: str, remedy: str) -> None:
    pairs = equal_columns(matrix)
    if pairs:
        told = some((f"'{labels[i]}' and '{labels[j]}'" for i, j in pairs), 4)
        raise DesignError(f"columns of {what} are equal in every row: {told}; {remedy}")


def equal_columns(matrix: Array) -> list[tuple[int, int]]:
    """Pairs (first, later) of equal columns.

    Columns of equal bytes have equal hashes, so one pass finds candidates, which are then compared:
    work in proportion to the matrix, not to its columns squared.
    """
    first: dict[int, list[int]] = {}
    pairs = []
    for start in range(0, matrix.shape[1], _BLOCK):
        block = np.ascontiguousarray(matrix[:, start : start + _BLOCK].T) + 0.0  # -0.0 is 0.0
        for j, column in enumerate(block, start):
            others = first.setdefault(hash(column.tobytes()), [])
            same = next((i for i in others if np.array_equal(matrix[:, i], column)), None)
            if same is None:
                others.append(j)
            else:
                pairs.append((same, j))
    return pairs


def refuse_many_responses(y: Any, who: str = "bl.rvm") -> None:
    """One model, one response.

    Raises
    ------
    DesignError
        If y has more than one dimension; the shape is told.
    """
    shape = np.shape(y)
    if len(shape) < 2:
        return
    advice = "write y[:, 0]" if shape[1:] == (1,) else "fit one model for each column"
    raise DesignError(f"{who} takes one response of shape (n,), got shape {shape}; {advice}")
