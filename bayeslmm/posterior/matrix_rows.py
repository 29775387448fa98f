"""What a fitted model of a matrix says of rows, the fitted ones or new: scores, entries, densities.

At each draw of theta everything is Gaussian given the entries that a row has; over the draws it is
a mixture, whose means and variances are averages of exact ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..host.seeds import generator
from ..model.model import Model
from ..model.terms import MeansTerm
from ..solvers.beta import integrated
from ..solvers.latent import by_pattern, entries, row_densities
from ..solvers.matrix_scores import Means, score_moments
from ..stats.normal import interval, reach
from ..types import Array
from .recover import points
from .redrawn import kept

WORK = 2e10  # operations beyond which draws are thinned
HELD = 25_000_000  # draws of entries that are held at a time
FEWEST = 200  # draws that are kept whatever the work


@dataclass(frozen=True, repr=False)
class MatrixPoints:
    """Draws of theta and mu, inside: W (k, d, q), sigma (k,), mu (k, d)."""

    model: Model
    W: Array
    sigma: Array
    mu: Array
    plugged: bool

    @classmethod
    def of(cls, model: Model, tree: Any) -> "MatrixPoints":
        """The draws of a tree, one where loadings and means are plugged in."""
        posterior, means = tree["posterior"].dataset, means_of(model)
        fixed = str(posterior.attrs.get("fixed", "")).split(", ")
        if "mu" in fixed:
            posterior = posterior.isel(chain=[0], draw=[0])
        roots, sigma = model.roots(points(model, posterior))
        W = roots.reshape(sigma.size, means.columns, model.components)
        mu = kept(means, posterior)
        if "sigma" in fixed and "mu_mean" in tree.get("posterior_moments", {}):
            # What is linear in mu is then exact: the draws are about its exact mean.
            mu = mu + (tree["posterior_moments"]["mu_mean"].values - mu.mean(axis=0))
        return cls(model, W, sigma, np.ascontiguousarray(means.asked(mu)), "sigma" in fixed)

    def thinned(self, work: float) -> "MatrixPoints":
        """Fewer draws, at equal distances, where each of them costs so many operations."""
        most = max(FEWEST, int(WORK / max(work, 1.0)))
        if self.sigma.size <= most:
            return self
        some = np.linspace(0, self.sigma.size - 1, most).astype(int)
        return MatrixPoints(self.model, self.W[some], self.sigma[some], self.mu[some], self.plugged)

    def means(self, criterion: str) -> Means:
        """Laws of mu at the draws; one point where theta is plugged in."""
        some = slice(0, 1) if self.plugged else slice(None)
        if self.plugged and self.sigma.size == 1:
            return Means(None, self.W, self.sigma, self.mu[0])
        solver, W = self.model.solver(integrated(criterion)), self.W[some]
        return Means.of(solver, W.reshape(len(W), -1), self.sigma[some])


def means_of(model: Model) -> MeansTerm:
    """The means of the columns of a matrix."""
    if not isinstance(model.fixed, MeansTerm):
        raise TypeError(f"a {model.kind} is no model of a matrix, such as bl.ppca(Y, components=2)")
    return model.fixed


def scores(model: Model, tree: Any, X: Array) -> tuple[Array, Array]:
    """Mean and sd (m, q) of the scores of rows X (m, d), taken inside."""
    n, d = X.shape
    points = MatrixPoints.of(model, tree).thinned(n * d * max(model.components, 1))
    criterion = str(tree["posterior"].attrs.get("criterion", "evidence"))
    return score_moments(points.means(criterion), X)


@dataclass(frozen=True, repr=False)
class Entries:
    """Wanted entries of a matrix on the user's scale, row by row: mean, sd and interval (k,)."""

    row: Any  # (k,) places
    column: Any
    mean: Array
    sd: Array
    lower: Array
    upper: Array


def predicted(
    model: Model, tree: Any, X: Array, wanted: Array, noise: bool, prob: float, seed: int
) -> Entries:
    """Entries of rows X (m, d) given those that are there.

    The interval is equal-tailed; over draws of theta it is that of the mixture, by one draw of the
    entry for each (normal where there are more than `HELD` of them).
    """
    row, column = np.nonzero(wanted)
    n, d = X.shape
    points = MatrixPoints.of(model, tree).thinned(n * d * max(model.components, 1))
    rng = generator(seed)
    count = row.size
    held = np.empty((points.sigma.size, count if points.sigma.size * count <= HELD else 0))
    total, square, within = np.zeros((3, count))
    origin = None
    for s, (mean, variance) in enumerate(_each(points, X, wanted, noise)):
        origin = mean if origin is None else origin
        total += mean - origin
        square += (mean - origin) ** 2
        within += variance
        if held.shape[1]:
            held[s] = mean + np.sqrt(variance) * rng.standard_normal(count)
    k = points.sigma.size
    shift = total / k
    sd = np.sqrt(np.maximum(square / k - shift**2, 0.0) + within / k)
    centre = shift + (0.0 if origin is None else origin)
    if held.shape[1] and k > 1 and not points.plugged:
        lower, upper = interval(held, prob)
    else:
        width = reach(prob) * sd
        lower, upper = centre - width, centre + width
    means = means_of(model)
    unit, shift = means.unit[column], means.shift[column]
    ends = (shift + unit * v for v in (lower, upper))
    return Entries(row, column, shift + unit * centre, unit * sd, *ends)


def _each(
    points: MatrixPoints, X: Array, wanted: Array, noise: bool
) -> Iterator[tuple[Array, Array]]:
    """Mean and variance of the wanted entries (k,) at every draw."""
    there = ~np.isnan(X)
    order, fresh = by_pattern(there)
    count = int(wanted.sum())
    for W, sigma, mu in zip(points.W, points.sigma, points.mu):
        mean, variance = np.empty(count), np.empty(count)
        args = (X, there, order, fresh, mu, wanted, float(noise))
        entries(W, sigma, *args, mean, variance)
        yield mean, variance


def densities(model: Model, tree: Any, X: Array) -> Array:
    """Log density (k, m) of the entries of each row X (m, d), at each draw of theta and mu.

    Of the user's scale; scores are integrated out.
    """
    points = MatrixPoints.of(model, tree)
    return _densities(model, points.W, points.sigma, points.mu, X)


def density_at(model: Model, W: Array, sigma: float, mu: Array, X: Array) -> Array:
    """The same (m,) at one W (d, q), sigma and mu (d,), inside; rows X on the user's scale."""
    inside = means_of(model).inside(X)
    return _densities(model, W[None], np.array([sigma]), mu[None], inside)[0]


def _densities(model: Model, W: Array, sigma: Array, mu: Array, X: Array) -> Array:
    there = ~np.isnan(X)
    order, fresh = by_pattern(there)
    out = np.empty((sigma.size, X.shape[0]))
    for s in range(sigma.size):
        own = np.ascontiguousarray(W[s])
        row_densities(own, sigma[s], X, there, order, fresh, mu[s], out[s])
    return out - there @ np.log(means_of(model).unit)
