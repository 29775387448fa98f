"""The rows as the dual solver takes them: every column scaled by sqrt(weight x frequency), once.

A shared block of more columns than rows enters the density only through A A' = B B', so that a
point costs n^3 whatever the number of its columns; B is Cholesky's factor with pivots (Higham 2002,
section 10.3).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpstrf as pstrf

from ..types import Array
from .dual_score import EACH, SHARED
from .sums import Columns, Factor, _basis, _constant


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


@dataclass(frozen=True, eq=False, repr=False)
class DualRows:
    """Rows of a model with more coefficients than rows.

    Parameters
    ----------
    y, X : (n,), (n, p)
        Response, and fixed-effect columns of full rank.
    factors, blocks
        Grouped random effects, and blocks of columns with independent coefficients.
    offset, weights, frequency : (n,)
        Known part of the mean, precision of each row's noise, and how often each row counts.
    """

    y: Array
    X: Array
    factors: tuple[Factor, ...]
    blocks: tuple[Columns, ...]
    offset: Array
    weights: Array
    frequency: Array

    @cached_property
    def scaled(self) -> Scaled:
        """The scaled columns; made when first asked for."""
        n, p = self.X.shape
        root = np.sqrt(self.weights * self.frequency)
        basis, T = self._fixed(root)
        grams, blocks = [], []
        for b in self.blocks:
            rows = b.Z.T
            if b.shared:
                rows = rows * root
                grams.append(rows.T @ rows)
                rows = _compressed(rows, grams[-1])
            blocks.append(rows)
        widths = [*(f.columns for f in self.factors), *(rows.shape[0] for rows in blocks)]
        columns, layout, at = np.zeros((p + 1 + sum(widths), n)), [], p + 1
        columns[:p] = basis.T
        for f in self.factors:
            dense = columns[at : at + f.columns].reshape(f.effects, f.levels, n)
            dense[:, f.codes, np.arange(n)] = (f.Z * root[:, None]).T
            layout.append((f.effects, at, f.levels))
            at += f.columns
        for b, rows in zip(self.blocks, blocks):
            scale = np.ones(n) if b.shared else root
            np.multiply(rows, scale, out=columns[at : at + rows.shape[0]])
            layout.append((SHARED if b.shared else EACH, at, rows.shape[0]))
            at += rows.shape[0]
        codes = np.array([f.codes for f in self.factors], dtype=np.int64)
        Z = [f.Z.T * root for f in self.factors]
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

    def with_response(self, y: Array) -> "DualRows":
        """The same rows with another response; the design is not read again."""
        other = replace(self, y=y)
        other.__dict__["scaled"] = self.scaled
        return other

    @cached_property
    def centred(self) -> tuple[Array, Array]:
        """y's scaled distance (n,) from a least-squares fit on X T, and that fit (p,)."""
        basis = self.scaled.columns[: self.X.shape[1]]
        distance = (self.y - self.offset) * self.scaled.root
        origin = np.zeros(basis.shape[0])
        for _ in range(2):  # the second pass removes the rounding of the first
            step = basis @ distance / max(distance.size, 1)  # orthonormal to sqrt(n)
            distance = distance - step @ basis
            origin += step
        return distance, origin

    def _fixed(self, root: Array) -> tuple[Array, Array]:
        """X T, orthonormal over the rows and diagonal within the first factor's groups; and T."""
        n = self.y.size
        first = Factor(np.zeros(n, np.intp), 1, np.zeros((n, 0)))
        if self.factors:
            first = self.factors[0]
        order = np.argsort(first.codes, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(first.codes, minlength=first.levels))])
        Z = np.ascontiguousarray((first.Z * root[:, None])[order])
        sorted_basis, T = _basis(self.X[order], root[order], Z, starts, _constant(self.X))
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
