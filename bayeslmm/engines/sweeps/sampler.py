"""The Gibbs sampler of a regression with shrinkage blocks, on arrays.

    y = X beta + sum_b A_b u_b + e,     e ~ N(0, sigma^2 I)

Blocks of columns with laws for their scales (`scales`), a normal or flat prior for beta, any law
for sigma. Rows are reduced once to a triangular factor where they are more than the columns (QR,
Golub & Van Loan 2013, section 5.3), so that their number never enters a sweep.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np

from ...model.laws import Law
from ...solvers.threads import processors
from ...types import Array
from ..engine import most_draws
from .coefficients import SweepData
from .scales import FIXED
from .sweep import Laws, SweepState, run

MANY = 2.0  # columns per row from which the factor has the size of the rows: fewer operations
WIDE = 40  # columns of a block from which its common scale hardly moves given them
WORTH = 150  # columns from which chains run side by side
SLICE = 2000  # draws of a chain between two looks for an interrupt
FOLLOWED = 0.1  # sigma as a share of the response's sd under which all rows are followed


@dataclass(frozen=True)
class SweptBlock:
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
class SweepDraws:
    """Draws of all chains, (chains, draws, ...).

    Attributes
    ----------
    beta : (..., p)
    u, local : (..., P)
    heads : (..., B, 3)
        common, rate and slab^2 of every block.
    sigma : (...)
    whole : bool
        Whether nothing interrupted: else some chains, and some draws of each.
    """

    beta: Array
    u: Array
    local: Array
    heads: Array
    sigma: Array
    whole: bool = True


def reduce_rows(
    X: Array,
    A: Array,
    y: Array,
    precision: Array | None = None,
    shift: Array | None = None,
    size: float | None = None,
) -> tuple[SweepData, Array]:
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
    SweepData, (p,)
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
    data = SweepData(
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


def _rows(value: Any, size: int) -> tuple[Array, Array]:
    """Rows (code, a, b, constant) of a law or a fixed value, and values where a chain starts."""
    rows = np.zeros((size, 4))
    if isinstance(value, Law):
        rows[:, 0], rows[:, 1:] = value.code, value.table(size)
        return rows, np.ones(size) * value.typical
    rows[:, 0] = FIXED
    return rows, np.ones(size) * np.asarray(value, float)


def prepare(
    blocks: Sequence[SweptBlock], sigma: Any, wide: int = WIDE
) -> tuple[Laws, Array, Array]:
    """Compiled form of the laws; starts of local scales (P,) and of what is shared (B, 3)."""
    local = [_rows(b.local, b.columns) for b in blocks]
    heads = [_rows(getattr(b, f), 1) for b in blocks for f in ("common", "rate", "slab2")]
    laws = Laws(
        starts=np.cumsum([0] + [b.columns for b in blocks]),
        power=np.array([b.power for b in blocks], np.int64),
        local=np.concatenate([rows for rows, _ in local]),
        heads=np.concatenate([rows for rows, _ in heads]).reshape(-1, 3, 4),
        sigma=_rows(sigma, 1)[0][0],
        moved=np.array([_moved(b, wide) for b in blocks], np.int64),
    )
    starts = np.concatenate([start for _, start in heads]).reshape(-1, 3)
    return laws, np.concatenate([start for _, start in local]), starts


def _moved(block: SweptBlock, wide: int) -> bool:
    """Whether the common scale needs a step with the coefficients integrated out.

    It costs two factorisations, and pays where columns are many; a laplace block's common scale is
    drawn with the local scales integrated out instead.
    """
    rayleigh = isinstance(block.local, Law) and block.local.name == "Rayleigh"
    laplace = rayleigh and not isinstance(block.slab2, Law) and not np.isfinite(block.slab2)
    return isinstance(block.common, Law) and block.columns >= wide and not laplace


def _spread(typical: Array, rows: Array, rng: np.random.Generator) -> Array:
    """Where a chain starts: what has a law is spread about its typical value."""
    noise = rng.lognormal(0.0, 0.7, typical.shape)
    return np.where(rows[..., 0] == FIXED, typical, typical * noise)


def sample(
    data: SweepData,
    centre: Array,
    blocks: Sequence[SweptBlock],
    sigma: Any,
    *,
    draws: int,
    tune: int,
    chains: int,
    rng: np.random.Generator,
    partial: bool = False,
) -> SweepDraws:
    """Chains of draws from the posterior.

    Parameters
    ----------
    data, centre
        From `reduce_rows`.
    blocks : sequence of SweptBlock
        Laws of the columns' scales, in the order of the columns.
    sigma : Law or float
        Law of the noise's standard deviation, or its value.
    draws, tune, chains : int
        SweepDraws kept per chain, sweeps before them, number of chains.
    rng : numpy Generator
        Each chain takes a stream of its own from it.
    partial : bool
        An interrupt keeps what was drawn before it.

    Returns
    -------
    SweepDraws

    Raises
    ------
    ArithmeticError
        Where a chain leaves float64.
    """
    laws, local, heads = prepare(blocks, sigma)
    begin = np.array([max(np.sqrt(data.z @ data.z / data.size), 1e-150)])
    if not isinstance(sigma, Law):
        begin[0] = sigma
    P, p, B = local.size, centre.size, len(blocks)
    shapes = ((p,), (P,), (P,), (3 * B,), ())
    out = [np.empty((chains, draws, *shape)) for shape in shapes]
    streams, stop, counts = rng.spawn(chains), Event(), np.zeros(chains, np.int64)

    def chain(i: int) -> None:
        state = SweepState(
            np.zeros(p),
            np.zeros(P),
            _spread(local, laws.local, streams[i]),
            _spread(heads, laws.heads, streams[i]),
            _spread(begin, laws.sigma[None], streams[i]),
        )
        for at in range(0, draws, SLICE):  # compiled code hears no interrupt
            if stop.is_set():
                return
            part = [o[i, at : at + SLICE] for o in out]
            counts[i] += run(streams[i], data, laws, state, 0 if at else tune, *part)
            if counts[i] < min(at + SLICE, draws):
                return

    whole = _all_run(chain, chains, 1 if P < WORTH else min(chains, processors()), stop, partial)
    if whole and counts.min() < draws:
        raise ArithmeticError(
            f"chain {int(np.argmin(counts)) + 1} left float64 after {counts.min()} draws: columns "
            f"are collinear, or sigma runs to zero; give sigma a prior that keeps off zero"
        )
    if not whole:
        kept, count = most_draws(counts)
        out = [o[kept, :count] for o in out]
    beta, u, local, heads, sigma_of = out
    heads = heads.reshape(*heads.shape[:2], B, 3)
    return SweepDraws(beta + centre, u, local, heads, sigma_of, whole)


def _all_run(
    work: Callable[[int], None], count: int, threads: int, stop: Event, partial: bool
) -> bool:
    """Do work(0), work(1), ...; whether no interrupt stopped it. It is raised but for `partial`."""
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(work, i) for i in range(count)]
        try:
            for job in jobs:
                job.result()
        except KeyboardInterrupt:
            stop.set()
            if not partial:
                raise
            return False
    return True


def advice(columns: int, rows: float, spread: float, sigma: Array) -> tuple[str, ...]:
    """What a user must know about the draws of a wide design, beyond R-hat.

    With at least as many columns as rows the coefficients can follow every row. Where sigma and
    the scales shrink together the likelihood stays as it is, so that only the priors keep sigma
    off zero: with density 1 / sigma and rate ~ Gamma(a, b) the posterior of log sigma falls as
    slowly as sigma^(2a).
    """
    wide = columns >= rows
    low = float(np.quantile(sigma, 0.05))
    share = low / max(spread, 1e-300)
    if not wide or share >= FOLLOWED:
        return ()
    return (
        f"sigma runs towards zero: 5% of its draws are under {100 * share:.2g}% of the response's "
        f"sd, where the {columns} columns follow all {rows:g} rows; give sigma a "
        f"prior that keeps off zero, such as InverseGamma(2, sd of the response)",
    )
