"""Means and variances of columns in which entries may be missing."""

import numpy as np

from ..types import Array

ROWS = 256  # that are passed at a time


def column_moments(Y: Array, complete: bool) -> tuple[Array, Array]:
    """Means and variances of columns (d,) over the entries that are there, divisor their number.

    Rows are taken some at a time, so that what is made of them stays in the processor's cache.
    """
    parts = [Y[start : start + ROWS] for start in range(0, Y.shape[0], ROWS)]
    counts, sums, squares = np.zeros((3, Y.shape[1]))
    for part in parts:
        known = 1.0 if complete else np.where(np.isnan(part), 0.0, 1.0)
        counts += np.broadcast_to(known, part.shape).sum(axis=0)
        sums += (part if complete else np.where(known, part, 0.0)).sum(axis=0)
    mean = sums / counts
    for part in parts:
        centred = part - mean
        if not complete:
            centred = np.where(np.isnan(centred), 0.0, centred)
        squares += np.einsum("ij,ij->j", centred, centred)
    return mean, squares / counts
