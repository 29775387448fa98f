"""A response that some columns follow exactly, so that no noise is left to estimate.

Where y lies in the span of r columns of N > r rows, the likelihood grows as sigma^-(N - r) as sigma
goes to zero: it has no maximum. A posterior exists only where the priors fall faster, that is where

    a > N - r,    p(sigma) ~ sigma^(a - 1) near zero,

and a counts what a scale in units of sigma must do to keep a coefficient where y needs it.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ..model.model import Model
from ..model.parameters import Positive
from ..model.terms import BlockTerm, GroupTerm
from ..types import Array

RELATIVE = 1e-12  # of y's spread that a remainder may be, beside the rounding of its parts
CANCELLED = 1e-6  # of it, beyond which rounding could hide any noise
NOISY = 1e-6  # share of y's squares that is no rounding
SUBSETS = 4  # terms up to which every choice of them is tried
WORK = 1e8  # multiplications up to which columns are solved for at once
STEPS = 200  # of an iteration where there are more
ORDERS = {"Jeffreys": 0.0, "Rayleigh": 2.0, "InverseGamma": np.inf, "LogNormal": np.inf}

type Parts = tuple[GroupTerm | BlockTerm, ...]


@dataclass(frozen=True)
class Exact:
    """Which terms follow y, beside the fixed effects, and how fast the likelihood grows."""

    terms: tuple[str, ...]
    power: float  # N - r

    @property
    def words(self) -> str:
        what = " and ".join(("the fixed effects", *self.terms))
        return (
            f"{what} fit y exactly, so that no noise is left: the likelihood has no maximum, it "
            f"grows without bound as sigma goes to zero"
        )


class ExactFit(ValueError):
    """No posterior, since no noise is left."""


ADVICE = (
    "look for a column that is the response itself, fix sigma (priors={'sigma': ...}), or give it "
    "a prior that keeps off zero, such as LogNormal(mu, 1)"
)


def refuse_exact(model: Model) -> None:
    """A posterior that does not exist, because y is followed exactly and no prior holds sigma.

    Raises
    ------
    ExactFit
        Naming the terms that fit y.
    """
    found = exact_fit(model)
    if found is not None and _order(model.space.sigma) + _costs(model, found) <= found.power:
        raise ExactFit(f"{found.words}, and the posterior is improper; {ADVICE}")


def exact_fit(model: Model, integrated: bool = True) -> Exact | None:
    """The fewest terms that follow y exactly with fewer columns than rows; None as a rule.

    Where beta is maximised ("ml"), its columns take nothing of the growth: r is that of the others.
    """
    if not model.space.sigma.free:
        return None
    if _noisy(model):
        return None
    y = np.sqrt(model.residual.precision) * (model.design.y - model.design.offset)
    count = float(model.design.frequency.sum())
    parts = tuple(p for p in model.columns if _counts(p))
    if sum(p.columns for p in parts) < y.size and _followed(model, parts, y) is None:
        return None  # all of them do not
    for chosen in _choices(parts):
        rank = _followed(model, chosen, y)
        if rank is not None and not integrated and y.size**3 <= WORK:
            Z = _columns(model, chosen)[:, len(model.design.fixed) :]
            rank = int(np.linalg.matrix_rank(Z.toarray())) if Z.shape[1] else 0
        if rank is not None and rank < count:
            return Exact(tuple(p.name for p in chosen), count - rank)
    return None


def _noisy(model: Model) -> bool:
    """Whether what all columns leave of y is known already, and is far more than rounding."""
    left = getattr(model.solver(), "left", None)
    if left is None:
        return False
    y = np.sqrt(model.residual.precision) * (model.design.y - model.design.offset)
    return bool(left > NOISY * float(model.design.frequency @ y**2))


def _choices(parts: Parts) -> list[Parts]:
    """Which terms are tried together, the fewest first."""
    sizes = range(len(parts) + 1) if len(parts) <= SUBSETS else (0, 1, len(parts))
    return [some for size in sizes for some in combinations(parts, size)]


def _counts(part: GroupTerm | BlockTerm) -> bool:
    """Whether a term can hold its coefficients while sigma goes to zero."""
    if isinstance(part, GroupTerm):
        return part.sd.free or bool(np.any(part.sd.fixed))
    return any(p.free for p in part.law.parameters) or not part.law.noise


def _followed(model: Model, parts: Parts, y: Array) -> int | None:
    """The rank of the columns where y lies in their span, to rounding; else None."""
    width = len(model.design.fixed) + sum(p.columns for p in parts)
    if not width:
        return 0 if not y.any() else None
    small = y.size * width * min(y.size, width) <= WORK
    if not small and width >= y.size:
        return None
    A = _columns(model, parts)
    length = np.sqrt(np.asarray(A.multiply(A).sum(axis=0)).ravel())
    A = A.multiply(1.0 / np.where(length > 0.0, length, 1.0)).tocsr()
    b, rank = np.zeros(width), width
    dense = A.toarray() if small else None
    for _ in range(2):  # the second time for what the first rounds
        more, rank = _solved(A if dense is None else dense, y - A @ b)
        b = b + more
    left = float(np.sqrt(np.mean((y - A @ b) ** 2)))
    largest = max(np.abs(y).max(), np.abs(A.multiply(b)).max())
    rounding = 16.0 * np.finfo(float).eps * float(largest)
    spread = float(np.std(y))
    if rounding > CANCELLED * spread:
        return None  # so large parts cancel that float64 cannot say what is left
    return rank if left <= RELATIVE * spread + rounding else None


def _solved(A: Any, y: Array) -> tuple[Array, int]:
    """Least squares, and the rank; of many columns, as many as there are."""
    if isinstance(A, np.ndarray):
        from scipy.linalg import lstsq

        least = 4.0 * max(A.shape) * np.finfo(float).eps  # crossed factors share the intercept
        b, _, rank, _ = lstsq(A, y, cond=least, lapack_driver="gelsd")
        return b, int(rank)
    from scipy.sparse.linalg import lsmr

    return lsmr(A, y, atol=1e-12, btol=1e-12, maxiter=STEPS)[0], A.shape[1]


def _columns(model: Model, parts: Parts) -> Any:
    """All columns side by side, sparse, each row by the root of its weight."""
    from scipy.sparse import csr_matrix, diags, hstack

    blocks = [csr_matrix(model.design.X)]
    for part in parts:
        if isinstance(part, BlockTerm):
            blocks.append(csr_matrix(part.Z))
            continue
        rows, (levels, q) = np.arange(part.grouping.codes.size), part.shape
        at = part.grouping.codes[:, None] * q + np.arange(q)
        place = (np.repeat(rows, q), at.ravel())
        blocks.append(csr_matrix((part.grouping.Z.ravel(), place), (rows.size, levels * q)))
    return (diags(np.sqrt(model.residual.precision)) @ hstack(blocks)).tocsr()


def _order(p: Positive) -> float:
    """a, where the prior's density is x^(a - 1) near zero."""
    if p.fixed is not None:
        return np.inf
    if p.law is None:
        return _slope(p)
    if p.law.name == "Gamma":
        return float(np.min(p.law.parameters[0]))
    return ORDERS.get(p.law.name, 1.0)


def _slope(p: Positive) -> float:
    """The same of a distribution that only PyMC knows: by its density at two small numbers."""
    import pymc as pm

    near, far = (float(np.sum(pm.logp(p.custom, x).eval())) for x in (1e-10, 1e-13))
    slope = (near - far) / np.log(1e3) + 1.0
    return slope if np.isfinite(slope) else np.inf


def _tail(p: Positive | None) -> float:
    """t, where the chance of more than x falls as x^-t; endless where it falls faster."""
    if p is None or p.law is None:
        return np.inf
    if p.law.name == "HalfCauchy":
        return 1.0
    if p.law.name in ("HalfStudentT", "InverseGamma"):
        return float(np.min(p.law.parameters[0]))
    return 0.0 if p.law.name in ("HalfFlat", "Jeffreys") else np.inf


def _costs(model: Model, found: Exact) -> float:
    """What scales in units of sigma lose of the prior to hold their coefficients."""
    return sum(_cost(b) for b in model.blocks if b.name in found.terms and b.law.noise)


def _cost(block: BlockTerm) -> float:
    """The cheapest way for s_j / sigma to grow as 1 / sigma: the power of sigma that it takes."""
    law = block.law
    by_rate = 2.0 * _order(law.rate) if law.rate is not None else np.inf
    cheapest = min(by_rate, _tail(law.common), block.columns * _tail(law.local))
    return cheapest + (2.0 * _tail(law.slab) if law.slab is not None else 0.0)
