"""Problems with blocks of columns, and the same written out: every column a factor of one level."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from bayeslmm.solvers.problem import Columns, Factor

from .dense import Problem
from .problems import random_problem

EPS = np.finfo(float).eps


def written_out(p: Problem) -> Problem:
    """Every column of every block as one factor of one level, after the grouped factors."""
    factors, L = list(p.factors), list(p.L)
    for block, own in zip(p.blocks, p.own, strict=True):
        for z, s in zip(block.Z.T, np.broadcast_to(own, block.Z.shape[1])):
            factors.append(Factor(np.zeros(z.size, np.intp), 1, z[:, None]))
            L.append(np.array([[s]]))
    return replace(p, factors=tuple(factors), L=tuple(L), blocks=(), own=())


def known_to(p: Problem, least: float = 1e-10) -> float:
    """That of algebra, or eps times the condition of the rows' covariance given beta."""
    p = written_out(p)
    root = np.sqrt(p.weights * p.frequency)
    V = p.sigma**2 * np.eye(root.size)
    for f, L in zip(p.factors, p.L, strict=True):
        Z = f.Z * root[:, None]
        V += (Z @ L @ L.T @ Z.T) * (f.codes[:, None] == f.codes)
    return max(least, 10.0 * EPS * float(np.linalg.cond(V)))


def wide(rng, n, p, shapes=(), sizes=((20, False),), scale=1.0, zeros=0.0, **more) -> Problem:
    """Random rows; `sizes` holds (columns, shared) of every block, `zeros` a share of scales."""
    grouped = random_problem(rng, n, p, shapes, **more)
    blocks, own = [], []
    for columns, shared in sizes:
        blocks.append(Columns(rng.normal(size=(n, columns)), shared))
        s = scale * np.exp(rng.normal(size=blocks[-1].scales))
        own.append(np.where(rng.random(s.size) < zeros, 0.0, s))
    return replace(grouped, blocks=tuple(blocks), own=tuple(own))


@st.composite
def wides(draw) -> Problem:
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
