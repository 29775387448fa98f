"""A law around a place, one coordinate after another, each bent along those before it.

    z_i = c_i + s_i (b_i' f(n_1 ... n_(i-1)) + exp(g_i' l(n_1 ... n_(i-1))) x_i),    x_i ~ Split

with n the normal scores of the coordinates before, f their values, squares and products, l their
values. It is a triangular map (Knothe 1957, Rosenblatt 1952; Marzouk, Moselhy, Parno & Spantini
2016) of few terms: what a posterior of log scales has in skewness, tails, correlations and bends.
Draws and log density are both one pass, so that it can be a component of a mixture.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..stats.split import Split, split
from ..types import Array, Index

END = 3.0  # normal scores beyond which a bend goes on no further
CURVED = 10  # coordinates up to which squares and products are looked at
SURE = 2.5  # standard errors from which a term other than a linear one is kept


@dataclass(frozen=True, repr=False)
class Bent:
    """The law by coordinate, in the order in which they are taken."""

    order: Index
    centre: Array
    scale: Array
    means: tuple[Array, ...]
    spreads: tuple[Array, ...]
    laws: tuple[Split, ...]

    def draw(self, u: Array) -> Array:
        """Points (k, d) at uniforms (k, d)."""
        z, scores = np.empty_like(u), np.empty_like(u)
        for i, (j, law) in enumerate(zip(self.order, self.laws)):
            x, scores[:, i] = law.quantile(u[:, i])
            if i:
                mean, spread = self._given(scores[:, :i], i)
                x = mean + np.exp(spread) * x
            z[:, j] = self.centre[j] + self.scale[j] * x
        return z

    def log_density(self, z: Array) -> Array:
        """Log density (k,) at points z (k, d)."""
        scores, total = np.empty_like(z), np.full(len(z), -float(np.log(self.scale).sum()))
        for i, (j, law) in enumerate(zip(self.order, self.laws)):
            x = (z[:, j] - self.centre[j]) / self.scale[j]
            if i:
                mean, spread = self._given(scores[:, :i], i)
                x = (x - mean) * np.exp(-spread)
                total -= spread
            scores[:, i], log_q = law.scores(x)
            total += log_q
        return total

    def _given(self, scores: Array, i: int) -> tuple[Array, Array]:
        """Mean and log spread of coordinate i given the scores of those before it."""
        spread = np.zeros(len(scores))
        if self.spreads[i].any():
            spread = np.clip(scores, -END, END) @ self.spreads[i]
        mean = self.means[i]
        if mean.size == i + 1:
            return mean[0] + scores @ mean[1:], spread
        return _terms(scores, True) @ mean, spread

    def wider(self, factor: float, heavier: float) -> "Bent":
        """The same with wider sides and heavier tails in every direction."""
        return replace(self, laws=tuple(law.wider(factor, heavier) for law in self.laws))


def _terms(scores: Array, curved: bool) -> Array:
    """A constant, values, and where asked for squares and products of scores (k, i)."""
    held = np.clip(scores, -END, END)
    columns = [np.ones((len(scores), 1)), scores]
    if curved:
        a, b = np.triu_indices(scores.shape[1])
        columns.append(held[:, a] * held[:, b] - (a == b))
    return np.hstack(columns)


def bent(z: Array, weights: Array, curved: bool) -> Bent:
    """The law that weighted points z (k, d) look like; weights sum to one."""
    d = z.shape[1]
    centre = weights @ z
    scale = np.sqrt(np.maximum(weights @ (z - centre) ** 2, 1e-16))
    x = (z - centre) / scale
    order = np.argsort(-np.abs(weights @ x**3), kind="stable")  # the skewest are left as they are
    curved = curved and d <= CURVED
    count = 1.0 / float(weights @ weights)
    means, spreads, laws = [np.zeros(0)], [np.zeros(0)], [split(x[:, order[0]], weights)]
    scores = np.empty_like(z)
    scores[:, 0] = laws[0].scores(x[:, order[0]])[0]
    for i in range(1, d):
        before, own = scores[:, :i], x[:, order[i]]
        terms = _terms(before, curved)
        mean = _regressed(terms, own, weights, count, 1 + i)
        rest = own - terms @ mean
        spread = np.zeros(i)
        if curved:
            spread = _spread(np.clip(before, -END, END), rest, weights, count)
            rest = rest * np.exp(-np.clip(before, -END, END) @ spread)
        law = split(rest, weights)
        scores[:, i] = law.scores(rest)[0]
        means.append(mean if mean[1 + i :].any() else mean[: 1 + i])
        spreads.append(spread)
        laws.append(law)
    return Bent(order, centre, scale, tuple(means), tuple(spreads), tuple(laws))


def _regressed(terms: Array, y: Array, weights: Array, count: float, sure: int) -> Array:
    """Weighted least squares; of the terms after the first `sure` only those that are certain."""
    root = np.sqrt(weights)[:, None]

    def solved(columns: Index) -> tuple[Array, Array]:
        A = terms[:, columns] * root
        gram = A.T @ A + 1e-6 * np.eye(columns.size)
        inverse = np.linalg.inv(gram)
        return inverse @ (A.T @ (y * root[:, 0])), np.diag(inverse)

    every = np.arange(terms.shape[1])
    found, variance = solved(every)
    if every.size > sure:
        left = float(weights @ (y - terms @ found) ** 2)
        kept = (every < sure) | (np.abs(found) > SURE * np.sqrt(left * variance / count))
        found = np.zeros(every.size)
        found[kept] = solved(every[kept])[0]
    return found


def _spread(scores: Array, rest: Array, weights: Array, count: float) -> Array:
    """How the log of the spread of what is left goes with each score; zero where uncertain."""
    size = float(weights @ rest**2)
    logs = 0.5 * np.log(rest**2 + 0.02 * size)
    terms = np.hstack([np.ones((len(rest), 1)), scores])
    found = _regressed(terms, logs, weights, count, 1)[1:]
    return np.clip(found, -0.5, 0.5)
