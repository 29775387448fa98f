"""From where EM starts: its likelihood has several maxima where much is missing.

The principal axes of the rows with gaps at their mean lead to the highest one nearly always where
rows are many. Where they are few, loadings in random directions go some plain steps of EM, all
side by side; the best that differ go on, and the best of these are followed to their end (short
runs before long ones: Biernacki, Celeux & Govaert 2003, section 3). Their number falls with what a
step costs. Nothing is random from one call to the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..stats.normal import LOG_2PI
from ..types import Array

MOST = 64  # starts beside the principal axes
ROUNDS = ((15, 16), (45, 5))  # plain steps, and how many points are kept after them
WORK = 4e8  # multiplications that all of them may take
NEAR = 0.03  # two points are one whose covariances differ by less than this share
LEAST, LARGEST = 0.05, 0.7  # noise of a start, in sds of the entries
NOTHING = 1e-8  # share of the entries' variance from which noise falls no further


@dataclass(frozen=True, repr=False)
class Starts:
    """Points of EM side by side: k of them."""

    W: Array  # (k, d, q)
    mean: Array  # (k, d)
    sigma: Array  # (k,)
    value: Array  # (k,) log likelihood

    def only(self, index: Sequence[int]) -> "Starts":
        """Some of them."""
        at = np.asarray(index, np.int64)
        return Starts(self.W[at], self.mean[at], self.sigma[at], self.value[at])


def affordable(n: int, d: int, q: int) -> int:
    """How many starts beside the principal axes."""
    each = 2.0 * n * d * (q + 1) * (q + 2) * sum(steps for steps, _ in ROUNDS)
    return int(min(MOST, WORK / each)) if q else 0


def directions(count: int, spread: Array, q: int, known: float | None) -> Starts:
    """Loadings in random directions for columns of such sds (d,), and noise of many sizes."""
    rng, rms = np.random.default_rng(0), float(np.sqrt(np.mean(spread**2)))
    W = rng.standard_normal((count, spread.size, q)) * rms
    noise = rms * np.geomspace(LARGEST, LEAST, count)
    sigma = rng.permutation(noise) if known is None else np.full(count, known)
    return Starts(W, np.zeros((count, spread.size)), sigma, np.zeros(count))


def together(Y: Array, mask: Array, at: Starts, steps: int, known: float | None) -> Starts:
    """So many plain steps of EM from all points at once (`expectation` has the equations).

    Rows Y (n, d) are taken about the columns' means, zero where an entry is missing.
    """
    k, d, q = at.W.shape
    W, mean, s = at.W, at.mean, at.sigma**2
    counts, sums, total = mask.sum(axis=0), Y.sum(axis=0), float((Y**2).sum())
    entries, one = float(counts.sum()), np.ones((k, len(Y), 1))
    for step in range(steps + 1):
        pairs = (W[:, :, :, None] * W[:, :, None, :]).reshape(k, d, q * q)
        M = (mask @ pairs).reshape(k, -1, q, q) + s[:, None, None, None] * np.eye(q)
        pull = Y @ W - mask @ (mean[:, :, None] * W)
        inverse = np.linalg.inv(M)
        z = np.einsum("knab,knb->kna", inverse, pull)
        if step == steps:
            break
        scores = np.concatenate([z, one], axis=2)
        second = scores[:, :, :, None] * scores[:, :, None, :]
        second[:, :, :q, :q] += s[:, None, None, None] * inverse
        normal = (mask.T @ second.reshape(k, len(Y), -1)).reshape(k, d, q + 1, q + 1)
        right = Y.T @ scores
        right[:, :, q] = sums
        solved = np.linalg.solve(normal, right[..., None])[..., 0]
        if known is None:
            left = total - (solved * right).sum(axis=(1, 2))
            s = np.maximum(left, NOTHING * total) / entries
        moments = second.mean(axis=1)
        m = moments[:, q, :q]
        root = np.linalg.cholesky(moments[:, :q, :q] - m[:, :, None] * m[:, None, :])
        W, mean = solved[:, :, :q], solved[:, :, q]
        W, mean = W @ root, mean + np.einsum("kdq,kq->kd", W, m)
    gaps = total - 2.0 * mean @ sums + mean**2 @ counts
    value = np.linalg.slogdet(M)[1].sum(axis=1) + (entries - len(Y) * q) * np.log(s)
    value += (gaps - (z * pull).sum(axis=(1, 2))) / s + entries * LOG_2PI
    return Starts(W, mean, np.sqrt(s), -0.5 * value)


def covariance_of(W: Array, sigma: float) -> Array:
    """C = W W' + sigma^2 I."""
    C: Array = W @ W.T
    C[np.diag_indices_from(C)] += sigma**2
    return C


def apart(at: Starts, known: Sequence[Array], most: int) -> list[int]:
    """Places of the highest points whose covariances differ, from known ones too."""
    kept: list[int] = []
    covariances = list(known)
    for k in np.argsort(-np.where(np.isfinite(at.value), at.value, -np.inf), kind="stable"):
        C = covariance_of(at.W[k], float(at.sigma[k]))
        size = float(np.linalg.norm(C))
        if all(np.linalg.norm(C - other) > NEAR * size for other in covariances):
            kept.append(int(k))
            covariances.append(C)
        if len(kept) == most:
            break
    return kept
