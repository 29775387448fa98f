"""Two labelled things that meet are matched by the labels of their rows, or refused: here alone.

Labels are those of a pandas index, a default one (0, 1, 2, ...) included. Equal indices are taken
as they are; the same labels in another order are brought into order; other labels, or ones that
stand twice in another order, are refused, as statsmodels does. What carries no labels (an array, a
list, polars, pyarrow) is matched by position, and so is what ``.to_numpy()`` makes of a Series.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .errors import DesignError, some


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels that rows have, and from whom.

    Attributes
    ----------
    index : pandas.Index or None
        None where rows are known by their position alone.
    whose : str
        Whose labels these are, for messages: "the table".
    """

    index: Any = None
    whose: str = ""

    @classmethod
    def first(cls, things: Iterable[tuple[str, Any]]) -> "Labels":
        """Of the first thing that has labels; the others are then matched with it."""
        found = ((index_of(values), whose) for whose, values in things)
        return next((cls(index, whose) for index, whose in found if index is not None), cls())

    def or_first(self, things: Iterable[tuple[str, Any]]) -> "Labels":
        """These, or where there are none those of the first thing that has labels."""
        return Labels.first(things) if self.index is None else self

    def order(self, index: Any, what: str) -> np.ndarray | None:
        """Where each of these rows stands among rows labelled by `index`.

        None where nothing is to be done: the order is the same, one side has no labels, or the
        counts of rows differ, which whoever reads the rows will say.

        Raises
        ------
        DesignError
            If the labels are not the same set, or stand twice and in another order.
        """
        mine = self.index
        if mine is None or index is None or len(mine) != len(index) or mine.equals(index):
            return None
        for labels, of in ((mine, self.whose), (index, what)):
            if not labels.is_unique:
                twice = _told(labels[labels.duplicated()][:1])
                raise DesignError(
                    f"{what} and {self.whose} have rows labelled in another order, and {of} has "
                    f"the label {twice} twice, so that they cannot be matched; {REMEDY}"
                )
        places: np.ndarray = index.get_indexer(mine)
        if (places < 0).any():
            raise DesignError(
                f"{what} and {self.whose} have differently labelled rows: {self.whose} has "
                f"{_told(mine[places < 0])}, which {what} has not, whose labels are "
                f"{_told(index)}; {REMEDY}"
            )
        return places

    def align(self, values: Any, what: str) -> Any:
        """A Series or DataFrame with its rows in the order of these; all else as it is."""
        order = self.order(index_of(values), what)
        if order is None:
            return values
        return values.iloc[order] if hasattr(values, "iloc") else values[order]

    def rows(self, n: int) -> np.ndarray:
        """What rows are called in messages and results: their labels, or 0 to n - 1."""
        if self.index is None or len(self.index) != n:
            return np.arange(n)
        if self.index.nlevels > 1:
            return np.array([", ".join(map(str, label)) for label in self.index], dtype=object)
        return np.asarray(self.index)

    def take(self, kept: np.ndarray) -> "Labels":
        """The labels of some of the rows."""
        return self if self.index is None else Labels(self.index[kept], self.whose)


UNLABELLED = Labels()
REMEDY = "give both the same index, or .to_numpy() to match rows by position"


def _told(index: Any) -> str:
    return some([repr(label) for label in index.tolist()], 3)


def index_of(values: Any) -> Any:
    """The pandas index of a Series, DataFrame or xarray, or of a dict's first; None without."""
    if isinstance(values, Mapping):
        found = (index_of(column) for column in values.values())
        return next((index for index in found if index is not None), None)
    index = getattr(values, "index", None)
    if getattr(values, "dims", ()):  # of xarray
        index = values.indexes.get(values.dims[0])
    return index if type(index).__module__.split(".")[0] == "pandas" else None


def other_order(one: Any, other: Any) -> bool:
    """Whether two sequences hold the same labels, each once, in another order."""
    a, b = list(one), list(other)
    return a != b and len(set(a)) == len(a) and set(a) == set(b)


class Beside(Protocol):
    """Beside of numbers that come beside the table, missing ones included."""

    @property
    def what(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def matrix(self) -> np.ndarray: ...
    @property
    def index(self) -> Any: ...


@dataclass(frozen=True, eq=False)
class Origin:
    """The rows as they were given, and which of them were kept."""

    labels: Labels
    kept: np.ndarray  # (N,) of bool

    @property
    def now(self) -> Labels:
        """Labels of the rows that were kept."""
        return self.labels.take(self.kept)

    def places(self, beside: Beside) -> np.ndarray:
        """Where each kept row stands among rows that came beside it, (n,)."""
        return places(self.labels, beside, self.kept.size)[self.kept]


def places(labels: Labels, beside: Beside, n: int) -> np.ndarray:
    """Where each of n rows stands among those beside it, (n,).

    Raises
    ------
    DesignError
        If their labels differ, or their counts.
    """
    if len(beside.matrix) != n:
        raise DesignError(
            f"{beside.what}: {len(beside.matrix):,} rows, but the response has {n:,}; give both "
            "for the same rows"
        )
    order = labels.order(beside.index, beside.what)
    return np.arange(n) if order is None else order
