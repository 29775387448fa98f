"""Any set of rows left out, given the scales: one row, or the levels of a factor.

The unit's rows may lie in several groups. Pi = sigma^2 P_II is written out, |I| x |I|:

    Pi_ij = [same group] ((I - C C')_ij + (S c_i)'(S c_j)) - d_i Cov d_j' / sigma^2,

d_i over the few columns of the remainder that row i's own group touches (`rotated`). Of one row
that is the predictive law of Rasmussen & Williams (2006, equation 5.12).
"""

import numpy as np

from ..compiled import jit
from .algebra import LOST, gather, residuals, whitener
from .left import predict, predict_row


@jit
def leave_units(L, sigma, mean, cov, condition, rot, units, found):
    """Fill `found` (units, 3) as `predict` does; NaN where too few digits of a density are left.

    `units` is (group, members, ends, copies, alone): batch j has the rows members[ends[j] :
    ends[j + 1]], sorted, which are a unit together or each alone; then the batches are the groups.
    `group` and `copies` (n,) are each row's. `cov` is known to eps times `condition`.
    """
    group, members, ends, copies, alone = units
    q, groups = rot.C.shape[1], rot.starts.size - 1
    S = np.empty((groups, q, q))
    r, w = np.empty(rot.y.size), np.empty((groups, q))
    residuals(mean, rot, r, w)
    widest = most = 0
    for g in range(groups):
        whitener(rot.R[g], L, sigma, S[g])
        widest = max(widest, rot.first[g + 1] - rot.first[g])
    for batch in range(ends.size - 1):
        most = max(most, ends[batch + 1] - ends[batch])
    a, d, scratch = np.empty((most, q)), np.empty((most, widest)), np.empty(max(q, cov.shape[0]))
    own, whole, rho = np.empty((widest, widest)), np.empty(most), np.empty(most)
    for batch in range(ends.size - 1):
        rows = members[ends[batch] : ends[batch + 1]]
        n = rows.size
        if n == 0:  # of a unit without rows nothing is left out, and a group of none has no units
            if not alone:
                found[batch] = 0.0
            continue
        fill_rows(rows, group, S, w, r, sigma, rot, a, d, whole, rho, scratch)
        if alone:
            used = rot.used[rot.first[batch] : rot.first[batch + 1]]
            gather(cov, used, own)
            for at in range(n):
                less = square(d[at], own, used.size) / (sigma * sigma)
                pi, lost = whole[at] - less, LOST * (whole[at] + condition * less)
                predict_row(pi, rho[at], lost, copies[rows[at]], found[rows[at]])
        else:
            Pi = np.empty((n, n))
            fill_Pi(rows, group, rot, a, d, cov, sigma, scratch, Pi)
            for at in range(n):
                whole[at] = LOST * (whole[at] + condition * (whole[at] - Pi[at, at]))
            predict(Pi, rho[:n], whole, copies[rows[0]], found[batch])


@jit
def fill_rows(rows, group, S, w, r, sigma, rot, a, d, whole, rho, b):
    """What a unit's rows have of their own, each in one entry of the last arguments.

    a_i = S c_i, d_i = sigma^2 (V^-1 D)_i over the columns of its group, whole_i = 1 - |c_i|^2 +
    |a_i|^2, and rho_i = sigma (P y)_i. `w` is C'r by group, and `b` scratch.
    """
    q, wide, p = rot.C.shape[1], rot.columns.shape[1], rot.X.shape[1]
    for at in range(rows.size):
        i = rows[at]
        g = group[i]
        first, k = rot.first[g], rot.first[g + 1] - rot.first[g]
        outside = rot.rest[i] > 0.0  # else all of the row lies in its group's columns
        score, total = r[i] if outside else 0.0, rot.rest[i]
        for t in range(q):
            b[t] = 0.0
        for t in range(q):
            value = 0.0
            for v in range(t + 1):
                value += S[g, t, v] * rot.C[i, v]
            a[at, t] = value
            for v in range(t + 1):
                b[v] += S[g, t, v] * a[at, t]
            total += a[at, t] ** 2
        for t in range(q):
            score += (b[t] - rot.C[i, t] if outside else b[t]) * w[g, t]
        for j in range(k):
            value = 0.0
            for t in range(q):
                value += rot.E[first + j, t] * b[t]
                if outside:
                    value += rot.E[first + j, q + t] * rot.C[i, t]
            d[at, j] = value
        if outside:
            for j in range(wide):
                d[at, rot.place[i, j]] += rot.values[i, j]
            for j in range(p):
                d[at, k - p + j] += rot.X_rest[i, j]
        whole[at], rho[at] = total, score / sigma


@jit
def square(d, K, k):
    """d K d' over the first k entries, K symmetric."""
    total = 0.0
    for i in range(k):
        inner = 0.0
        for j in range(i):
            inner += K[i, j] * d[j]
        total += d[i] * (2.0 * inner + K[i, i] * d[i])
    return total


@jit
def fill_Pi(rows, group, rot, a, d, cov, sigma, spread, Pi):
    """sigma^2 P_II of one unit."""
    q, m = rot.C.shape[1], cov.shape[0]
    for at in range(rows.size):
        i = rows[at]
        g = group[i]
        for t in range(m):
            spread[t] = 0.0
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
