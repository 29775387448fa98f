"""One side of a formula and the columns of a table -> a named matrix, and how to make it again.

A block of columns is the product of its variables, each read once, those of categorical ones by
their contrasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np

from ..types import Array, Index
from .coding import ByName, Coding, Memory, fit_coding
from .errors import DesignError, at_rows
from .full_rank import Coded, blocks_of
from .term_algebra import Side
from .variables import Variable


@dataclass(frozen=True, eq=False)
class FittedSide:
    """The columns of one side as coded on the fitted table.

    Attributes
    ----------
    side : Side
        The terms.
    memory : dict
        What transforms saw in the fitted table.
    codings : mapping of str to Coding
        Of every variable, by its key.
    blocks : tuple of Coded
        The blocks of columns in their order; that of the intercept is a product of nothing.
    names : tuple of str
        Of the columns.
    written : tuple of str
        The user's term that each column belongs to.
    """

    side: Side
    memory: Memory
    codings: Mapping[str, Coding]
    blocks: tuple[Coded, ...]
    names: tuple[str, ...]
    written: tuple[str, ...]

    def encode(self, columns: ByName, rows: Index) -> Array:
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
        return self.matrix(self.read(columns, rows), rows)

    def matrix(self, read: Mapping[str, Array], rows: Index) -> Array:
        """The columns of what was read, side by side."""
        found = [np.empty((len(rows), 0))]
        for block in self.blocks:
            parts = [self.codings[key].columns(read[key], full) for key, full in block]
            found.append(reduce(_products, parts) if parts else np.ones((len(rows), 1)))
        return _finite(np.ascontiguousarray(np.column_stack(found)), self.names, rows)

    def read(self, columns: ByName, rows: Index) -> dict[str, Array]:
        """Every variable in a table, fitted or new, as its coding reads it."""
        return {key: c.read(columns, self.memory, rows) for key, c in self.codings.items()}


def fit_side(side: Side, columns: ByName, rows: Index) -> tuple[FittedSide, Array]:
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
        If a transform fails or gives a value that is not finite, or a variable has one level.
    """
    memory: Memory = {}
    every = {item.key: item for term in side.terms for item in term}
    fitted = {k: fit_coding(item, columns, memory, rows) for k, item in every.items()}
    codings = {key: coding for key, (coding, _) in fitted.items()}
    categorical = {key for key, coding in codings.items() if coding.levels is not None}
    found: list[tuple[str, Coded]] = [("Intercept", ())] if side.intercept else []
    for term, blocks in blocks_of(side.terms, side.intercept, categorical):
        found += [(":".join(item.label for item in term), block) for block in blocks]
    named = [_names(block, codings) for _, block in found]
    made = FittedSide(
        side=side,
        memory=memory,
        codings=codings,
        blocks=tuple(block for _, block in found),
        names=tuple(name for block in named for name in block),
        written=tuple(term for (term, _), block in zip(found, named) for _ in block),
    )
    return made, made.matrix({key: read for key, (_, read) in fitted.items()}, rows)


def _names(block: Coded, codings: Mapping[str, Coding]) -> list[str]:
    parts = [codings[key].names(full) for key, full in block]
    return [":".join(names) for names in product(*parts)] if parts else ["Intercept"]


def _products(left: Array, right: Array) -> Array:
    """Every column of one times every column of the other, those of the other the faster."""
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)


def fit_vector(item: Variable, columns: ByName, rows: Index) -> tuple[FittedSide, Array]:
    """One numeric variable as a vector: the response, or an offset."""
    fitted, matrix = fit_side(Side(((item,),), False), columns, rows)
    if matrix.shape[1] != 1:
        raise DesignError(f"`{item.label}` must be one column of numbers, got {matrix.shape[1]}")
    return fitted, np.ascontiguousarray(matrix[:, 0])


def _finite(matrix: Array, labels: tuple[str, ...], rows: Index) -> Array:
    """ByName of data are finite by now; what is not finite was made by a transform."""
    for label, column in zip(labels, matrix.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            raise DesignError(
                f"`{label}` is {column[bad][0]} in {at_rows(bad, rows)}; "
                "the transform is not defined there"
            )
    return matrix
