"""What was plugged in, estimated anew without what is left out.

    log p(y_I | y_-I, theta_-F),    theta_-F the maximum without the units F, one of which is I

A maximum has seen the rows that it was found from: a density at it is one of the rows that are
there, the higher the more was plugged in (loadings, a scale for each column), whatever is left out
of the coefficients. So theta comes from the others: without each unit in turn where there are few,
else without some at a time. The coefficients are always given all other units.

Which units share a turn is drawn once, with a seed of its own: neighbours in the table are often
alike. A turn without which the others do not determine a coefficient, or have no maximum, is
halved.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...engines.evidence import EmpiricalBayes
from ...fit import fit
from ...model.model import Model
from ...types import Array, Index
from ..plugged import Plugged
from .units_of import UnitsOf, name_some

TURNS = 20
FEW_TURNS = 5  # where rows are many: theta hardly depends on which of them it comes from
MANY = 10_000  # rows


class Others(Protocol):
    """A model without some units, and what its fit says of them."""

    @property
    def units(self) -> UnitsOf: ...

    @property
    def draws(self) -> int:
        """Draws of a fit, over which densities are averaged."""
        ...

    def undetermined(self, turns: Index) -> Index:
        """Turns that leave others from which nothing can be estimated."""
        ...

    def without(self, out: NDArray[np.bool_]) -> Model:
        """The model of the other units."""
        ...

    def densities(
        self, rest: Any, tree: Any, out: NDArray[np.bool_]
    ) -> tuple[Array, Array | float]:
        """Log density and z of the units that are out, given the fit of the others."""
        ...


def turns_of(units: int, rows: int, undetermined: Callable[[Index], Index]) -> Index:
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
            _halve(turns, turn)


def _halve(turns: Index, turn: int) -> None:
    own = np.flatnonzero(turns == turn)
    turns[own[: own.size // 2]] = turns.max() + 1


def estimated_anew(
    others: Others, rows: int, criterion: str, given: Plugged
) -> tuple[Array, Array, str]:
    """Log density and z of every unit, (units,), at what was estimated without it; and a note.

    Raises
    ------
    ValueError
        Where a turn leaves rows of which there is no maximum.
    """
    units = others.units
    turns = turns_of(units.size, rows, others.undetermined)
    logs, z = np.empty((2, units.size))
    failed, turn = 0, 0
    while turn <= turns.max():
        out = turns == turn
        rest = others.without(out)
        told = f"{units.name} {name_some(units.labels[out])}"
        tree, found = _fitted(rest, criterion, told, others.draws)
        if not found and out.sum() > 1:  # half of the others may have a maximum
            _halve(turns, turn)
            continue
        logs[out], z[out] = others.densities(rest, tree, out)
        failed += not found
        turn += 1
    return logs, z, _in_words(given, turn, units, failed)


def _fitted(model: Model, criterion: str, without: str, draws: int) -> tuple[Any, bool]:
    """The fit of the other units by the same criterion, and whether its maximum was found."""
    try:
        tree = fit(model, EmpiricalBayes(criterion, draws=draws), seed=0, progress=False)
    except (ValueError, ArithmeticError) as error:
        raise ValueError(
            f"without {without} what was plugged in cannot be estimated anew ({error}); "
            f"loo(model, tree, refit=False) keeps the one estimate from all rows, with which elpd "
            f"is too high"
        ) from error
    return tree, bool(tree.attrs.get("converged", 1))


def _in_words(given: Plugged, turns: int, units: UnitsOf, failed: int) -> str:
    each, more = f"in {turns} turns", ""
    if turns >= units.size:
        each = f"without each {units.name} in turn"
    else:
        more = f", each without {units.size / turns:.3g} of {units.size} x {units.name}"
    text = f"What was plugged in ({given.names}: {given.count} numbers) was estimated anew "
    text += f"{each}{more}."
    return text + (f" In {failed} of them no maximum was found." if failed else "")
