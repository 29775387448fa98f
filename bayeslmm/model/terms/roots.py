"""Where the roots of the terms lie in the one vector that solvers take."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...types import Array


@dataclass(frozen=True)
class Roots:
    """Where the roots of the terms lie in the one vector that solvers take."""

    shapes: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Entries of the vector."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def join(self, roots: Sequence[Array], lead: tuple[int, ...] = ()) -> Array:
        """The vector (..., m), from the root (..., *shape) of every term."""
        flat = [np.reshape(L, (*lead, -1)) for L in roots]
        return np.ascontiguousarray(np.concatenate([*flat, np.zeros((*lead, 0))], axis=-1))

    def split(self, vector: Array) -> list[Array]:
        """The way back; views, so that what is added to one is added to the vector."""
        found, at = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            found.append(vector[..., at : at + size].reshape(*vector.shape[:-1], *shape))
            at += size
        return found
