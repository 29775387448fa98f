"""Peers of `ppca.py`: EM for probabilistic PCA with missing values, as one would write it in NumPy.

    E:  z_i | y_i ~ N(M_i^-1 W_o'(y_i - mu)_o, sigma^2 M_i^-1),    M_i = sigma^2 I + W_o'W_o
    M:  (w_j, mu_j) by least squares of column j on (z_i, 1) over the rows that have it

(Tipping & Bishop 1999, appendix B; the M step in mu and W at once as in Ilin & Raiko 2010.) No loop
runs over rows: sums over the entries that a row has are products with the mask.
"""

import numpy as np


def plain_em(Y, q, relative=1e-9, seed=0, steps=500):
    """W, mu, sigma and the log likelihood of each step, of rows Y (n, d) with NaN.

    It starts from principal axes of the rows with gaps filled by the mean, and ends where the log
    likelihood moves by less than `relative`.
    """
    n, d = Y.shape
    there = ~np.isnan(Y)
    mask, entries = there.astype(float), float(there.sum())
    shift = np.nanmean(Y, axis=0)
    X = np.where(there, Y - shift, 0.0)
    values, vectors = np.linalg.eigh(X.T @ X / n)
    s = float(values[:-q].mean())
    W, mu = vectors[:, -q:] * np.sqrt(values[-q:] - s), np.zeros(d)
    path = []
    for _ in range(steps):
        M = (mask @ (W[:, :, None] * W[:, None, :]).reshape(d, q * q)).reshape(n, q, q)
        M += s * np.eye(q)
        inverse = np.linalg.inv(M)
        centred = (X - mu) * mask
        pull = centred @ W
        z = np.einsum("iab,ib->ia", inverse, pull)
        log_det = float(np.linalg.slogdet(M)[1].sum()) + (entries - n * q) * np.log(s)
        explained = float((pull * z).sum())
        square = float(np.einsum("ij,ij->", centred, centred))
        path.append(-0.5 * (entries * np.log(2 * np.pi) + log_det + (square - explained) / s))
        if len(path) > 1 and path[-1] - path[-2] < relative * abs(path[-1]):
            break
        one = np.column_stack([z, np.ones(n)])
        second = one[:, :, None] * one[:, None, :]
        second[:, :q, :q] += s * inverse
        normal = (mask.T @ second.reshape(n, -1)).reshape(d, q + 1, q + 1)
        right = X.T @ one
        solved = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
        s = (float((X**2).sum()) - float((solved * right).sum())) / entries
        W, mu = solved[:, :q], solved[:, q]
    return W, mu + shift, np.sqrt(s), path
