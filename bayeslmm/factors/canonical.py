"""The form in which loadings are told: principal axes by variance, signs as those of a reference.

W and W Q explain the same data, with scores z and Q'z. Of all rotations the one is taken whose
columns are orthogonal and ordered by length (Tipping & Bishop 1999, appendix A): column k is then
an eigenvector of C = W W' + sigma^2 I, and its squared length plus sigma^2 the eigenvalue. Each
column still has two signs; the one is taken that agrees with the maximum of the likelihood, whose
own largest entry is positive in every column.
"""

import numpy as np

from ..gaussian.sums import Array


def principal(W: Array) -> tuple[Array, Array]:
    """(W Q, Q): columns orthogonal and ordered by length, for loadings (..., d, q)."""
    if W.shape[-1] == 0:
        return W, np.zeros((*W.shape[:-2], 0, 0))
    _, _, Vt = np.linalg.svd(W, full_matrices=False)
    Q = np.swapaxes(Vt, -1, -2)
    return W @ Q, Q


def upright(W: Array) -> Array:
    """Columns (d, q) turned so that the largest entry of each is positive."""
    if W.shape[1] == 0:
        return W
    largest = np.take_along_axis(W, np.abs(W).argmax(axis=0)[None], axis=0)[0]
    return W * np.where(largest < 0.0, -1.0, 1.0)


def aligned(W: Array, reference: Array) -> tuple[Array, Array]:
    """(W Q, Q) of loadings (k, d, q) in canonical form, signs as in the reference (d, q)."""
    turned, Q = principal(W)
    signs = np.where(np.einsum("kdq,dq->kq", turned, reference) < 0.0, -1.0, 1.0)
    return turned * signs[:, None, :], Q * signs[:, None, :]


def described(W: Array, sigma: Array) -> dict[str, Array]:
    """What does not depend on rotation, from canonical loadings (k, d, q) and noise (k,).

    Returns
    -------
    dict
        explained_variance (k, q): eigenvalues of C, the noise included; explained_ratio (k, q):
        their share of tr C.
    """
    noise = sigma[:, None] ** 2
    along = (W**2).sum(axis=1) + noise
    total = (W**2).sum(axis=(1, 2))[:, None] + W.shape[1] * noise
    return {"explained_variance": along, "explained_ratio": along / total}


def covariance(W: Array, sigma: Array) -> Array:
    """C = W W' + sigma^2 I, (k, d, d)."""
    C: Array = W @ W.transpose(0, 2, 1)
    C[:, range(W.shape[1]), range(W.shape[1])] += sigma[:, None] ** 2
    return C
