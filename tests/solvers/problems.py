"""Small random problems: every number of factors, effects and rows, every degenerate point."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from bayeslmm.solvers.beta import FixedPrior

from .dense import Problem, problem

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def triangular(rng, q: int, kind: str = "plain", size: float = 1.0) -> np.ndarray:
    """A factor L: of full rank, zero, of correlation exactly one, or with one effect left out."""
    L = np.tril(rng.normal(size=(q, q))) * size
    if kind == "zero":
        L[:] = 0.0
    elif kind == "singular":
        L[:, 1:] = 0.0
        if q == 1:
            L[:] = 0.0
    elif kind == "one effect":
        L[rng.integers(q)] = 0.0
    return L


def fixed_prior(rng, p: int, kind: str) -> FixedPrior:
    """Flat, independent normal, jointly normal, or flat on the last coefficient."""
    if kind == "flat" or p == 0:
        return FixedPrior.flat(p)
    r = max(p - 1, 0) if kind == "partly flat" else p
    H = np.eye(p)[:r]
    log_det = 0.0
    if kind == "joint":
        H = H + 0.3 * rng.normal(size=(r, p))
        log_det = float(np.linalg.slogdet(H)[1])
    return FixedPrior(H, rng.normal(size=r), np.exp(rng.normal(size=r)), log_det)


def random_problem(
    rng,
    n: int,
    p: int,
    shapes: tuple[tuple[int, int], ...],
    kinds: tuple[str, ...] = (),
    prior: str = "flat",
    extras: bool = False,
    size: float = 1.0,
) -> Problem:
    """Random rows; `shapes` holds (levels, effects) of every factor."""
    X = np.column_stack([np.ones(n), rng.normal(size=(n, max(p - 1, 0)))])[:, :p]
    kinds = kinds or ("plain",) * len(shapes)
    factors = []
    for levels, q in shapes:
        Z = np.column_stack([np.ones(n), rng.normal(size=(n, q - 1))])
        factors.append((rng.permutation(np.arange(n) % levels), levels, Z))
    more = {"prior": fixed_prior(rng, p, prior)}
    if extras:
        more["offset"] = rng.normal(size=n)
        more["weights"] = np.exp(rng.normal(size=n))
        more["frequency"] = rng.integers(1, 4, size=n).astype(float)
    L = tuple(triangular(rng, q, kind, size) for (_, q), kind in zip(shapes, kinds, strict=True))
    return problem(rng.normal(size=n) * 3.0 + 1.0, X, factors, L, np.exp(rng.normal()), **more)


@st.composite
def problems(draw) -> Problem:
    """Up to three factors; levels may be as many as rows, or more (then some have no row)."""
    n = draw(st.integers(1, 14), label="n")
    p = draw(st.integers(0, min(n, 3)), label="p")
    shape = st.tuples(st.integers(1, 16), st.sampled_from([1, 1, 2, 3, 4]))
    shapes = tuple(draw(st.lists(shape, max_size=3), label="factors"))
    kind = st.sampled_from(["plain", "plain", "zero", "singular", "one effect"])
    kinds = tuple(draw(kind) for _ in shapes)
    return random_problem(
        np.random.default_rng(draw(st.integers(0, 10_000), label="seed")),
        n,
        p,
        shapes,
        kinds,
        draw(st.sampled_from(["flat", "normal", "joint", "partly flat"])),
        draw(st.booleans()),
        10.0 ** draw(st.sampled_from([-2.0, 0.0, 1.0])),
    )


def nested(rng) -> Problem:
    """Five groups of one factor inside every group of another, with a slope in both."""
    n = 24
    inner, x = np.arange(n) // 2, rng.normal(size=n)
    X = np.column_stack([np.ones(n), x])
    factors = [(inner, 12, X), (inner // 4, 3, X)]
    L = (triangular(rng, 2), triangular(rng, 2))
    return problem(rng.normal(size=n), X, factors, L, 0.7)
