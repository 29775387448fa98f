"""What the other rows say of each row, given the scales: the predictive law of y_i.

y_i given all other rows is normal with precision P_ii and y_i - mean = (P y)_i / P_ii (Rasmussen &
Williams 2006, equation 5.12). In the rotated form of `rotated`, row i of a group has

    sigma^2 P_ii = (1 - |c|^2) + |S c|^2 - d Cov d' / sigma^2,     d = s + E (S'S c, c),

with s the row's own few entries and Cov the covariance of the remainder, so that the cost of a row
does not grow with the number of columns that its group touches.
"""

import numpy as np

from ..compiled import jit
from .algebra import LOST, gather, lower, lower_transposed, residuals, whitener


@jit
def leave_rows(L, sigma, mean, cov, condition, rot, pi, rho):
    """pi = sigma^2 P_ii and rho = sigma (P y)_i of every row, (n,), in the rows' sorted order.

    `cov` is known to eps times `condition`. NaN where too few digits of a pi would be left.
    """
    q, wide, p = rot.C.shape[1], rot.columns.shape[1], rot.X.shape[1]
    groups = rot.starts.size - 1
    widest = 0
    for g in range(groups):
        widest = max(widest, rot.first[g + 1] - rot.first[g])
    own = np.empty((widest, widest))
    KE = np.empty((widest, 2 * q))
    EKE = np.empty((2 * q, 2 * q))
    S = np.empty((q, q))
    a, Sw, f = np.empty(q), np.empty(q), np.empty(2 * q)
    at = np.empty(wide + p, dtype=np.int64)
    s = np.empty(wide + p)
    w = np.empty((groups, q))
    residuals(mean, rot, rho, w)
    for g in range(groups):
        used = rot.used[rot.first[g] : rot.first[g + 1]]
        E = rot.E[rot.first[g] : rot.first[g + 1]]
        k = used.size
        gather(cov, used, own)
        spread_covariance(own, E, KE, EKE)
        whitener(rot.R[g], L, sigma, S)
        lower(S, w[g], Sw)
        for j in range(p):
            at[wide + j] = k - p + j
        for i in range(rot.starts[g], rot.starts[g + 1]):
            c = rot.C[i]
            lower(S, c, a)
            lower_transposed(S, a, f[:q])
            outside = rot.rest[i]
            total, score = outside, 0.0
            if outside > 0.0:
                score = rho[i]
            for t in range(q):
                f[q + t] = c[t] if outside > 0.0 else 0.0
                total += a[t] * a[t]
                score += a[t] * Sw[t]
                if outside > 0.0:
                    score -= c[t] * w[g, t]
            count = 0  # a row that lies in its group's columns has no entries outside them
            if outside > 0.0:
                count = wide + p
                for j in range(wide):
                    at[j], s[j] = rot.place[i, j], rot.values[i, j]
                for j in range(p):
                    s[wide + j] = rot.X_rest[i, j]
            less = variance(s, at, count, f, own, KE, EKE) / (sigma * sigma)
            pi[i] = total - less
            if not pi[i] > LOST * (total + condition * less):
                pi[i] = np.nan
            rho[i] = score / sigma


@jit
def spread_covariance(own, E, KE, EKE):
    """KE = Cov E and EKE = E'Cov E for the covariance `own` of a group's columns."""
    k, width = E.shape
    for i in range(k):
        for t in range(width):
            KE[i, t] = 0.0
        for j in range(k):
            for t in range(width):
                KE[i, t] += own[i, j] * E[j, t]
    for s in range(width):
        for t in range(width):
            EKE[s, t] = 0.0
            for i in range(k):
                EKE[s, t] += E[i, s] * KE[i, t]


@jit
def variance(s, at, count, f, own, KE, EKE):
    """d Cov d' for d = s + E f, s with `count` entries at the places `at`."""
    total = 0.0
    for t in range(f.size):
        for v in range(f.size):
            total += f[t] * EKE[t, v] * f[v]
    for j in range(count):
        inner = 0.0
        for t in range(f.size):
            inner += 2.0 * KE[at[j], t] * f[t]
        for i in range(count):
            inner += own[at[j], at[i]] * s[i]
        total += s[j] * inner
    return total
