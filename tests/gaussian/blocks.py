"""Problems with blocks of columns, and the same written out: every column a factor of one level."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from bayeslmm.solvers.beta import Beta, beta_of
from bayeslmm.solvers.dual import Dual
from bayeslmm.solvers.problem import Columns, Factor
from bayeslmm.solvers.problem import Problem as Rows

from .dense import Problem
from .problems import random_problem

EPS = np.finfo(float).eps


@dataclass(frozen=True)
class Wide:
    """Rows with grouped factors, and blocks of columns at their scales."""

    grouped: Problem
    blocks: tuple[Columns, ...]
    own: tuple[np.ndarray, ...]  # (1,) where a block shares its scale, else (P,)

    @property
    def scales(self) -> np.ndarray:
        return np.concatenate([self.grouped.scales, *self.own])

    @property
    def sigma(self) -> float:
        return self.grouped.sigma

    @property
    def rows(self) -> Rows:
        return replace(self.grouped.rows, blocks=self.blocks)

    def beta(self, criterion: str) -> Beta:
        return beta_of(criterion, self.grouped.prior)

    def solver(self, criterion: str) -> Dual:
        return Dual.of(self.rows, self.beta(criterion))

    def written_out(self) -> Problem:
        """Every column of every block as one factor of one level, after the grouped factors."""
        factors, L = list(self.grouped.factors), list(self.grouped.L)
        for block, own in zip(self.blocks, self.own, strict=True):
            for z, s in zip(block.Z.T, np.broadcast_to(own, block.Z.shape[1])):
                factors.append(Factor(np.zeros(z.size, np.intp), 1, z[:, None]))
                L.append(np.array([[s]]))
        return replace(self.grouped, factors=tuple(factors), L=tuple(L))

    def at(self, scales: np.ndarray, sigma: float) -> "Wide":
        """The same rows at another point."""
        L, own, start = [], [], 0
        for f in self.grouped.factors:
            q = f.effects
            L.append(scales[start : start + q * q].reshape(q, q))
            start += q * q
        for b in self.blocks:
            own.append(scales[start : start + b.scales])
            start += b.scales
        return Wide(replace(self.grouped, L=tuple(L), sigma=sigma), self.blocks, tuple(own))

    def covariance(self) -> np.ndarray:
        """Of the rows given beta, in float64, each row scaled by its weight and frequency."""
        p = self.written_out()
        root = np.sqrt(p.weights * p.frequency)
        V = p.sigma**2 * np.eye(root.size)
        for f, L in zip(p.factors, p.L, strict=True):
            Z = f.Z * root[:, None]
            V += (Z @ L @ L.T @ Z.T) * (f.codes[:, None] == f.codes)
        return V

    def tolerance(self, least: float = 1e-10) -> float:
        """That of algebra, or eps times the condition of the rows' covariance."""
        return max(least, 10.0 * EPS * float(np.linalg.cond(self.covariance())))


def wide(rng, n, p, shapes=(), sizes=((20, False),), scale=1.0, zeros=0.0, **more) -> Wide:
    """Random rows; `sizes` holds (columns, shared) of every block, `zeros` a share of scales."""
    grouped = random_problem(rng, n, p, shapes, **more)
    blocks, own = [], []
    for columns, shared in sizes:
        blocks.append(Columns(rng.normal(size=(n, columns)), shared))
        s = scale * np.exp(rng.normal(size=blocks[-1].scales))
        own.append(np.where(rng.random(s.size) < zeros, 0.0, s))
    return Wide(grouped, tuple(blocks), tuple(own))


@st.composite
def wides(draw) -> Wide:
    """Fewer, as many and more columns than rows; every prior; scales of zero."""
    n = draw(st.integers(1, 10), label="n")
    shape = st.tuples(st.integers(1, 12), st.sampled_from([1, 2, 3]))
    shapes = tuple(draw(st.lists(shape, max_size=2), label="factors"))
    kind = st.sampled_from(["plain", "plain", "zero", "singular", "one effect"])
    size = st.tuples(st.integers(1, 15), st.booleans())
    return wide(
        np.random.default_rng(draw(st.integers(0, 10_000), label="seed")),
        n,
        draw(st.integers(0, min(n, 2)), label="p"),
        shapes,
        tuple(draw(st.lists(size, max_size=2), label="blocks")),
        10.0 ** draw(st.sampled_from([-2.0, 0.0, 1.0])),
        draw(st.sampled_from([0.0, 0.3, 1.0])),
        kinds=tuple(draw(kind) for _ in shapes),
        prior=draw(st.sampled_from(["flat", "normal", "joint", "partly flat"])),
        extras=draw(st.booleans()),
    )
