"""A proposal that is fitted to its own weighted points, round after round, until it fits.

Every round draws from what was fitted last and weighs all points of all rounds by the mixture that
they came from together (the balance heuristic: Veach & Guibas 1995; adaptive multiple importance
sampling: Cornuet, Marin, Mira & Robert 2012). Where few points hold all weight, weights are
tempered, w^t, with the largest t that leaves enough of them.
"""

from dataclasses import dataclass

import numpy as np

from ..stats.weights import KHAT, log_sum, normalised, psis
from ..types import Array
from .many_points import Values
from .proposal import Pilot, Proposal, fitted, sobol, uniforms

ROUNDS = 8
FITS = 0.6  # share of effective points of a round from which its proposal is kept
GAIN = 1.1  # times that a round has to be better than the best before it, for another one
ENOUGH = 10  # effective points for each coordinate that a fit takes
CURVES = 100  # the same for bends


@dataclass(frozen=True, repr=False)
class Cloud:
    """Points of all rounds and what they were drawn from.

    Attributes
    ----------
    z : (k, d)
    logs : (k,)
        Log density of the target.
    laws : tuple
        Pilot and proposals.
    counts : (r,)
        Points of each round.
    log_laws : (r, k)
        Log density of each law at each point.
    """

    z: Array
    logs: Array
    laws: tuple[Pilot | Proposal, ...]
    counts: Array
    log_laws: Array

    @classmethod
    def begun(cls, value: Values, pilot: Pilot, size: int, rng: np.random.Generator) -> "Cloud":
        """The points of a pilot."""
        z = pilot.sample(size, rng)
        logs = value(z)
        if not np.isfinite(logs).any():
            raise ArithmeticError(
                "the log posterior is finite at its mode but nowhere around it: rescale y and the "
                "columns, or look for a prior that excludes what the data say"
            )
        return cls(z, logs, (pilot,), np.array([float(size)]), pilot.log_density(z)[None])

    def joined(self, law: Proposal, z: Array, logs: Array) -> "Cloud":
        """With the points of one more law."""
        old = np.vstack([self.log_laws, law.log_density(self.z)[None]])
        laws = (*self.laws, law)
        new = np.array([each.log_density(z) for each in laws])
        return Cloud(
            np.vstack([self.z, z]),
            np.concatenate([self.logs, logs]),
            laws,
            np.append(self.counts, len(z)),
            np.hstack([old, new]),
        )

    @property
    def last(self) -> Array:
        """Log ratios of the last round's points to their own law."""
        own = slice(len(self.logs) - int(self.counts[-1]), None)
        return self.logs[own] - self.log_laws[-1, own]

    def fit(self, pilot: Pilot) -> Proposal:
        """What all points look like by their weights."""
        shares = np.log(self.counts / self.counts.sum())[:, None]
        ratios = self.logs - log_sum(self.log_laws + shares)
        d = self.z.shape[1]
        weights, count = _tempered(ratios, ENOUGH * (d + 1.0))
        return fitted(self.z, weights, pilot, count > CURVES * d)


def effective(logs: Array) -> float:
    """Effective number of weighted points."""
    weights = normalised(logs)
    return 1.0 / float(weights @ weights)


def adapted(value: Values, pilot: Pilot, size: int, rng: np.random.Generator) -> Cloud:
    """Points around a log density, in rounds of `size`, until the law fitted to them fits.

    Parameters
    ----------
    value
        Log densities (k,) at points (k, d); minus infinity where there is none.
    pilot
        Where the first points come from.
    """
    cloud = Cloud.begun(value, pilot, size, rng)
    best = effective(cloud.last) / size
    for _ in range(ROUNDS):
        if best > FITS:
            break
        law = cloud.fit(pilot)
        z = law.draw(uniforms(sobol(law.columns, rng), size))
        cloud = cloud.joined(law, z, value(z))
        share = effective(cloud.last) / size if psis(cloud.last)[1] <= KHAT else 0.0
        if 0.0 < share < GAIN * best:
            break
        best = max(best, share)
    return cloud


def _tempered(ratios: Array, least: float) -> tuple[Array, float]:
    """Normalised weights with at least so many effective points, and how many there were."""
    count = effective(ratios)
    if count >= least:
        return normalised(ratios), count
    low, high = 0.0, 1.0
    least = min(least, 0.5 * float(np.isfinite(ratios).sum()))
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle * ratios) >= least else (low, middle)
    return normalised(max(low, 1e-6) * ratios), count
