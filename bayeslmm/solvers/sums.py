"""Sufficient sums of a Gaussian linear model: the rows are read here, and never again.

    y = offset + X beta + sum_t Z_t u_t + e,    e_i ~ N(0, sigma^2 / w_i)

The largest grouping factor is eliminated group by group (`project`); the columns of all other
factors and X form the remainder, kept sparse by group and dense in its products. Three changes of
origin keep the digits when x carries an offset of 1e8 or the noise is a millionth of the signal:

* X is replaced by X T, orthonormal over the rows and with diagonal information within groups, so
  that a direction seen only between groups carries an exact zero there;
* y is replaced by its distance from a least-squares fit `origin`, so that what is squared is as
  small as the noise;
* the other factors' share of that fit is kept as `shift`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..types import Array
from .at_once import sums_at_once
from .least_squares import basic_solution, within_and_between
from .problem import Columns, Factor, Problem
from .project import project, rest_of
from .rotate import rest_triangles

LOST = 1e-12  # a column with less than this share outside the others depends on them
FEW = 20_000_000  # numbers of the whole design up to which LAPACK's stacked QR takes the sums


@dataclass(frozen=True, repr=False)
class Rows:
    """The rows that the sums are taken over, in the order of the eliminated factor's groups."""

    order: NDArray[np.intp]
    root: Array  # (n,) sqrt(weight x frequency), in order
    offset: Array  # (n,)
    Z: Array  # (n, q) of the eliminated factor, scaled by root
    starts: NDArray[np.int64]  # (groups + 1,)
    X: Array  # (n, p) = X T, scaled by root
    columns: NDArray[np.int64]  # (n, k) columns of the other factors
    values: Array  # (n, k)
    few: bool  # whether NumPy takes their sums, without compiled code


@dataclass(frozen=True, repr=False)
class Sums:
    """What the rows say, for any variances.

    Shapes: q effects of the eliminated factor, m2 columns of the other factors, p fixed effects,
    m = m2 + p; groups are split into chunks of `lanes`.
    """

    R: Array  # (chunks, q, q, lanes)
    B: Array  # (chunks, p + 1, q, lanes): X T, and y as the last column
    starts: NDArray[np.int64]  # (groups + 1,) where a group's entries of the next two begin
    columns: NDArray[np.int64]  # (entries,) the other factors' columns that a group has rows in
    values: Array  # (entries, q) their rotated rows
    C: Array  # (m, m) products of what is left of the remainder
    g: Array  # (m,) its products with what is left of y: zero up to rounding
    rss: float
    shift: Array  # (m2,) the other factors' share of the fit that y is measured from
    origin: Array  # (p,) the fit that y is measured from, in the columns X T
    T: Array  # (p, p): beta = T (origin + gamma)
    log_det_T: float
    n: float  # rows, counted with their frequency
    groups: int
    log_weights: float  # sum of frequency x log weight
    factors: tuple[tuple[int, int, int], ...]  # per term: first column, levels, effects
    layout: NDArray[np.int64]  # (., 3) the same for every triangular factor: a column may have one
    rows: Rows

    @property
    def effects(self) -> int:
        return self.R.shape[1]

    @property
    def fixed(self) -> int:
        return self.T.shape[0]

    @property
    def random(self) -> int:
        return self.C.shape[0] - self.fixed


def lanes_for(groups: int, q: int) -> int:
    """Groups handled side by side: enough to fill vector registers, few enough for the cache."""
    return int(min(np.clip(2048 // max(q * q, 1), 8, 64), -(-max(groups, 1) // 4) * 4))


def accumulate(problem: Problem) -> Sums:
    """Take the sums over the rows."""
    X, first, p = problem.X, problem.first, problem.X.shape[1]
    weights, frequency = problem.weights, problem.frequency
    order, starts = by_level(first)
    root = np.sqrt(weights * frequency)[order]
    Z = np.ascontiguousarray(first.Z[order] * root[:, None])
    basis, T = basis_of(X[order], root, Z, starts, constant_of(X))
    columns, values, found, layout = _spread(problem.factors[1:], problem.blocks, order, root)
    q, m2 = Z.shape[1], sum(levels * width for _, levels, width in found)
    few = (q + m2 + p + 1) * max(order.size, first.levels * (q + m2 + p + 1)) <= FEW
    rows = Rows(order, root, problem.offset[order], Z, starts, basis, columns, values, few)
    begin, used = _pattern(rows, m2)
    lanes = lanes_for(first.levels, q)
    chunks = -(-first.levels // lanes) if q else 0
    sums = Sums(
        R=np.zeros((chunks, q, q, lanes)),
        B=np.zeros((chunks, p + 1, q, lanes)),
        starts=begin,
        columns=used,
        values=np.zeros((used.size, q)),
        C=np.zeros((m2 + p, m2 + p)),
        g=np.zeros(m2 + p),
        rss=0.0,
        shift=np.zeros(m2),
        origin=np.zeros(p),
        T=T,
        log_det_T=float(np.linalg.slogdet(T)[1]) if p else 0.0,
        n=float(frequency.sum()),
        groups=first.levels if q else 0,
        log_weights=float(frequency @ np.log(weights)),
        factors=found,
        layout=layout,
        rows=rows,
    )
    return with_response(sums, problem.y, known=False)


def by_level(factor: Factor) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """An order of the rows (n,) by their levels, and where a level begins (levels + 1,)."""
    counts = np.bincount(factor.codes, minlength=factor.levels)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return np.argsort(factor.codes, kind="stable"), starts


def with_response(sums: Sums, y: Array, known: bool = True) -> Sums:
    """The same rows with another response; the design's products are `known` already."""
    rows = sums.rows
    distance = (y[rows.order] - rows.offset) * rows.root
    if rows.few:
        return sums_at_once(sums, distance)
    gamma = np.zeros(sums.fixed)
    for _ in range(2):  # twice is enough: the second pass removes the rounding of the first
        step = _fit(rows, distance)
        distance = distance - rows.X @ step
        gamma += step
    sums = _project(sums, distance, known)
    shift = np.zeros(sums.random)
    if sums.random:
        joint = basic_solution(sums.C, sums.g, _norms(rows, sums.random))
        shift, step = joint[: sums.random], joint[sums.random :]
        gamma += step
        distance = distance - rows.X @ step - (rows.values * shift[rows.columns]).sum(axis=1)
        sums = _project(sums, distance, known=True)
    return replace(sums, shift=shift, origin=gamma)


def _norms(rows: Rows, random: int) -> Array:
    """Lengths of the remainder's columns, before anything is projected out."""
    squares = np.bincount(rows.columns.ravel(), (rows.values**2).ravel(), minlength=random)
    return np.sqrt(np.concatenate([squares, (rows.X**2).sum(axis=0)]))


def _pattern(rows: Rows, m2: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The other factors' columns that each group has rows in: starts (groups + 1,), columns."""
    groups = rows.starts.size - 1
    code = np.repeat(np.arange(groups), np.diff(rows.starts))
    pairs = np.unique(code[:, None] * max(m2, 1) + rows.columns)
    counts = np.bincount(pairs // max(m2, 1), minlength=groups)
    return np.concatenate([[0], np.cumsum(counts)]), pairs % max(m2, 1)


def _project(sums: Sums, y: Array, known: bool) -> Sums:
    """The sums with y as the response."""
    R, B, values, g = (np.zeros_like(a) for a in (sums.R, sums.B, sums.values, sums.g))
    C = np.zeros((0, 0)) if known else np.zeros_like(sums.C)
    rows, lanes = sums.rows, max(sums.R.shape[-1], 1)
    design = (rows.Z, rows.starts, rows.X, y, rows.columns, rows.values)
    rss = project(*design, sums.starts, sums.columns, lanes, R, B, values, C, g)
    return replace(sums, R=R, B=B, values=values, C=sums.C if known else C, g=g, rss=rss)


def _rest(Z: Array, starts: NDArray[np.int64], X: Array) -> Array:
    """Rows with the products of what the groups' own effects leave of X."""
    if Z.shape[0] * (Z.shape[1] + X.shape[1]) <= FEW:
        return rest_triangles(Z, starts, X)
    return rest_of(Z, starts, X)


def _fit(rows: Rows, y: Array) -> Array:
    """Least squares of y on X, by the rows' own information within groups where there is any."""
    if rows.X.shape[1] == 0:
        return np.zeros(0)
    rest = _rest(rows.Z, rows.starts, np.column_stack([rows.X, y]))
    return within_and_between(rest, np.column_stack([rows.X, y]))


def constant_of(X: Array) -> int:
    """Index of the column of ones, or -1."""
    constant = np.flatnonzero((X == 1.0).all(axis=0))
    return int(constant[0]) if constant.size else -1


def basis_of(
    X: Array, root: Array, Z: Array, starts: NDArray[np.int64], intercept: int
) -> tuple[Array, Array]:
    """Columns root X T orthonormal over the rows (to sqrt n), diagonal within groups; and T.

    The columns are centred before anything is multiplied, which is exact for a large offset.
    """
    n, p = X.shape
    if p == 0:
        return X, np.eye(0)
    centre = np.eye(p)
    if intercept >= 0:
        means = (root**2 @ X) / (root @ root)
        means[intercept] = 0.0
        centre[intercept] -= means
        X = X - means
    X = X * root[:, None]
    scale = np.sqrt(np.einsum("ij,ij->j", X, X) / n)
    scale[scale == 0.0] = 1.0
    Q, inverse = _orthonormal(X / scale)
    rest = _rest(Z, starts, np.ascontiguousarray(Q))
    # Right singular vectors of the small triangular factor: graded, so that zero stays zero.
    turn = np.linalg.svd(np.linalg.qr(rest, mode="r"))[2].T
    T = centre @ (inverse @ turn / scale[:, None]) * np.sqrt(n)
    return np.ascontiguousarray(Q @ turn * np.sqrt(n)), T


def _orthonormal(X: Array) -> tuple[Array, Array]:
    """Q = X A with orthonormal columns, and A (p, p); columns of zeros for what X does not span."""
    p = X.shape[1]
    Q, upper = np.linalg.qr(X)
    diagonal = np.abs(np.diag(upper))
    if diagonal.size == p and diagonal.min() > LOST * diagonal.max():
        return Q, np.linalg.inv(upper)
    left, values, right = np.linalg.svd(upper)
    known = values > LOST * values.max(initial=0.0)
    whole = np.zeros(X.shape)
    whole[:, : known.size] = (Q @ left) * known
    return whole, right.T / np.append(np.where(known, values, 1.0), np.ones(p - known.size))


def _spread(
    factors: tuple[Factor, ...], blocks: tuple[Columns, ...], order: NDArray, root: Array
) -> tuple[NDArray[np.int64], Array, tuple[tuple[int, int, int], ...], NDArray[np.int64]]:
    """Nonzero columns and values of the remainder's random effects, row by row."""
    columns, values, found, layout, start = [], [], [], [], 0
    for factor in factors:
        first = start + factor.codes[order] * factor.effects
        columns.append(first[:, None] + np.arange(factor.effects))
        values.append(factor.Z[order] * root[:, None])
        found.append((start, factor.levels, factor.effects))
        layout.append(found[-1])
        start += factor.columns
    for block in blocks:
        width = block.Z.shape[1]
        columns.append(np.broadcast_to(start + np.arange(width), block.Z.shape))
        values.append(block.Z[order] * root[:, None])
        found.append((start, width, 1))
        layout += [found[-1]] if block.shared else [(start + j, 1, 1) for j in range(width)]
        start += width
    entries = np.hstack(columns) if columns else np.zeros((order.size, 0))
    numbers = np.hstack(values) if values else np.zeros((order.size, 0))
    table = np.array(layout, dtype=np.int64).reshape(-1, 3)
    return entries.astype(np.int64), numbers, tuple(found), table
