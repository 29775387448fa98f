"""Sparse evidence maximisation: which columns, and how wide their coefficients' laws are.

    y = Phi w + e,   w_j ~ N(0, s_j^2),   e ~ N(0, sigma^2 I)

The evidence log N(y; 0, sigma^2 I + Phi diag(s^2) Phi'), less a price for every column kept, is
maximised over all s_j >= 0 and sigma. Most s_j end at exactly zero (the relevance vector machine).

Seen from one column, with all else held, the evidence has one maximum (Faul & Tipping 2002): at
s_j^2 = (q^2 - s) / s^2 where t = q^2 / s exceeds one, else at zero, and the column is then worth
(t - 1 - log t) / 2. So the best column enters (Tipping & Faul 2003), all variances and the noise
move together (`active`), columns no longer worth their price leave, and so on: the criterion rises
with every move, hence no cycle.

The evidence has many maxima. A start holds the noise for its first moves at a share of the root
mean square of y, another share for every start, and the best is kept. Nothing is random.

With more columns than rows and no price the maximum overfits: the noise runs to zero and hundreds
of columns stay. A price of log P for each, as in the risk inflation criterion (Foster & George
1994), keeps few.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .active import FLOOR, LONGEST, Basis, State, condition, coordinates, enter, slopes, uphill
from .compiled import jit
from .sums import Array

HELD = (0.2, 0.5, 0.1, 0.3, 0.8, 0.05, 0.15, 0.03)  # noise held first, in root mean squares of y
FIRST = 16  # moves at most while the noise is held
TOLERANCE = 1e-6  # of the log density: less is no gain
HIDDEN = 1e-14  # squared share outside the basis that is rounding


@dataclass(frozen=True)
class Relevance:
    """The best maximum that was found.

    Attributes
    ----------
    active : (k,) int array
        Columns kept, ascending. Empty where no column is worth its price.
    scale : (k,) array
        Standard deviations s_j of their coefficients.
    sigma : float
        Standard deviation of the noise. Never below 1e-8 of the root mean square of y, unless
        given: where the columns fit y exactly the evidence has no maximum, and this bound is told.
    log_density : float
        log N(y; 0, sigma^2 I + Phi diag(s^2) Phi') with all constants, without the price.
    evaluations : int
        Columns that entered, over all starts.
    starts : tuple of float
        log_density - price * k that each start reached.
    """

    active: NDArray[np.int64]
    scale: Array
    sigma: float
    log_density: float
    evaluations: int
    starts: tuple[float, ...]


def search(
    Phi: Array, y: Array, *, sigma: float | None = None, price: float = 0.0, starts: int = 3
) -> Relevance:
    """Maximise the evidence over the variances of the coefficients and of the noise.

    Parameters
    ----------
    Phi : (n, P) array
        Columns, of any length; a column of zeros is never kept. Best in C order (else copied).
    y : (n,) array
        Response; nothing is subtracted.
    sigma : float, optional
        Known standard deviation of the noise; estimated if None.
    price : float
        What a column kept costs in log density; log(P) is advised where P > n.
    starts : int
        Number of starts, from 1 to 8; the best is kept.

    Returns
    -------
    Relevance

    Raises
    ------
    ValueError
        The shapes do not fit, an entry is not finite, y is zero throughout and sigma not given, or
        an option is out of range.

    References
    ----------
    Tipping & Faul (2003), Fast marginal likelihood maximisation for sparse Bayesian models.
    Faul & Tipping (2002), Analysis of sparse Bayesian learning.

    Examples
    --------
    >>> import numpy as np
    >>> Phi = np.eye(8)[:, :4] + np.eye(8)[:, 4:]
    >>> y = np.array([5.0, 0.1, -0.1, 0.1, 5.1, -0.1, 0.1, 0.1])
    >>> search(Phi, y).active
    array([0])
    """
    Phi, y = _checked(Phi, y, sigma, price, starts)
    n = y.size
    rms = float(np.sqrt(np.mean(y * y)))
    unit = rms or sigma
    if not unit:
        raise ValueError("y is zero in every row, so the noise has no scale: give sigma")
    basis, given = _basis(Phi, y / unit), (sigma / unit) ** 2 if sigma else 0.0
    best, reached, moves = (-np.inf, -np.inf, _state(basis, 0.0)), [], 0
    for held in HELD[:starts]:
        state = _state(basis, max(held**2, given))
        value, entered = _climb(basis, state, given, float(price))
        value -= n * np.log(unit)
        moves += entered
        reached.append(float(value - price * state.count[0]))
        if reached[-1] > best[0]:
            best = reached[-1], value, state
    _, value, state = best
    k = state.count[0]
    order = np.argsort(state.columns[:k])
    active = state.columns[:k][order]
    return Relevance(
        active=active,
        scale=np.sqrt(state.d[:k][order]) * unit * basis.inverse[active],
        sigma=float(sigma or unit * np.sqrt(state.v[0])),
        log_density=float(value),
        evaluations=moves,
        starts=tuple(reached),
    )


def _checked(
    Phi: Array, y: Array, sigma: float | None, price: float, starts: int
) -> tuple[Array, Array]:
    Phi = np.ascontiguousarray(Phi, dtype=np.float64).view()
    Phi.flags.writeable = False  # one compiled kernel, whether or not the user's array is frozen
    y = np.asarray(y, dtype=np.float64)
    if Phi.ndim != 2 or y.ndim != 1 or Phi.shape[0] != y.size or not Phi.size:
        raise ValueError(
            f"Phi should be (n, P) and y (n,), none empty, but got {Phi.shape} and {y.shape}"
        )
    if not np.isfinite(y).all():
        raise ValueError("y should be finite in every row")
    if sigma is not None and not 0.0 < sigma < np.inf:
        raise ValueError(f"sigma should be a positive number or None but got {sigma!r}")
    if not 0.0 <= price < np.inf:
        raise ValueError(f"price should be a finite number, at least 0, but got {price!r}")
    if starts not in range(1, len(HELD) + 1):
        raise ValueError(f"starts should be an integer from 1 to {len(HELD)} but got {starts!r}")
    return Phi, y


def _basis(Phi: Array, y: Array) -> Basis:
    """No direction yet: all of y and of every column is outside."""
    n, P = Phi.shape
    length = np.sqrt(np.einsum("ij,ij->j", Phi, Phi))
    if not np.isfinite(length).all():
        j = int(np.argmin(np.isfinite(length)))
        raise ValueError(f"Phi should be finite, its squares too: column {j} is not")
    some = length > 0.0
    inverse = np.divide(1.0, length, out=np.zeros(P), where=some)
    room = min(n, P)
    return Basis(
        Phi=Phi,
        inverse=inverse,
        q=np.empty((room, n)),
        U=np.empty((room, P)),
        z=np.zeros(room),
        rest=y.copy(),
        left=some.astype(np.float64),
        cross=(y @ Phi) * inverse,
        size=np.zeros(1, np.int64),
    )


def _state(basis: Basis, v: float) -> State:
    P = basis.left.size
    return State(np.zeros(P, np.int64), np.zeros(P), np.array([v]), np.zeros(1, np.int64))


@jit
def _worth(t):
    """What a column at its best variance adds to the log density, t = q^2 / s."""
    return 0.5 * (t - 1.0 - np.log(t)) if t > 1.0 else 0.0


@jit
def _weakest(point, d):
    """The active column that is worth least, and its worth."""
    least, at = np.inf, 0
    for a in range(d.size):
        S = Q = 0.0
        for i in range(point.omega.size):
            S += point.X[i, a] ** 2
            Q += point.X[i, a] * point.omega[i]
        worth = _worth(Q * Q / (S * max(1.0 - d[a] * S, 1e-15)))
        if worth < least:
            least, at = worth, a
    return at, least


@jit
def _swap(state, a, b):
    """Exchange the places of two active columns."""
    j, d = state.columns[a], state.d[a]
    state.columns[a], state.d[a] = state.columns[b], state.d[b]
    state.columns[b], state.d[b] = j, d


@jit
def _prune(basis, state, point, price):
    """Drop the columns that are not worth their price, the weakest first."""
    while state.count[0]:
        last = state.count[0] - 1
        at, worth = _weakest(point, state.d[: last + 1])
        if worth > price + 0.5 * TOLERANCE:
            break
        _swap(state, at, last)
        state.count[0] = last
        without = condition(basis, coordinates(basis, state), state.d[:last], state.v[0])
        if without.value < point.value - price - TOLERANCE:  # its worth was lost in rounding
            state.count[0] = last + 1
            _swap(state, at, last)
            break
        point = without
    return point


@jit
def _ascend(basis, state, free, price, rounds, enough):
    """Newton steps in all variances (and the noise, if free) until a step gains not enough."""
    k = state.count[0]
    R = coordinates(basis, state)
    point = condition(basis, R, state.d[:k], state.v[0])
    for _ in range(rounds):
        point = _prune(basis, state, point, price)
        if state.count[0] < k:
            k = state.count[0]
            R = coordinates(basis, state)
        d, v = state.d[:k].copy(), state.v[0]
        g, H = slopes(basis, point, d, v)
        if not free or (v <= FLOOR and g[k] < 0.0):
            g[k] = H[k, :] = H[:, k] = 0.0
            H[k, k] = 1.0
        step = uphill(g, H)
        if np.dot(g, step) < enough:
            break
        t = min(1.0, LONGEST / np.max(np.abs(step)))
        for _ in range(12):
            tried = max(v * np.exp(t * step[k]), FLOOR) if free else v
            trial = condition(basis, R, d * np.exp(t * step[:k]), tried)
            if trial.value > point.value:
                break
            t *= 0.5
        if not trial.value > point.value:
            break
        state.d[:k], state.v[0] = d * np.exp(t * step[:k]), tried
        point = trial
    return point


@jit
def _best(basis, state, point):
    """The column outside with the largest t = q^2 / s, its t and its best variance."""
    m, P = basis.size[0], basis.left.size
    v, k = state.v[0], state.count[0]
    S, Q = np.zeros(P), np.zeros(P)
    for j in range(P):
        if basis.left[j] > HIDDEN:
            S[j], Q[j] = basis.left[j] / v, basis.cross[j] / v
    if m:
        V = np.dot(point.W, basis.U[:m])
        for i in range(m):
            for j in range(P):
                S[j] += V[i, j] ** 2
                Q[j] += V[i, j] * point.omega[i]
    S[state.columns[:k]] = 0.0
    best, at = 1.0, -1
    for j in range(P):
        if S[j] > 0.0 and Q[j] ** 2 > best * S[j]:
            best, at = Q[j] ** 2 / S[j], j
    return at, best, (best - 1.0) / S[at]


@jit
def _admit(basis, state, free, price, most):
    """Columns enter until none is worth its price, or `most` have; the value and their number."""
    entered = 0
    point = _ascend(basis, state, free, price, 200, 1e-12)
    while entered < most:
        at, t, d = _best(basis, state, point)
        if at >= 0 and _worth(t) > price + TOLERANCE:
            enter(basis, at)
            k = state.count[0]
            state.columns[k], state.d[k] = at, d
            state.count[0] = k + 1
            entered += 1
            point = _ascend(basis, state, free, price, 3, 1e-2)
            continue
        before = point.value - price * state.count[0]
        point = _ascend(basis, state, free, price, 200, 1e-12)
        if point.value - price * state.count[0] <= before + TOLERANCE:
            break
    return point.value, entered


@jit
def _climb(basis, state, given, price):
    """One start: a few moves with the noise held where the state has it, then all."""
    _, first = _admit(basis, state, False, price, FIRST)
    if given > 0.0:
        state.v[0] = given
    value, then = _admit(basis, state, given == 0.0, price, 10 * basis.z.size + 100)
    return value, first + then
