"""A law on the line with a width and a tail of its own on either side of its mode.

    x = m + s sinh(a n) / a,    n half-normal,  s = s1 and a = a1 below m, s2 and a2 above,

and the share of all mass below m is s1 / (s1 + s2), so that the density is continuous there. For
a = 0 it is the two-piece normal (John 1982; the split normal of Geweke 1989, section 4); with a > 0
its tails are heavier than any exponential's (sinh-arcsinh: Jones & Pewsey 2009), as those of an
importance sampler have to be. Quantile and density are both closed forms.
"""

from dataclasses import dataclass

import numpy as np

from ..types import Array

LIGHTEST, HEAVIEST = 0.25, 1.5  # tails that a side may have
INNER, OUTER = 0.6826895, 0.9281394  # shares of a side within n = 1 and within n = 1.8
REACH = 1.8
HALF_LOG_2PI = 0.9189385332046727

_TAILS = np.linspace(1e-3, HEAVIEST, 200)
_RATIOS = np.sinh(REACH * _TAILS) / _TAILS


@dataclass(frozen=True)
class Split:
    """The law by its mode m, and the widths s and tails a of both sides (2,)."""

    mode: float
    widths: Array
    tails: Array

    def quantile(self, u: Array) -> tuple[Array, Array]:
        """Values (k,) at probabilities u, and the normal scores n that they come from."""
        from scipy.special import ndtri

        low, high = self.widths / self.widths.sum()
        below = u < low
        n = ndtri(np.where(below, u / low, (1.0 - u) / high) / 2.0)  # the lower half of both
        n = np.where(below, n, -n)
        (s0, s1), (a0, a1) = self.widths, self.tails
        a = np.where(below, a0, a1)
        return self.mode + np.where(below, s0 / a0, s1 / a1) * np.sinh(a * n), n

    def scores(self, x: Array) -> tuple[Array, Array]:
        """Normal scores n of values (k,), and the log density there."""
        above, (s0, s1), (a0, a1) = x >= self.mode, self.widths, self.tails
        a = np.where(above, a1, a0)
        t = (x - self.mode) * np.where(above, a1 / s1, a0 / s0)
        n = np.arcsinh(t) / a
        constant = np.log(2.0 / self.widths.sum()) - HALF_LOG_2PI
        return n, constant - 0.5 * (n * n + np.log1p(t * t))

    def wider(self, factor: float, heavier: float) -> "Split":
        """The same with wider sides and heavier tails."""
        return Split(self.mode, self.widths * factor, self.tails + heavier)


def split(x: Array, weights: Array) -> Split:
    """The law that weighted values (k,) look like.

    The mode is the two-piece normal's: it minimises the sum of the cube roots of both sums of
    squares (John 1982). Widths share the mass of the sides, tails follow an outer quantile of each.
    """
    order = np.argsort(x)
    x, w = x[order], weights[order]
    below = np.cumsum(w)
    mode = _mode(x, w)
    at = int(np.searchsorted(x, mode))
    share = float(np.clip(below[at - 1] if at else 0.0, 0.05, 0.95))
    levels = np.array([share * (1.0 - OUTER), share * (1.0 - INNER)])
    levels = np.append(levels, 1.0 - (1.0 - share) * np.array([1.0 - INNER, 1.0 - OUTER]))
    ends = np.abs(np.interp(levels, below - 0.5 * w, x) - mode)
    whole = max(float(ends[1] + ends[2]), 1e-12)
    widths = np.array([share, 1.0 - share]) * whole
    tails = np.interp(np.array([ends[0], ends[3]]) / widths, _RATIOS, _TAILS)
    return Split(mode, widths, np.clip(tails, LIGHTEST, HEAVIEST))


def _mode(x: Array, w: Array) -> float:
    """Where the two-piece normal has its mode, sorted values with weights that sum to one."""
    one, two = np.cumsum(w * x), np.cumsum(w * x * x)
    mass = np.cumsum(w)
    low = two - 2.0 * x * one + x * x * mass
    high = (two[-1] - two) - 2.0 * x * (one[-1] - one) + x * x * (mass[-1] - mass)
    inside = (mass > 0.1) & (mass < 0.9)
    cost = np.where(inside, np.cbrt(np.maximum(low, 0.0)) + np.cbrt(np.maximum(high, 0.0)), np.inf)
    best = int(np.argmin(cost))
    near = inside & (cost < cost[best] * 1.001)  # a flat minimum: its middle is the steadier
    return float(x[near].mean()) if near.any() else float(w @ x)
