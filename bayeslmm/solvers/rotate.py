"""Rotate the rows of all groups at once, where there are few numbers: LAPACK's QR, stacked.

The same as `project`, without compiled code: groups are filled up with rows of zeros to a power of
two, which changes no product, and those of one size are factored together.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..types import Array


def triangles(A: Array, starts: NDArray[np.int64]) -> Array:
    """R (groups, c, c) of the QR of every group's rows of A (n, c)."""
    found = np.zeros((starts.size - 1, A.shape[1], A.shape[1]))
    for groups, rows in _stacks(A, starts):
        found[groups] = np.linalg.qr(rows, mode="r")
    return found


def _stacks(A: Array, starts: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.intp], Array]]:
    """Groups of about one size, and their rows (groups, size, c)."""
    counts, columns = np.diff(starts), A.shape[1]
    if counts.size and counts.min() == counts.max() >= columns:
        yield np.arange(counts.size), A.reshape(counts.size, counts[0], columns)
        return
    sizes = np.maximum(2 ** np.ceil(np.log2(np.maximum(counts, 1))).astype(int), columns)
    for size in np.unique(sizes):
        groups = np.flatnonzero(sizes == size)
        within = np.arange(counts[groups].sum())
        begin = np.cumsum(counts[groups]) - counts[groups]
        lane = np.repeat(np.arange(groups.size), counts[groups])
        place = within - begin[lane]
        rows = np.zeros((groups.size, size, columns))
        rows[lane, place] = A[starts[groups][lane] + place]
        yield groups, rows


def rest_triangles(Z: Array, starts: NDArray[np.int64], X: Array) -> Array:
    """Rows with the products of what the groups' own effects leave of X: not themselves."""
    q, p = Z.shape[1], X.shape[1]
    rest = triangles(np.hstack([Z, X]), starts)[:, q:, q:]
    return np.ascontiguousarray(rest).reshape(rest.shape[0] * p, p)
