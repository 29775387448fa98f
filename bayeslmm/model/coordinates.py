"""Compiled: from coordinates z to the variances and back to the gradient of a log density.

    sd = exp(z),     L_t = diag(sd_t) K_t,     a row of K is (w, 1) / sqrt(1 + |w|^2)

The scales of a block of columns are monomials in its parameters (`shrinkage`),
    s_j = prod_f f_j^e_f,   with a slab s_j <- s_j / sqrt(1 + s_j^2 / slab),   then times sigma
where they are in units of it.

Under LKJ(eta) the log density of the row coordinates w of a block of size n is (2 eta + n - 1)
log K_ii for every row, plus a constant. `space` declares what these functions work on.
"""

from typing import NamedTuple

import numpy as np

from ..solvers.compiled import jit
from ..solvers.score import lower_product, value_and_score
from ..types import Array
from .laws import density


class Layout(NamedTuple):
    """The space as arrays, the form that compiled code takes."""

    at: np.ndarray  # (scales,) coordinate of each scale, or -1
    code: np.ndarray  # (scales,) code of its law
    parameters: Array  # (scales, 3)
    value: Array  # (scales,) where fixed
    widths: np.ndarray  # (factors,) effects per factor
    blocks: np.ndarray  # (blocks, 4): factor, size, first member, first coordinate
    members: np.ndarray  # (sum of sizes,)
    eta: Array  # (blocks, 2): eta, log constant
    start: Array  # flat Cholesky factors of the correlations before the blocks are filled
    # (terms, 5) of each block of columns: number of scales, first and last of its factors, where
    # its slab is among the scales (-1: none), whether it is in units of sigma
    products: np.ndarray
    factors: Array  # (., 3): where a factor begins among the scales, its step by column, exponent


@jit
def length(layout):
    """Number of entries that the solver takes: triangular factors, then scales of columns."""
    return layout.start.size + layout.products[:, 0].sum()


@jit
def column_scale(product, factors, h, j):
    """Scale of column j of a block, and the share of it that the slab leaves."""
    value = 1.0
    for f in range(product[1], product[2]):
        factor, exponent = h[int(factors[f, 0] + j * factors[f, 1])], factors[f, 2]
        if exponent == 1.0:
            value *= factor
        elif exponent == -0.5:
            value /= np.sqrt(factor)
        else:
            value *= factor**exponent
    share = 1.0
    if product[3] >= 0:
        share = 1.0 / (1.0 + value * value / h[product[3]])
        value *= np.sqrt(share)
    if product[4] > 0:
        value *= h[h.size - 1]
    return value, share


@jit
def unpack(z, layout, h, corr, scales):
    """Fill the scales h, the correlations' factors and L = diag(sd) K."""
    deviations(z, layout, h)
    corr[:] = layout.start
    for b in range(layout.blocks.shape[0]):
        factor, size, first, at = layout.blocks[b]
        base = 0
        for f in range(factor):
            base += layout.widths[f] ** 2
        q = layout.widths[factor]
        for i in range(size):
            row = base + layout.members[first + i] * q
            norm = 1.0
            for j in range(i):
                norm += z[at + j] ** 2
            norm = np.sqrt(norm)
            for j in range(i):
                corr[row + layout.members[first + j]] = z[at + j] / norm
            corr[row + layout.members[first + i]] = 1.0 / norm
            at += i
    base = scale = 0
    for f in range(layout.widths.size):
        q = layout.widths[f]
        for i in range(q):
            for j in range(q):
                scales[base + i * q + j] = h[scale + i] * corr[base + i * q + j]
        base += q * q
        scale += q
    for b in range(layout.products.shape[0]):
        for j in range(layout.products[b, 0]):
            scales[base + j] = column_scale(layout.products[b], layout.factors, h, j)[0]
        base += layout.products[b, 0]


@jit
def unpacked(z, layout):
    """The scales, the correlations' factors and L, in arrays of their own."""
    h = np.empty(layout.at.size)
    corr = np.empty(layout.start.size)
    scales = np.empty(length(layout))
    unpack(z, layout, h, corr, scales)
    return h, corr, scales


@jit
def log_prior(z, layout, h, grad):
    """Log prior density of z (Jacobian included) without custom laws; adds its gradient."""
    total = 0.0
    for i in range(h.size):
        if layout.at[i] >= 0:
            total += z[layout.at[i]]
            grad[layout.at[i]] += 1.0
            if layout.code[i] >= 0:
                p = layout.parameters[i]
                value, slope = density(layout.code[i], p[0], p[1], p[2], h[i])
                total += value
                grad[layout.at[i]] += slope * h[i]
    for b in range(layout.blocks.shape[0]):
        size, at = layout.blocks[b, 1], layout.blocks[b, 3]
        power = 2.0 * layout.eta[b, 0] + size - 1.0
        total += layout.eta[b, 1]
        for i in range(1, size):
            norm = 1.0
            for j in range(i):
                norm += z[at + j] ** 2
            total -= 0.5 * power * np.log(norm)
            for j in range(i):
                grad[at + j] -= power * z[at + j] / norm
            at += i
    return total


@jit
def pull(z, layout, h, corr, slope_scales, slope_sigma, grad):
    """Add the gradient in z of a function with derivative `slope_scales` in the flat L."""
    base = scale = 0
    last = h.size - 1
    for f in range(layout.widths.size):
        q = layout.widths[f]
        for i in range(q):
            at = layout.at[scale + i]
            if at >= 0:
                total = 0.0
                for j in range(i + 1):
                    total += slope_scales[base + i * q + j] * corr[base + i * q + j]
                grad[at] += total * h[scale + i]
        base += q * q
        scale += q
    if layout.at[last] >= 0:
        grad[layout.at[last]] += slope_sigma * h[last]
    for b in range(layout.products.shape[0]):
        pull_product(layout, b, h, slope_scales[base:], grad)
        base += layout.products[b, 0]
    for b in range(layout.blocks.shape[0]):
        factor, size, first, at = layout.blocks[b]
        base = scale = 0
        for f in range(factor):
            base += layout.widths[f] ** 2
            scale += layout.widths[f]
        q = layout.widths[factor]
        for i in range(1, size):
            row = base + layout.members[first + i] * q
            sd = h[scale + layout.members[first + i]]
            norm = 1.0
            for j in range(i):
                norm += z[at + j] ** 2
            norm = np.sqrt(norm)
            along = slope_scales[row + layout.members[first + i]] * sd
            for j in range(i):
                along += slope_scales[row + layout.members[first + j]] * sd * z[at + j]
            for j in range(i):
                own = slope_scales[row + layout.members[first + j]] * sd
                grad[at + j] += own / norm - z[at + j] * along / norm**3
            at += i


@jit
def pull_product(layout, b, h, slopes, grad):
    """The same for the scales of one block's columns, whose logs are sums of coordinates."""
    product, factors, at = layout.products[b], layout.factors, layout.at
    for j in range(product[0]):
        value, share = column_scale(product, factors, h, j)
        along = slopes[j] * value
        for f in range(product[1], product[2]):
            place = at[int(factors[f, 0] + j * factors[f, 1])]
            if place >= 0:
                grad[place] += factors[f, 2] * along * share
        if product[3] >= 0 and at[product[3]] >= 0:
            grad[at[product[3]]] += 0.5 * along * (1.0 - share)
        if product[4] > 0 and at[h.size - 1] >= 0:
            grad[at[h.size - 1]] += along


@jit
def slopes_of(scales, J, layout, slopes):
    """Derivatives in the solver's entries from its J: lower part of J L, and J s."""
    at = 0
    for f in range(layout.widths.size):
        at = lower_product(scales, J, slopes, at, layout.widths[f])
    for i in range(at, scales.size):
        slopes[i] = J[i] * scales[i]


@jit
def log_criterion(z, layout, data, work, grad):
    """Log density of y given z and its gradient, no prior; NaN where it fails."""
    h, corr, scales = unpacked(z, layout)
    J = np.empty(scales.size)
    slopes = np.empty(scales.size)
    grad[:] = 0.0
    value, slope = value_and_score(scales, h[h.size - 1], data, work, J)
    if not np.isfinite(value):
        return np.nan
    slopes_of(scales, J, layout, slopes)
    pull(z, layout, h, corr, slopes, slope, grad)
    return value


@jit
def log_posterior(z, layout, data, work, grad):
    """Log density of z given y (up to the evidence) and its gradient; NaN where it fails."""
    value = log_criterion(z, layout, data, work, grad)
    h = np.empty(layout.at.size)
    deviations(z, layout, h)
    value += log_prior(z, layout, h, grad)
    for i in range(grad.size):
        if not np.isfinite(grad[i]):
            return np.nan
    return value


@jit
def deviations(z, layout, h):
    """Fill the standard deviations h."""
    for i in range(h.size):
        h[i] = layout.value[i] if layout.at[i] < 0 else np.exp(z[layout.at[i]])
