"""Terms and columns in, a named matrix and a way to make it again out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .algebra import Side
from .bridge import empty_cells, encoded, evaluated, forget_rows, labels_of
from .checks import check_size
from .columns import Column
from .emit import Factor
from .errors import DesignError, at_rows
from .levels import level_values, place_of
from .plain import products
from .rank import check_rank
from .text_use import as_categories, check_text_use


@dataclass(frozen=True)
class FittedSide:
    """The columns of one side as coded on the fitted table."""

    side: Side
    names: tuple[str, ...]
    labels: frozenset[str]  # columns whose values are labels, not numbers
    terms: tuple[Any, ...]  # of formulae, in the order of the columns
    written: tuple[str, ...] = ()  # the user's term that each column belongs to

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
        frame = _frame(self.side, columns, self.labels, fitted=False)
        blocks = [encoded(term, frame, rows) for term in self.terms]
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
        names: tuple[str, ...] = ("Intercept",) if side.intercept else ()
        return FittedSide(side, names, frozenset(), ()), np.ones((len(rows), len(names)))
    check_text_use(side, columns)
    labels = frozenset(as_categories(side) | {n for n in side.columns if columns[n].categorical})
    frame = _frame(side, columns, labels, fitted=True)
    plain = products(side, columns)
    if plain is not None:
        names = tuple(term.name for term in plain)
        matrix = _finite(_stack([term.eval_new_data(frame) for term in plain]), names, rows)
        return FittedSide(side, names, labels, plain), matrix
    found = evaluated(side, frame)
    terms = [term for term, _ in found]
    names = labels_of(terms, side)
    written = tuple(label for term, label in found for _ in term.labels)
    matrix = _finite(_stack([encoded(term, frame, rows) for term in terms]), names, rows)
    for term in terms:
        forget_rows(term)
    return FittedSide(side, names, labels, tuple(terms), written), matrix


def check_columns(
    side: FittedSide, matrix: np.ndarray, columns: Mapping[str, Column], where: str, rank: bool
) -> None:
    """Refuse columns that are zero, constant or made up of others, with a way out of the formula.

    Parameters
    ----------
    side : FittedSide
        The side whose columns they are.
    matrix : ndarray (n, p)
    columns : mapping of str to Column
        The columns of the table.
    where : str
        What they are, for messages: "the fixed effects".
    rank : bool
        Whether all are looked at, or cells alone that no row is in.

    Raises
    ------
    DesignError
        Naming the columns, or the cells of an interaction that no row is in.
    """
    check_size(matrix, side.names, f"in {where} the column")
    if not rank:
        if (matrix == 0).all(axis=0).any():
            _refuse_empty_cells(side, columns, where)
        return
    try:
        check_rank(matrix, side.names, where, dict(zip(side.names, side.written)))
    except DesignError:
        _refuse_empty_cells(side, columns, where)
        raise


def _refuse_empty_cells(side: FittedSide, columns: Mapping[str, Column], where: str) -> None:
    frame = _frame(side.side, columns, side.labels, fitted=False)
    rows = np.arange(len(frame))
    for term in reversed(side.terms):  # the highest interaction has the cells of the others
        factors, empty = empty_cells(term, frame, rows) if side.written else ([], [])
        if empty:
            cell = " and ".join(f"{f} = '{level}'" for f, level in zip(factors, empty[0]))
            others = len(empty) - 1
            more = f" ({others} more such {'cell' if others == 1 else 'cells'})" if others else ""
            one = "_".join(factors)
            made = " + ':' + ".join(f"table['{factor}'].astype(str)" for factor in factors)
            raise DesignError(
                f"in {where}, no row has {cell}{more}, so not all coefficients of "
                f"{':'.join(factors)} can be told. Use one factor of the cells that occur: "
                f"table['{one}'] = {made}, and write {one} in place of {' * '.join(factors)} or "
                f"{':'.join(factors)}"
            )


def fit_vector(
    factor: Factor, columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[FittedSide, np.ndarray]:
    """One numeric factor as a vector: the response, or an offset."""
    fitted, matrix = fit_side(Side(((factor,),), False), columns, rows)
    if matrix.shape[1] != 1:
        raise DesignError(f"`{factor.label}` must be one column of numbers, got {matrix.shape[1]}")
    return fitted, np.ascontiguousarray(matrix[:, 0])


def _frame(side: Side, columns: Mapping[str, Column], labels: frozenset[str], fitted: bool) -> Any:
    """The columns as formulae takes them: numbers as floats, labels as what they are."""
    import pandas as pd

    found = {}
    for name in side.columns:
        column = columns[name]
        if name not in labels:
            found[name] = pd.Series(column.values.astype(float))
            continue
        values = level_values(column, "the predictor").tolist()
        if fitted and column.categorical:  # ordered, formulae keeps the order of the levels
            levels = list(column.levels or sorted(set(values)))
            codes = place_of(values, levels)
            found[name] = pd.Series(pd.Categorical.from_codes(codes, levels, ordered=True))
        else:
            found[name] = pd.Series(values, dtype=object if column.kind == "text" else None)
    return pd.DataFrame(found)


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
