"""The form in which loadings are told: turned to face one set of principal axes.

W and W Q explain the same data, with scores z and Q'z. Of all rotations the one is taken that
brings a draw nearest to a reference (Procrustes; Schoenemann 1966; Assmann, Boysen-Hogrefe & Pape
2016), which is the same for all draws: the principal axes, ordered by length, at the maximum of
the likelihood (Tipping & Bishop 1999, appendix A), the largest entry of each positive. So means
over draws may be taken of W and of z, and multiplied. Principal axes of each draw for itself would
roam where two lengths are alike, and their means vanish. A point that stands alone is told by its
own principal axes.
"""

import numpy as np

from ..types import Array

LEFT = 1e-12  # share of the common part under which nothing is told of a direction


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


def facing(W: Array, reference: Array) -> Array:
    """Q (k, q, q) that turns loadings W (k, d, q) nearest to the reference (d, q).

    Along a component that has no length nothing tells how to turn, and it is left as it is.
    """
    q = W.shape[-1]
    if q == 0:
        return np.zeros((*W.shape[:-2], 0, 0))
    common = np.swapaxes(W, -1, -2) @ reference
    size = np.linalg.norm(common, axis=(-2, -1), keepdims=True)
    U, _, Vt = np.linalg.svd(common + LEFT * size * np.eye(q))
    Q: Array = U @ Vt
    return Q


def signed(W: Array, reference: Array) -> Array:
    """Q (k, q, q), diagonal: each column's sign as in the reference."""
    signs = np.where(np.einsum("kdq,dq->kq", W, reference) < 0.0, -1.0, 1.0)
    Q: Array = signs[:, None, :] * np.eye(W.shape[-1])
    return Q


def described(W: Array, sigma: Array) -> dict[str, Array]:
    """What does not depend on rotation, from loadings (k, d, q) and noise (k,).

    Returns
    -------
    dict
        explained_variance (k, q): eigenvalues of C, the noise included; explained_ratio (k, q):
        their share of tr C.
    """
    noise = sigma[:, None] ** 2
    squares = np.linalg.eigvalsh(np.swapaxes(W, -1, -2) @ W)[:, ::-1]
    along = np.maximum(squares, 0.0) + noise
    total = (W**2).sum(axis=(1, 2))[:, None] + W.shape[1] * noise
    return {"explained_variance": along, "explained_ratio": along / total}


def covariance(W: Array, sigma: Array) -> Array:
    """C = W W' + sigma^2 I, (k, d, d)."""
    C: Array = W @ W.transpose(0, 2, 1)
    C[:, range(W.shape[1]), range(W.shape[1])] += sigma[:, None] ** 2
    return C
