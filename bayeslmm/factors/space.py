"""Theta of a factor model: loadings in their coordinates, and scales."""

from dataclasses import dataclass

from ..parameters import Positive
from ..space import Space
from .chart import Chart, size


@dataclass(frozen=True)
class FactorSpace:
    """Theta: the loadings, then scales, sigma last."""

    scales: tuple[Positive, ...]
    chart: Chart
    correlations = ()

    @property
    def size(self) -> int:
        """Number of free coordinates."""
        return size(self.chart)

    @property
    def sigma(self) -> Positive:
        return self.scales[-1]

    @property
    def proper(self) -> bool:
        return all(s.law is None or s.law.proper for s in self.scales)

    @property
    def identity(self) -> bytes:
        """Bytes that differ where a law or a fixed value does."""
        return Space(self.scales, ()).identity
