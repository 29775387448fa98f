"""The Gibbs sampler of a regression with shrinkage blocks, on arrays.

    y = X beta + sum_b A_b u_b + e,     e ~ N(0, sigma^2 I)

Blocks of columns with laws for their scales (`scales`), a normal or flat prior for beta, any law
for sigma. Rows are reduced once to a triangular factor where they are more than the columns (QR,
Golub & Van Loan 2013, section 5.3), so that their number never enters a sweep.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..gaussian.sums import Array
from ..gaussian.threads import processors
from ..laws import Law
from .coefficients import Data
from .scales import FIXED
from .sweep import Laws, State, run

MANY = 2.5  # columns per row from which the factor has the size of the rows: fewer operations
WORTH = 150  # columns from which chains run side by side


@dataclass(frozen=True)
class Block:
    """Columns of the design and the law of their scales.

    u_j ~ N(0, s_j^2), s_j = local_j common rate^-1/2 sigma^power, and with a slab
    s_j <- s_j / sqrt(1 + s_j^2 / slab2) before sigma enters.

    Attributes
    ----------
    columns : int
        How many of the design's columns, in order.
    local, common, rate, slab2 : Law, float or array
        A law, or the value at which it is fixed (local: one or one per column).
    power : int
        1 where scales are in units of sigma, else 0.
    """

    columns: int
    local: Any = 1.0
    common: Any = 1.0
    rate: Any = 1.0
    slab2: Any = np.inf
    power: int = 0


@dataclass(frozen=True)
class Draws:
    """Draws of all chains, (chains, draws, ...).

    Attributes
    ----------
    beta : (..., p)
    u, local : (..., P)
    heads : (..., B, 3)
        common, rate and slab^2 of every block.
    sigma : (...)
    """

    beta: Array
    u: Array
    local: Array
    heads: Array
    sigma: Array


def reduce_rows(
    X: Array,
    A: Array,
    y: Array,
    precision: Array | None = None,
    shift: Array | None = None,
    size: float | None = None,
) -> tuple[Data, Array]:
    """Sums over the rows, about the least squares fit of y on X.

    Parameters
    ----------
    X, A, y : (n, p), (n, P), (n,)
        Rows times sqrt(weight * frequency), the offset subtracted.
    precision, shift : (p, p), (p,), optional
        P0 and P0 m of beta's normal prior; flat where not given.
    size : float, optional
        Sum of the frequencies, n where not given.

    Returns
    -------
    Data, (p,)
        What a chain works on, and the fit: add it to the draws of beta.
    """
    (n, p), P = X.shape, A.shape[1]
    centre = np.linalg.lstsq(X, y, rcond=None)[0] if p else np.zeros(0)
    precision = np.zeros((p, p)) if precision is None else np.asarray(precision, float)
    shift = np.zeros(p) if shift is None else np.asarray(shift, float)
    rows = np.column_stack([X, A, y - X @ centre])
    if n > p + P + 1:
        rows = np.linalg.qr(rows, mode="r")
    X, A, z = (np.ascontiguousarray(r) for r in (rows[:, :p], rows[:, p:-1], rows[:, -1]))
    gram = A.T @ A if MANY * rows.shape[0] >= P else np.zeros((0, 0))
    data = Data(
        X,
        A,
        z,
        float(n if size is None else size),
        gram,
        X.T @ A,
        A.T @ z,
        X.T @ X,
        X.T @ z,
        precision,
        shift - precision @ centre,
        not precision.any(),
    )
    return data, centre


def _law(value: Any, size: int) -> tuple[Array, Array, Any]:
    """Rows (size, 4), and a start (size,) or what the start is drawn from."""
    rows = np.zeros((size, 4))
    if isinstance(value, Law):
        rows[:, 0], rows[:, 1:] = value.code, value.table(size)
        return rows, np.ones(size) * value.typical, True
    rows[:, 0] = FIXED
    return rows, np.ones(size) * np.asarray(value, float), False


def _prepare(blocks: Sequence[Block], sigma: Any) -> tuple[Laws, Array, Array, float]:
    """Compiled form of the laws, and the values where chains start."""
    local = [_law(b.local, b.columns) for b in blocks]
    heads = [[_law(getattr(b, f), 1) for f in ("common", "rate", "slab2")] for b in blocks]
    own, begin, _ = _law(sigma, 1)
    laws = Laws(
        starts=np.cumsum([0] + [b.columns for b in blocks]),
        power=np.array([b.power for b in blocks], np.int64),
        local=np.concatenate([r for r, _, _ in local]),
        heads=np.array([[r[0] for r, _, _ in h] for h in heads]),
        sigma=own[0],
    )
    starts = np.array([[s[0] for _, s, _ in h] for h in heads])
    return laws, np.concatenate([s for _, s, _ in local]), starts, float(begin[0])


def sample(
    data: Data,
    centre: Array,
    blocks: Sequence[Block],
    sigma: Any,
    *,
    draws: int,
    tune: int,
    chains: int,
    rng: np.random.Generator,
) -> Draws:
    """Chains of draws from the posterior.

    Parameters
    ----------
    data, centre
        From `reduce_rows`.
    blocks : sequence of Block
        Laws of the columns' scales, in the order of the columns.
    sigma : Law or float
        Law of the noise's standard deviation, or its value.
    draws, tune, chains : int
        Draws kept per chain, sweeps before them, number of chains.
    rng : numpy Generator
        Each chain takes a stream of its own from it.

    Returns
    -------
    Draws

    Raises
    ------
    ArithmeticError
        Where a chain leaves float64.
    """
    laws, local, heads, begin = _prepare(blocks, sigma)
    P, p, B = local.size, centre.size, len(blocks)
    if laws.sigma[0] != FIXED:
        begin = max(np.sqrt(data.z @ data.z / data.size), 1e-300)
    out = Draws(
        np.empty((chains, draws, p)),
        np.empty((chains, draws, P)),
        np.empty((chains, draws, P)),
        np.empty((chains, draws, B, 3)),
        np.empty((chains, draws)),
    )
    streams = rng.spawn(chains)

    def chain(i: int) -> int:
        own = streams[i]
        wide = lambda x, law: np.where(law[..., 0] < 0, x, x * own.lognormal(0.0, 0.7, x.shape))  # noqa: E731
        state = State(
            np.zeros(p),
            np.zeros(P),
            wide(local, laws.local),
            wide(heads, laws.heads),
            wide(np.array([begin]), laws.sigma),
        )
        return run(
            own,
            data,
            laws,
            state,
            tune,
            *(getattr(out, f)[i] for f in ("beta", "u", "local", "heads", "sigma")),
        )

    if P < WORTH:
        done = [chain(i) for i in range(chains)]
    else:
        with ThreadPoolExecutor(min(chains, processors())) as pool:
            done = list(pool.map(chain, range(chains)))
    if min(done) < draws:
        raise ArithmeticError(
            f"chain {int(np.argmin(done)) + 1} left float64 after {min(done)} draws: columns are "
            f"collinear, or sigma runs to zero; give sigma a prior that keeps off zero"
        )
    out.beta[:] += centre
    return out
