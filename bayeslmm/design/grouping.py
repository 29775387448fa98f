"""Levels and codes of a grouping factor, and how a new table is read against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .columns import Column, whole_numbers
from .errors import DesignError


@dataclass(frozen=True)
class Factor:
    """A grouping factor as fitted: its columns, their kinds, and its levels."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    levels: np.ndarray  # (G,)

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
        return match(labels_of(parts), self.levels)


def labels_of(parts: Sequence[Column]) -> np.ndarray:
    """Labels of rows: the value itself, or ``"A:a"`` for an interaction."""
    arrays = [_plain(part) for part in parts]
    if len(arrays) == 1:
        return arrays[0]
    texts = [[str(value) for value in array.tolist()] for array in arrays]
    joined = [":".join(values) for values in zip(*texts, strict=True)]
    return np.array(joined, dtype=str)


def _plain(part: Column) -> np.ndarray:
    if part.kind == "text":
        return np.array(part.values.tolist(), dtype=str)
    return whole_numbers(part.values)


def fit_factor(parts: Sequence[Column]) -> tuple[Factor, np.ndarray]:
    """Levels and codes of a factor given by one column, or by several crossed.

    Parameters
    ----------
    parts : sequence of Column
        Columns of n values without gaps.

    Returns
    -------
    Factor, ndarray (n,)
        The factor, and codes in [0, G). Levels are sorted, an interaction's by its first column,
        then its second; only combinations that occur are levels.

    Raises
    ------
    DesignError
        If two combinations have one label, e.g. ``"a:b"`` and ``"c"``, ``"a"`` and ``"b:c"``.
    """
    name = ":".join(part.name for part in parts)
    columns = tuple(part.name for part in parts)
    kinds = tuple(part.kind for part in parts)
    labels = labels_of(parts)
    if len(parts) == 1:
        levels, codes = np.unique(labels, return_inverse=True)
        return Factor(name, columns, kinds, levels), codes.astype(np.intp)
    coded = np.stack([np.unique(_plain(part), return_inverse=True)[1] for part in parts], axis=1)
    _, first, codes = np.unique(coded, axis=0, return_index=True, return_inverse=True)
    levels = labels[first]
    found, counts = np.unique(levels, return_counts=True)
    if (counts > 1).any():
        raise DesignError(
            f"two groups of '{name}' share the label '{found[counts > 1][0]}', because a level "
            "holds ':'; rename these levels"
        )
    return Factor(name, columns, kinds, levels), codes.ravel().astype(np.intp)


def match(labels: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of labels among levels; -1 - j for the j-th new label, in order of appearance."""
    seen, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    known = {level: code for code, level in enumerate(levels.tolist())}
    table = np.array([known.get(label, -1) for label in seen.tolist()], dtype=np.intp)
    new = np.flatnonzero(table < 0)
    new = new[np.argsort(first[new], kind="stable")]
    table[new] = -1 - np.arange(len(new))
    return table[inverse.ravel()], seen[new]
