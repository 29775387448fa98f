"""The other factors' columns, group by group of the eliminated factor: few of many.

A student rates some 25 of a thousand lecturers, so a group's rotated rows B_g hold some 25 columns
that are not zero. Only these are kept (`Data.columns`, `Data.values`, by group as in a compressed
sparse row matrix), and every sum over the groups costs the squares of their numbers k_g:

    S += U_g'U_g,  U_g = C_g^-1 B_g,      K_g = U_g cov U_g',  cov only at the group's columns

The sum S itself fills in and stays dense (Bates, Maechler, Bolker & Walker 2015, section 5). Its
rows, and those of cov, are gone through a panel at a time, all groups for each, so that a panel
stays in the cache while they come to it: that halves the time where columns are thousands.
"""

import numpy as np

from .compiled import jit

PANEL = 256  # rows of S and cov that the cache holds beside the groups' columns
ONE = np.uint64(1)


@jit
def eliminate_crossed(data, work):
    """Whiten the crossed columns; add their products to the lower triangle of S."""
    q, lanes = data.R.shape[1], data.R.shape[3]
    m, m2 = data.C.shape[0], data.shift.size
    U = work.U
    for g in range(data.starts.size - 1):
        c, k = g // lanes, g % lanes
        for e in range(data.starts[g], data.starts[g + 1]):
            row = data.columns[e]
            for i in range(q):
                value = data.values[e, i]
                for t in range(i):
                    value -= work.V[c, i, t, k] * U[e, t]
                U[e, i] = value * work.V[c, i, i, k]
            for x in range(m - m2 + 1):
                total = 0.0
                for i in range(q):
                    total += work.W[c, x, i, k] * U[e, i]
                work.S[m2 + x, row] += total
    reached = data.starts[:-1].copy()
    for top in range(PANEL, m2 + PANEL, PANEL):
        for g in range(reached.size):
            span = data.starts[g], reached[g], data.starts[g + 1]
            reached[g] = add_products(U, data.columns, span, top, work.S)


@jit
def add_products(U, columns, span, top, S):
    """S += U_g'U_g in rows up to `top` from the entry reached on; returns the one to go on from.

    Indices without a sign need no look at whether they count from the end: half the time.
    """
    first, e, last = np.uint64(span[0]), np.uint64(span[1]), np.uint64(span[2])
    q, flat = U.shape[1], U.reshape(-1)
    while e < last and columns[e] < top:
        row = np.uint64(columns[e])
        if q == 1:
            one = flat[e]
            for f in range(first, e + ONE):
                S[row, np.uint64(columns[f])] += one * flat[f]
        else:
            for f in range(first, e + ONE):
                total = 0.0
                for i in range(q):
                    total += U[e, i] * U[f, i]
                S[row, np.uint64(columns[f])] += total
        e += ONE
    return np.int64(e)


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
def crossed_shares(factors, data, work):
    """K_g = U_g cov U_g' into work.K (chunks, q, q, lanes), from the lower triangle of cov(v)."""
    lanes, m2 = data.R.shape[3], data.shift.size
    scaled, half = np.empty(work.U.shape), np.empty(work.U.shape[1])
    scale_entries(factors, data, work.U, scaled)
    work.K[:] = 0.0
    reached = data.starts[:-1].copy()
    for top in range(PANEL, m2 + PANEL, PANEL):
        for g in range(reached.size):
            span = data.starts[g], reached[g], data.starts[g + 1]
            K = work.K[g // lanes, :, :, g % lanes]
            reached[g] = add_forms(scaled, data.columns, span, top, work.cov, half, K)


@jit
def add_forms(U, columns, span, top, cov, half, K):
    """K += U_g cov U_g' where the larger column is in rows up to `top`, as `add_products` goes."""
    first, e, last = np.uint64(span[0]), np.uint64(span[1]), np.uint64(span[2])
    q, flat = U.shape[1], U.reshape(-1)
    while e < last and columns[e] < top:
        row = np.uint64(columns[e])
        if q == 1:
            total = 0.5 * cov[row, row] * flat[e]
            for f in range(first, e):  # each pair of columns once, each column half with itself
                total += cov[row, np.uint64(columns[f])] * flat[f]
            K[0, 0] += 2.0 * total * flat[e]
        else:
            for i in range(q):
                total = 0.5 * cov[row, row] * U[e, i]
                for f in range(first, e):
                    total += cov[row, np.uint64(columns[f])] * U[f, i]
                half[i] = total
            for i in range(q):
                for j in range(q):
                    K[i, j] += half[i] * U[e, j] + half[j] * U[e, i]
        e += ONE
    return np.int64(e)


@jit
def scale_entries(factors, data, U, out):
    """out = U Lambda by group: a group that has one of a level's columns has all of them."""
    m2, q = data.shift.size, U.shape[1]
    offset = np.empty(m2, np.int64)  # of every column: where its factor begins,
    width = np.empty(m2, np.int64)  # how many columns its level has,
    within = np.empty(m2, np.int64)  # and which of them it is
    at = 0
    for f in range(data.layout.shape[0]):
        start, levels, w = data.layout[f, 0], data.layout[f, 1], data.layout[f, 2]
        for column in range(start, start + levels * w):
            offset[column], width[column] = at, w
            within[column] = (column - start) % w
        at += w * w
    for e in range(data.columns.size):
        column = data.columns[e]
        w, j = width[column], within[column]
        for i in range(q):
            total = 0.0
            for t in range(j, w):
                total += factors[offset[column] + t * w + j] * U[e - j + t, i]
            out[e, i] = total


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
