"""The Gibbs sampler of a regression with blocks of columns, on arrays: it knows no model."""

from .rate import RateMaximum, maximise_rate
from .sampler import Block, Draws, advice, reduce_rows, sample

__all__ = [
    "Block",
    "Draws",
    "RateMaximum",
    "advice",
    "maximise_rate",
    "reduce_rows",
    "sample",
]
