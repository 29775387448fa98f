"""Missing values: refused with their rows, or dropped and counted. Never silently."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..host.options import one_of, shown
from .errors import DesignError, at_rows
from .labels import Beside, Labels, places


def rows_to_keep(masks: Mapping[str, np.ndarray], rows: np.ndarray, missing: str) -> np.ndarray:
    """Which rows to keep.

    Parameters
    ----------
    masks : mapping of str to ndarray (n,)
        Where each thing ("column 'x'", "weights") is missing.
    rows : ndarray (n,)
        Labels of the rows.
    missing : {"error", "drop"}
        What to do.

    Returns
    -------
    ndarray (n,) of bool

    Raises
    ------
    DesignError
        If values are missing under "error", or if no row is left under "drop".
    """
    if not one_of(missing, ("error", "drop")):
        raise DesignError(f"missing must be 'error' or 'drop', got {shown(missing)}")
    gone = np.zeros(len(rows), dtype=bool)
    for mask in masks.values():
        gone |= mask
    if missing == "error" and gone.any():
        told = [f"{what} in {at_rows(mask, rows)}" for what, mask in masks.items() if mask.any()]
        raise DesignError(
            f"missing values: {'; '.join(told)}. Fill them, or pass missing='drop' to drop "
            f"{gone.sum()} of {len(rows)} rows"
        )
    if gone.all():
        worst = max(masks, key=lambda what: int(masks[what].sum()))
        raise DesignError(
            f"no row is left after dropping missing values; most are missing in {worst} "
            f"({masks[worst].sum()} of {len(rows)} rows)"
        )
    return ~gone


def gaps(matrix: np.ndarray, names: tuple[str, ...], what: str) -> dict[str, np.ndarray]:
    """Where the columns of a matrix are missing, for those that are."""
    with_gaps = np.flatnonzero(np.isnan(matrix.min(axis=0, initial=np.inf)))  # NaN passes through
    return {f"column '{names[j]}' of {what}": np.isnan(matrix[:, j]) for j in with_gaps}


def gaps_beside(beside: Sequence[Beside], labels: Labels, n: int) -> dict[str, np.ndarray]:
    """Where columns beside the table are missing, in the order of its rows."""
    found = {}
    for block in beside:
        order = places(labels, block, n)
        for where, mask in gaps(block.matrix, block.labels, block.what).items():
            found[where] = mask[order]
    return found
