"""How much was plugged in: numbers that were maximised, beside the numbers that they came from.

What is plugged in is treated as known, so every interval is too narrow, and every density of the
rows that it came from too high: a share k / n of the information went into it. Of columns that were
chosen, the scales of those that stayed are counted; loadings less the rotations that change
nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..results.estimates import plugged

MOST_PLUGGED = 0.1  # of the numbers observed: a variance too small by k / n is an sd by half that


@dataclass(frozen=True)
class Plugged:
    """What was plugged in.

    Attributes
    ----------
    names : str
    count : int
        Numbers that were maximised.
    observed : int
        Numbers of the response, repeats counted: rows, or entries of a matrix.
    of : str
        What these are.
    """

    names: str
    count: int
    observed: int
    of: str

    @property
    def few(self) -> bool:
        """Whether intervals that treat them as known are nearly right."""
        return self.count <= MOST_PLUGGED * self.observed

    def __str__(self) -> str:
        numbers = "number" if self.count == 1 else "numbers"
        return f"{self.count:,} {numbers} from {self.observed:,} {self.of}"


def plugged_in(tree: Any) -> Plugged | None:
    """What of a fit was plugged in, or None where nothing was."""
    if not plugged(tree):
        return None
    posterior = tree["posterior"].dataset
    declared = posterior.attrs.get("declared", "").split(
        ", "
    )  # fixed by the user, not by a maximum
    names = [n for n in posterior.attrs["fixed"].split(", ") if n not in declared]
    if "variance_parameters" in tree:
        count = int(tree["variance_parameters"].sizes["parameter"])
    else:
        count = sum(_size(posterior, name) for name in names)
    if count == 0 or "observed_data" not in tree:
        return None
    y = next(iter(tree["observed_data"].dataset.data_vars.values())).values
    observed = int(np.isfinite(y).sum())
    if y.ndim == 1 and "frequency" in tree.get("constant_data", {}):
        observed = int(tree["constant_data"]["frequency"].sum())
    return Plugged(", ".join(names), count, observed, "rows" if y.ndim == 1 else "entries")


def _size(posterior: Any, name: str) -> int:
    """Free numbers of one variable."""
    if name not in posterior or (name == "sd_W" and "W" in posterior):
        return 0  # the loadings are counted, their spread follows from them
    sizes = {d: size for d, size in posterior[name].sizes.items() if d not in ("chain", "draw")}
    if name == "W":
        q = sizes["component"]
        return sizes["feature"] * q - q * (q - 1) // 2
    return int(np.prod(list(sizes.values()), dtype=int))
