"""The other factors' columns, group by group of the eliminated factor: few of many.

A student rates some 25 of a thousand lecturers, so a group's rotated rows B_g hold some 25 columns
that are not zero. Only these are kept (`Data.columns`, `Data.values`, by group as in a compressed
sparse row matrix), and every sum over the groups costs the squares of their numbers k_g:

    S += U_g'U_g,  U_g = C_g^-1 B_g,      K_g = U_g Cov U_g',  Cov only at the group's columns

The sum S itself fills in and stays dense (Bates, Maechler, Bolker & Walker 2015, section 5).
"""

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
def absorb(data, work, delta):
    """Take the crossed effects' part off the whitened response, the last column of W."""
    q, lanes = data.R.shape[1], data.R.shape[3]
    last = work.W.shape[1] - 1
    for g in range(data.starts.size - 1):
        c, k = g // lanes, g % lanes
        for e in range(data.starts[g], data.starts[g + 1]):
            d = delta[data.columns[e]]
            for i in range(q):
                work.W[c, last, i, k] -= work.U[e, i] * d


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
    """K_g = W_g Cov W_g' into work.K (chunks, q, q, lanes), without the part of gamma alone."""
    q, lanes = data.R.shape[1], data.R.shape[3]
    m, m2 = data.C.shape[0], data.shift.size
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
                for x in range(m - m2):
                    total += cov[row, m2 + x] * work.W[c, x, i, k]
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
