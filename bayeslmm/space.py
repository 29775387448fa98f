"""The space of the variances theta: names, laws, and the map from R^d.

    sd = exp(z),     L_t = diag(sd_t) K_t,     K_t K_t' a correlation matrix,     sigma = exp(z)

A row of K is (w, 1) / sqrt(1 + |w|^2) with w in R^i, the transform that PyMC uses. Fixed parameters
have no coordinate. `coordinates` holds the map and its derivative, compiled; they know no model.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .coordinates import Layout, column_scale, length, unpack
from .laws import Law, graph_identity, lkj_constant, lkj_sample
from .types import Array

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
        """One draw (size,) from its prior."""
        if self.fixed is not None:
            return np.broadcast_to(self.fixed, self.size).astype(float)
        if self.law is not None:
            return self.law.sample(rng, self.size)
        import pymc as pm

        seed = int(rng.integers(2**31))
        return np.broadcast_to(pm.draw(self.custom, random_seed=seed), self.size)

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
    """Correlations of the effects of one factor, block by block; zero between blocks."""

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
    def prior(self) -> str:
        if self.fixed is not None:
            return "fixed at " + np.array2string(self.fixed, precision=4).replace("\n", "")
        return f"LKJ({self.eta:g})"

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
class Product:
    """Scales of a block's columns, s_j = local_j common rate^-1/2 sigma^e, by parameters' names.

    With a slab s_j <- s_j / sqrt(1 + s_j^2 / slab^2) before sigma enters. One scale for all columns
    where there is no local one.
    """

    count: int
    local: str | None = None
    common: str | None = None
    rate: str | None = None
    slab: str | None = None
    noise: bool = False


@dataclass(frozen=True)
class Space:
    """All variance parameters of a model, in the solver's order of factors; sigma last."""

    scales: tuple[Positive, ...]
    correlations: tuple[Correlation, ...]
    products: tuple["Product", ...] = ()  # of the blocks of columns, after the grouping factors

    @property
    def sigma(self) -> Positive:
        return self.scales[-1]

    @property
    def size(self) -> int:
        """Number of free coordinates d."""
        free = sum(s.size for s in self.scales if s.free)
        return free + sum(
            len(b) * (len(b) - 1) // 2 for c in self.correlations if c.free for b in c.parts
        )

    @property
    def proper(self) -> bool:
        return all(s.law is None or s.law.proper for s in self.scales)

    @property
    def customs(self) -> tuple[tuple[Any, slice], ...]:
        """PyMC distributions that compiled code does not know, and the scales that they govern."""
        found, at = [], 0
        for s in self.scales:
            if s.custom is not None:
                found.append((s.custom, slice(at, at + s.size)))
            at += s.size
        return tuple(found)

    @property
    def identity(self) -> bytes:
        """Bytes that differ where a law, a parameter to its last digit, or a fixed value does."""
        parts: list[bytes] = []
        for s in self.scales:
            parts.append(repr((s.name, s.size, s.law.name if s.law else "")).encode())
            values = [s.fixed] if s.fixed is not None else s.law.parameters if s.law else ()
            parts += [np.asarray(v, np.float64).tobytes() for v in values]
            parts.append(graph_identity(s.custom) if s.custom is not None else b"")
        for c in self.correlations:
            parts.append(repr((c.name, c.blocks, c.eta)).encode())
            parts.append(b"" if c.fixed is None else c.fixed.tobytes())
        parts += [repr(p).encode() for p in self.products]
        return b"|".join(parts)

    def layout(self) -> Layout:
        index, code, value, parameters, z = [], [], [], [], 0
        for s in self.scales:
            kind = FIXED if not s.free else s.law.code if s.law else CUSTOM
            index += list(range(z, z + s.size)) if s.free else [-1] * s.size
            z += s.size if s.free else 0
            code += [kind] * s.size
            value += (
                list(np.broadcast_to(s.fixed, s.size)) if s.fixed is not None else [1.0] * s.size
            )
            parameters.append(s.law.table(s.size) if s.law else np.zeros((s.size, 3)))
        blocks: list[tuple[int, ...]] = []
        members: list[int] = []
        eta: list[tuple[float, float]] = []
        for factor, c in enumerate(self.correlations):
            for b in c.parts if c.free else ():
                blocks.append((factor, len(b), len(members), z))
                members += b
                eta.append((c.eta, lkj_constant(len(b), c.eta)))
                z += len(b) * (len(b) - 1) // 2
        flat = [c.start.ravel() for c in self.correlations]
        return Layout(
            at=np.array(index, np.int64),
            code=np.array(code, np.int64),
            parameters=np.vstack(parameters),
            value=np.array(value, np.float64),
            widths=np.array([c.size for c in self.correlations], np.int64),
            blocks=np.array(blocks, np.int64).reshape(-1, 4),
            members=np.array(members, np.int64),
            eta=np.array(eta, np.float64).reshape(-1, 2),
            start=np.concatenate([*flat, np.zeros(0)]),
            products=self._products(),
        )

    def _products(self) -> np.ndarray:
        """Where the parameters of every block of columns begin among the scales."""
        begin, at = {}, 0
        for s in self.scales:
            begin[s.name], at = at, at + s.size
        table = []
        for p in self.products:
            places = (begin[n] if n else -1 for n in (p.local, p.common, p.rate, p.slab))
            table.append((p.count, *places, int(p.noise)))
        return np.array(table, np.int64).reshape(-1, 6)

    def constrain(self, z: Array, layout: Layout | None = None) -> "Theta":
        """The variances at coordinates z (d,)."""
        layout = layout or self.layout()
        h, corr = np.zeros(layout.at.size), layout.start.copy()
        scales = np.zeros(length(layout))
        unpack(np.asarray(z, np.float64), layout, h, corr, scales)
        return Theta(h, corr, scales)

    def coordinates(self, theta: "Theta") -> Array:
        """The inverse of `constrain`; -inf where a scale is zero. Fixed ones are not looked at."""
        layout = self.layout()
        z = np.zeros(self.size)
        free = layout.at >= 0
        with np.errstate(divide="ignore"):
            z[layout.at[free]] = np.log(theta.h[free])
        starts = np.concatenate([[0], np.cumsum(layout.widths**2)])
        for factor, size, first, at in layout.blocks:
            q = layout.widths[factor]
            K = theta.corr[starts[factor] : starts[factor + 1]].reshape(q, q)
            rows = layout.members[first : first + size]
            K = np.linalg.cholesky((K @ K.T)[np.ix_(rows, rows)])
            for i in range(1, size):
                z[at : at + i] = K[i, :i] / K[i, i]
                at += i
        return z

    def theta(self, scales: Array, sigma: float) -> "Theta":
        """The point with triangular factors `scales` and noise `sigma`; grouping factors only."""
        h, corr, at = [], [], 0
        for c in self.correlations:
            L = scales[at : at + c.size**2].reshape(c.size, c.size)
            sd = np.sqrt((L**2).sum(axis=1))
            h.append(sd)
            K = np.divide(L, sd[:, None], out=np.eye(c.size), where=sd[:, None] > 0)
            corr.append(K.ravel())
            at += c.size**2
        return Theta(
            np.concatenate([*h, [sigma]]), np.concatenate([*corr, np.zeros(0)]), np.asarray(scales)
        )

    def sample(self, rng: np.random.Generator) -> "Theta":
        """One draw from the prior."""
        h, corr, scales = [], [], []
        for s in self.scales:
            h.append(s.sample(rng))
        for c, sd in zip(self.correlations, h):
            K = c.start.copy()
            for b in c.parts if c.free else ():
                K[np.ix_(b, b)] = lkj_sample(len(b), c.eta, rng)
            corr.append(K.ravel())
            scales.append((sd[:, None] * K).ravel())
        empty, flat = [np.zeros(0)], np.concatenate(h)
        for product in self._products():
            scales.append(np.array([column_scale(product, flat, j)[0] for j in range(product[0])]))
        return Theta(flat, np.concatenate(corr + empty), np.concatenate(scales + empty))


@dataclass(frozen=True)
class Theta:
    """A point: all scales (sigma last), and flat triangular factors of every factor."""

    h: Array
    corr: Array  # Cholesky factors of the correlation matrices
    scales: Array  # L = diag(sd) K, what a solver takes

    @property
    def sigma(self) -> float:
        return float(self.h[-1])
