"""Coordinates of loadings that chains agree on, and the prior in them.

The likelihood knows W through W W' alone, and a prior N(0, s^2) on every entry is alike for W and
W Q. So W can be rotated until it is lower triangular with a positive diagonal, in any orthonormal
basis U of the features, and the law of the triangle T is known exactly (Bartlett 1933):

    U'W Q = T,    T_ij ~ N(0, s^2) for i > j,    T_jj ~ s chi(q - j),    j = 0, ..., q - 1

In the eigenbasis of the data, the largest variance first, the diagonal of T is far from zero
wherever a component is real, so that T has one mode and is nearly Gaussian about it. (In the order
of the features a diagonal entry may be near zero, and its sign then tears the posterior apart.)

    z = (log T_jj / r, T_ij / r, log of every free scale),    r the rms spread of the data

Where every component has a scale of its own (automatic relevance determination, Bishop 1999) the
prior is no longer alike for W Q, and all of U'w_j is taken, its length bent,

    U'w_j = l v_j / |v_j|,    log l = log |v_j| - (d - 1) softplus(-k log(|v_j| / c)) / k,

by c, the length that noise alone makes. Above c that is w_j itself; below, l falls as |v_j|^d. With
log(s_j / l) for its scale, the posterior of a column that the data do not need is flat at v_j = 0,
where in w_j and log s_j it has a pole.
"""

from typing import NamedTuple

import numpy as np

from ..solvers import complete, patterns
from ..solvers.compiled import jit
from ..types import Array, Index
from .laws import density
from .parameters import Loadings

BEND = 4.0  # how sharply lengths bend at c
NONE, POSTERIOR, NATURAL = 0, 1, 2  # the prior: left out; in coordinates; on the natural scale


class LoadingsChart(NamedTuple):
    """What compiled code knows of the coordinates."""

    d: int
    q: int
    full: bool  # every entry of the loadings is free
    unit: float
    at: Array  # (scales,) the coordinate of each scale; -1 where it is fixed
    code: Array  # (scales,) its law
    parameters: Array  # (scales, 3)
    fixed: Array  # (scales,)
    constants: Array  # (q,) log normalising constants of chi(q - j)
    floor: float  # c / unit


def triangle(loadings: Loadings) -> tuple[Index, Index]:
    """Which coordinates are the triangle's diagonal, and which its lower entries."""
    d, q = loadings.shape
    diagonal = np.cumsum([0, *(d - k for k in range(q - 1))])
    return diagonal, np.setdiff1d(np.arange(loadings.coordinates), diagonal)


def chart_of(
    loadings: Loadings,
    unit: float,
    floor: float,
    at: Array,
    code: Array,
    table: Array,
    fixed: Array,
) -> LoadingsChart:
    """The coordinates of loadings, and of the scales: their places, laws and fixed values."""
    from math import lgamma

    d, q = loadings.shape
    constants = [(1.0 - 0.5 * k) * np.log(2.0) - lgamma(0.5 * k) for k in range(q, 0, -1)]
    chi = np.array(constants, np.float64)
    return LoadingsChart(d, q, loadings.own, unit, at, code, table, fixed, chi, floor)


@jit
def bend(chart, log_size):
    """log(l / |v|), and d log l / d log |v|, at log |v| (both in units)."""
    x = -BEND * (log_size - np.log(chart.floor))
    soft = x + np.log1p(np.exp(-x)) if x > 0.0 else np.log1p(np.exp(x))
    return -(chart.d - 1.0) * soft / BEND, 1.0 + (chart.d - 1.0) / (1.0 + np.exp(-x))


@jit
def unpack(z, chart, T, h):
    """Coordinates to loadings T (d, q) in the basis, and scales h."""
    at = 0
    for k in range(h.size):
        h[k] = chart.fixed[k] if chart.at[k] < 0 else np.exp(z[chart.at[k]])
    for j in range(chart.q):
        if chart.full:
            v = z[at : at + chart.d]
            size = np.sqrt((v * v).sum())
            ratio = chart.unit * np.exp(bend(chart, np.log(size))[0])
            T[:, j] = ratio * v
            if chart.at[j] >= 0:
                h[j] *= ratio * size
            at += chart.d
            continue
        T[:j, j] = 0.0
        T[j, j] = chart.unit * np.exp(z[at])
        T[j + 1 :, j] = chart.unit * z[at + 1 : at + chart.d - j]
        at += chart.d - j


@jit
def add_prior(chart, T, h, mode, slope, by_h):
    """Log prior of T and h; adds its slopes in T, and in h."""
    total = 0.0
    if mode == 0:
        return total
    d, q = T.shape
    own = h.size - 1 > 1  # a scale for each component
    for j in range(q):
        k = j if own else 0
        s = h[k]
        first = 0  # of the entries that are normal
        if mode == 1 and not chart.full:
            x, degrees, first = T[j, j] / s, q - j, j + 1
            total += chart.constants[j] + (degrees - 1.0) * np.log(x) - 0.5 * x * x - np.log(s)
            slope[j, j] += (degrees - 1.0) / T[j, j] - x / s
            by_h[k] += (x * x - degrees) / s
        count, square = d - first, 0.0
        for i in range(first, d):
            square += T[i, j] * T[i, j]
        for i in range(first, d):
            slope[i, j] -= T[i, j] / (s * s)
        total -= count * (np.log(s) + 0.5 * np.log(2.0 * np.pi)) + 0.5 * square / (s * s)
        by_h[k] += (square / (s * s) - count) / s
    for k in range(h.size):
        if chart.code[k] >= 0:
            row = chart.parameters[k]
            value, by = density(chart.code[k], row[0], row[1], row[2], h[k])
            total += value
            by_h[k] += by
    return total


@jit
def pull(chart, z, T, h, mode, slope, by_h, grad):
    """Slopes in T and h to slopes in z; returns the log Jacobian where the prior is in z.

    It is NaN where a slope is not finite, so that no one else need look.
    """
    at, total = 0, 0.0
    for k in range(h.size):
        if chart.at[k] >= 0:
            grad[chart.at[k]] = by_h[k] * h[k]
            if mode == 1:
                grad[chart.at[k]] += 1.0
                total += np.log(h[k])
    for j in range(chart.q):
        if chart.full:
            total += _pull_column(chart, z, T[:, j], j, mode, slope[:, j], grad, at)
            at += chart.d
            continue
        grad[at] = slope[j, j] * T[j, j]
        if mode == 1:
            grad[at] += 1.0
            total += np.log(T[j, j]) + (chart.d - j - 1) * np.log(chart.unit)
        for i in range(j + 1, chart.d):
            grad[at + i - j] = slope[i, j] * chart.unit
        at += chart.d - j
    for slope_in_z in grad:
        if not np.isfinite(slope_in_z):
            return np.nan
    return total


@jit
def _pull_column(chart, z, w, j, mode, slope, grad, at):
    """The same for a column whose length is bent, w = ratio v; its scale is told over its length.

    With b = d log l / d log |v|, |dw / dv| = ratio^d b.
    """
    d = chart.d
    v = z[at : at + d]
    square = (v * v).sum()
    log_size = 0.5 * np.log(square)
    bent, b = bend(chart, log_size)
    ratio = chart.unit * np.exp(bent)
    outward = (slope * w).sum() * (b - 1.0)  # along log |v|, beyond what w = ratio v gives
    if chart.at[j] >= 0:
        outward += grad[chart.at[j]] * b
    total = 0.0
    if mode == 1:
        total = d * np.log(ratio) + np.log(b)
        share = (b - 1.0) / (d - 1.0)
        outward += d * (b - 1.0) - BEND * (d - 1.0) * share * (1.0 - share) / b
    for i in range(d):
        grad[at + i] = ratio * slope[i] + outward * v[i] / square
    return total


@jit
def of_complete(z, chart, mode, data, grad):
    """Log density at z of complete rows, and its gradient."""
    T, h = np.empty((chart.d, chart.q)), np.empty(chart.at.size)
    unpack(z, chart, T, h)
    slope, by_h = np.zeros((chart.d, chart.q)), np.zeros(h.size)
    value, by_sigma = complete.score(T, h[-1], data, slope)
    by_h[-1] = by_sigma
    value += add_prior(chart, T, h, mode, slope, by_h)
    return value + pull(chart, z, T, h, mode, slope, by_h, grad)


@jit
def of_patterns(z, chart, mode, basis, data, grad):
    """Log density at z of rows with missing entries, and its gradient."""
    T, h = np.empty((chart.d, chart.q)), np.empty(chart.at.size)
    unpack(z, chart, T, h)
    W = basis @ T
    by_w, by_h = np.zeros((chart.d, chart.q)), np.zeros(h.size)
    value, by_sigma = patterns.score(W, h[-1], data, by_w)
    by_h[-1] = by_sigma
    slope = basis.T @ by_w
    value += add_prior(chart, T, h, mode, slope, by_h)
    return value + pull(chart, z, T, h, mode, slope, by_h, grad)


@jit
def prior_at(z, chart):
    """Log prior density of coordinates z, Jacobian included."""
    T, h, grad = np.empty((chart.d, chart.q)), np.empty(chart.at.size), np.empty(z.size)
    unpack(z, chart, T, h)
    slope, by_h = np.zeros((chart.d, chart.q)), np.zeros(h.size)
    value = add_prior(chart, T, h, 1, slope, by_h)
    return value + pull(chart, z, T, h, 1, slope, by_h, grad)


@jit
def unpack_many(Z, chart):
    """Loadings (k, d, q) in the basis and scales (k, .) at points Z (k, D)."""
    T, h = np.empty((Z.shape[0], chart.d, chart.q)), np.empty((Z.shape[0], chart.at.size))
    for k in range(Z.shape[0]):
        unpack(Z[k], chart, T[k], h[k])
    return T, h


def unbent(chart: LoadingsChart, length: float) -> float:
    """|v| at a length l, by Newton's method on logarithms, which rise together."""
    goal = np.log(length)
    x = max(goal, np.log(chart.floor) + (goal - np.log(chart.floor)) / chart.d)
    for _ in range(100):
        bent, b = bend(chart, x)
        step = (goal - x - bent) / b
        x += step
        if abs(step) < 1e-14:
            break
    return float(np.exp(x))


def coordinates(chart: LoadingsChart, size: int, U: Array, W: Array, h: Array) -> Array:
    """z (size,) at loadings W (d, q) and scales h."""
    T = U.T @ W
    if not chart.full:
        T = np.linalg.qr(T.T, mode="r").T  # T = R'Q', and the rotation Q is dropped
        T = T * np.where(np.diagonal(T) < 0.0, -1.0, 1.0)
    z, at = np.empty(size), 0
    h = h.copy()
    for j in range(chart.q):
        w = T[0 if chart.full else j :, j]
        if chart.full:
            length = float(np.sqrt(w @ w))
            z[at : at + chart.d] = w * (unbent(chart, length / chart.unit) / length)
            h[j] /= length
            at += chart.d
            continue
        z[at] = np.log(w[0] / chart.unit)
        z[at + 1 : at + w.size] = w[1:] / chart.unit
        at += w.size
    free = chart.at >= 0
    z[chart.at[free]] = np.log(h[free])
    return z
