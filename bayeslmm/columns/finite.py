"""Missing and infinite entries, named by column and row."""

from collections.abc import Sequence

import numpy as np

from ..design import DesignError
from ..design.errors import at_rows


def refuse_not_finite(
    matrix: np.ndarray,
    labels: Sequence[str],
    rows: np.ndarray,
    what: str,
    advice: str = "",
    gaps: bool = False,
) -> None:
    """Raise where an entry is infinite or, unless there may be `gaps`, NaN.

    Raises
    ------
    DesignError
        Naming the first such column with its rows, and how many more columns there are.
    """
    finite = np.isfinite(matrix)
    if gaps:
        finite |= np.isnan(matrix)
    if finite.all():
        return
    columns = np.flatnonzero(~finite.all(axis=0))
    j = int(columns[0])
    missing = np.isnan(matrix[:, j]) & ~finite[:, j]
    kind, mask = ("missing", missing) if missing.any() else ("infinite", ~finite[:, j])
    others = len(columns) - 1
    more = f", and {others:,} more {'column' if others == 1 else 'columns'}" if others else ""
    raise DesignError(
        f"column '{labels[j]}' of {what} is {kind} in {at_rows(mask, rows)}{more}; "
        + (advice or "fill or drop these rows")
    )
