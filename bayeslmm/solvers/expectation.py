"""EM for probabilistic PCA with missing entries (Tipping & Bishop 1999, appendix B), accelerated.

    E:  z_i | y_i ~ N(M_i^-1 W_o'(y_i - mu)_o, sigma^2 M_i^-1),    M_i = sigma^2 I + W_o'W_o
    M:  (w_j, mu_j) by least squares of column j on (z_i, 1) over the rows that have it

Every row may lack other entries, so every row has its own M_i: sums over o of w_j w_j' for all rows
at once are one product of the mask (n, d) with the products of loadings (d, q(q + 1) / 2), and the
sums of the M step another. EM alone creeps where much is missing. The scores' mean and covariance
are set free for a step and put back (Liu, Rubin & Wu 1998), and Anderson's extrapolation over its
last steps (Anderson 1965; Walker & Ni 2011) is a quasi-Newton method on its fixed point, and a step
that does not raise the likelihood is taken back. There are several maxima: `expectation_starts`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..stats.normal import LOG_2PI
from ..types import Array
from .expectation_starts import ROUNDS, affordable, apart, covariance_of, directions, together
from .expectation_steps import expect, maximise

MEMORY = 6  # steps that the extrapolation looks back on
GAIN = 1e-7  # nats that a step must still gain,
DIGITS = 1e-12  # or this share of the log likelihood, which is not known better
STEPS, FEWER = 2000, 500  # at most; from a start that is not the first
CREEPING = 1e-3  # sigma, in sds of the entries, that still falls at the end is on its way to none
LEAP = 3.0  # how far an extrapolation may take log sigma
NOTHING = 1e-14  # a share of the sum of squares that float64 cannot tell from none


@dataclass(frozen=True, repr=False)
class Fitted:
    """Where EM came to rest.

    `others` are lower maxima that were found on the way, the highest first. `bounded` is false
    where another start ran to where no noise is left: the likelihood then has no bound, and this
    is its highest maximum with noise.
    """

    W: Array  # (d, q)
    mean: Array  # (d,)
    sigma: float
    value: float  # log likelihood, mu maximised
    steps: int
    settled: bool
    others: tuple["Fitted", ...] = ()
    bounded: bool = True


class NoNoise(ValueError):
    """Components follow the entries exactly, so that the likelihood has no maximum."""


def expectation_maximisation(Y: Array, q: int, sigma: float | None = None) -> Fitted:
    """Maximise the likelihood of rows Y (n, d) with NaN where an entry is missing.

    Parameters
    ----------
    q : int
        Components.
    sigma : float, optional
        The noise, where it is known.

    Raises
    ------
    NoNoise
        Where no noise is left from any start, so that the likelihood has no maximum.
    """
    problem = _Problem(Y, sigma)
    begun = problem.start(q)
    found = [_climbed(problem, begun, STEPS)]
    count = affordable(problem.n, problem.d, q)
    if count:
        found += [_climbed(problem, x, FEWER) for x in _elsewhere(problem, count, found[0])]
    ends = [fitted for fitted in found if fitted is not None]
    if not ends:
        raise NoNoise(
            f"{q} components follow the entries of {len(Y):,} rows exactly, so that no noise "
            f"is left and the likelihood has no maximum; ask for fewer components, give more "
            f"rows, or fix sigma (priors={{'sigma': ...}})"
        )
    best, *others = sorted(ends, key=lambda fitted: -fitted.value)
    steps = sum(fitted.steps for fitted in ends)
    bounded = len(ends) == len(found)
    return replace(best, steps=steps, others=tuple(others), bounded=bounded)


def _elsewhere(problem: "_Problem", count: int, first: Fitted | None) -> Iterator[Array]:
    """Where the best of several short runs came to, those at the first maximum left out."""
    known = [] if first is None else [covariance_of(first.W, first.sigma)]
    at = directions(count, np.sqrt(problem.squares / problem.counts), problem.q, problem.known)
    for steps, kept in ROUNDS:
        at = together(problem.Y, problem.mask, at, steps, problem.known)
        at = at.only(apart(at, known, kept))
        if not at.sigma.size:
            return
    for W, mean, noise in zip(at.W, at.mean, at.sigma):
        yield problem._vector(W, mean, float(noise))


def _climbed(problem: "_Problem", x: Array, most: int) -> Fitted | None:
    """Uphill from x to the end; None where no noise is left."""
    best, trail = _Point(x, *problem.step(x)), _Trail()
    settled, count = False, 0
    while not settled and count < most:
        count += 1
        if np.isnan(best.next[-1]):
            return None
        trail.add(best.x, best.next)
        x = trail.extrapolated()
        if not abs(x[-1] - best.next[-1]) < LEAP:
            trail, x = _Trail(), best.next
        new = _Point(x, *problem.step(x))
        least = max(GAIN, DIGITS * abs(best.value))
        if not new.value >= best.value - least:  # taken back: the plain step never falls
            trail = _Trail()
            new = _Point(best.next, *problem.step(best.next))
        gained, best = new.value - best.value, new
        settled = trail.quiet(least, gained)
    W, mean, sigma = problem.parameters(best.x)
    spread = np.sqrt(problem.squares.sum() / problem.entries)
    if problem.known is None and not settled and sigma < CREEPING * spread:
        return None  # slowly, but nowhere else
    return Fitted(W, mean + problem.shift, sigma, best.value, count, settled)


def expected_scores(Y: Array, W: Array, mean: Array, sigma: float) -> tuple[Array, Array]:
    """Mean and sd (n, q) of every row's scores given W, mu and sigma: the E step alone."""
    q, (known, mask) = W.shape[1], _filled(Y)
    gram, pull = _sums(known, mask, W, mean)
    moments = np.empty((Y.shape[0], (q + 1) * (q + 2) // 2))
    expect(gram, pull, sigma**2, moments)
    z, diagonal = _scores(moments, q), np.cumsum(np.arange(1, q + 1)) - 1
    return z, np.sqrt(np.maximum(moments[:, diagonal] - z**2, 0.0))


@dataclass(frozen=True, repr=False)
class _Point:
    x: Array
    next: Array  # where EM goes from x
    value: float


class _Trail:
    """The last steps of EM, and where a secant method would go from them."""

    def __init__(self) -> None:
        self.points: list[Array] = []
        self.images: list[Array] = []
        self._last = np.inf

    def add(self, x: Array, image: Array) -> None:
        self.points = [*self.points[-MEMORY:], x]
        self.images = [*self.images[-MEMORY:], image]

    def extrapolated(self) -> Array:
        if len(self.points) < 2:
            return self.images[-1]
        residuals = np.array([g - x for x, g in zip(self.points, self.images)])
        changes, moves = np.diff(residuals, axis=0), np.diff(np.array(self.images), axis=0)
        weights = np.linalg.lstsq(changes.T, residuals[-1], rcond=1e-10)[0]
        return self.images[-1] - weights @ moves

    def quiet(self, least: float, gained: float) -> bool:
        """Whether the last step gained next to nothing, and the next would not gain more.

        Either the one before did not either, or it gained a thousand times as much: near its fixed
        point the extrapolation converges so, and nothing else does.
        """
        before, self._last = self._last, abs(gained)
        sudden = np.isfinite(before) and self._last < 1e-3 * before
        return self._last < least and bool(sudden or before < least)


class _Problem:
    """The rows, and one step of EM as a map of the parameters' vector onto itself."""

    def __init__(self, Y: Array, sigma: float | None) -> None:
        self.Y, self.mask = _filled(Y)
        self.n, self.d = Y.shape
        self.known = sigma
        self.counts = self.mask.sum(axis=0)
        self.entries = float(self.counts.sum())
        self.shift = self.Y.sum(axis=0) / self.counts
        self.Y -= self.shift
        self.Y *= self.mask
        self.sums = self.Y.sum(axis=0)
        self.squares = np.einsum("ij,ij->j", self.Y, self.Y)

    def start(self, q: int) -> Array:
        """Principal axes with gaps filled by the mean, by a randomised power iteration."""
        self.q = q
        spread = float(self.squares.sum() / self.entries)
        if q == 0:
            return self._vector(np.zeros((self.d, 0)), np.zeros(self.d), np.sqrt(spread))
        rng = np.random.default_rng(0)
        basis = np.linalg.qr(rng.standard_normal((self.d, min(self.d, q + 8))))[0]
        for _ in range(3):
            basis = np.linalg.qr(self.Y.T @ (self.Y @ basis))[0]
        _, sizes, axes = np.linalg.svd(self.Y @ basis, full_matrices=False)
        share = self.entries / (self.n * self.d)  # gaps at the mean shrink what is seen
        values = sizes[:q] ** 2 / (self.n * share**2)
        rest = max(self.d * spread - float(values.sum()), 0.0) / (self.d - q)
        noise = min(max(rest, 1e-3 * spread), 0.9 * float(values[-1]) + 1e-3 * spread)
        W = (basis @ axes[:q].T) * np.sqrt(np.maximum(values - noise, 1e-3 * values))
        return self._vector(W, np.zeros(self.d), np.sqrt(noise))

    def _vector(self, W: Array, mean: Array, sigma: float) -> Array:
        return np.concatenate([W.ravel(), mean, [np.log(sigma)]])

    def parameters(self, x: Array) -> tuple[Array, Array, float]:
        cut = self.d * self.q
        sigma = float(np.exp(x[-1])) if self.known is None else self.known
        return x[:cut].reshape(self.d, self.q), x[cut:-1], sigma

    def step(self, x: Array) -> tuple[Array, float]:
        """Where EM goes from x, and the log likelihood at x."""
        W, mean, sigma = self.parameters(x)
        q, s = self.q, sigma**2
        gram, pull = _sums(self.Y, self.mask, W, mean)
        gaps = self.squares - 2.0 * mean * self.sums + self.counts * mean**2
        moments = np.empty((self.n, (q + 1) * (q + 2) // 2))
        log_det, explained = expect(gram, pull, s, moments)
        value = -0.5 * (
            self.entries * LOG_2PI
            + (self.entries - self.n * q) * np.log(s)
            + log_det
            + (float(gaps.sum()) - explained) / s
        )
        normal = self.mask.T @ moments
        right = np.column_stack([self.Y.T @ _scores(moments, q), self.sums])
        solved = np.empty((self.d, q + 1))
        rest = maximise(normal, right, solved)
        noise = self.known
        if noise is None:
            total = float(self.squares.sum())
            left = total - rest
            noise = np.sqrt(left / self.entries) if left > NOTHING * total else np.nan
        W, mean = _expanded(solved[:, :q], solved[:, q], moments.mean(axis=0))
        return self._vector(W, mean, noise), value


def _filled(Y: Array) -> tuple[Array, Array]:
    """Rows (n, d) with zero where an entry is missing, and one where it is not."""
    gone = np.isnan(Y)
    return np.where(gone, 0.0, Y), (~gone).astype(np.float64)


def _sums(Y: Array, mask: Array, W: Array, mean: Array) -> tuple[Array, Array]:
    """Of every row its packed W_o'W_o and W_o'(y - mu)_o: what the E step reads."""
    a, b = np.tril_indices(W.shape[1])
    found = mask @ np.hstack([W[:, a] * W[:, b], mean[:, None] * W])  # the mask is passed once
    return found[:, : a.size], Y @ W - found[:, a.size :]


def _expanded(W: Array, mean: Array, moments: Array) -> tuple[Array, Array]:
    """The same fit with scores of mean zero and covariance one again, from mean packed moments.

    Where the scores found have a mean m and a covariance R R', the model with z ~ N(m, R R') is
    the one with W R and mu + W m: the M step of a larger model (Liu, Rubin & Wu 1998), which
    rids EM of its slowest directions.
    """
    q = W.shape[1]
    second = np.zeros((q + 1, q + 1))
    second[np.tril_indices(q + 1)] = moments
    m = second[q, :q]
    spread = second[:q, :q] + np.tril(second[:q, :q], -1).T - np.outer(m, m)
    return W @ np.linalg.cholesky(spread), mean + W @ m


def _scores(moments: Array, q: int) -> Array:
    """E[z] (n, q) out of the packed moments of (z, 1): its last row."""
    at = q * (q + 1) // 2
    return np.ascontiguousarray(moments[:, at : at + q])
