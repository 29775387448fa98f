"""What was plugged in, estimated anew without what is left out.

    log p(y_I | y_-I, theta_-F),    theta_-F the maximum without the units F, one of which is I

A maximum has seen the rows that it was found from: a density at it is one of the rows that are
there, the higher the more was plugged in (loadings, a scale for each column), whatever is left out
of the coefficients. So theta comes from the others: without each unit in turn where there are few,
else without some at a time. The coefficients are always given all other units.

Which units share a turn is drawn once, with a seed of its own: neighbours in the table are often
alike. A turn without which the others do not determine a coefficient is halved.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...declared import Declared
from ...engines.evidence import EmpiricalBayes
from ...fit import fit

TURNS = 20
FEW_TURNS = 5  # where rows are many: theta hardly depends on which of them it comes from
MANY = 10_000  # rows

Undetermined = Callable[[NDArray[np.intp]], NDArray[np.intp]]


def turns_of(units: int, rows: int, undetermined: Undetermined) -> NDArray[np.intp]:
    """The turn (units,) in which each unit is left out.

    Parameters
    ----------
    units, rows : int
        How many there are.
    undetermined : callable
        Which turns cannot be left out, given the turn of each unit.
    """
    count = min(units, TURNS if rows <= MANY else FEW_TURNS)
    turns = (np.random.default_rng(0).permutation(units) % count).astype(np.intp)
    while True:
        lost = [t for t in undetermined(turns) if (turns == t).sum() > 1]
        if not lost:
            return turns
        for turn in lost:
            own = np.flatnonzero(turns == turn)
            turns[own[: own.size // 2]] = turns.max() + 1


def fitted_again(model: Declared, criterion: str, without: str, draws: int = 1) -> tuple[Any, bool]:
    """The fit of the other units by the same criterion, and whether its maximum was found.

    Raises
    ------
    ValueError
        Where there is none; it says without which units.
    """
    try:
        tree = fit(model, EmpiricalBayes(criterion, draws=draws), seed=0, progress=False)
    except (ValueError, ArithmeticError) as error:
        raise ValueError(
            f"without {without} what was plugged in cannot be estimated anew ({error}); "
            f"loo(model, tree, refit=False) keeps the one estimate from all rows, with which elpd "
            f"is too high"
        ) from error
    return tree, bool(tree.attrs.get("converged", 1))


def in_words(names: str, count: int, turns: int, units: int, unit: str, failed: int) -> str:
    """What was done, for a note."""
    each = f"without each {unit} in turn" if turns >= units else f"in {turns} turns"
    more = "" if turns >= units else f", each without {units / turns:.3g} of {units} x {unit}"
    text = f"What was plugged in ({names}: {count} numbers) was estimated anew {each}{more}."
    return text + (f" In {failed} of them no maximum was found." if failed else "")
