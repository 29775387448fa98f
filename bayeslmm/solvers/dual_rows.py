"""The rows as the dual solver takes them: every column scaled by sqrt(weight x frequency), once.

A shared block of more columns than rows enters the density only through A A' = B B', so that a
point costs n^3 whatever the number of its columns; B is Cholesky's factor with pivots (Higham 2002,
section 10.3).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpstrf as pstrf

from ..types import Array
from .dual_score import EACH, SHARED
from .problem import Problem
from .sums import basis_of, by_level, constant_of


@dataclass(frozen=True, eq=False, repr=False)
class Scaled:
    """What does not depend on the response. Columns lie in the rows of C-ordered arrays."""

    root: Array  # (n,)
    columns: Array  # (p + 1 + m, n): X T, room for y, then the terms
    grams: Array  # (shared blocks, n, n): A A'
    codes: NDArray[np.int64]  # (factors, n) level of each row
    Z: Array  # (effects of all factors, n)
    layout: NDArray[np.int64]  # (terms, 3): kind, first row in `columns`, levels or columns
    T: Array  # (p, p): beta = T (origin + gamma)
    log_det_T: float


def scaled(problem: Problem) -> Scaled:
    """The scaled columns of the rows."""
    n, p = problem.X.shape
    root = np.sqrt(problem.weights * problem.frequency)
    basis, T = _fixed(problem, root)
    grams, blocks = [], []
    for b in problem.blocks:
        rows = b.Z.T
        if b.shared:
            rows = rows * root
            grams.append(rows.T @ rows)
            rows = _compressed(rows, grams[-1])
        blocks.append(rows)
    widths = [*(f.columns for f in problem.factors), *(rows.shape[0] for rows in blocks)]
    columns, layout, at = np.zeros((p + 1 + sum(widths), n)), [], p + 1
    columns[:p] = basis.T
    for f in problem.factors:
        dense = columns[at : at + f.columns].reshape(f.effects, f.levels, n)
        dense[:, f.codes, np.arange(n)] = (f.Z * root[:, None]).T
        layout.append((f.effects, at, f.levels))
        at += f.columns
    for b, rows in zip(problem.blocks, blocks):
        scale = np.ones(n) if b.shared else root
        np.multiply(rows, scale, out=columns[at : at + rows.shape[0]])
        layout.append((SHARED if b.shared else EACH, at, rows.shape[0]))
        at += rows.shape[0]
    codes = np.array([f.codes for f in problem.factors], dtype=np.int64)
    Z = [f.Z.T * root for f in problem.factors]
    return Scaled(
        root=root,
        columns=columns,
        grams=np.array(grams).reshape(len(grams), n, n),
        codes=codes.reshape(-1, n),
        Z=np.concatenate([np.zeros((0, n)), *Z]),
        layout=np.array(layout, dtype=np.int64).reshape(-1, 3),
        T=T,
        log_det_T=float(np.linalg.slogdet(T)[1]) if p else 0.0,
    )


def centred(problem: Problem, scaled: Scaled) -> tuple[Array, Array]:
    """y's scaled distance (n,) from a least-squares fit on X T, and that fit (p,)."""
    basis = scaled.columns[: problem.X.shape[1]]
    distance = (problem.y - problem.offset) * scaled.root
    origin = np.zeros(basis.shape[0])
    for _ in range(2):  # the second pass removes the rounding of the first
        step = basis @ distance / max(distance.size, 1)  # orthonormal to sqrt(n)
        distance = distance - step @ basis
        origin += step
    return distance, origin


def _fixed(problem: Problem, root: Array) -> tuple[Array, Array]:
    """X T, orthonormal over the rows and diagonal within the first factor's groups; and T."""
    order, starts = by_level(problem.first)
    Z = np.ascontiguousarray((problem.first.Z * root[:, None])[order])
    X = problem.X
    sorted_basis, T = basis_of(X[order], root[order], Z, starts, constant_of(X))
    basis = np.empty_like(sorted_basis)
    basis[order] = sorted_basis
    return basis, T


def _compressed(rows: Array, gram: Array) -> Array:
    """Fewer rows with the same sum of r r', where there are more of them than n."""
    n = gram.shape[0]
    if rows.shape[0] <= n:
        return rows
    factor, pivots, rank, _ = pstrf(gram, lower=1)
    L = np.tril(factor)[:, :rank]
    back = np.empty((rank, n))
    back[:, pivots - 1] = L.T
    return back
