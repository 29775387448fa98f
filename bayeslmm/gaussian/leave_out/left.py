"""What leaving out answers, and its constants."""

from typing import NamedTuple

import numpy as np

from ...normal import LOG_2PI
from ...types import Array


class Left(NamedTuple):
    """The answer at one point of the variances, each (units,)."""

    log_density: Array  # of the unit, given all other rows
    in_sample: Array  # of new responses at the unit's rows, given all rows
    z: Array  # (y_i - mean) / sd given all other rows; rows only, else empty


def of_rows(pi: Array, rho: Array, frequency: Array, half: Array, sigma: float) -> Left:
    """The law of one observation of each row, from pi = sigma^2 P_ii and rho = sigma (P y)_i.

    A row counts `frequency` times; `half` is half of the log of its weight.
    """
    # One of f equal rows keeps f - 1 others: 1 - pi is f times the leverage of one.
    pi, rho = (frequency - 1.0 + pi) / frequency, rho / np.sqrt(frequency)
    constant = half - 0.5 * LOG_2PI - np.log(sigma)
    return Left(
        constant + 0.5 * np.log(pi) - 0.5 * rho**2 / pi,
        constant - 0.5 * np.log(2.0 - pi) - 0.5 * rho**2 / (2.0 - pi),
        rho / np.sqrt(pi),
    )


def with_constants(out: Array, kept: Array, sigma: float, size: Array, half: Array) -> Left:
    """The law of units of `size` observations, `half` the half sum of their log weights."""
    constant = half - size * (0.5 * LOG_2PI + np.log(sigma))
    return Left(out + constant, kept + constant, np.zeros(0))
