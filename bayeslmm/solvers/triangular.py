"""The dense algebra of the remainder: plain loops while it is small, LAPACK where it is large.

Golub & Van Loan (2013), algorithms 4.2.1 and 3.1.1. A factor lies in the lower triangle; what is
above it is not read.
"""

import numpy as np

from .compiled import jit
from .lapack import cholesky_lower, invert_factored, solve_transposed

SMALL = 12  # below this many columns plain loops beat a call to BLAS
LOOPS = 48  # and below this many a call to LAPACK
LOST = 1e-14  # a pivot below this share of its diagonal has lost all its digits to cancellation
TILE = 64  # rows and columns mirrored at a time, so that both sides stay in the cache


@jit
def factor_lower(M):
    """Cholesky factor in place; False where a pivot holds nothing but rounding in float64."""
    m = M.shape[0]
    lost = LOST * (1.0 + m / 50.0)
    if m > LOOPS:
        diagonal = np.empty(m)
        for i in range(m):
            diagonal[i] = M[i, i]
            if not np.isfinite(M[i, i]) or M[i, i] <= 0.0:
                return False
        if not cholesky_lower(M):
            return False
        for i in range(m):  # noqa: SIM110  (a generator would not compile)
            if not M[i, i] ** 2 > lost * diagonal[i]:
                return False
        return True
    for j in range(m):
        pivot = M[j, j]
        for t in range(j):
            pivot -= M[j, t] * M[j, t]
        if not pivot > lost * M[j, j]:
            return False
        root = np.sqrt(pivot)
        M[j, j] = root
        for i in range(j + 1, m):
            value = M[i, j]
            for t in range(j):
                value -= M[i, t] * M[j, t]
            M[i, j] = value / root
    return True


@jit
def forward(chol, x):
    """x <- C^-1 x."""
    for i in range(x.size):
        value = x[i]
        for t in range(i):
            value -= chol[i, t] * x[t]
        x[i] = value / chol[i, i]


@jit
def backward(chol, x):
    """x <- C^-T x, reading C by its rows."""
    for i in range(x.size - 1, -1, -1):
        x[i] /= chol[i, i]
        for t in range(i):
            x[t] -= chol[i, t] * x[i]


@jit
def backward_many(chol, x):
    """Every row of x (k, n) <- C^-T row, for the leading n rows and columns of a factor."""
    if x.shape[1] > LOOPS:
        solve_transposed(chol, x)
        return
    for k in range(x.shape[0]):
        backward(chol, x[k])


@jit
def invert_lower(chol, inverse):
    """Inverse of a lower triangular matrix, transposed (upper)."""
    m = chol.shape[0]
    inverse[:] = 0.0
    for j in range(m):
        inverse[j, j] = 1.0 / chol[j, j]
        for i in range(j + 1, m):
            value = 0.0
            for t in range(j, i):
                value += chol[i, t] * inverse[j, t]
            inverse[j, i] = -value / chol[i, i]


@jit
def symmetric_times(A, x, out):
    """out = A x from A's lower triangle, for an x that may be shorter than A is wide."""
    out[:] = 0.0
    for i in range(out.size):
        total = 0.0
        for j in range(min(i, x.size)):
            total += A[i, j] * x[j]
        out[i] += total
        if i < x.size:
            for j in range(i + 1):
                out[j] += A[i, j] * x[i]


@jit
def inverse_from(chol, out):
    """Lower triangle of out (n, n) = (C C')^-1 of the leading n rows and columns of C."""
    n = out.shape[0]
    if n > LOOPS:
        for i in range(n):
            out[i, : i + 1] = chol[i, : i + 1]
        invert_factored(out)
        return
    F = np.empty((n, n))
    invert_lower(chol[:n, :n], F)
    for i in range(n):
        for j in range(i + 1):
            total = 0.0
            for t in range(i, n):
                total += F[i, t] * F[j, t]
            out[i, j] = total


@jit
def mirror(A):
    """Upper triangle <- lower triangle."""
    m = A.shape[0]
    for top in range(0, m, TILE):
        for left in range(0, top + 1, TILE):
            for i in range(top, min(top + TILE, m)):
                for j in range(left, min(left + TILE, i)):
                    A[j, i] = A[i, j]
