"""Slice sampling of one positive parameter, on its logarithm (Neal 2003, figures 3 and 5).

Every scale of a regression with shrinkage has, given the rest, a log density of one form. With
t = log x it is

    log p(x) + t - m t - c exp(-h t) + sum_j (log w_j - d_j w_j) / 2,
    w_j = exp(-g t) / v_j + exp(-k t) r,

where p is its law. A scale s of P normal coefficients has m = P, c = |u|^2 / 2, h = 2; of P Laplace
coefficients m = P, c = |u|_1, h = 1; the sum is there where a slab bounds the scales: v_j and d_j
are the variances without it and the squared coefficients, r the slab's precision.
The step leaves exactly that density invariant, whatever the law: no tuning can make it wrong.
"""

from typing import NamedTuple

import numpy as np

from ..gaussian.compiled import jit
from ..laws import density

MOST = 100  # steps by which an interval may grow


class Conditional(NamedTuple):
    """The numbers of the log density above; `law` is (code, a, b, constant)."""

    law: np.ndarray
    m: float
    c: float
    h: float
    g: float
    k: float
    r: float
    v: np.ndarray
    d: np.ndarray


@jit
def log_density(f, t):
    """Log density of t = log x."""
    x = np.exp(t)
    value = density(int(f.law[0]), f.law[1], f.law[2], f.law[3], x)[0] + t - f.m * t
    if f.c > 0.0:
        value -= f.c * np.exp(-f.h * t)
    if f.v.size > 0:
        scale, slab = np.exp(-f.g * t), np.exp(-f.k * t) * f.r
        for j in range(f.v.size):
            w = scale / f.v[j] + slab
            value += 0.5 * (np.log(w) - f.d[j] * w)
    return value


@jit
def slice_step(rng, f, x, width):
    """One step from x > 0: an interval is stepped out from it, then shrunk to a point inside."""
    start = np.log(x)
    level = log_density(f, start) - rng.standard_exponential()
    left = start - width * rng.random()
    right = left + width
    steps = int(MOST * rng.random())
    for _ in range(steps):
        if not log_density(f, left) > level:
            break
        left -= width
    for _ in range(MOST - 1 - steps):
        if not log_density(f, right) > level:
            break
        right += width
    while right - left > 1e-14 * (1.0 + abs(start)):
        t = left + (right - left) * rng.random()
        if log_density(f, t) > level:
            return np.exp(t)
        if t < start:
            left = t
        else:
            right = t
    return x
