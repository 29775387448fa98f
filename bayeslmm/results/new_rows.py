"""New rows of a model: the table as the design reads it, and the columns of every block.

A block finds its new columns, in this order: under its name in `terms`; in the new table, where it
came from the formula or from a table whose names are all there; in new data that are nothing but
its own input, where a model of arrays has one block and no other predictor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..design import DesignError, NewGroup, NewRows
from ..design.checks import mapping
from ..design.errors import quoted
from ..design.labels import Labels, index_of
from ..design.table import read_table
from ..model.model import Model
from ..model.terms import BlockTerm
from ..types import Array


@dataclass(frozen=True, eq=False)
class New:
    """Rows to predict, and the columns of every block, (m, P), on the user's scale."""

    rows: NewRows
    columns: tuple[Array | None, ...]  # None for those of the fitted rows


def read_rows(
    model: Model,
    new_data: Any,
    terms: Mapping[str, Any] | None,
    groups: bool,
    noise: bool,
    **extras: Any,
) -> New:
    """Read what a prediction is asked for.

    Raises
    ------
    DesignError
        Where a column is missing or cannot be used, or counts of rows differ.
    """
    given = dict(mapping(terms, "terms", "{'name of a block': its new columns}"))
    known = [b.name for b in model.blocks]
    unknown = [name for name in given if name not in known]
    if unknown:
        told = f"the model's blocks are {quoted(known)}" if known else "the model has no blocks"
        raise DesignError(f"terms= names {quoted(unknown)}, but {told}")
    if new_data is not None and not given and _is_its_input(model):
        given, new_data = {known[0]: new_data}, None
    if new_data is None:
        return _without_table(model, given, noise, extras)
    rows = model.design.encoder.encode(new_data, groups=groups, noise=noise, **extras)
    labels = rows.labels.or_first(_told(given))
    columns = tuple(_columns(model, block, given, new_data, labels) for block in model.blocks)
    for block, matrix in zip(model.blocks, columns):
        if len(matrix) != rows.rows.size:
            raise DesignError(
                f"new_data has {rows.rows.size} rows, but terms={{{block.name!r}: ...}} has "
                f"{len(matrix)}; give both for the same rows"
            )
    return New(rows, columns)


def _bare(model: Model) -> bool:
    """Whether the rows are described by blocks alone, beside an intercept."""
    return set(model.design.fixed) <= {"Intercept"} and not model.groups


def _is_its_input(model: Model) -> bool:
    return model.design.encoder.arrays and len(model.blocks) == 1 and _bare(model)


def _without_table(model: Model, given: dict[str, Any], noise: bool, extras: dict[str, Any]) -> New:
    """The fitted rows, their blocks replaced by what is given; or rows of given blocks alone."""
    n = model.design.y.size
    alone = bool(given) and len(given) == len(model.blocks) and _bare(model)
    beside = [*_told(given), *((f"{keyword}=", value) for keyword, value in extras.items())]
    labels = Labels.first(beside) if alone else model.design.origin.now
    columns = tuple(
        _given(block, given, labels) if block.name in given else None for block in model.blocks
    )
    if alone:
        counts = [len(matrix) for matrix in columns if matrix is not None]
        if len(set(counts)) > 1:
            raise DesignError(f"the blocks of terms= differ in their rows: {counts}")
        rows = model.design.encoder.blank(counts[0], labels=labels, noise=noise, **extras)
        ones = np.ones((counts[0], len(model.design.fixed)))
        return New(replace(rows, X=ones, rows=labels.rows(counts[0])), columns)
    for name, matrix in zip((b.name for b in model.blocks), columns):
        if matrix is not None and len(matrix) != n:
            raise DesignError(
                f"terms={{{name!r}: ...}} has {len(matrix)} rows; without new_data the {n} fitted "
                f"rows are predicted, so give new_data for other ones"
            )
    told = [name for name, value in extras.items() if value is not None]
    if told:
        raise DesignError(
            f"{' and '.join(told)} belong to new rows, but the fitted ones are asked for; give "
            f"new_data"
        )
    return New(_fitted_rows(model), columns)


def _told(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(f"terms={{{name!r}: ...}}", values) for name, values in given.items()]


def _given(block: BlockTerm, given: Mapping[str, Any], labels: Labels) -> Array:
    """Columns given for a block, in the order of the rows."""
    columns = block.source.encode(given[block.name])
    order = labels.order(index_of(given[block.name]), f"terms={{{block.name!r}: ...}}")
    return columns if order is None else columns[order]


def _columns(
    model: Model, block: BlockTerm, given: dict[str, Any], new_data: Any, labels: Labels
) -> Array:
    if block.name in given:
        return _given(block, given, labels)
    reads = block.source.reads
    if reads is not None and not model.design.encoder.arrays:
        names = read_table(new_data).names
        absent = [name for name in reads if name not in names]
        if not absent:
            return block.source.encode(new_data)
        told = f"new_data lacks the columns {quoted(absent)} of the block {block.name!r}"
    else:
        told = f"new_data cannot tell the columns of the block {block.name!r}"
    raise DesignError(
        f"{told}; give them as terms={{{block.name!r}: ...}}, in the form in which they were fitted"
    )


def _fitted_rows(model: Model) -> NewRows:
    design = model.design
    groups = tuple(
        NewGroup(g.name, g.Z, g.codes, np.array([], dtype=object)) for g in design.groups
    )
    extras = design.offset, design.weights, design.noise_sd
    return NewRows(design.X, *extras, groups, design.rows, weighted=True)
