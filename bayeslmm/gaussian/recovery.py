"""The coefficients given the scales: exact moments, and exact draws.

A draw of the groups' effects takes a draw (u0, e0) from the prior and corrects it by what the
data say of the difference, u = u0 + Psi R'V^-1 (B_y - B_D b - R u0 - e0) (Matheron's rule; Wilson
et al. 2020, equation 9): no further factorisation, and exact at a variance of zero.
"""

import numpy as np

from .compiled import jit
from .equations import log_density
from .lanes import cholesky, solve_lower, solve_upper
from .score import combine, covariance_factor


@jit
def prepare(L, factors, sigma, data, work):
    """Factor everything at one point; the solution's distance from the stored fit."""
    value, _, delta = log_density(L, factors, sigma, data, work)
    covariance_factor(factors, data, work)
    return value, delta


@jit
def draw_remainder(data, work, normals, out):
    """out = (b2, gamma) ~ their law given y and the scales; returns its distance from the fit."""
    m, m2 = data.C.shape[0], data.shift.size
    delta = np.empty(m)
    for i in range(m):
        value = work.mean[i]
        for f in range(m):
            value += work.F[i, f] * normals[f]
        out[i] = value
        delta[i] = value - (data.shift[i] if i < m2 else 0.0)
    return delta


@jit
def draw_groups(L, sigma, data, work, delta, prior, noise, out):
    """Draw u (groups, q) given the remainder; `prior`, `noise`: (chunks, q, lanes) normals."""
    chunks, q, _, lanes = data.R.shape
    m = data.C.shape[0]
    a = np.empty((q, lanes))
    u = np.empty((q, lanes))
    for c in range(chunks):
        scale_lanes(L, prior[c], u)
        for i in range(q):
            for k in range(lanes):
                a[i, k] = data.B[c, m, i, k] - sigma * noise[c, i, k]
            for j in range(m):
                for k in range(lanes):
                    a[i, k] -= data.B[c, j, i, k] * delta[j]
            for t in range(q):
                for k in range(lanes):
                    a[i, k] -= data.R[c, i, t, k] * u[t, k]
        correct(L, data.R[c], work.V[c], a, u)
        for k in range(min(lanes, out.shape[0] - c * lanes)):
            for i in range(q):
                out[c * lanes + k, i] = u[i, k]


@jit
def scale_lanes(L, x, out):
    """out = L x by lane."""
    q, lanes = x.shape
    for i in range(q):
        for k in range(lanes):
            out[i, k] = 0.0
        for t in range(i + 1):
            for k in range(lanes):
                out[i, k] += L[i, t] * x[t, k]


@jit
def correct(L, R, V, a, u):
    """u += Psi R' V^-1 a by lane (a is overwritten)."""
    q, lanes = a.shape
    solve_lower(V, a)
    solve_upper(V, a)
    change = np.empty((q, lanes))
    spread(L, R, a, change)
    for i in range(q):
        for k in range(lanes):
            u[i, k] += change[i, k]


@jit
def group_moments(L, sigma, data, work, delta, mean, own, total):
    """Mean (groups, q) and covariances (groups, q, q) of u: given beta (`own`), and with it free.

    The conditional covariance is L (I + L'R'R L / sigma^2)^-1 L', in which nothing cancels.
    """
    chunks, q, _, lanes = data.R.shape
    m = data.C.shape[0]
    inside = np.empty((q, q, lanes))
    half = np.empty((q, q, lanes))
    a = np.empty((q, lanes))
    u = np.empty((q, lanes))
    weights = np.zeros((m + 1, m + 1))
    for f in range(m):
        for j in range(m):
            weights[f, j] = work.F[j, f]
    T = np.empty((m + 1, q, lanes))
    scaled = np.empty((q, q, lanes))
    for c in range(chunks):
        groups = min(lanes, mean.shape[0] - c * lanes)
        for i in range(q):
            for k in range(lanes):
                a[i, k] = data.B[c, m, i, k]
                u[i, k] = 0.0
            for j in range(m):
                for k in range(lanes):
                    a[i, k] -= data.B[c, j, i, k] * delta[j]
        correct(L, data.R[c], work.V[c], a, u)
        scaled[:] = 0.0
        for i in range(q):  # R L
            for j in range(q):
                for t in range(max(i, j), q):
                    for k in range(lanes):
                        scaled[i, j, k] += data.R[c, i, t, k] * L[t, j]
        for i in range(q):
            for j in range(i + 1):
                for k in range(lanes):
                    inside[i, j, k] = sigma * sigma if i == j else 0.0
                for t in range(q):
                    for k in range(lanes):
                        inside[i, j, k] += scaled[t, i, k] * scaled[t, j, k]
        cholesky(inside)
        for j in range(q):  # rows of L, solved: half[:, j] = sigma C^-1 L[j]'
            for i in range(q):
                for k in range(lanes):
                    a[i, k] = sigma * L[j, i] if i <= j else 0.0
            solve_lower(inside, a)
            for i in range(q):
                for k in range(lanes):
                    half[i, j, k] = a[i, k]
        combine(weights, work.W[c].reshape(m + 1, q * lanes), T.reshape(m + 1, q * lanes))
        for k in range(groups):
            g = c * lanes + k
            for i in range(q):
                mean[g, i] = u[i, k]
                for j in range(q):
                    value = 0.0
                    for t in range(q):
                        value += half[t, i, k] * half[t, j, k]
                    own[g, i, j] = value
                    total[g, i, j] = value
        for f in range(m):  # what the remainder's uncertainty adds: Psi R'C^-T T
            for i in range(q):
                for k in range(lanes):
                    a[i, k] = T[f, i, k]
            solve_upper(work.V[c], a)
            spread(L, data.R[c], a, u)
            for k in range(groups):
                for i in range(q):
                    for j in range(q):
                        total[c * lanes + k, i, j] += u[i, k] * u[j, k]


@jit
def spread(L, R, a, u):
    """u = Psi R'a by lane."""
    q, lanes = a.shape
    w = np.zeros((q, lanes))
    for j in range(q):
        for i in range(q):
            for t in range(max(i, j), q):
                for k in range(lanes):
                    w[j, k] += L[t, j] * R[i, t, k] * a[i, k]
    scale_lanes(L, w, u)


@jit
def draw_many(scales, sigma, data, work, normals, group_normals, remainder, u):
    """One draw at each of k points: remainder (k, m), and u (k, groups, q) where u has groups."""
    q = data.R.shape[1]
    for i in range(scales.shape[0]):
        L, factors = scales[i, : q * q].copy().reshape(q, q), scales[i, q * q :]
        prepare(L, factors, sigma[i], data, work)
        delta = draw_remainder(data, work, normals[i], remainder[i])
        if u.shape[1] > 0:
            draw_groups(
                L, sigma[i], data, work, delta, group_normals[i, 0], group_normals[i, 1], u[i]
            )


@jit
def redraw_many(scales, sigma, data, work, remainder, group_normals, u):
    """Draw u (k, groups, q) given draws of the remainder (k, m) that are already there."""
    q, m2 = data.R.shape[1], data.shift.size
    for i in range(scales.shape[0]):
        L, factors = scales[i, : q * q].copy().reshape(q, q), scales[i, q * q :]
        log_density(L, factors, sigma[i], data, work)
        delta = remainder[i].copy()
        delta[:m2] -= data.shift
        draw_groups(L, sigma[i], data, work, delta, group_normals[i, 0], group_normals[i, 1], u[i])


@jit
def moments_many(scales, sigma, data, work, mean, square, own, total, one):
    """Add to `mean` and `square` (groups, q) the conditional mean and second moment of u."""
    q = data.R.shape[1]
    for i in range(scales.shape[0]):
        L, factors = scales[i, : q * q].copy().reshape(q, q), scales[i, q * q :]
        _, delta = prepare(L, factors, sigma[i], data, work)
        group_moments(L, sigma[i], data, work, delta, one, own, total)
        for g in range(mean.shape[0]):
            for j in range(q):
                mean[g, j] += one[g, j]
                square[g, j] += one[g, j] ** 2 + total[g, j, j]
