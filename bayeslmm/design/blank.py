"""Rows of which only offset, weights and noise are known: those of a block of columns alone."""

from typing import Any

import numpy as np

from .extras import Sources, values_or
from .labels import Labels
from .records import NewRows


def blank_rows(
    sources: Sources, count: int, given: dict[str, Any], labels: Labels, noise: bool
) -> NewRows:
    """Rows without fixed effects (count, 0) and without groups.

    Raises
    ------
    DesignError
        If the offset cannot be known, or a value cannot be used.
    """
    rows = np.arange(count)
    extras = sources.for_new_rows(given, rows, None, labels, noise)
    return NewRows(
        X=np.empty((count, 0)),
        offset=values_or(extras, "offset", count, 0.0),
        weights=values_or(extras, "weights", count, 1.0),
        noise_sd=extras["noise_sd"].values if "noise_sd" in extras else None,
        groups=(),
        rows=rows,
        weighted="weights" in extras,
        labels=labels,
    )
