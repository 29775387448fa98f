"""The other factors' columns, group by group of the eliminated factor: few of many.

A student rates some 25 of a thousand lecturers, so a group's rotated rows B_g hold some 25 columns
that are not zero. Only these are kept (`Data.columns`, `Data.values`, by group as in a compressed
sparse row matrix), and every sum over the groups costs the squares of their numbers k_g:

    S += U_g'U_g,  U_g = C_g^-1 B_g,      K_g = U_g cov U_g',  cov only at the group's columns

The sum S itself fills in and stays dense (Bates, Maechler, Bolker & Walker 2015, section 5).
"""

import numpy as np

from .compiled import jit


@jit
def eliminate_crossed(data, work):
    """Whiten the crossed columns; add their products to the lower triangle of S."""
    q, lanes = data.R.shape[1], data.R.shape[3]
    m, m2 = data.C.shape[0], data.shift.size
    U = work.U
    for g in range(data.starts.size - 1):
        c, k = g // lanes, g % lanes
        first, last = data.starts[g], data.starts[g + 1]
        for e in range(first, last):
            for i in range(q):
                value = data.values[e, i]
                for t in range(i):
                    value -= work.V[c, i, t, k] * U[e, t]
                U[e, i] = value * work.V[c, i, i, k]
            row = data.columns[e]
            for f in range(first, e + 1):
                total = 0.0
                for i in range(q):
                    total += U[e, i] * U[f, i]
                work.S[row, data.columns[f]] += total
            for x in range(m - m2 + 1):
                total = 0.0
                for i in range(q):
                    total += work.W[c, x, i, k] * U[e, i]
                work.S[m2 + x, row] += total


@jit
def absorb(data, work, delta, column):
    """Take the part of crossed effects `delta` off one whitened column of W."""
    q, lanes = data.R.shape[1], data.R.shape[3]
    for g in range(data.starts.size - 1):
        c, k = g // lanes, g % lanes
        for e in range(data.starts[g], data.starts[g + 1]):
            d = delta[data.columns[e]]
            for i in range(q):
                work.W[c, column, i, k] -= work.U[e, i] * d


@jit
def absorb_fixed(data, work, delta):
    """Replace X by what the crossed effects leave of it, X - U H'; the residual stays itself.

    With these columns the uncertainty of gamma and that of the crossed effects given gamma add up,
    where they would else cancel.
    """
    m2 = data.shift.size
    p = work.H.shape[0]
    whole = np.zeros(m2)
    for x in range(p):
        absorb(data, work, work.H[x], x)
        whole += work.H[x] * delta[m2 + x]
    absorb(data, work, whole, p)


@jit
def subtract_crossed(data, c, delta, a):
    """a (q, lanes) -= the crossed effects' part of the rotated rows of chunk c."""
    q, lanes = a.shape
    for k in range(min(lanes, data.starts.size - 1 - c * lanes)):
        g = c * lanes + k
        for e in range(data.starts[g], data.starts[g + 1]):
            d = delta[data.columns[e]]
            for i in range(q):
                a[i, k] -= data.values[e, i] * d


@jit
def crossed_shares(data, work):
    """K_g = U_g cov U_g' into work.K (chunks, q, q, lanes)."""
    q, lanes = data.R.shape[1], data.R.shape[3]
    U, cov = work.U, work.cov
    work.K[:] = 0.0
    for g in range(data.starts.size - 1):
        c, k = g // lanes, g % lanes
        first, last = data.starts[g], data.starts[g + 1]
        for e in range(first, last):
            row = data.columns[e]
            for i in range(q):  # each pair of columns once, each column half with itself
                total = 0.5 * cov[row, row] * U[e, i]
                for f in range(first, e):
                    total += cov[row, data.columns[f]] * U[f, i]
                for j in range(q):
                    work.K[c, i, j, k] += total * U[e, j]
                    work.K[c, j, i, k] += total * U[e, j]


@jit
def add_shares(E, K, J):
    """Lower part of J += sum over the lanes of E'K E."""
    q, _, lanes = E.shape
    for a in range(q):
        for b in range(a + 1):
            total = 0.0
            for i in range(q):
                for j in range(q):
                    for k in range(lanes):
                        total += E[i, a, k] * K[i, j, k] * E[j, b, k]
            J[a, b] += total
