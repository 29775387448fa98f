"""Sparse evidence maximisation: which columns, and how wide their coefficients' laws are.

    y = Phi w + e,   w_j ~ N(0, s_j^2),   e ~ N(0, sigma^2 I)

The evidence log N(y; 0, sigma^2 I + Phi diag(s^2) Phi'), less a price for every column kept, is
maximised over all s_j >= 0 and sigma. Most s_j end at exactly zero (the relevance vector machine).

Columns enter and leave one by one (`sequential`), and between the moves all variances and the noise
go uphill together (`active`).

The evidence has many maxima. A start holds the noise for its first moves at a share of the root
mean square of y, another share for every start, and the best is kept. Nothing is random.

With more columns than rows and no price the maximum overfits: the noise runs to zero and hundreds
of columns stay. A price of log P for each, as in the risk inflation criterion (Foster & George
1994), keeps few.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..host.options import shown
from ..types import Array
from .active import ActiveBasis, ActiveState
from .sequential import climb

# The noise held first, in root mean squares of y. At a price the search begins where least enters.
HELD = (0.2, 0.5, 0.1, 0.3, 0.8, 0.05, 0.15, 0.03)
HELD_AT_PRICE = (1.0, 0.5, 0.2, 0.8, 0.3, 0.1, 0.05, 0.03)


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
    Phi: Array,
    y: Array,
    *,
    sigma: float | None = None,
    price: float | Array = 0.0,
    starts: int = 3,
    count: float | None = None,
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
    price : float or (P,) array
        What a column kept costs in log density; log(P) is advised where P > n.
    starts : int
        Number of starts, from 1 to 8; the best is kept.
    count : float, optional
        Observations that the rows stand for, where repeats were merged; n by default.

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
    >>> y = np.array([5.0, 0.1, -0.1, 0.1, 5.1, -0.1, 0.1, -0.1])
    >>> search(Phi, y).active
    array([0])
    """
    Phi, y = _checked(Phi, y, sigma, price, starts)
    n = float(y.size if count is None else count)
    prices = np.broadcast_to(np.asarray(price, np.float64), Phi.shape[1]).copy()
    rms = float(np.sqrt(np.mean(y * y)))
    unit = rms or sigma
    if not unit:
        raise ValueError("y is zero in every row, so the noise has no scale: give sigma")
    basis, given = _basis(Phi, y / unit, prices, n), (sigma / unit) ** 2 if sigma else 0.0
    best, reached, moves = (-np.inf, -np.inf, _state(basis, 0.0)), [], 0
    for held in (HELD_AT_PRICE if prices.any() else HELD)[:starts]:
        state = _state(basis, max(held**2, given))
        value, entered = climb(basis, state, given)
        value -= n * np.log(unit)
        moves += entered
        reached.append(float(value - prices[state.columns[: state.size[0]]].sum()))
        if reached[-1] > best[0]:
            best = reached[-1], value, state
    _, value, state = best
    k = state.size[0]
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
    Phi: Array, y: Array, sigma: float | None, price: float | Array, starts: int
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
        raise ValueError(f"sigma should be a positive number or None but got {shown(sigma)}")
    if not (np.isfinite(price).all() and np.min(price) >= 0.0):
        raise ValueError(f"price should be a finite number, at least 0, but got {shown(price)}")
    if np.ndim(price) and np.shape(price) != (Phi.shape[1],):
        raise ValueError(
            f"price should be one number or {Phi.shape[1]}, but has shape {np.shape(price)}"
        )
    if starts not in range(1, len(HELD) + 1):
        raise ValueError(
            f"starts should be an integer from 1 to {len(HELD)} but got {shown(starts)}"
        )
    return Phi, y


def _basis(Phi: Array, y: Array, price: Array, count: float) -> ActiveBasis:
    """No direction yet: all of y and of every column is outside."""
    n, P = Phi.shape
    length = np.sqrt(np.einsum("ij,ij->j", Phi, Phi))
    if not np.isfinite(length).all():
        j = int(np.argmin(np.isfinite(length)))
        raise ValueError(f"Phi should be finite, its squares too: column {j} is not")
    some = length > 0.0
    inverse = np.divide(1.0, length, out=np.zeros(P), where=some)
    room = min(n, P)
    return ActiveBasis(
        Phi=Phi,
        inverse=inverse,
        q=np.empty((room, n)),
        U=np.empty((room, P)),
        z=np.zeros(room),
        rest=y.copy(),
        left=some.astype(np.float64),
        cross=(y @ Phi) * inverse,
        size=np.zeros(1, np.int64),
        price=price,
        observations=np.array([count]),
    )


def _state(basis: ActiveBasis, v: float) -> ActiveState:
    P = basis.left.size
    return ActiveState(np.zeros(P, np.int64), np.zeros(P), np.array([v]), np.zeros(1, np.int64))
