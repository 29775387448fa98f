"""What a term asks of its columns, whoever made them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..design import Design
from ..types import Array, Index


class Source(Protocol):
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
    remedy : str
        What to do about a column that repeats another, for messages.
    index : pandas.Index or None
        Labels by which the rows are matched with those of a table; None where they have none.
    reads : tuple of str or None
        Columns that a table of new rows must hold for `encode` to find its own by name (those of a
        formula complain themselves, so none); None where columns have no names of the user's.
    """

    @property
    def what(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def matrix(self) -> Array: ...
    @property
    def rows(self) -> Index: ...
    @property
    def index(self) -> Any: ...
    @property
    def remedy(self) -> str: ...
    @property
    def reads(self) -> tuple[str, ...] | None: ...

    def encode(self, new: Any) -> Array:
        """The same columns for m new rows, (m, P)."""
        ...

    def take(self, places: Index) -> "Source":
        """The same with these of its rows, in this order."""
        ...


@dataclass(frozen=True, eq=False)
class _Subset:
    """Some columns of a source."""

    whole: Source
    columns: Index

    @property
    def what(self) -> str:
        return self.whole.what

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.whole.labels[i] for i in self.columns)

    @property
    def matrix(self) -> Array:
        return self.whole.matrix[:, self.columns]

    @property
    def rows(self) -> Index:
        return self.whole.rows

    @property
    def index(self) -> Any:
        return self.whole.index

    @property
    def remedy(self) -> str:
        return self.whole.remedy

    @property
    def reads(self) -> tuple[str, ...] | None:
        return self.whole.reads

    def encode(self, new: Any) -> Array:
        return self.whole.encode(new)[:, self.columns]

    def take(self, places: Index) -> Source:
        return _Subset(self.whole.take(places), self.columns)


def rows_of(source: Source, design: Design) -> Source:
    """The source, its rows those of a design that it was matched with."""
    places = design.origin.places(source)
    same = len(places) == len(source.matrix) and bool((places == np.arange(len(places))).all())
    return source if same else source.take(places)


def subset(source: Source, index: Index) -> Source:
    """The columns of a source at these places."""
    return _Subset(source, index)
