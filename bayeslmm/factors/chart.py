"""Coordinates of loadings that chains agree on, and the prior in them.

The likelihood knows W through W W' alone, and a prior N(0, s^2) on every entry is alike for W and
W Q. So W can be rotated until it is lower triangular with a positive diagonal, in any orthonormal
basis U of the features, and the law of the triangle T is known exactly (Bartlett 1933):

    U'W Q = T,    T_ij ~ N(0, s^2) for i > j,    T_jj ~ s chi(q - j),    j = 0, ..., q - 1

In the eigenbasis of the data, the largest variance first, the diagonal of T is far from zero
wherever a component is real, so that T has one mode and is nearly Gaussian about it. (In the order
of the features a diagonal entry may be near zero, and its sign then tears the posterior apart.)

Where every component has a scale of its own (automatic relevance determination, Bishop 1999) the
prior is no longer alike for W Q, and all entries of U'W are coordinates.

    z = (log T_jj / r, T_ij / r, log of every free scale),    r the rms spread of the data
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..gaussian import complete, patterns
from ..gaussian.compiled import jit
from ..gaussian.patterns import Rows
from ..gaussian.sums import Array
from ..laws import density
from ..space import CUSTOM, FIXED, Positive

NONE, POSTERIOR, NATURAL = 0, 1, 2  # the prior: left out; in coordinates; on the natural scale


class Chart(NamedTuple):
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


def chart_of(d: int, q: int, full: bool, unit: float, scales: Sequence[Positive]) -> Chart:
    """The coordinates of d x q loadings and some scales, sigma last."""
    from math import lgamma

    at, code, parameters, fixed = [], [], [], []
    place = loadings_size(d, q, full)
    for scale in scales:
        kind = FIXED if scale.fixed is not None else scale.law.code if scale.law else CUSTOM
        rows = scale.law.table(scale.size) if scale.law else np.zeros((scale.size, 3))
        values = np.broadcast_to(0.0 if scale.fixed is None else scale.fixed, scale.size)
        for j in range(scale.size):
            at.append(place if scale.free else -1)
            place += scale.free
            code.append(kind)
            parameters.append(rows[j])
            fixed.append(values[j])
    constants = [(1.0 - 0.5 * k) * np.log(2.0) - lgamma(0.5 * k) for k in range(q, 0, -1)]
    return Chart(
        d,
        q,
        full,
        unit,
        np.array(at, np.int64),
        np.array(code, np.int64),
        np.array(parameters),
        np.array(fixed, np.float64),
        np.array(constants, np.float64),
    )


def loadings_size(d: int, q: int, full: bool) -> int:
    """How many coordinates the loadings have."""
    return d * q if full else d * q - q * (q - 1) // 2


def size(chart: Chart) -> int:
    """Number of coordinates."""
    return loadings_size(chart.d, chart.q, chart.full) + int((chart.at >= 0).sum())


@jit
def unpack(z, chart, T, h):
    """Coordinates to loadings T (d, q) in the basis, and scales h."""
    at = 0
    for j in range(chart.q):
        for i in range(chart.d):
            T[i, j] = 0.0
        for i in range(0 if chart.full else j, chart.d):
            T[i, j] = chart.unit * (np.exp(z[at]) if i == j and not chart.full else z[at])
            at += 1
    for k in range(h.size):
        h[k] = chart.fixed[k] if chart.at[k] < 0 else np.exp(z[chart.at[k]])


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
        count = 0.0
        square = 0.0
        for i in range(d):
            if mode == 1 and not chart.full and i <= j:
                if i < j:
                    continue
                x, degrees = T[i, j] / s, q - j
                total += chart.constants[j] + (degrees - 1.0) * np.log(x) - 0.5 * x * x
                total -= np.log(s)
                slope[i, j] += (degrees - 1.0) / T[i, j] - x / s
                by_h[k] += (x * x - degrees) / s
                continue
            count += 1.0
            square += T[i, j] * T[i, j]
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
    for j in range(chart.q):
        for i in range(0 if chart.full else j, chart.d):
            if i == j and not chart.full:
                grad[at] = slope[i, j] * T[i, j]
                if mode == 1:
                    grad[at] += 1.0
                    total += np.log(T[i, j])
            else:
                grad[at] = slope[i, j] * chart.unit
                if mode == 1:
                    total += np.log(chart.unit)
            at += 1
    for k in range(h.size):
        if chart.at[k] >= 0:
            grad[chart.at[k]] = by_h[k] * h[k]
            if mode == 1:
                grad[chart.at[k]] += 1.0
                total += z[chart.at[k]]
    for slope_in_z in grad:
        if not np.isfinite(slope_in_z):
            return np.nan
    return total


@jit
def of_complete(z, chart, mode, n, squares, gap, variance, code, grad):
    """Log density at z of complete rows, and its gradient."""
    T, h = np.empty((chart.d, chart.q)), np.empty(chart.at.size)
    unpack(z, chart, T, h)
    slope, by_h = np.zeros((chart.d, chart.q)), np.zeros(h.size)
    value, by_sigma = complete.score(T, h[-1], n, squares, gap, variance, code, slope)
    by_h[-1] = by_sigma
    value += add_prior(chart, T, h, mode, slope, by_h)
    return value + pull(chart, z, T, h, mode, slope, by_h, grad)


@jit
def of_patterns(z, chart, mode, basis, rows: Rows, location, variance, code, grad):
    """Log density at z of rows with missing entries, and its gradient."""
    T, h = np.empty((chart.d, chart.q)), np.empty(chart.at.size)
    unpack(z, chart, T, h)
    W = basis @ T
    by_w, by_h = np.zeros((chart.d, chart.q)), np.zeros(h.size)
    value, by_sigma = patterns.score(W, h[-1], rows, location, variance, code, by_w)
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


def coordinates(chart: Chart, U: Array, W: Array, h: Array) -> Array:
    """z at loadings W (d, q) and scales h."""
    T = U.T @ W
    if not chart.full:
        T = np.linalg.qr(T.T, mode="r").T  # T = R'Q', and the rotation Q is dropped
        T = T * np.where(np.diagonal(T) < 0.0, -1.0, 1.0)
    z = np.empty(size(chart))
    at = 0
    for j in range(chart.q):
        for i in range(0 if chart.full else j, chart.d):
            value = T[i, j] / chart.unit
            z[at] = np.log(value) if i == j and not chart.full else value
            at += 1
    free = chart.at >= 0
    z[chart.at[free]] = np.log(h[free])
    return z
