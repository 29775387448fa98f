"""Which solver: the one that answers for the least."""

from typing import Any

from .beta import Beta
from .complete import Complete
from .dual import Dual
from .patterns import Patterns
from .primal import Primal
from .problem import MatrixProblem, Problem

SOLVERS: tuple[Any, ...] = (Primal, Dual, Complete, Patterns)  # the first of those that cost alike


def choose(problem: Problem | MatrixProblem, beta: Beta) -> Any:
    """The solver of least cost for these rows, and for what is done with beta."""
    offers = [(kind.cost(problem, beta), kind) for kind in SOLVERS]
    cheapest = min((o for o in offers if o[0] is not None), key=lambda offer: offer[0])
    return cheapest[1].of(problem, beta)
