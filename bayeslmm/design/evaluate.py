"""Terms and columns in, a named matrix and a way to make it again out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .algebra import Side
from .bridge import computed, evaluated, forget_rows, labels_of
from .columns import Column
from .emit import Factor
from .errors import DesignError, at_rows, quoted
from .nodes import Name
from .plain import products
from .text_use import as_categories, check_text_use


@dataclass(frozen=True)
class FittedSide:
    """The columns of one side as coded on the fitted table."""

    side: Side
    names: tuple[str, ...]
    levels: dict[str, tuple[Any, ...]]  # of the categorical columns that stand by themselves
    terms: tuple[Any, ...]  # of formulae, in the order of the columns

    def encode(self, columns: Mapping[str, Column], rows: np.ndarray) -> np.ndarray:
        """A new table in the same columns.

        Parameters
        ----------
        columns : mapping of str to Column
            The columns that the side uses, without gaps.
        rows : ndarray (m,)
            Labels of the rows, for messages.

        Returns
        -------
        ndarray (m, len(names))

        Raises
        ------
        DesignError
            At a level that the fitted table did not have, or a value that is not finite.
        """
        if not self.terms:
            return np.ones((len(rows), len(self.names)))
        for name, known in self.levels.items():
            _refuse_new_levels(columns[name], known, rows)
        frame = _frame(self.side, columns, fitted=False)
        blocks = []
        for term in self.terms:
            with computed(term.name):
                blocks.append(term.eval_new_data(frame))
        return _finite(_stack(blocks), self.names, rows)


def fit_side(
    side: Side, columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[FittedSide, np.ndarray]:
    """Code a side on the table that the model is fitted to.

    Parameters
    ----------
    side : Side
        The terms.
    columns : mapping of str to Column
        The columns that they use, without gaps.
    rows : ndarray (n,)
        Labels of the rows, for messages.

    Returns
    -------
    FittedSide, ndarray (n, p)

    Raises
    ------
    DesignError
        If a transform fails or gives a value that is not finite, or a factor has one level.
    """
    if not side.terms:
        labels: tuple[str, ...] = ("Intercept",) if side.intercept else ()
        return FittedSide(side, labels, {}, ()), np.ones((len(rows), len(labels)))
    check_text_use(side, columns)
    frame = _frame(side, columns, fitted=True)
    plain = products(side, columns)
    if plain is not None:
        names = tuple(term.name for term in plain)
        matrix = _finite(_stack([term.eval_new_data(frame) for term in plain]), names, rows)
        return FittedSide(side, names, {}, plain), matrix
    terms = evaluated(side, frame)
    labels = labels_of(terms, side)
    blocks = [term.data for term in terms]
    bare = {f.node.name for term in side.terms for f in term if isinstance(f.node, Name)}
    levels = {name: _levels(columns[name]) for name in bare if columns[name].categorical}
    matrix = _finite(_stack(blocks), labels, rows)
    for term in terms:
        forget_rows(term)
    return FittedSide(side, labels, levels, tuple(terms)), matrix


def fit_vector(
    factor: Factor, columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[FittedSide, np.ndarray]:
    """One numeric factor as a vector: the response, or an offset."""
    fitted, matrix = fit_side(Side(((factor,),), False), columns, rows)
    if matrix.shape[1] != 1:
        raise DesignError(f"`{factor.label}` must be one column of numbers, got {matrix.shape[1]}")
    return fitted, np.ascontiguousarray(matrix[:, 0])


def _frame(side: Side, columns: Mapping[str, Column], fitted: bool) -> Any:
    import pandas as pd

    labels = as_categories(side)
    found = {}
    for name in side.columns:
        column = columns[name]
        if not column.categorical:
            values = column.values if name in labels else column.values.astype(float)
            found[name] = pd.Series(values)
        elif fitted:  # an ordered Categorical makes formulae keep the order of the levels
            levels = list(_levels(column))
            found[name] = pd.Series(pd.Categorical(column.values, levels, ordered=True))
        else:
            found[name] = pd.Series(column.values, dtype=object)
    return pd.DataFrame(found)


def _levels(column: Column) -> tuple[Any, ...]:
    if column.levels is not None:
        return column.levels
    return tuple(sorted(set(column.values.tolist())))


def _refuse_new_levels(column: Column, known: tuple[Any, ...], rows: np.ndarray) -> None:
    levels = set(known)
    new = [value not in levels for value in column.values.tolist()]
    mask = np.array(new, dtype=bool)
    if mask.any():
        unseen = list(dict.fromkeys(column.values[mask].tolist()))
        raise DesignError(
            f"column '{column.name}' has the level {quoted(unseen)} in {at_rows(mask, rows)}, "
            f"which the fitted table did not have; its levels are {quoted(known)}; "
            "correct these rows, or fit a table that has the level"
        )


def _stack(blocks: list[Any]) -> np.ndarray:
    columns = [np.asarray(block, dtype=float) for block in blocks]
    return np.ascontiguousarray(np.column_stack(columns))


def _finite(matrix: np.ndarray, labels: tuple[str, ...], rows: np.ndarray) -> np.ndarray:
    """Columns of data are finite by now; what is not finite was made by a transform."""
    for label, column in zip(labels, matrix.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            raise DesignError(
                f"`{label}` is {column[bad][0]} in {at_rows(bad, rows)}; "
                "the transform is not defined there"
            )
    return matrix
