"""The normal law on the log scale, and equal-tailed intervals of draws and of a normal.

log N(x; m, s^2) = -((x - m) / s)^2 / 2 - log s - log(2 pi) / 2
"""

from statistics import NormalDist
from typing import Any

import numpy as np

from ..types import Array

LOG_2PI = float(np.log(2.0 * np.pi))


def log_normal(gap: Any, sd: Any) -> Any:
    """Log density of a normal at a distance `gap` from its mean."""
    return -0.5 * (gap / sd) ** 2 - np.log(sd) - 0.5 * LOG_2PI


def tails(prob: float) -> list[float]:
    """Probabilities under the two ends of an equal-tailed interval."""
    tail = 0.5 * (1.0 - prob)
    return [tail, 1.0 - tail]


def interval(draws: Array, prob: float) -> Array:
    """Ends (2, ...) of the equal-tailed interval of draws (k, ...)."""
    return np.quantile(draws, tails(prob), axis=0)


def reach(prob: float) -> float:
    """Half the width of a normal's central interval, in its sds."""
    return NormalDist().inv_cdf(0.5 + 0.5 * prob)
