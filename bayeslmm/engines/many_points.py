"""The log density at many points: in threads where one is dear, a second at a time, with a bar.

Compiled code cannot be interrupted, so points are taken in batches of about a second.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..model.model import Model
from ..solvers.threads import pieces, run
from ..types import Array
from .size import operations

FEWEST = 16  # points of a batch, so that every thread has some
BATCH = 2e9  # multiplications between two looks at an interrupt: about a second

type Values = Callable[[Array], Array]


def values(model: Model, target: Any) -> Values:
    """Log densities (k,) at points (k, d); minus infinity where there is none.

    A factorisation of as many multiplications has about the cube root of them columns.
    """
    columns = int(operations(model) ** (1.0 / 3.0))

    def value(z: Array) -> Array:
        slices = pieces(len(z), columns)
        own = [target] if len(slices) == 1 else [target.fresh() for _ in slices]
        each = {part.start: one for part, one in zip(slices, own)}
        found = run(lambda s: each[s.start].many(np.ascontiguousarray(z[s])), slices)
        logs = np.concatenate(found)
        return np.where(np.isfinite(logs), logs, -np.inf)

    return value


@contextmanager
def watched(value: Values, each: float, progress: bool) -> Iterator[Values]:
    """The same in batches, each told to a bar where somebody looks and it takes a while.

    Parameters
    ----------
    each
        Multiplications that a point takes.
    progress
        Whether somebody can see a bar.
    """
    size = max(FEWEST, int(BATCH / each))

    def batches(z: Array, done: Callable[[int], Any]) -> Array:
        found = []
        for start in range(0, len(z), size):
            found.append(value(z[start : start + size]))
            done(len(found[-1]))
        return np.concatenate(found)

    if not progress or size > 1000:
        yield lambda z: batches(z, lambda count: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = "importance sampling", BarColumn(), TextColumn("{task.completed:,.0f} points")
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda z: batches(z, lambda count: bar.advance(task, count))
