"""Small dense algebra of leaving rows out: one group's whitener, and the density of one unit.

A unit of rows I enters by Pi = sigma^2 P_II and rho = sigma (P y)_I, with P the precision of y
after all coefficients are integrated out. Left out, its log density is

    log p(y_I | y_-I) = log|Pi| / 2 - rho'Pi^-1 rho / 2 - |I| log(2 pi sigma^2) / 2

(the conditional of a normal in its precision; Rasmussen & Williams 2006, appendix A.2). A second
set of responses at the same rows, given all of y, has 2 I - Pi in place of Pi^-1.
"""

import numpy as np

from ..compiled import jit

LOST = 1e4 * float(np.finfo(float).eps)  # a pivot that is known to fewer than four digits is lost
PLAIN = 48  # up to this size plain loops beat a call to LAPACK


@jit
def factor(A, floor):
    """Lower Cholesky factor in place; half of log|A|, NaN where a pivot is not above its floor."""
    n = A.shape[0]
    half = 0.0
    if n > PLAIN:
        try:
            A[:] = np.linalg.cholesky(A)
        except Exception:  # the one form of except that Numba compiles
            return np.nan
        for j in range(n):
            if not A[j, j] ** 2 > floor[j]:
                return np.nan
            half += np.log(A[j, j])
        return half
    for j in range(n):
        pivot = A[j, j]
        for t in range(j):
            pivot -= A[j, t] * A[j, t]
        if not pivot > floor[j]:
            return np.nan
        A[j, j] = np.sqrt(pivot)
        half += np.log(A[j, j])
        for i in range(j + 1, n):
            total = A[i, j]
            for t in range(j):
                total -= A[i, t] * A[j, t]
            A[i, j] = total
            A[i, j] /= A[j, j]
    return half


@jit
def squared(C, r):
    """r'(C C')^-1 r for a lower factor C; r is overwritten."""
    total = 0.0
    for i in range(r.size):
        value = r[i]
        for t in range(i):
            value -= C[i, t] * r[t]
        r[i] = value
        r[i] /= C[i, i]
        total += r[i] * r[i]
    return total


@jit
def in_sample(Pi, rho):
    """Log density of new responses at the unit's rows given all of y, without its constant."""
    n = rho.size
    A = -Pi
    for i in range(n):
        A[i, i] += 2.0
    half = factor(A, np.zeros(n))
    return -half - 0.5 * squared(A, rho.copy())


@jit
def whitener(R, L, sigma, S):
    """S = sigma chol(sigma^2 I + R L L'R')^-1, lower triangular (q, q)."""
    q = R.shape[0]
    A = np.zeros((q, q))
    V = np.zeros((q, q))
    for i in range(q):
        for j in range(q):
            total = 0.0
            for t in range(j, q):
                total += R[i, t] * L[t, j]
            A[i, j] = total
    for i in range(q):
        V[i, i] = sigma * sigma
        for j in range(i + 1):
            value = V[i, j]
            for t in range(q):
                value += A[i, t] * A[j, t]
            V[i, j] = value
    factor(V, np.zeros(q))
    for j in range(q):
        for i in range(q):
            S[i, j] = 0.0
        S[j, j] = sigma / V[j, j]
        for i in range(j + 1, q):
            entry = 0.0
            for t in range(j, i):
                entry -= V[i, t] * S[t, j]
            S[i, j] = entry / V[i, i]


@jit
def lower(S, x, out):
    """out = S x for a lower triangular S."""
    for i in range(x.size):
        total = 0.0
        for t in range(i + 1):
            total += S[i, t] * x[t]
        out[i] = total


@jit
def residuals(mean, rot, r, w):
    """Rows less their mean from the remainder: r (n,), and C'r by group, w (groups, q)."""
    wide = rot.columns.shape[1]
    p, q = rot.X.shape[1], rot.C.shape[1]
    m2 = mean.size - p
    w[:] = 0.0
    for g in range(rot.starts.size - 1):
        for i in range(rot.starts[g], rot.starts[g + 1]):
            total = rot.y[i]
            for j in range(wide):
                total -= rot.values[i, j] * mean[rot.columns[i, j]]
            for j in range(p):
                total -= rot.X[i, j] * mean[m2 + j]
            r[i] = total
            for t in range(q):
                w[g, t] += rot.C[i, t] * r[i]


@jit
def gather(cov, used, out):
    """out = the block of cov at the columns `used`."""
    for i in range(used.size):
        for j in range(used.size):
            out[i, j] = cov[used[i], used[j]]
