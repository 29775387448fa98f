"""Refuse early what cannot fit: crossed factors leave a dense matrix, and memory is finite.

The factor with most columns is eliminated group by group. The m columns of all others and of X
make one symmetric m x m matrix that fills in (Bates, Maechler, Bolker & Walker 2015, section 5);
the solver holds it several times over, in double precision.
"""

from collections.abc import Sequence

from ..design import Design, DesignError, Grouping
from ..solvers.memory import memory

COPIES = 5  # the sums, their total at a point, its factor, the covariance, and one in passing


def refuse_too_large(design: Design, order: Sequence[Grouping]) -> None:
    """Raise where the remainder of the factors, the first eliminated, cannot be held."""
    others = {g.name: len(g.levels) * len(g.effects) for g in order[1:]}
    m = sum(others.values()) + design.X.shape[1]
    need, limit = 8.0 * COPIES * m * m, memory()
    if limit is None or need <= limit:
        return
    parts = ", ".join(f"{name} {count:,}" for name, count in others.items())
    advice = "use fewer fixed-effect columns"
    if others:
        most = max(others, key=lambda name: others[name])
        advice = (
            f"merge rare levels of {most}, give it fewer effects, make it a fixed effect of fewer "
            f"groups, or drop (... | {most})"
        )
    raise DesignError(
        f"the columns beside those of {order[0].name if order else 'no factor'} are {m:,} "
        f"({parts or 'fixed effects'}): the solver needs {COPIES} dense matrices of {m:,} x {m:,}, "
        f"{need / 1e9:,.0f} GB, but this machine has {limit / 1e9:,.0f} GB; {advice}"
    )
