"""Rotate each group's rows so that its random-effect columns become triangular.

For group g with rows Z (n_g x q) and remainder D (n_g x m+1), Householder reflections give
Q'[Z D] = [R B; 0 D_rest]. R and B hold all that the rows say about the group's own effects; the
rows of D_rest say nothing about them. Nothing is squared here, so no digits are lost
(Golub & Van Loan 2013, section 5.2).
"""

import numpy as np

from .compiled import jit
from .lapack import add_outer
from .triangular import mirror


@jit
def reflect(A, q):
    """Householder reflections in place until the first q columns of A are upper triangular."""
    rows, cols = A.shape
    for j in range(min(q, rows)):
        norm = 0.0
        for i in range(j, rows):
            norm = np.hypot(norm, A[i, j])
        if norm == 0.0:
            continue
        alpha = -norm if A[j, j] > 0.0 else norm
        head = A[j, j] - alpha
        for i in range(j + 1, rows):  # v = (1, A[j+1:, j] / head); beta = -head / alpha
            A[i, j] /= head
        beta = -head / alpha
        A[j, j] = alpha
        for c in range(j + 1, cols):
            dot = A[j, c]
            for i in range(j + 1, rows):
                dot += A[i, j] * A[i, c]
            dot *= beta
            A[j, c] -= dot
            for i in range(j + 1, rows):
                A[i, c] -= dot * A[i, j]
        for i in range(j + 1, rows):
            A[i, j] = 0.0


@jit
def rest_of(Z, starts, X):
    """Rows of X that say nothing of the groups' own effects (the first q of a group are zero)."""
    q = Z.shape[1]
    rest = np.zeros_like(X)
    for g in range(starts.size - 1):
        a, b = starts[g], starts[g + 1]
        A = np.hstack((Z[a:b], X[a:b]))
        reflect(A, q)
        for i in range(q, b - a):
            rest[a + i] = A[i, q:]
    return rest


@jit
def project(Z, starts, X, y, columns, values, begin, used, lanes, R, B, U, C, g):
    """Fill R, B (lanes last), U, the rest's products C = D'D and g = D'y; return the rest's y'y.

    `columns`, `values` (n x k) are the nonzero entries of the other factors' columns by row, and
    `used[begin[group] : begin[group + 1]]` those columns that a group has rows in; their rotated
    rows go to U, those of X and y to B. The remainder is D = [the other factors' columns, X]. Where
    another response stands beside the same columns their products are known: C is then empty.
    """
    q, p, wide = Z.shape[1], X.shape[1], columns.shape[1]
    m2 = g.size - p
    place = np.empty(m2, dtype=np.int64)  # where a column of the whole sits in the group's own
    rss = 0.0
    for group in range(starts.size - 1):
        a, b = starts[group], starts[group + 1]
        first, count = begin[group], begin[group + 1] - begin[group]
        whole = np.empty(count + p, dtype=np.int64)
        for j in range(count):
            whole[j] = used[first + j]
            place[whole[j]] = j
        for j in range(p):
            whole[count + j] = m2 + j
        A = np.zeros((b - a, q + count + p + 1))
        for i in range(a, b):
            A[i - a, :q] = Z[i]
            for j in range(wide):
                A[i - a, q + place[columns[i, j]]] += values[i, j]
            for j in range(p):
                A[i - a, q + count + j] = X[i, j]
            A[i - a, q + count + p] = y[i]
        reflect(A, q)
        top = min(q, b - a)
        if q > 0:
            chunk, lane = group // lanes, group % lanes
            for i in range(top):
                for j in range(q):
                    R[chunk, i, j, lane] = A[i, j]
                for j in range(count):
                    U[first + j, i] = A[i, q + j]
                for j in range(p + 1):
                    B[chunk, j, i, lane] = A[i, q + count + j]
        D = np.ascontiguousarray(A[top:, q:])
        own = np.dot(D.T, D[:, count + p].copy())
        for i in range(count + p):
            g[whole[i]] += own[i]
        rss += own[count + p]
        if C.size > 0:
            products = np.zeros((count + p + 1, count + p + 1))
            add_outer(D, D.shape[0], products)
            for i in range(count + p):  # columns of a group are in order: below the diagonal too
                for j in range(i + 1):
                    C[whole[i], whole[j]] += products[i, j]
    mirror(C)
    return rss
