"""The sums where all columns of the remainder are few: one factorisation of all groups' rows.

The same sums as those of `project`, whose reflections are compiled and take the groups one by one.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from ..types import Array
from .least_squares import basic_solution, within_and_between
from .rotate import triangles


def sums_at_once(sums: Any, distance: Array) -> Any:
    """The same with every column of the remainder, and all groups rotated in one go.

    Rotated rows have the products of the rows, so that they are fitted in place of these; what is
    rotated is already the distance from a fit, so that it is small.
    """
    rows, m2, m, q = sums.rows, sums.random, sums.C.shape[0], sums.effects
    gamma = rows.X.T @ distance / max(rows.X.shape[0], 1)  # X'X = n I
    D = np.zeros((distance.size, m + 1))
    np.add.at(D, (np.arange(distance.size)[:, None], rows.columns), rows.values)
    D[:, m2:m], D[:, m] = rows.X, distance - rows.X @ gamma
    turned = triangles(np.hstack([rows.Z, D]), rows.starts)
    R, D = turned[:, :q, :q], turned[:, :, q:]
    for _ in range(2):  # twice is enough: the second pass removes the rounding of the first
        step = within_and_between(D[:, q:, m2:], D[:, :, m2:])
        D[:, :, m] -= D[:, :, m2:m] @ step
        gamma += step
    shift, products = np.zeros(m2), _products(D[:, q:])
    if m2:
        norms = np.sqrt((D[:, :, :m] ** 2).sum(axis=(0, 1)))
        joint = basic_solution(products[:m, :m], products[:m, m], norms)
        D[:, :, m] -= D[:, :, :m] @ joint
        shift, gamma = joint[:m2], gamma + joint[m2:]
        products = _products(D[:, q:])
    group = np.repeat(np.arange(sums.starts.size - 1), np.diff(sums.starts))
    B = D[:, :q]
    return replace(
        sums,
        R=_chunked(R.transpose(1, 2, 0), sums.R),
        B=_chunked(B[:, :, m2:].transpose(2, 1, 0), sums.B),
        values=np.ascontiguousarray(B[group, :, sums.columns]),
        C=products[:m, :m].copy(),
        g=products[:m, m].copy(),
        rss=float(products[m, m]),
        shift=shift,
        origin=gamma,
    )


def _products(D: Array) -> Array:
    flat = D.reshape(D.shape[0] * D.shape[1], D.shape[2])
    found: Array = flat.T @ flat
    return found


def _chunked(A: Array, like: Array) -> Array:
    """(a, q, groups) to (chunks, a, q, lanes), zeros at the end."""
    chunks, a, q, lanes = like.shape
    found = np.zeros((a, q, chunks * lanes))
    found[..., : A.shape[2]] = A[..., : chunks * lanes]  # without effects there are no groups
    return np.ascontiguousarray(np.moveaxis(found.reshape(a, q, chunks, lanes), 2, 0))
