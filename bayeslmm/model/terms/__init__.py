"""A term: columns of the mean, and the normal law of their coefficients.

    y = offset + sum_t A_t u_t + e,    u_t ~ N(0, G_t(theta))

`Term` says what is asked of any.
"""

from .block import BlockTerm
from .fixed import FixedTerm
from .group import GroupTerm
from .means import MeansTerm
from .roots import Roots
from .scores import ScoresTerm
from .term import Residual, Term

__all__ = [
    "BlockTerm",
    "FixedTerm",
    "GroupTerm",
    "MeansTerm",
    "Residual",
    "Roots",
    "ScoresTerm",
    "Term",
]
