"""The coefficients given the scales: exact moments, and exact draws.

A draw of the groups' effects takes a draw (u0, e0) from the prior and corrects it by what the
data say of the difference, u = u0 + Psi R'V^-1 (B_y - B_D b - R u0 - e0) (Matheron's rule; Wilson
et al. 2020, equation 9): no further factorisation, and exact at a variance of zero.
"""

import numpy as np

from .compiled import jit
from .crossed import crossed_shares, subtract_crossed
from .equations import factor_groups, log_density
from .lanes import cholesky, solve_lower, solve_upper
from .pair import moments_pair
from .scaling import unscale
from .score import combine, covariance_factor, crossed_covariance, unscale_crossed
from .triangular import backward_many


@jit
def prepare(L, factors, sigma, data, work):
    """Factor everything at one point; the solution's distance from the stored fit."""
    value, _, delta = log_density(L, factors, sigma, data, work)
    covariance_factor(data, work)
    if data.shift.size > 0:
        crossed_covariance(data, work)
        unscale_crossed(factors, data, work, delta)
    return value, delta


@jit
def draw_remainder(factors, data, work, normals, out):
    """Rows of out (k, m): draws of (b2, gamma) given y and the scales, mean + Lambda C^-T normals.

    Where beta is maximised gamma stays at its mean.
    """
    m2 = data.shift.size
    out[:] = normals
    if data.constants[4] == 0.0:
        out[:, m2:] = 0.0
    backward_many(work.chol, out)
    for k in range(out.shape[0]):
        unscale(factors, data.layout, out[k])
        out[k] += work.mean


@jit
def draw_groups(L, sigma, data, work, delta, prior, noise, out):
    """Draw u (groups, q) given the remainder; `prior`, `noise`: (chunks, q, lanes) normals."""
    chunks, q, _, lanes = data.R.shape
    m2 = data.shift.size
    p = data.C.shape[0] - m2
    a = np.empty((q, lanes))
    u = np.empty((q, lanes))
    for c in range(chunks):
        scale_lanes(L, prior[c], u)
        for i in range(q):
            for k in range(lanes):
                a[i, k] = data.B[c, p, i, k] - sigma * noise[c, i, k]
            for j in range(p):
                for k in range(lanes):
                    a[i, k] -= data.B[c, j, i, k] * delta[m2 + j]
            for t in range(q):
                for k in range(lanes):
                    a[i, k] -= data.R[c, i, t, k] * u[t, k]
        if m2 > 0:
            subtract_crossed(data, c, delta, a)
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
def group_moments(L, factors, sigma, data, work, delta, mean, own, total):
    """Mean (groups, q) and covariances (groups, q, q) of u: given beta (`own`), and with it free.

    The conditional covariance is L (I + L'R'R L / sigma^2)^-1 L', in which nothing cancels.
    """
    chunks, q, _, lanes = data.R.shape
    m2, p = data.shift.size, work.F.shape[0]
    half = np.empty((q, q, lanes))
    a = np.empty((q, lanes))
    u = np.empty((q, lanes))
    G = np.empty((q, q, lanes))
    weights = np.zeros((p + 1, p + 1))
    for f in range(p):
        for j in range(p):
            weights[f, j] = work.F[j, f]
    T = np.empty((p + 1, q, lanes))
    if m2 > 0:
        crossed_shares(factors, data, work)
    for c in range(chunks):
        groups = min(lanes, mean.shape[0] - c * lanes)
        for i in range(q):
            for k in range(lanes):
                a[i, k] = data.B[c, p, i, k]
                u[i, k] = 0.0
            for j in range(p):
                for k in range(lanes):
                    a[i, k] -= data.B[c, j, i, k] * delta[m2 + j]
        if m2 > 0:
            subtract_crossed(data, c, delta, a)
        correct(L, data.R[c], work.V[c], a, u)
        own_factor(L, sigma, data.R[c], half)
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
        combine(weights, work.W[c].reshape(p + 1, q * lanes), T.reshape(p + 1, q * lanes))
        for f in range(p):  # what gamma's uncertainty adds: Psi R'C^-T T
            a[:] = T[f]
            solve_upper(work.V[c], a)
            spread(L, data.R[c], a, u)
            for k in range(groups):
                for i in range(q):
                    for j in range(q):
                        total[c * lanes + k, i, j] += u[i, k] * u[j, k]
        if m2 > 0:
            for f in range(q):
                a[:] = 0.0
                a[f] = 1.0
                solve_upper(work.V[c], a)
                spread(L, data.R[c], a, G[f])
            add_crossed(G, work.K[c], total[c * lanes : c * lanes + groups])


@jit
def own_factor(L, sigma, R, half):
    """half (q, q, lanes) with half'half the covariance of u given all else, by lane."""
    q, _, lanes = R.shape
    scaled = np.zeros((q, q, lanes))
    inside = np.empty((q, q, lanes))
    a = np.empty((q, lanes))
    for i in range(q):  # R L
        for j in range(q):
            for t in range(max(i, j), q):
                for k in range(lanes):
                    scaled[i, j, k] += R[i, t, k] * L[t, j]
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


@jit
def add_crossed(G, K, total):
    """total (groups, q, q) += G'K G, the share of the other factors' uncertainty."""
    groups, q, _ = total.shape
    for k in range(groups):
        for i in range(q):
            for j in range(q):
                value = 0.0
                for f in range(q):
                    for h in range(q):
                        value += G[f, i, k] * K[f, h, k] * G[h, j, k]
                total[k, i, j] += value


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
    """One draw at each of k points: remainder (k, m), and u (k, groups, q) where u has groups.

    Points that repeat the one before, as where the scales are plugged in, share its factors.
    """
    q, m2 = data.R.shape[1], data.shift.size
    count = scales.shape[0]
    i = 0
    while i < count:
        end = i + 1
        while end < count and sigma[end] == sigma[i] and (scales[end] == scales[i]).all():
            end += 1
        L, factors = scales[i, : q * q].copy().reshape(q, q), scales[i, q * q :]
        log_density(L, factors, sigma[i], data, work)
        draw_remainder(factors, data, work, normals[i:end], remainder[i:end])
        for k in range(i, end if u.shape[1] > 0 else i):
            delta = remainder[k].copy()
            delta[:m2] -= data.shift
            draw_groups(
                L, sigma[k], data, work, delta, group_normals[k, 0], group_normals[k, 1], u[k]
            )
        i = end


@jit
def redraw_many(scales, sigma, data, work, remainder, group_normals, u):
    """Draw u (k, groups, q) given draws of the remainder (k, m) that are already there."""
    q, m2 = data.R.shape[1], data.shift.size
    for i in range(scales.shape[0]):
        L = scales[i, : q * q].copy().reshape(q, q)
        factor_groups(L, sigma[i], data, work)
        delta = remainder[i].copy()
        delta[:m2] -= data.shift
        draw_groups(L, sigma[i], data, work, delta, group_normals[i, 0], group_normals[i, 1], u[i])


@jit
def moments_many(points, shares, data, work, mean, square, own, total, one):
    """Add to `mean` and `square` (groups, q) the conditional mean and second moment of u.

    Points (k, .) are the scales and sigma; each counts as much as its share.
    """
    q = data.R.shape[1]
    for i in range(points.shape[0]):
        L, factors = points[i, : q * q].copy().reshape(q, q), points[i, q * q : -1]
        sigma = points[i, -1]
        _, delta = prepare(L, factors, sigma, data, work)
        if q == 2 and data.shift.size == 0:
            lanes = data.R.shape[3]
            for c in range(data.R.shape[0]):
                to = slice(c * lanes, (c + 1) * lanes)
                moments_pair(
                    L,
                    sigma * sigma,
                    data.R[c],
                    work.V[c],
                    work.W[c],
                    work.F,
                    delta,
                    shares[i],
                    mean[to],
                    square[to],
                )
            continue
        group_moments(L, factors, sigma, data, work, delta, one, own, total)
        for g in range(mean.shape[0]):
            for j in range(q):
                mean[g, j] += shares[i] * one[g, j]
                square[g, j] += shares[i] * (one[g, j] ** 2 + total[g, j, j])
