"""Least squares where columns may depend on each other: zero in those that the others hold."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpstrf as pstrf

from ..types import Array

NULL = 1e-7  # a direction with less than this share of its information within groups is "between"


def basic_solution(C: Array, g: Array, norms: Array) -> Array:
    """Least squares from normal equations, zero in columns that the others hold to rounding.

    Cholesky's factorisation with pivots tells which they are (Higham 2002, section 10.3).
    """
    scale = np.where(norms > 0.0, norms, 1.0)
    scaled = C / np.outer(scale, scale)
    if scaled.max(initial=0.0) <= NULL**1.5:  # LAPACK takes its first pivot whatever its size
        return np.zeros(g.size)
    factor, pivots, rank, _ = pstrf(scaled, tol=NULL**1.5, lower=1)
    kept = pivots[:rank] - 1
    L = factor[:rank, :rank]
    step, right = np.zeros(g.size), (g / scale)[kept]
    for _ in range(2):  # the second time removes the rounding of the first
        gap = right - scaled[kept] @ step
        step[kept] += solve_triangular(L, solve_triangular(L, gap, lower=True), lower=True, trans=1)
    return step / scale


def within_and_between(rest: Array, whole: Array) -> Array:
    """The last column's fit by the others, from what groups leave of the rows, and from the rows.

    Any number of axes before the columns; the columns are diagonal within groups.
    """
    rest, whole = (A.reshape(-1, A.shape[-1]) for A in (rest, whole))
    information = np.einsum("ij,ij->j", rest[:, :-1], rest[:, :-1])
    within = information > NULL**2 * (whole[:, :-1] ** 2).sum(axis=0)
    step = np.zeros(information.size)
    step[within] = rest[:, :-1][:, within].T @ rest[:, -1] / information[within]
    if not within.all():
        left = whole[:, -1] - whole[:, :-1] @ step
        step[~within] = np.linalg.lstsq(whole[:, :-1][:, ~within], left, rcond=None)[0]
    return step
