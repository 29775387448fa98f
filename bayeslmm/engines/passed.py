"""Does another fit's posterior lie around a higher maximum than the one a fit plugged in?

Draws of the variances are points of the criterion: the best of some of them is a start, and the
maximum above it is compared with the one that was found.
"""

from typing import Any

import numpy as np

from ..posterior.recover import coordinates
from .maximise import maximise

DRAWS = 40  # points that are looked at
HIGHER = 1e-3  # nats: less is how well a maximum is known


def passed(model: Any, plugged: Any, drawn: Any) -> float:
    """Nats by which the maximum above draws exceeds the plugged-in one; zero where it does not.

    Parameters
    ----------
    model : Model
    plugged : DataTree
        A fit by EmpiricalBayes of a model whose columns are not chosen.
    drawn : DataTree
        A fit of the same model whose variances are drawn.
    """
    criterion = str(plugged.attrs["criterion"])
    posterior = drawn["posterior"].dataset
    step = max(1, posterior["sigma"].size // DRAWS)
    some = posterior.isel(draw=slice(None, None, step))
    target = model.target(criterion, prior=False)
    points = coordinates(model, some)
    values = np.array([target(z)[0] for z in points])
    if not values.size or not np.isfinite(values).any():
        return 0.0
    begin = model.space.constrain(points[int(np.nanargmax(values))])
    more = maximise(model, criterion, begin).value - float(plugged.attrs["log_marginal"])
    return more if more > HIGHER else 0.0
