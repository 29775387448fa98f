"""A proposal that is fitted to its own weighted points, round after round, until it fits.

Every round draws from what was fitted last and weighs all points of all rounds by the mixture that
they came from together (the balance heuristic: Veach & Guibas 1995; adaptive multiple importance
sampling: Cornuet, Marin, Mira & Robert 2012). Where few points hold all weight, weights are
tempered, w^t, with the largest t that leaves enough of them.
"""

from collections.abc import Callable

import numpy as np

from ..stats.weights import KHAT, log_sum, normalised, psis
from ..types import Array
from .proposal import Pilot, Proposal, fitted, sobol, uniforms

ROUNDS = 8
FITS = 0.6  # share of effective points of a round from which its proposal is kept
ENOUGH = 10  # effective points for each coordinate that a fit takes
CURVES = 100  # the same for bends

type Values = Callable[[Array], Array]


def effective(logs: Array) -> float:
    """Effective number of weighted points."""
    weights = normalised(logs)
    return 1.0 / float(weights @ weights)


def adapted(value: Values, pilot: Pilot, size: int, rng: np.random.Generator) -> Proposal:
    """A proposal for a log density, from rounds of `size` points.

    Parameters
    ----------
    value
        Log densities (k,) at points (k, d); minus infinity where there is none.
    pilot
        Where the first points come from.
    """
    z = pilot.sample(size, rng)
    logs, laws = value(z), [pilot.log_density]
    densities = pilot.log_density(z)[None]  # (rounds, points)
    best, proposal = effective(logs - densities[0]) / size, None
    for _ in range(ROUNDS):
        ratios = logs - log_sum(densities) + np.log(len(laws))
        weights, count = _tempered(ratios, ENOUGH * (z.shape[1] + 1))
        proposal = fitted(z, weights, pilot, count > CURVES * z.shape[1])
        if best > FITS:
            break
        fresh = proposal.draw(uniforms(sobol(proposal.columns, rng), size))
        found = value(fresh)
        laws.append(proposal.log_density)
        densities = np.vstack([densities, proposal.log_density(z)[None]])
        at_fresh = np.array([law(fresh) for law in laws])
        densities = np.hstack([densities, at_fresh])
        z, logs = np.vstack([z, fresh]), np.concatenate([logs, found])
        own = found - at_fresh[-1]
        best = effective(own) / size if psis(own)[1] <= KHAT else 0.0
    assert proposal is not None
    return proposal


def _tempered(ratios: Array, least: float) -> tuple[Array, float]:
    """Normalised weights with at least so many effective points, and how many there are."""
    low, high = 0.0, 1.0
    count = effective(ratios)
    if count >= least:
        return normalised(ratios), count
    finite = np.where(np.isfinite(ratios), ratios, -np.inf)
    least = min(least, 0.5 * np.isfinite(finite).sum())
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle * finite) >= least else (low, middle)
    return normalised(low * finite) if low > 0.0 else normalised(1e-6 * finite), count
