"""The result of `loo`: ArviZ's own class, which knows what was left out and what to mind.

ArviZ is loaded with this file, so it is imported where it is needed and no sooner.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from arviz_stats.utils import ELPDDataLOO

from ...types import Array
from .smoothing import good_k


@dataclass(kw_only=True, repr=False)
class Elpd(ELPDDataLOO):
    """Expected log predictive density of units left out one at a time.

    Attributes
    ----------
    unit : str
        What was left out: "row", or the name of a grouping factor.
    note : str
        What to mind when reading it; empty where there is nothing.
    """

    unit: str = "row"
    note: str = ""

    def _header(self) -> str:
        at = "1 value" if self.n_samples == 1 else f"{self.n_samples} draws"
        return f"{self.n_data_points} x {self.unit} left out, computed from {at} of the variances."

    def _footer(self) -> str:
        footer = super()._footer()
        return f"{footer}\n{self.note}" if self.note else footer


def elpd_of(
    unit: str,
    labels: Any,
    elpd: Array,
    p: Array,
    khat: Array,
    samples: int,
    note: str,
) -> Elpd:
    """The totals over the units, with each unit's share."""
    from xarray import DataArray

    n, limit = elpd.size, good_k(samples)

    def array(values: Array, name: str) -> Any:
        return DataArray(values, {unit: labels}, (unit,), name)

    return Elpd(
        elpd=float(elpd.sum()),
        se=float(np.sqrt(n * elpd.var(ddof=1))) if n > 1 else 0.0,
        p=float(p.sum()),
        n_samples=samples,
        n_data_points=n,
        scale="log",
        warning=bool((~(khat <= limit)).any()),
        good_k=limit,
        elpd_i=array(elpd, "elpd_i"),
        pareto_k=array(khat, "pareto_k"),
        p_loo_i=array(p, "p_loo_i"),
        unit=unit,
        note=note,
    )
