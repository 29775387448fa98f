"""Slice sampling of one positive parameter, on its logarithm (Neal 2003, figures 3 and 5).

Every scale of a regression with shrinkage has, given the rest, a log density of one form. With
t = log x it is

    log p(x) + t - m t - c exp(-h t) + sum_j (log w_j - d_j w_j) / 2 + sum_j log p_j(b_j exp(-l t)),
    w_j = exp(-g t) / v_j + exp(-k t) r,

where p is its law. A scale s of P normal coefficients has m = P, c = |u|^2 / 2, h = 2; of P Laplace
coefficients m = P, c = |u|_1, h = 1. The first sum is there where a slab bounds the scales: v_j and
d_j are the variances without it and the squared coefficients, r the slab's precision. The second is
there where products with other scales are held instead of these scales: b_j, under the laws p_j.
The step leaves exactly that density invariant, whatever the law: no tuning can make it wrong.
"""

from typing import NamedTuple

import numpy as np

from ...model.laws import density
from ...solvers.compiled import jit

MOST = 100  # steps by which an interval may grow
TINY = 1e-14  # an interval that holds nothing but the point itself


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
    l: float
    b: np.ndarray
    laws: np.ndarray


@jit
def plain(law, m, c, h):
    """A conditional without sums."""
    none, laws = np.empty(0), np.empty((0, 4))
    return Conditional(law, m, c, h, 0.0, 0.0, 0.0, none, none, 0.0, none, laws)


@jit
def bounded(law, g, k, r, v, d):
    """The conditional of a scale, a rate or the slab itself where there is a slab."""
    none, laws = np.empty(0), np.empty((0, 4))
    return Conditional(law, 0.0, 0.0, 0.0, g, k, r, v, d, 0.0, none, laws)


@jit
def exchanged(law, l, b, laws):
    """The conditional where the products b (P,) with scales under `laws` are held."""
    none = np.empty(0)
    return Conditional(law, l * b.size, 0.0, 0.0, 0.0, 0.0, 0.0, none, none, l, b, laws)


@jit
def _log(law, x):
    return density(int(law[0]), law[1], law[2], law[3], x)[0]


@jit
def log_density(f, t):
    """Log density of t = log x."""
    x = np.exp(t)
    value = _log(f.law, x) + t - f.m * t
    if f.c > 0.0:
        value -= f.c * np.exp(-f.h * t)
    if f.v.size > 0:
        scale, slab = np.exp(-f.g * t), np.exp(-f.k * t) * f.r
        for j in range(f.v.size):
            w = scale / f.v[j] + slab
            value += 0.5 * (np.log(w) - f.d[j] * w)
    if f.b.size > 0:
        shrink = np.exp(-f.l * t)
        for j in range(f.b.size):
            value += _log(f.laws[j], f.b[j] * shrink)
    return value


@jit
def slice_step(rng, f, x, width):
    """One step from x > 0: an interval is stepped out from it, then shrunk to a point inside."""
    start = np.log(x)
    level = log_density(f, start) - rng.standard_exponential()
    left = start - width * rng.random()
    right = left + width
    below = int(MOST * rng.random())
    above = MOST - 1 - below
    stage, t = 0, left
    while right - left > TINY * (1.0 + abs(start)):
        inside = log_density(f, t) > level  # one call in the text keeps the machine code small
        if stage == 0 and inside and below > 0:
            below -= 1
            left -= width
            t = left
        elif stage == 0:
            stage, t = 1, right
        elif stage == 1 and inside and above > 0:
            above -= 1
            right += width
            t = right
        elif stage == 2 and inside:
            return np.exp(t)
        else:
            if stage == 2 and t < start:
                left = t
            elif stage == 2:
                right = t
            stage, t = 2, left + (right - left) * rng.random()
    return x
