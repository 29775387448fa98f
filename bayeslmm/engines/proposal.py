"""What an importance sampler draws from: a mixture of laws around places, by quasi-random points.

Scrambled Sobol points (Owen 1995) fill the unit cube more evenly than random ones; a coordinate of
its own picks the component.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..stats.weights import log_sum
from ..types import Array
from .bent import Bent, bent
from .student import log_student, mixture

FINEST = 2.0**-31  # half a cell of Sobol points, so that none lies on an edge
WIDER, HEAVIER = 1.5, 0.5  # by how much the guard of a component is wider, its tails heavier
GUARD = 0.1  # its share
LEAST = 0.005  # share from which a component is kept


@dataclass(frozen=True, repr=False)
class Proposal:
    """A mixture of laws with shares (m,)."""

    laws: tuple[Bent, ...]
    shares: Array

    @property
    def columns(self) -> int:
        """Uniforms that a point takes."""
        return self.laws[0].centre.size + (len(self.laws) > 1)

    def draw(self, u: Array) -> Array:
        """Points (k, d) at uniforms (k, columns)."""
        if len(self.laws) == 1:
            return self.laws[0].draw(u)
        which = np.searchsorted(np.cumsum(self.shares)[:-1], u[:, -1], side="right")
        z = np.empty((len(u), u.shape[1] - 1))
        for i, law in enumerate(self.laws):
            z[which == i] = law.draw(u[which == i, :-1])
        return z

    def log_density(self, z: Array) -> Array:
        """Log density (k,) at points z (k, d)."""
        each = [law.log_density(z) for law in self.laws]
        if len(each) == 1:
            return each[0]
        return np.asarray(log_sum(np.array(each) + np.log(self.shares)[:, None]))

    def guarded(self) -> "Proposal":
        """With a wider copy of each component beside it."""
        wide = tuple(law.wider(WIDER, HEAVIER) for law in self.laws)
        shares = np.concatenate([self.shares * (1.0 - GUARD), self.shares * GUARD])
        return Proposal(self.laws + wide, shares)


@dataclass(frozen=True, repr=False)
class Pilot:
    """Multivariate t's around modes: (centre, root) each."""

    places: Sequence[tuple[Array, Array]]

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Points (size, d)."""
        return mixture(self.places, size, rng)[0]

    def each(self, z: Array) -> Array:
        """Log density of every component (m, k)."""
        return np.array([log_student(z, *place) for place in self.places])

    def log_density(self, z: Array) -> Array:
        """Log density (k,) at points z (k, d)."""
        return np.asarray(log_sum(self.each(z))) - np.log(len(self.places))


def fitted(z: Array, weights: Array, pilot: Pilot, curved: bool) -> Proposal:
    """The mixture that weighted points look like: a component for each place of the pilot."""
    if len(pilot.places) == 1:
        return Proposal((bent(z, weights, curved),), np.ones(1))
    logs = pilot.each(z)
    parts = np.exp(logs - log_sum(logs)) * weights
    shares = parts.sum(axis=1)
    kept = shares >= min(LEAST, shares.max())
    laws = tuple(bent(z, part / share, curved) for part, share in zip(parts[kept], shares[kept]))
    return Proposal(laws, shares[kept] / shares[kept].sum())


def sobol(columns: int, rng: np.random.Generator) -> Any:
    """An endless scrambled sequence, asked by `uniforms`."""
    from scipy.stats import qmc

    return qmc.Sobol(columns, scramble=True, rng=rng)


def even(size: float) -> int:
    """The power of two from `size` on: of so many Sobol points every face holds its share."""
    return 1 << int(np.ceil(np.log2(max(size, 1.0))))


def uniforms(sequence: Any, size: int) -> Array:
    """The next `size` points (size, columns), none on an edge."""
    return np.asarray(sequence.random(size)) + FINEST
