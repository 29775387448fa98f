"""The Gibbs sampler of a regression with blocks of columns, on arrays: it knows no model."""

from .rate import RateMaximum, maximise_rate
from .sampler import SweepDraws, SweptBlock, advice, reduce_rows, sample

__all__ = [
    "RateMaximum",
    "SweepDraws",
    "SweptBlock",
    "advice",
    "maximise_rate",
    "reduce_rows",
    "sample",
]
