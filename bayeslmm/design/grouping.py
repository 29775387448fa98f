"""Levels and codes of a grouping factor, and how a new table is read against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .column import Column
from .errors import DesignError
from .levels import distinct, level_values, match, shown

ROLE = "the grouping factor"


@dataclass(frozen=True, eq=False)
class Grouping:
    """One grouping factor and its random effects.

    Attributes
    ----------
    name : str
        The column, or ``"a:b"`` for an interaction.
    levels : ndarray (G,)
        Labels of the groups, sorted.
    codes : ndarray (n,)
        The group of each row, in [0, G).
    effects : tuple of str
        Names of the q effects.
    Z : ndarray (n, q)
        The value of each effect's column in each row.
    blocks : tuple of tuple of int
        A partition of range(q): effects in one block are correlated, others are not.
    """

    name: str
    levels: np.ndarray
    codes: np.ndarray
    effects: tuple[str, ...]
    Z: np.ndarray
    blocks: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class NewGroup:
    """A grouping factor in a new table.

    Attributes
    ----------
    name : str
        The name of the factor.
    Z : ndarray (m, q)
        The value of each effect's column in each row.
    codes : ndarray (m,)
        Index into the fitted levels; -1 - j for the j-th new level.
    new_levels : ndarray
        Labels never seen, in order of appearance.
    """

    name: str
    Z: np.ndarray
    codes: np.ndarray
    new_levels: np.ndarray


@dataclass(frozen=True)
class GroupingFactor:
    """A grouping factor as fitted: its columns, their kinds, and its levels."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    values: tuple[np.ndarray, ...]  # of each column, in each of the G levels

    @property
    def levels(self) -> np.ndarray:
        """Labels of the groups, (G,): the value itself, or ``"A:a"`` for an interaction."""
        return shown(self.values)

    def encode(self, columns: Mapping[str, Column]) -> tuple[np.ndarray, np.ndarray]:
        """Codes of new rows, and the levels never seen.

        Parameters
        ----------
        columns : mapping of str to Column
            The columns of the factor, without gaps, m rows.

        Returns
        -------
        codes : ndarray (m,)
            Index into the fitted levels, or -1 - j for the j-th new level.
        new_levels : ndarray
            New labels in order of appearance.

        Raises
        ------
        DesignError
            If a column changed its kind, e.g. from numbers to text.
        """
        parts = [columns[name] for name in self.columns]
        for part, kind in zip(parts, self.kinds, strict=True):
            if part.kind != kind and len(part.values):
                raise DesignError(
                    f"the grouping factor '{part.name}' was {kind} in the fitted table and is "
                    f"{part.kind} here, so no group would match; convert it"
                )
        codes, new = match([level_values(part, ROLE) for part in parts], self.values)
        return codes, shown(new)


def fit_factor(parts: Sequence[Column]) -> tuple[GroupingFactor, np.ndarray]:
    """Levels and codes of a factor given by one column, or by several crossed.

    Parameters
    ----------
    parts : sequence of Column
        Columns of n values without gaps.

    Returns
    -------
    GroupingFactor, ndarray (n,)
        The factor, and codes in [0, G). Levels are sorted, an interaction's by its first column,
        then its second; only combinations that occur are levels.

    Raises
    ------
    DesignError
        If two combinations have one label, e.g. ``"a:b"`` and ``"c"``, ``"a"`` and ``"b:c"``; or a
        value cannot be a label.
    """
    name = ":".join(part.name for part in parts)
    values, _, codes = distinct([level_values(part, ROLE) for part in parts])
    kinds = tuple(part.kind for part in parts)
    factor = GroupingFactor(name, tuple(part.name for part in parts), kinds, values)
    found, counts = np.unique(factor.levels, return_counts=True)
    if (counts > 1).any():
        raise DesignError(
            f"two groups of '{name}' share the label '{found[counts > 1][0]}', because a level "
            "holds ':'; rename these levels"
        )
    return factor, codes
