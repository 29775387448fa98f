"""Where the rows of a design came from, and where they stand in what came beside the table."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .errors import DesignError
from .labels import Labels


class Rows(Protocol):
    """Rows of numbers that come beside the table, missing ones included."""

    @property
    def what(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def matrix(self) -> np.ndarray: ...
    @property
    def index(self) -> Any: ...


@dataclass(frozen=True, eq=False)
class Origin:
    """The rows as they were given, and which of them were kept."""

    labels: Labels
    kept: np.ndarray  # (N,) of bool

    @property
    def now(self) -> Labels:
        """Labels of the rows that were kept."""
        return self.labels.take(self.kept)

    def places(self, beside: Rows) -> np.ndarray:
        """Where each kept row stands among rows that came beside it, (n,)."""
        return places(self.labels, beside, self.kept.size)[self.kept]


def places(labels: Labels, beside: Rows, n: int) -> np.ndarray:
    """Where each of n rows stands among those beside it, (n,).

    Raises
    ------
    DesignError
        If their labels differ, or their counts.
    """
    if len(beside.matrix) != n:
        raise DesignError(
            f"{beside.what}: {len(beside.matrix):,} rows, but the response has {n:,}; give both "
            "for the same rows"
        )
    order = labels.order(beside.index, beside.what)
    return np.arange(n) if order is None else order
