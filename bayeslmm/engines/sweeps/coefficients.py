"""Coefficients of a regression given all scales: factored once, integrated, drawn.

    z = X beta + A u + e,    u ~ N(0, sigma^2 S^2),    e ~ N(0, sigma^2 I)

With u integrated out the likelihood of beta and sigma is, up to a constant,

    sigma^-n exp(-(q - 2 t'beta + beta'C beta) / (2 sigma^2)),    V = I + A S^2 A',
    q = z'V^-1 z,    t = X'V^-1 z,    C = X'V^-1 X.

For few columns what is factored is I + S A'A S (Lindley & Smith 1972), whose smallest eigenvalue is
at least one whatever the scales; for many V itself (Bhattacharya, Chakraborty & Mallick 2016).
The prior of beta has precision P0 and P0 m = h0; zero is flat.
"""

from typing import NamedTuple

import numpy as np

from ...solvers.compiled import jit
from ...solvers.triangular import backward, factor_lower, forward


class SweepData(NamedTuple):
    """The rows, or fewer rows with the same sums, and those sums. `gram` is (0, 0) if not used."""

    X: np.ndarray  # (m, p)
    A: np.ndarray  # (m, P)
    z: np.ndarray  # (m,)
    size: float  # rows that the response had, by frequency
    gram: np.ndarray  # (P, P) A'A
    cross: np.ndarray  # (p, P) X'A
    score: np.ndarray  # (P,) A'z
    XX: np.ndarray
    Xz: np.ndarray
    precision: np.ndarray  # (p, p) P0
    shift: np.ndarray  # (p,) h0
    flat: bool


class SweepWork(NamedTuple):
    """Room for one factorisation."""

    factor: np.ndarray  # (P, P) or (m, m)
    solved: np.ndarray  # (P,) or (m,)
    effects: np.ndarray  # (p, P) or (p, m)
    C: np.ndarray  # (p, p)
    K: np.ndarray  # (p, p)
    t: np.ndarray  # (p,)


@jit
def make_work(data):
    """Scratch memory of one chain: its factor has the size of the columns, or of the rows."""
    k = data.A.shape[1] if data.gram.shape[0] == data.A.shape[1] else data.A.shape[0]
    p = data.X.shape[1]
    return SweepWork(
        np.empty((k, k)),
        np.empty(k),
        np.empty((p, k)),
        np.empty((p, p)),
        np.empty((p, p)),
        np.empty(p),
    )


@jit
def few(data):
    """Whether the factor has the size of the columns."""
    return data.gram.shape[0] == data.A.shape[1]


@jit
def integrate(data, work, S):
    """Fill `work` for scales S in units of sigma; returns (q, whether the factor exists)."""
    F, a, M = work.factor, work.solved, work.effects
    p = data.X.shape[1]
    if few(data):
        for i in range(S.size):
            for j in range(i + 1):
                F[i, j] = S[i] * data.gram[i, j] * S[j]
            F[i, i] += 1.0
            a[i] = S[i] * data.score[i]
            for k in range(p):
                M[k, i] = S[i] * data.cross[k, i]
    else:
        scaled = np.empty(data.A.shape)
        for i in range(a.size):
            for j in range(S.size):
                scaled[i, j] = data.A[i, j] * S[j]
        np.dot(scaled, scaled.T, F)
        for i in range(a.size):
            F[i, i] += 1.0
            a[i] = data.z[i]
            for k in range(p):
                M[k, i] = data.X[i, k]
    if not factor_lower(F):
        return 0.0, False
    forward(F, a)
    for k in range(p):
        forward(F, M[k])
    sign = -1.0 if few(data) else 1.0
    for k in range(p):
        work.t[k] = sign * np.dot(M[k], a)
        for l in range(p):
            work.C[k, l] = sign * np.dot(M[k], M[l])
    if not few(data):
        return np.dot(a, a), True
    for k in range(p):
        work.t[k] += data.Xz[k]
        for l in range(p):
            work.C[k, l] += data.XX[k, l]
    return _least(data, work, S), True


@jit
def _least(data, work, S):
    """q as a sum of squares at u's mode: a difference of sums would lose a good fit's digits."""
    v = work.solved.copy()
    backward(work.factor, v)
    total = np.dot(v, v)
    for j in range(v.size):
        v[j] *= S[j]
    for i in range(data.z.size):
        total += (data.z[i] - np.dot(data.A[i], v)) ** 2
    return total


@jit
def residual(data, beta, u, out):
    """out (m,) <- z - X beta - A u."""
    for i in range(out.size):
        out[i] = data.z[i] - np.dot(data.A[i], u)
        total = out[i]
        for k in range(beta.size):
            total -= data.X[i, k] * beta[k]
        out[i] = total


@jit
def profiled(work, q):
    """q with a flat beta integrated out too, and whether that is possible."""
    for k in range(work.t.size):
        for l in range(k + 1):
            work.K[k, l] = work.C[k, l]
    if not factor_lower(work.K):
        return 0.0, False
    r = work.t.copy()
    forward(work.K, r)
    return q - np.dot(r, r), True


@jit
def draw_coefficients(rng, data, work, S, sigma, beta, u):
    """beta, u <- a joint draw; False where beta's precision is singular."""
    p = beta.size
    for k in range(p):
        beta[k] = work.t[k] / sigma**2 + data.shift[k]
        for l in range(p):
            work.K[k, l] = work.C[k, l] / sigma**2 + data.precision[k, l]
    if not factor_lower(work.K):
        return False
    forward(work.K, beta)
    for k in range(p):
        beta[k] += rng.standard_normal()
    backward(work.K, beta)
    if few(data):
        for i in range(u.size):
            u[i] = work.solved[i] + sigma * rng.standard_normal()
            total = u[i]
            for k in range(p):
                total -= beta[k] * work.effects[k, i]
            u[i] = total
        backward(work.factor, u)
        for i in range(u.size):
            u[i] *= S[i]
        return True
    for j in range(u.size):
        u[j] = sigma * S[j] * rng.standard_normal()
    rest = np.empty(data.z.size)
    residual(data, beta, u, rest)
    for i in range(rest.size):
        rest[i] -= sigma * rng.standard_normal()
    forward(work.factor, rest)
    backward(work.factor, rest)
    pulled = np.dot(rest, data.A)
    for j in range(u.size):
        u[j] += S[j] * S[j] * pulled[j]
    return True
