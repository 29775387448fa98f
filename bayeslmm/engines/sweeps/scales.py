"""Draws of a block's scales given its coefficients and sigma.

    u_j ~ N(0, s_j^2),    s_j = local_j common rate^-1/2 sigma^e,    s_j <- (s_j^-2 + slab^-2)^-1/2

the slab in units of sigma^e as well. A fixed number has the law code -1. Under a Rayleigh law of
the local scales and without a slab u is Laplace: common and rate are drawn with the local scales
integrated out, and these then as the inverse Gaussian that they are (Park & Casella 2008, section
2), by Michael, Schucany & Haas (1976). Everything else is a slice step, exact for any law.
"""

import numpy as np

from ...solvers.compiled import jit
from .slices import bounded, exchanged, plain, slice_step

FIXED, RAYLEIGH = -1, 8
COMMON, RATE, SLAB = 0, 1, 2
WIDTH = 2.0  # of a slice's interval, on the log scale


@jit
def base(heads, sigma, power):
    """Scale of a coefficient whose local scale is one, without slab."""
    value = heads[COMMON] / np.sqrt(heads[RATE])
    return value * sigma if power else value


@jit
def block_scales(local, heads, power, sigma, out):
    """out (P,) <- scales of one block's coefficients."""
    unit = base(heads, 1.0, power)
    noise = sigma if power else 1.0
    for j in range(local.size):
        s = local[j] * unit
        if np.isfinite(heads[SLAB]):
            s /= np.sqrt(1.0 + s * s / heads[SLAB])
        out[j] = s * noise


@jit
def reciprocal_inverse_gaussian(rng, m):
    """1 / x for x inverse Gaussian with mean 1 / m >= 0 and shape one; no cancellation at m = 0."""
    h = 0.5 * rng.standard_normal() ** 2
    y = m + h + np.sqrt(h * (h + 2.0 * m))
    if rng.random() * (y + m) <= y:
        return y
    return m * (m / y)


@jit
def draw_block(rng, u, local, heads, local_laws, laws, power, sigma):
    """Local scales (P,), common scale, rate and slab^2 of one block <- a draw given the rest."""
    code = int(local_laws[0, 0])
    slab = np.isfinite(heads[SLAB])
    laplace = code == RAYLEIGH and not slab
    noise = sigma if power else 1.0
    none = np.empty(0)
    if laplace:
        _draw_ends(rng, u, heads, local_laws, laws, noise, none)
        unit = base(heads, sigma, power)
        for j in range(u.size):
            a = local_laws[j, 1]
            local[j] = a * np.sqrt(reciprocal_inverse_gaussian(rng, abs(u[j]) / (a * unit)))
        return
    if code != FIXED:
        unit = base(heads, 1.0, power)
        v, d = np.empty(1), np.empty(1)
        for j in range(u.size):
            if slab:
                v[0], d[0] = unit * unit, (u[j] / noise) ** 2
                f = bounded(local_laws[j], 2.0, 0.0, 1.0 / heads[SLAB], v, d)
            else:
                c = 0.5 * (u[j] / (unit * noise)) ** 2
                f = plain(local_laws[j], 1.0, c, 2.0)
            local[j] = slice_step(rng, f, local[j], WIDTH)
    if slab:
        _draw_bounded(rng, u, local, heads, laws, noise)
    else:
        _draw_ends(rng, u, heads, local_laws, laws, noise, local)
    if code != FIXED:
        _exchange(rng, local, heads, local_laws, laws)


@jit
def _exchange(rng, local, heads, local_laws, laws):
    """Common scale and rate once more, the products with the local scales held.

    No coefficient has a say here. It undoes the wandering of two factors of one product, as
    interweaving does (Yu & Meng 2011).
    """
    for which, share in ((COMMON, 1.0), (RATE, -0.5)):
        if laws[which, 0] != FIXED:
            b = local * heads[which] ** share
            f = exchanged(laws[which], share, b, local_laws)
            heads[which] = slice_step(rng, f, heads[which], WIDTH)
            for j in range(local.size):
                local[j] = b[j] / heads[which] ** share


@jit
def _draw_ends(rng, u, heads, local_laws, laws, noise, local):
    """Common scale and rate, given the local scales, or (where none are given) without them."""
    laplace = local.size == 0
    total = 0.0
    for j in range(u.size):
        if laplace:
            total += abs(u[j]) / (local_laws[j, 1] * noise)
        else:
            total += 0.5 * (u[j] / (local[j] * noise)) ** 2
    order = 1.0 if laplace else 2.0
    for which, share in ((COMMON, 1.0), (RATE, -0.5)):
        if laws[which, 0] != FIXED:
            other = 1.0 / np.sqrt(heads[RATE]) if which == COMMON else heads[COMMON]
            c, h = total / other**order, order * share
            f = plain(laws[which], share * u.size, c, h)
            heads[which] = slice_step(rng, f, heads[which], WIDTH)


@jit
def _draw_bounded(rng, u, local, heads, laws, noise):
    """Common scale, rate and slab^2 where the slab bounds every scale."""
    d = (u / noise) ** 2
    for which, g, k in ((COMMON, 2.0, 0.0), (RATE, -1.0, 0.0), (SLAB, 0.0, 1.0)):
        if laws[which, 0] != FIXED:
            v = local * local
            if which != COMMON:
                v *= heads[COMMON] ** 2
            if which != RATE:
                v /= heads[RATE]
            r = 1.0 if which == SLAB else 1.0 / heads[SLAB]
            f = bounded(laws[which], g, k, r, v, d)
            heads[which] = slice_step(rng, f, heads[which], WIDTH)
