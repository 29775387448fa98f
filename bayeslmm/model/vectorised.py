"""`coordinates` on whole arrays: the maps from z to the variances and back, at k points at once.

The same equations as there, in NumPy, where points are many or nothing is worth compiling; a test
holds the two together.
"""

from functools import lru_cache

import numpy as np

from ..types import Array, Index
from .coordinates import Layout
from .laws import density_at


def deviations(Z: Array, layout: Layout) -> Array:
    """The scales h (k, scales)."""
    h = np.broadcast_to(layout.value, (Z.shape[0], layout.value.size)).copy()
    free = layout.at >= 0
    with np.errstate(over="ignore"):
        h[:, free] = np.exp(Z[:, layout.at[free]])
    return h


def unpack(Z: Array, layout: Layout) -> tuple[Array, Array, Array]:
    """The scales h (k, .), the correlations' factors (k, .), and L = diag(sd) K flat (k, .)."""
    h = deviations(Z, layout)
    corr = np.broadcast_to(layout.start, (Z.shape[0], layout.start.size)).copy()
    for rows in _rows(layout):
        w = Z[:, rows.at]
        norm = np.sqrt(1.0 + (w**2).sum(axis=1))
        corr[:, rows.left] = w / norm[:, None]
        corr[:, rows.diagonal] = 1.0 / norm
    parts, base, scale = [], 0, 0
    for q in layout.widths:
        own = corr[:, base : base + q * q].reshape(-1, q, q) * h[:, scale : scale + q, None]
        parts.append(own.reshape(-1, q * q))
        base, scale = base + q * q, scale + q
    parts += [_column_scales(layout, b, h)[0] for b in range(layout.products.shape[0])]
    return h, corr, np.hstack([*parts, np.zeros((Z.shape[0], 0))])


class TurnedRow:
    """One row of a correlation's factor: its coordinates, and where its entries lie."""

    def __init__(self, at: Index, left: Index, diagonal: int, sd: int) -> None:
        self.at, self.left, self.diagonal, self.sd = at, left, diagonal, sd


def _rows(layout: Layout) -> list[TurnedRow]:
    return _found(layout.widths.tobytes(), layout.blocks.tobytes(), layout.members.tobytes())


@lru_cache(maxsize=64)
def _found(widths: bytes, blocks: bytes, members: bytes) -> list[TurnedRow]:
    q_of = np.frombuffer(widths, np.int64)
    each = np.frombuffer(members, np.int64)
    found = []
    for factor, size, first, at in np.frombuffer(blocks, np.int64).reshape(-1, 4):
        base, scale = int((q_of[:factor] ** 2).sum()), int(q_of[:factor].sum())
        own, q = each[first : first + size], q_of[factor]
        for i in range(1, size):
            row = base + own[i] * q
            found.append(
                TurnedRow(at + np.arange(i), row + own[:i], int(row + own[i]), int(scale + own[i]))
            )
            at += i
    return found


def _column_scales(layout: Layout, b: int, h: Array) -> tuple[Array, Array]:
    """Scales (k, P) of a block's columns, and the share of each that its slab leaves."""
    count, first, last, slab, noise = layout.products[b]
    value = np.ones((h.shape[0], count))
    columns = np.arange(count)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        for begin, step, exponent in layout.factors[first:last]:
            value *= h[:, (begin + columns * step).astype(np.int64)] ** exponent
        share = np.ones_like(value)
        if slab >= 0:
            share = 1.0 / (1.0 + value**2 / h[:, slab, None])
            value *= np.sqrt(share)
        if noise > 0:
            value *= h[:, -1:]
    return value, share


def log_prior(Z: Array, layout: Layout, h: Array) -> tuple[Array, Array]:
    """Log prior density of Z (k,), Jacobian included, custom laws left out; and its gradient."""
    total, grad = scale_prior(Z, layout, h)
    free = layout.at[layout.at >= 0]
    total += Z[:, free].sum(axis=1) + layout.eta[:, 1].sum()
    grad[:, free] += 1.0
    sizes = layout.blocks[:, 1]
    power = np.repeat(2.0 * layout.eta[:, 0] + sizes - 1.0, np.maximum(sizes - 1, 0))
    for rows, weight in zip(_rows(layout), power):
        w = Z[:, rows.at]
        norm = 1.0 + (w**2).sum(axis=1)
        total -= 0.5 * weight * np.log(norm)
        grad[:, rows.at] -= weight * w / norm[:, None]
    return total, grad


def scale_prior(Z: Array, layout: Layout, h: Array) -> tuple[Array, Array]:
    """Log prior density (k,) of the scales on their own scale, and its gradient in Z (k, d)."""
    total, grad = np.zeros(Z.shape[0]), np.zeros(Z.shape)
    for code in sorted(set(layout.code[layout.at >= 0].tolist()) - {-1}):
        own = np.flatnonzero((layout.at >= 0) & (layout.code == code))
        a, b, constant = layout.parameters[own].T
        with np.errstate(all="ignore"):
            value, slope = density_at(code, a, b, constant, h[:, own])
            total += np.broadcast_to(value, (Z.shape[0], own.size)).sum(axis=1)
            grad[:, layout.at[own]] = slope * h[:, own]
    return total, grad


def pull(
    Z: Array, layout: Layout, h: Array, corr: Array, slopes: Array, slope_sigma: Array
) -> Array:
    """Gradient in Z (k, d) of a function with slopes (k, .) in the flat L, and in sigma (k,)."""
    grad = np.zeros(Z.shape)
    by_scale = np.zeros(h.shape)
    by_scale[:, -1] = slope_sigma * h[:, -1]
    base = scale = 0
    for q in layout.widths:
        own = slice(base, base + q * q)
        along = (slopes[:, own] * corr[:, own]).reshape(-1, q, q).sum(axis=2)
        by_scale[:, scale : scale + q] += along * h[:, scale : scale + q]
        base, scale = base + q * q, scale + q
    for b in range(layout.products.shape[0]):
        count = layout.products[b, 0]
        _pull_product(layout, b, h, slopes[:, base : base + count], by_scale)
        base += count
    free = layout.at >= 0
    grad[:, layout.at[free]] = by_scale[:, free]
    for rows in _rows(layout):
        w, sd = Z[:, rows.at], h[:, rows.sd, None]
        norm = np.sqrt(1.0 + (w**2).sum(axis=1))[:, None]
        left = slopes[:, rows.left] * sd
        along = slopes[:, rows.diagonal, None] * sd + (left * w).sum(axis=1)[:, None]
        grad[:, rows.at] += left / norm - w * along / norm**3
    return grad


def _pull_product(layout: Layout, b: int, h: Array, slopes: Array, by_scale: Array) -> None:
    """Add the slopes in the logs of the scales that a block's columns are made of."""
    count, first, last, slab, noise = layout.products[b]
    value, share = _column_scales(layout, b, h)
    along, columns = slopes * value, np.arange(count)
    for begin, step, exponent in layout.factors[first:last]:
        places = (begin + columns * step).astype(np.int64)
        moved = exponent * along * share
        if step:  # each column has a factor of its own
            by_scale[:, places] += moved
        else:
            by_scale[:, places[0]] += moved.sum(axis=1)
    if slab >= 0:
        by_scale[:, slab] += (0.5 * along * (1.0 - share)).sum(axis=1)
    if noise > 0:
        by_scale[:, -1] += along.sum(axis=1)


def slopes_of(scales: Array, J: Array, layout: Layout) -> Array:
    """Derivatives (k, .) in the solver's entries from its J: lower part of J L, and J s."""
    found, base = J * scales, 0
    for q in layout.widths:
        own = slice(base, base + q * q)
        L = scales[:, own].reshape(-1, q, q)
        found[:, own] = np.tril(J[:, own].reshape(-1, q, q) @ L).reshape(-1, q * q)
        base += q * q
    return found
