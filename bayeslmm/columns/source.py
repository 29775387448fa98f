"""The columns of a block, whoever made them: for the fitted rows, and again for new ones."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..design import Design
from ..types import Array, Index


@dataclass(frozen=True, eq=False)
class Expansion:
    """The functions that columns are values of.

    Attributes
    ----------
    functions : callable
        From inputs (n, d) to columns (n, P), the bias left out.
    inputs : Source
        Where the inputs come from.
    bias : bool
        Whether a column of ones stands first.
    of : callable
        The same for other inputs: a kernel has no centre at a row that is left out.
    centres : ndarray or None
        Of a kernel, the row of x (from 0) that each column stands at, the bias left out.
    """

    functions: Callable[[Array], Array]
    inputs: "Source"
    bias: bool
    of: Callable[["Source"], "Source"]
    centres: Index | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """The columns of a block, for the fitted rows and for new ones.

    Attributes
    ----------
    what : str
        How a message calls the block, as in "column 'a' of ...": "term 'x'".
    labels : tuple of str
        Names of the P columns.
    matrix : ndarray (n, P)
        The columns of the fitted rows, on the user's scale. `encode` of the fitted data gives just
        this.
    rows : ndarray (n,)
        Labels of the fitted rows.
    encode : callable
        New data, in the form of those fitted -> the same columns for m new rows, (m, P).
    remedy : str
        What to do about a column that repeats another, for messages.
    index : pandas.Index or None
        Labels by which the rows are matched with those of a table; None where they have none.
    reads : tuple of str or None
        Columns that a table of new rows must hold for `encode` to find its own by name (those of a
        formula complain themselves, so none); None where columns have no names of the user's.
    expansion : Expansion or None
        Of a kernel or basis.
    """

    what: str
    labels: tuple[str, ...]
    matrix: Array
    rows: Index
    encode: Callable[[Any], Array]
    remedy: str = "drop all but one"
    index: Any = None
    reads: tuple[str, ...] | None = None
    expansion: Expansion | None = None

    @property
    def centres(self) -> Index | None:
        """Rows that the columns of a kernel stand at."""
        return None if self.expansion is None else self.expansion.centres

    def take(self, places: Index) -> "Source":
        """The same with these of its rows, in this order."""
        if self.expansion is not None:
            return self.expansion.of(self.expansion.inputs.take(places))
        index = None if self.index is None else self.index[places]
        matrix = np.ascontiguousarray(self.matrix[places])
        return replace(self, matrix=matrix, rows=self.rows[places], index=index)


def rows_of(source: Source, design: Design) -> Source:
    """The source, its rows those of a design that it was matched with."""
    places = design.origin.places(source)
    same = len(places) == len(source.matrix) and bool((places == np.arange(len(places))).all())
    return source if same else source.take(places)


def subset(source: Source, index: Index) -> Source:
    """The columns of a source at these places."""
    return replace(
        source,
        labels=tuple(source.labels[i] for i in index),
        matrix=source.matrix[:, index],
        encode=partial(_some, source.encode, index),
        expansion=None,
    )


def _some(encode: Callable[[Any], Array], index: Index, new: Any) -> Array:
    return encode(new)[:, index]
