"""Where the likelihood of a rate is high, from no effect at all to coefficients that roam freely.

The slope of log p(y | lam) in eta = log lam is P - lam E[S | y] (`rate`), so a run of the sampler
at each point of a path, and the trapezoid rule, give the likelihood along it but for a constant
(Gelman & Meng 1998, section 2.1). It may have several maxima, and none that is finite: as lam grows
the prior variances of the coefficients, c_j / lam^2 with c_j = 2 a_j^2 sigma^2e, vanish, and

    d log p / d lam^-2 = E[sum_j c_j ((x_j'r)^2 / sigma^4 - x_j'x_j / sigma^2) | y, no u] / 2

of the residuals r without the block. If this is negative the likelihood rises towards no effect.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...types import Array
from .coefficients import SweepData
from .sampler import SweepDraws

FAINT, STEPS, STRIDE = 0.05, 8, 1.0  # first ratio of variances, points, and their distance in eta
SWEEPS, FEWEST = 4000, 60  # draws of a point over all chains where columns are few; at least


@dataclass(frozen=True)
class Path:
    """Points eta (k, K) from little effect to much, and heights (k,) of the likelihood there."""

    eta: Array
    height: Array

    @property
    def best(self) -> int:
        """The highest point; the first is next to no effect."""
        return int(np.argmax(self.height))


def walked(power: Array, slope_at: Callable[[Array], Array]) -> Path:
    """The likelihood along a path on which all blocks have the same share of signal.

    `power` (K,) is the mean sum of squares of each block's columns; a ratio 2 power / lam^2 is the
    prior variance of a coefficient over that of its estimate.
    """
    begin = 0.5 * np.log(2.0 * power / FAINT)
    eta = begin - STRIDE * np.arange(STEPS)[:, None]
    slope = np.array([slope_at(point) for point in eta])
    along = slope.sum(axis=1)
    rise = -0.5 * STRIDE * (along[1:] + along[:-1])
    return Path(eta, np.concatenate([[0.0], np.cumsum(rise)]))


def draws_of_a_point(columns: int, chains: int) -> int:
    """Draws a chain: the score's error is that of a sum of so many terms."""
    return max(FEWEST, SWEEPS // (chains * max(1, columns // 10)))


def supported(
    data: SweepData, centre: Array, run: SweepDraws, columns: np.ndarray, scale: Array
) -> bool:
    """Whether the likelihood falls where the block's effect vanishes: some of it is asked for.

    `run` are draws with next to no effect of the block, `scale` (chains, draws, P) is a sigma^e.
    """
    A = data.A[:, columns]
    u = run.u.copy()
    u[..., columns] = 0.0
    rest = data.z - u @ data.A.T - (run.beta - centre) @ data.X.T
    s = run.sigma[..., None] ** 2
    gain = scale**2 * ((rest @ A) ** 2 / s**2 - (A**2).sum(axis=0) / s)
    return float(gain.sum(axis=-1).mean()) > 0.0
