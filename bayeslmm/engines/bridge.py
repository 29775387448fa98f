"""The ratio of two normalising constants, from draws of both laws (Meng & Wong 1996, equation 4.1).

With l the ratio of the unnormalised densities of the first law and the second,

    r = E_2[l / (s l + (1 - s) r)] / E_1[1 / (s l + (1 - s) r)]

where s is the share of draws of the first, solved by iteration. Its terms are bounded, where both
plain averages may have heavy tails.
"""

import numpy as np

from ..stats.weights import log_mean, log_sum, relative_variance
from ..types import Array


def bridge(
    first: Array,
    second: Array,
    log_weight: Array | None = None,
    r_eff: tuple[float, float] = (1.0, 1.0),
) -> tuple[float, float]:
    """Log of r and its standard error.

    Parameters
    ----------
    first, second
        Log l at draws of the first law, and at draws of the second.
    log_weight
        Normalised log weights of the draws of the first law; equal ones by default.
    r_eff
        Effective over actual draws of both laws.
    """
    n, k = first.size, second.size
    weight = np.full(n, -np.log(n)) if log_weight is None else log_weight
    share, other = np.log(n / (n + k)), np.log(k / (n + k))
    value = float(np.median(second))
    for _ in range(1000):
        above = second - np.logaddexp(share + second, other + value)
        below = -np.logaddexp(share + first, other + value)
        last, value = value, float(log_mean(above) - log_sum(below + weight))
        if abs(value - last) < 1e-8:
            break
    error = relative_variance(below, np.exp(weight)) / r_eff[0]
    error += relative_variance(above) / r_eff[1]
    return value, float(np.sqrt(error))
