"""From densities at draws of the variances to densities given the other data: PSIS.

A draw of theta given all of y is turned into one given y_-I by the ratio 1 / p(y_I | y_-I, theta);
the largest ratios are replaced by quantiles of the generalised Pareto distribution fitted to them,
whose shape k-hat tells whether the average can be trusted (Vehtari, Gelman & Gabry 2017; Vehtari,
Simpson, Gelman, Yao & Gabry 2024). The coefficients are integrated exactly, so that the ratios
vary only with the variances: k-hat is small where ratios of p(y_i | u, beta, sigma) have heavy
tails.
"""

from typing import Any

import numpy as np

from ...results.estimates import variances
from ...stats.weights import KHAT, limit, psis
from ...types import Array

EQUAL = 1e-9  # log ratios closer than this are equal: there is no tail to smooth
FEWEST = 25  # draws of which a tail of five can be taken


def relative_efficiency(posterior: Any) -> float:
    """Effective over actual draws, averaged over the variance parameters; 1 for one draw."""
    from arviz_stats.base import array_stats

    found = []
    for _, values in variances(posterior):
        if values.shape[1] >= 4 and np.ptp(values) > 0.0:
            found.append(float(array_stats.ess(values, method="mean")) / values.size)
    known = [e for e in found if np.isfinite(e)]
    return float(np.mean(known)) if known else 1.0


def smooth(ratios: Array, r_eff: float) -> tuple[Array, float]:
    """Smoothed log weights (draws,), which sum to one, and k-hat, from log ratios."""
    if ratios.size < FEWEST and np.ptp(ratios) > EQUAL:
        raise ValueError(
            f"leave-one-out needs at least {FEWEST} draws of the variances, but the tree holds "
            f"{ratios.size}; fit again with more draws"
        )
    return psis(ratios, r_eff)


def good_k(samples: int) -> float:
    """Largest k-hat at which so many draws are enough; one draw is a plug-in, without weights."""
    return limit(samples) if samples > 1 else KHAT
