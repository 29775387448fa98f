"""Small dense algebra for many groups at once.

Every array carries the groups on its last axis (its "lanes"), so that the inner loop of each
function runs over neighbouring numbers and becomes vector instructions whatever the number q of
random effects. The loops are those of Golub & Van Loan (2013), algorithms 4.2.1 and 3.1.1.
"""

import numpy as np

from .compiled import jit


@jit
def outer_plus(R, L, noise, M, V):
    """V = (R L)(R L)' + noise I by lane; R upper, L lower triangular (lower part of V filled)."""
    q, _, lanes = R.shape
    for i in range(q):
        for j in range(q):
            for k in range(lanes):
                M[i, j, k] = 0.0
            for t in range(max(i, j), q):
                scale = L[t, j]
                if scale != 0.0:
                    for k in range(lanes):
                        M[i, j, k] += R[i, t, k] * scale
    for i in range(q):
        for j in range(i + 1):
            start = noise if i == j else 0.0
            for k in range(lanes):
                V[i, j, k] = start
            for t in range(q):
                for k in range(lanes):
                    V[i, j, k] += M[i, t, k] * M[j, t, k]


@jit
def cholesky(V):
    """Lower Cholesky factor in place; the diagonal is stored as its reciprocal."""
    q, _, lanes = V.shape
    for j in range(q):
        for t in range(j):
            for k in range(lanes):
                V[j, j, k] -= V[j, t, k] * V[j, t, k]
        for k in range(lanes):
            V[j, j, k] = 1.0 / V[j, j, k] ** 0.5
        for i in range(j + 1, q):
            for t in range(j):
                for k in range(lanes):
                    V[i, j, k] -= V[i, t, k] * V[j, t, k]
            for k in range(lanes):
                V[i, j, k] *= V[j, j, k]


@jit
def solve_lower(V, x):
    """x <- C^-1 x by lane, for the factor C left in V by `cholesky`; x has shape (q, lanes)."""
    q, lanes = x.shape
    for i in range(q):
        for t in range(i):
            for k in range(lanes):
                x[i, k] -= V[i, t, k] * x[t, k]
        for k in range(lanes):
            x[i, k] *= V[i, i, k]


@jit
def solve_upper(V, x):
    """x <- C^-T x by lane, for the factor C left in V by `cholesky`; x has shape (q, lanes)."""
    q, lanes = x.shape
    for i in range(q - 1, -1, -1):
        for k in range(lanes):
            x[i, k] *= V[i, i, k]
        for t in range(i):
            for k in range(lanes):
                x[t, k] -= V[i, t, k] * x[i, k]


@jit
def log_diagonal(V):
    """Sum of the logs of all diagonals, two to a logarithm (a product of two cannot overflow)."""
    q, _, lanes = V.shape
    total = 0.0
    for j in range(0, q - 1, 2):
        for k in range(lanes):
            total += np.log(V[j, j, k] * V[j + 1, j + 1, k])
    if q % 2:
        for k in range(lanes):
            total += np.log(V[q - 1, q - 1, k])
    return total
