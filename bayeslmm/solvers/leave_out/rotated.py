"""Every group's rows, rotated once: what leaving rows out needs and no variance changes.

Rows are scaled to noise sigma^2. With the group's own columns Z = C R, C orthonormal,

    V^-1 = [(I - C C') + C S'S C'] / sigma^2,     S = sigma chol(sigma^2 I + R L L'R')^-1,

a sum of two parts that are never negative, so that nothing cancels where a group's effect is large
against the noise, and a variance of zero is an ordinary point. The remainder's columns D (other
factors, then X) enter as sigma^2 V^-1 D = (D - C B) + C S'S B with B = C'D.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...types import Array
from ..compiled import jit
from ..sums import Sums

ROUNDING = 1e-13  # a direction with less than this share of its column is rounding

Index = NDArray[np.int64]


class Rotated(NamedTuple):
    """Flat arrays, rows in the order of `Rows.order`; q own effects, p fixed, k other columns."""

    starts: Index  # (groups + 1,) rows of each group
    C: Array  # (n, q)
    R: Array  # (groups, q, q) = C'Z
    rest: Array  # (n,) 1 - |c_i|^2: what of the row lies outside its group's columns
    y: Array  # (n,) response, measured from the fit `origin`
    X: Array  # (n, p)
    X_rest: Array  # (n, p) X - C C'X
    columns: Index  # (n, k) of the remainder
    values: Array  # (n, k)
    place: Index  # (n, k) where those columns stand in the group's own list
    first: Index  # (groups + 1,) where that list starts in `used`
    used: Index  # columns of the remainder that the group has entries in; X at its end
    E: Array  # (used, 2 q): B', and -B' again for columns of other factors


def rotate(sums: Sums, y: Array) -> Rotated:
    """Rotate the rows of every group; `y` (n,) is the response in the order of the table."""
    rows, p, m2 = sums.rows, sums.fixed, sums.random
    q = rows.Z.shape[1]
    C, R, rest = orthonormal(rows.Z, rows.starts)
    place, first, used = own_lists(rows.starts, rows.columns, m2, p)
    E = np.zeros((used.size, 2 * q))
    X_rest = np.empty_like(rows.X)
    products(rows.starts, C, rest, rows.X, rows.values, place, first, E, X_rest)
    distance = (y[rows.order] - rows.offset) * rows.root - rows.X @ sums.origin
    values, columns = rows.values, rows.columns
    return Rotated(
        rows.starts, C, R, rest, distance, rows.X, X_rest, columns, values, place, first, used, E
    )


@jit
def orthonormal(Z, starts):
    """C (n, q), R (groups, q, q) and 1 - |c_i|^2 (n,): Gram-Schmidt by group, twice.

    A column that depends on those before it gets a zero column in C.
    """
    n, q = Z.shape
    C = Z.copy()
    R = np.zeros((starts.size - 1, q, q))
    rest = np.ones(n)
    for g in range(starts.size - 1):
        a, b = starts[g], starts[g + 1]
        for j in range(q):
            size = 0.0
            for i in range(a, b):
                size += C[i, j] ** 2
            for _ in range(2):
                for t in range(j):
                    dot = 0.0
                    for i in range(a, b):
                        dot += C[i, t] * C[i, j]
                    for i in range(a, b):
                        C[i, j] -= dot * C[i, t]
            norm = 0.0
            for i in range(a, b):
                norm += C[i, j] ** 2
            keep = norm > ROUNDING**2 * size
            for i in range(a, b):
                C[i, j] = C[i, j] / np.sqrt(norm) if keep else 0.0
        for i in range(a, b):
            for j in range(q):
                rest[i] -= C[i, j] ** 2
                for t in range(q):
                    R[g, j, t] += C[i, j] * Z[i, t]
            if rest[i] < ROUNDING:  # the row alone holds one of the group's directions
                rest[i] = 0.0
    return C, R, rest


@jit
def own_lists(starts, columns, m2, p):
    """For every group the columns of the remainder that its rows touch, and the rows' places."""
    n, wide = columns.shape
    groups = starts.size - 1
    place = np.zeros((n, wide), dtype=np.int64)
    first = np.zeros(groups + 1, dtype=np.int64)
    used = np.empty(n * wide + groups * p, dtype=np.int64)
    where = np.full(m2, -1, dtype=np.int64)
    end = 0
    for g in range(groups):
        first[g] = end
        for i in range(starts[g], starts[g + 1]):
            for j in range(wide):
                column = columns[i, j]
                if where[column] < first[g]:  # last seen in an earlier group
                    where[column] = end
                    used[end] = column
                    end += 1
                place[i, j] = where[column] - first[g]
        for j in range(p):
            used[end] = m2 + j
            end += 1
    first[groups] = end
    return place, first, used[:end].copy()


@jit
def products(starts, C, rest, X, values, place, first, E, X_rest):
    """Fill E and X - C C'X; what is left of a column by rounding alone is zero."""
    q, p, wide = C.shape[1], X.shape[1], values.shape[1]
    for g in range(starts.size - 1):
        a, b = starts[g], starts[g + 1]
        at = first[g + 1] - p
        for i in range(a, b):
            for t in range(q):
                for j in range(wide):
                    E[first[g] + place[i, j], t] += C[i, t] * values[i, j]
                    E[first[g] + place[i, j], q + t] -= C[i, t] * values[i, j]
                for j in range(p):
                    E[at + j, t] += C[i, t] * X[i, j]
        for j in range(p):
            whole = left = 0.0
            for i in range(a, b):
                X_rest[i, j] = X[i, j]
                total = X_rest[i, j]
                for t in range(q):
                    total -= C[i, t] * E[at + j, t]
                X_rest[i, j] = total
                if rest[i] == 0.0:
                    X_rest[i, j] = 0.0
                whole += X[i, j] ** 2
                left += X_rest[i, j] ** 2
            if left < ROUNDING**2 * whole:
                X_rest[a:b, j] = 0.0
