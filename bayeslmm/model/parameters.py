"""The parameters of theta: scales on the positive half-line, and correlations, each with its law.

A parameter is free under a law, or fixed. `space` gives the free ones coordinates.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..types import Array
from .laws import Law, graph_identity, lkj_constant, lkj_sample

FIXED, CUSTOM = -1, -2  # in place of a law's code
RAW = "_raw"
SHOWN = 6  # elements with a law of their own that are shown one by one


@dataclass(frozen=True)
class Positive:
    """A vector of standard deviations: fixed, under a `Law`, or under a PyMC distribution."""

    name: str
    size: int
    dim: str | None = None
    law: Law | None = None
    fixed: Array | None = None
    custom: Any = None
    raw: bool = False  # what is reported under the name is this times other parameters

    @property
    def free(self) -> bool:
        return self.fixed is None

    @property
    def proper(self) -> bool:
        """Whether it is fixed, or its law has a finite integral."""
        return self.law is None or self.law.proper

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one value by name: a scalar has none."""
        return () if self.dim is None else (self.size,)

    @property
    def dims(self) -> tuple[str, ...]:
        """Dims of one value."""
        return () if self.dim is None else (self.dim,)

    @property
    def coordinates(self) -> int:
        """How many coordinates it has where it is free."""
        return self.size

    @property
    def code(self) -> int:
        """What compiled code knows of its law."""
        return FIXED if not self.free else self.law.code if self.law else CUSTOM

    @property
    def table(self) -> Array:
        """Parameters of the law of every element, (size, 3)."""
        return self.law.table(self.size) if self.law else np.zeros((self.size, 3))

    @property
    def identity(self) -> bytes:
        """Bytes that differ where the law, a parameter to its last digit, or a fixed value does."""
        parts = [repr((self.name, self.size, self.law.name if self.law else "")).encode()]
        law = self.law.parameters if self.law else ()
        values = [self.fixed] if self.fixed is not None else law
        parts += [np.asarray(v, np.float64).tobytes() for v in values]
        parts.append(graph_identity(self.custom) if self.custom is not None else b"")
        return b"|".join(parts)

    @property
    def variable(self) -> str:
        """Name of the random variable in a graph."""
        return f"{self.name}{RAW}" if self.raw else self.name

    @property
    def prior(self) -> str:
        if self.fixed is not None:
            values = np.unique(self.fixed) if np.ptp(self.fixed) == 0.0 else self.fixed
            return "fixed at " + ", ".join(f"{v:.4g}" for v in values)
        if self.law is None:
            return f"{type(self.custom.owner.op).__name__[:-2]}(...)"
        return repr(self.law) if self.size <= SHOWN else _by_range(self.law)

    def sample(self, rng: np.random.Generator) -> Array:
        """One draw from its prior."""
        if self.fixed is not None:
            found = np.broadcast_to(self.fixed, self.size).astype(float)
        elif self.law is not None:
            found = self.law.sample(rng, self.size)
        else:
            import pymc as pm

            seed = int(rng.integers(2**31))
            found = np.broadcast_to(pm.draw(self.custom, random_seed=seed), self.size)
        return found.reshape(self.shape)

    def part(self, index: np.ndarray) -> "Positive":
        """Some of its elements."""
        law, fixed = self.law, self.fixed
        if law is not None:
            law = Law(
                law.name, tuple(np.asarray(p)[index] if np.ndim(p) else p for p in law.parameters)
            )
        if fixed is not None:
            fixed = np.broadcast_to(fixed, self.size)[index]
        return replace(self, size=index.size, law=law, fixed=fixed)


def _by_range(law: Law) -> str:
    """A law in words, where an element for each column would fill the page: the range of them."""
    ends = [(np.min(p), np.max(p)) for p in law.parameters]
    each = [f"{a:.4g}" if a == b else f"{a:.4g} to {b:.4g} by column" for a, b in ends]
    return f"{law.name}({', '.join(each)})"


@dataclass(frozen=True)
class Correlation:
    """Correlations of the effects of one factor, block by block; zero between blocks.

    A point holds their lower Cholesky factor K, whose digits survive where correlations are at one.
    """

    name: str
    size: int
    blocks: tuple[tuple[int, ...], ...]
    eta: float = 2.0
    fixed: Array | None = None  # correlation matrix

    @property
    def free(self) -> bool:
        return self.fixed is None and bool(self.parts)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Blocks that have a correlation."""
        return tuple(b for b in self.blocks if len(b) > 1)

    @property
    def coordinates(self) -> int:
        """How many coordinates it has where it is free."""
        return sum(len(b) * (len(b) - 1) // 2 for b in self.parts)

    @property
    def dims(self) -> tuple[str, str]:
        """Dims of the matrix."""
        effect = f"{self.name.removeprefix('corr_')}_effect"
        return effect, f"{effect}_2"

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the random variables in a graph: the Cholesky factor of every block."""
        many = len(self.parts) > 1
        return tuple(f"chol_{self.name}" + f"_{k}" * many for k, _ in enumerate(self.parts))

    @property
    def prior(self) -> str:
        if self.fixed is not None:
            return "fixed at " + np.array2string(self.fixed, precision=4).replace("\n", "")
        return f"LKJ({self.eta:g})"

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of one value: the Cholesky factor's."""
        return self.size, self.size

    @property
    def identity(self) -> bytes:
        """Bytes that differ where the law or a fixed value does."""
        fixed = b"" if self.fixed is None else self.fixed.tobytes()
        return repr((self.name, self.blocks, self.eta)).encode() + b"|" + fixed

    def sample(self, rng: np.random.Generator) -> Array:
        """One draw of the factor (q, q) from its prior."""
        K = self.start.copy()
        for b in self.parts if self.free else ():
            K[np.ix_(b, b)] = lkj_sample(len(b), self.eta, rng)
        return K

    def log_density(self, corr: Array) -> Array:
        """Log LKJ density of correlation matrices (..., q, q), as densities of the matrix."""
        total = np.zeros(corr.shape[:-2])
        for block in self.parts:
            own = corr[..., block, :][..., :, block]
            total += lkj_constant(len(block), self.eta)
            total += (self.eta - 1.0) * np.linalg.slogdet(own)[1]
        return total

    @property
    def start(self) -> Array:
        """Cholesky factor before any free correlation is put in."""
        return np.eye(self.size) if self.fixed is None else np.linalg.cholesky(self.fixed)


@dataclass(frozen=True)
class Loadings:
    """The columns W (d, q) of a matrix's scores: N(0, s^2), one s for all or one a component."""

    name: str
    features: int
    components: int
    scale: Positive

    free = True
    proper = True
    dims = ("feature", "component")

    @property
    def own(self) -> bool:
        """Whether every component has a scale of its own."""
        return self.components > 1 and self.scale.size > 1

    @property
    def shape(self) -> tuple[int, int]:
        return self.features, self.components

    @property
    def coordinates(self) -> int:
        """How many it has: a triangle's, as W is known up to rotation; or all entries."""
        d, q = self.shape
        return d * q if self.own else d * q - q * (q - 1) // 2

    @property
    def prior(self) -> str:
        return f"Normal(0, {self.scale.name})"

    def sample(self, rng: np.random.Generator, scale: Array) -> Array:
        """One draw (d, q) given the scale."""
        return scale * rng.standard_normal(self.shape)
