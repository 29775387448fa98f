"""Any set of rows left out, given the scales: levels of a factor that is not the eliminated one.

The unit's rows lie in several groups. Pi = sigma^2 P_II is written out, |I| x |I|:

    Pi_ij = [same group] ((I - C C')_ij + (S c_i)'(S c_j)) - d_i Cov d_j' / sigma^2,

d_i over the few columns of the remainder that row i's own group touches.
"""

import numpy as np

from ..compiled import jit
from .algebra import (
    LOST,
    factor,
    in_sample,
    lower,
    lower_transposed,
    residuals,
    squared,
    whitener,
)


@jit
def leave_units(L, sigma, mean, cov, condition, rot, units, out, kept):
    """Log density of every unit left out, and of new rows given all of y; without constants.

    `units` is (group, members, ends): unit j holds the rows members[ends[j] : ends[j + 1]], sorted,
    and `group` (n,) is each row's.
    """
    group, members, ends = units
    q, groups = rot.C.shape[1], rot.starts.size - 1
    S = np.empty((groups, q, q))
    Sw = np.empty(q)
    r, w = np.empty(rot.y.size), np.empty((groups, q))
    residuals(mean, rot, r, w)
    for g in range(groups):
        whitener(rot.R[g], L, sigma, S[g])
    widest = 0
    for g in range(groups):
        widest = max(widest, rot.first[g + 1] - rot.first[g])
    for unit in range(ends.size - 1):
        rows = members[ends[unit] : ends[unit + 1]]
        n = rows.size
        a, rho = np.empty((n, q)), np.empty(n)
        d = np.empty((n, widest))
        Pi = np.empty((n, n))
        for at in range(n):
            i = rows[at]
            g = group[i]
            lower(S[g], rot.C[i], a[at])
            fill_d(i, g, S[g], a[at], rot, d[at])
            lower(S[g], w[g], Sw)
            score = r[i] if rot.rest[i] > 0.0 else 0.0
            for t in range(q):
                score += a[at, t] * Sw[t]
                if rot.rest[i] > 0.0:
                    score -= rot.C[i, t] * w[g, t]
            rho[at] = score / sigma
        fill_Pi(rows, group, rot, a, d, cov, sigma, Pi)
        kept[unit] = in_sample(Pi, rho)
        floor = np.empty(n)
        for at in range(n):
            whole = rot.rest[rows[at]]
            for t in range(q):
                whole += a[at, t] ** 2
            floor[at] = LOST * (whole + condition * (whole - Pi[at, at]))
        out[unit] = factor(Pi, floor) - 0.5 * squared(Pi, rho)


@jit
def fill_d(i, g, S, a, rot, d):
    """sigma^2 (V^-1 D)_i over the columns that the group of row i touches."""
    q, wide, p = rot.C.shape[1], rot.columns.shape[1], rot.X.shape[1]
    first, k = rot.first[g], rot.first[g + 1] - rot.first[g]
    b = np.empty(q)
    lower_transposed(S, a, b)
    inside = rot.rest[i] == 0.0
    for j in range(k):
        d[j] = 0.0
        for t in range(q):
            d[j] += rot.E[first + j, t] * b[t]
            if not inside:
                d[j] += rot.E[first + j, q + t] * rot.C[i, t]
    if not inside:
        for j in range(wide):
            d[rot.place[i, j]] += rot.values[i, j]
        for j in range(p):
            d[k - p + j] += rot.X_rest[i, j]


@jit
def fill_Pi(rows, group, rot, a, d, cov, sigma, Pi):
    """sigma^2 P_II of one unit."""
    q, m = rot.C.shape[1], cov.shape[0]
    spread = np.empty(m)
    for at in range(rows.size):
        i = rows[at]
        g = group[i]
        spread[:] = 0.0
        for j in range(rot.first[g + 1] - rot.first[g]):
            column, value = rot.used[rot.first[g] + j], d[at, j] / (sigma * sigma)
            for t in range(m):
                spread[t] += value * cov[column, t]
        for to in range(at + 1):
            j = rows[to]
            h = group[j]
            total = 0.0
            if h == g:
                if i == j:
                    total += rot.rest[i]
                for t in range(q):
                    total += a[at, t] * a[to, t]
                    if i != j:
                        total -= rot.C[i, t] * rot.C[j, t]
            for t in range(rot.first[h + 1] - rot.first[h]):
                total -= d[to, t] * spread[rot.used[rot.first[h] + t]]
            Pi[at, to] = total
            Pi[to, at] = total
