"""Rows whitened by the covariance that all but some blocks of columns leave, fixed effects out.

With V = C C' the covariance, C^-1 y ~ N(C^-1 X beta + C^-1 A u, I); the rows of Q' that X = Q R
does not reach are free of beta (Patterson & Thompson 1971). A prior of beta is as many more rows.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cholesky, qr, solve_triangular
from scipy.linalg.lapack import dormqr

from ..model.model import Model
from ..solvers.beta import prior_of
from ..solvers.memory import memory
from ..types import Array, Theta


def whitened(
    model: Model, theta: Theta | None, names: Sequence[str], criterion: str
) -> tuple[Array, Array, float]:
    """Columns of the blocks `names` and the response, whitened by all else at theta.

    Fixed effects are projected out, their prior being further rows; also the number of
    observations that the rows are then worth.
    """
    d, prior = model.design, prior_of(model.beta, model.design.X.shape[1])
    n, p, count = d.y.size, d.X.shape[1], float(d.frequency.sum())
    blocks = [b.Z for b in model.blocks if b.name in names]
    known = prior.H.shape[0] if criterion == "evidence" else 0
    everything = np.zeros((n + known, p + sum(Z.shape[1] for Z in blocks) + 1), order="F")
    everything[:n, :p], everything[:n, -1], at = d.X, d.y - d.offset, p
    for Z in blocks:
        everything[:n, at : at + Z.shape[1]] = Z
        at += Z.shape[1]
    weight = model.residual.precision * d.frequency
    if theta is not None and (model.groups or any(b.name not in names for b in model.blocks)):
        V = covariance(model, theta, names)
        V[np.diag_indices_from(V)] += theta["sigma"] ** 2 / weight
        everything[:n] = solve_triangular(cholesky(V, lower=True), everything[:n], lower=True)
    else:
        everything[:n] *= (np.sqrt(weight) / (1.0 if theta is None else theta["sigma"]))[:, None]
    if known:
        everything[n:, :p] = prior.H / prior.scale[:, None]
        everything[n:, -1] = prior.location / prior.scale
    if p:
        everything = _beyond(everything[:, :p], everything[:, p:])
    worth = count + known - (0 if criterion == "ml" else p)
    return np.ascontiguousarray(everything[:, :-1]), everything[:, -1].copy(), worth


def _beyond(X: Array, A: Array) -> Array:
    """Rows of Q'A that X does not reach, X = Q R: as many as there are more rows than columns."""
    (packed, tau), _ = qr(X, mode="raw")
    work = dormqr("L", "T", packed, tau, A, -1)[1]
    turned, _, info = dormqr("L", "T", packed, tau, A, int(work[0]), overwrite_c=1)
    if info:
        raise ArithmeticError(f"LAPACK's dormqr failed with {info}")
    return turned[X.shape[1] :]


def covariance(model: Model, theta: Theta, without: Sequence[str]) -> Array:
    """What the random terms and blocks give the rows, (n, n); some blocks are left out.

    theta is a point of a model in which these blocks may have any number of columns.
    """
    n = model.design.y.size
    limit = memory()
    if limit is not None and 24.0 * n * n > limit:
        raise ValueError(
            f"choosing columns beside random effects needs matrices of {n:,} x {n:,}, "
            f"{24e-9 * n * n:,.0f} GB, but this machine has {limit / 1e9:,.0f} GB; use fewer rows, "
            f"or a ridge term"
        )
    V = np.zeros((n, n))
    for term in model.groups:
        half = term.grouping.Z @ term.root(theta)
        V += (half @ half.T) * (term.grouping.codes[:, None] == term.grouping.codes)
    for block in model.blocks:
        if block.name not in without:
            half = block.Z * block.root(theta)
            V += half @ half.T
    return V
