"""What a term asks of its columns, whoever made them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Array = np.ndarray


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
    def rows(self) -> Array: ...
    @property
    def remedy(self) -> str: ...
    @property
    def reads(self) -> tuple[str, ...] | None: ...

    def encode(self, new: Any) -> Array:
        """The same columns for m new rows, (m, P)."""
        ...


@dataclass(frozen=True, eq=False)
class _Subset:
    """Some columns of a source."""

    whole: Source
    index: Array

    @property
    def what(self) -> str:
        return self.whole.what

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.whole.labels[i] for i in self.index)

    @property
    def matrix(self) -> Array:
        return self.whole.matrix[:, self.index]

    @property
    def rows(self) -> Array:
        return self.whole.rows

    @property
    def remedy(self) -> str:
        return self.whole.remedy

    @property
    def reads(self) -> tuple[str, ...] | None:
        return self.whole.reads

    def encode(self, new: Any) -> Array:
        return self.whole.encode(new)[:, self.index]


def subset(source: Source, index: Array) -> Source:
    """The columns of a source at these places."""
    return _Subset(source, index)
