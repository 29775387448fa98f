"""ByName that cannot be told apart, and the cells of an interaction that no row is in."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from ..types import Array
from .checks import check_size
from .coding import ByName
from .errors import DesignError
from .full_rank import Coded
from .nodes import names
from .rank import check_rank
from .sides import FittedSide


def check_columns(side: FittedSide, matrix: Array, columns: ByName, where: str, rank: bool) -> None:
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


def _refuse_empty_cells(side: FittedSide, columns: ByName, where: str) -> None:
    n = len(next(iter(columns.values())).values)
    read = side.read(columns, np.arange(n))
    for block in reversed(side.blocks):  # the highest interaction has the cells of the others
        factors, empty = _empty_cells(side, block, read)
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


def _empty_cells(
    side: FittedSide, block: Coded, read: Mapping[str, Array]
) -> tuple[list[str], list[list[Any]]]:
    """ByName of the categorical variables of a block, and their cells that no row is in."""
    found = [(side.codings[key], read[key]) for key, _ in block]
    factors = [(coding, codes) for coding, codes in found if coding.levels is not None]
    if len(factors) < 2:
        return [], []
    levels = [coding.levels or () for coding, _ in factors]
    occur = set(zip(*[codes.tolist() for _, codes in factors], strict=True))
    cells = product(*[range(len(of)) for of in levels])
    empty = [[of[j] for of, j in zip(levels, cell)] for cell in cells if cell not in occur]
    return [min(names(coding.variable.node)) for coding, _ in factors], empty
