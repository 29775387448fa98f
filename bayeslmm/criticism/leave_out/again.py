"""The variances of a plug-in fit, estimated anew for every turn in which units are left out."""

from dataclasses import replace
from typing import Any

import numpy as np

from ...model import Model
from ...recover import theta_points
from ..plugged import plugged_in
from .anew import fitted_again, in_words, turns_of
from .refit import without
from .theta_draws import Draws
from .units import UnitsOf, name_some


def estimated_anew(model: Model, tree: Any, units: UnitsOf, draws: Draws) -> Draws:
    """The estimate from all rows, then that of each turn, and which each unit is left out at.

    Raises
    ------
    ValueError
        Where a turn leaves rows of which there is no maximum.
    """
    criterion = str(draws.criterion)
    turns = turns_of(
        units.size, model.design.y.size, lambda t: units.undetermined(model, criterion, t)
    )
    scales, sigma, failed, turn = [draws.scales], [draws.sigma], 0, 0
    while turn <= turns.max():
        out = turns == turn
        rest = without(model, out[units.codes], units.by_row)
        told = f"{units.name} {name_some(units.labels[out])}"
        again, found = fitted_again(rest, criterion, told)
        if not found and out.sum() > 1:  # the others have no maximum: half of them may have one
            own = np.flatnonzero(out)
            turns[own[: own.size // 2]] = turns.max() + 1
            continue
        one = theta_points(model, again["posterior"].dataset.isel(chain=[0], draw=[0]))
        scales.append(one[0])
        sigma.append(one[1])
        failed += not found
        turn += 1
    count = turn
    given = plugged_in(tree)
    assert given is not None
    note = in_words(given.names, given.count, count, units.size, units.name, failed)
    return replace(
        draws,
        scales=np.concatenate(scales),
        sigma=np.concatenate(sigma),
        log_weight=np.zeros(count + 1),
        note=note,
        used=turns + 1,
    )
