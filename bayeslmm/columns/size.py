"""Refuse a block that this machine cannot hold, before it is made.

n rows of p columns take the matrix, its scaled copy and one more in passing; the dual solver
(n < p) or the primal one (p <= n) adds square matrices of the smaller side.
"""

from ..design import DesignError
from ..gaussian.memory import memory

COPIES = 3  # of either kind


def refuse_too_large(n: int, p: int, what: str, advice: str = "use fewer columns") -> None:
    """Raise where n x p and square matrices of the smaller side do not fit into memory.

    Raises
    ------
    DesignError
        Saying the gigabytes needed, and those there are.
    """
    side = min(n, p)
    need, limit = 8.0 * COPIES * (float(n) * p + float(side) ** 2), memory()
    if limit is None or need <= limit:
        return
    raise DesignError(
        f"{what}: {n:,} rows x {p:,} columns need {COPIES} matrices of that size and {COPIES} of "
        f"{side:,} x {side:,}, {need / 1e9:,.0f} GB, but this machine has {limit / 1e9:,.0f} GB; "
        f"{advice}"
    )
