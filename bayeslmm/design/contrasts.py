"""Contrasts: which columns the levels of a categorical variable become.

Treatment coding has a column of 0 and 1 for each level but the reference, the first; sum coding
compares each level but the one left out, the last, with the mean of all levels. In full, there is
a column for each level, or the column of the mean beside those of sum coding.

The functions have the names under which a formula calls them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array
from .errors import quoted


@dataclass(frozen=True)
class Contrast:
    """A rule of coding, and the level that has no column of its own."""

    sums: bool = False
    level: Any = None

    def place(self, levels: Sequence[Any]) -> int:
        """Where that level stands.

        Raises
        ------
        ValueError
            If it is none of the levels.
        """
        if self.level is None:
            return len(levels) - 1 if self.sums else 0
        if self.level not in levels:
            raise ValueError(f"no level is {self.level!r}; the levels are {quoted(levels)}")
        return list(levels).index(self.level)

    def columns(self, levels: Sequence[Any], full: bool) -> tuple[Array, list[str]]:
        """The columns (levels, columns) that stand for each level, and their names."""
        told, eye = [str(level) for level in levels], np.eye(len(levels))
        if full and not self.sums:
            return eye, told
        gone = self.place(levels)
        coded = np.delete(eye, gone, axis=1)
        del told[gone]
        if self.sums:
            coded[gone] = -1.0
        if full:
            return np.column_stack([np.ones(len(levels)), coded]), ["mean", *told]
        return coded, told


@dataclass(frozen=True, eq=False)
class Categories:
    """Labels of rows, and how they are to be coded."""

    values: Array
    contrast: Contrast


def Treatment(reference: Any = None) -> Contrast:
    """Each level is compared with this one, by default the first."""
    return Contrast(False, reference)


def Sum(omit: Any = None) -> Contrast:
    """Each level but this one, by default the last, is compared with the mean of all."""
    return Contrast(True, omit)


def C(x: Any, contrast: Contrast | None = None) -> Categories:
    """Values as labels, whatever they are."""
    own, values = (x.contrast, x.values) if isinstance(x, Categories) else (Contrast(), x)
    found = own if contrast is None else contrast
    if not isinstance(found, Contrast):
        raise ValueError(f"a contrast is Treatment('level') or Sum('level'), not {found!r}")
    if np.ndim(values) != 1:
        raise ValueError("labels are one column")
    return Categories(values, found)


def T(x: Any, ref: Any = None) -> Categories:
    """C(x, Treatment(ref))."""
    return C(x, Treatment(ref))


def S(x: Any, omit: Any = None) -> Categories:
    """C(x, Sum(omit))."""
    return C(x, Sum(omit))
