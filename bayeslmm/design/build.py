"""A formula and a table -> a Design. The order of the checks is the order in which one would read:
the table, the formula, each column, each row, the columns together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Index
from .cells import check_columns
from .checks import check_constant_response, check_enough_rows, check_names, check_size
from .column import Column, column_of
from .effects import fit_random
from .encoder import Encoder
from .extras import Extra, check_extra, read_extras, sources_of, values_or
from .formula import Formula, read_formula
from .gaps import gaps_beside, rows_to_keep
from .labels import Beside, Labels, Origin
from .names import check_group_names
from .nodes import Name
from .records import Design
from .sides import fit_side, fit_vector
from .table import Table, read_table
from .text import numbers, refuse_numbers_as_text


@dataclass(frozen=True, eq=False)
class Read:
    """What is to become a design: what is said of columns, and these, all their rows.

    Attributes
    ----------
    said : Formula
    columns : mapping of str to Column
        Values may be missing.
    rows, labels
        What rows are called, and by what they are matched with what comes beside them.
    table : Table or None
        From which extras may name a column; None for arrays.
    where : str
        What messages call the fixed effects.
    """

    said: Formula
    columns: Mapping[str, Column]
    rows: Index
    labels: Labels
    table: Table | None = None
    where: str = "the fixed effects"


def build_design(
    formula: str,
    data: Any,
    *,
    weights: Any = None,
    frequency: Any = None,
    offset: Any = None,
    noise_sd: Any = None,
    missing: str = "error",
    check_rank: bool = True,
    beside: Sequence[Beside] = (),
) -> Design:
    """Make a design from a formula and a table.

    Parameters
    ----------
    formula : str
        In the syntax of lme4: ``"y ~ x + (x | g)"``, with ``(1|g)``, ``(x||g)``, ``(0+x|g)``,
        ``(1|a/b)``, ``(1|a:b)``; ``y ~ .`` takes every column that is not the response, a grouping
        factor, an offset or a weight. Transforms are those of formulae and elementwise functions
        of numpy; anything else is refused and nothing is ever evaluated as Python. ``||`` makes
        every column uncorrelated, also those of one categorical predictor (lme4 differs).
        Columns with odd names stand in backticks.
    data : table
        A pandas or polars DataFrame, pyarrow Table, dict of arrays or structured array of n rows.
        Only columns that are used are looked at.
    weights : str or array_like (n,), optional
        Precisions: e_i ~ N(0, sigma^2 / w_i).
    frequency : str or array_like (n,), optional
        How many times each row counts.
    offset : str or array_like (n,), optional
        Added to the mean; adds to any ``offset(...)`` of the formula.
    noise_sd : str or array_like (n,), optional
        Known standard deviation of the noise of each row.
    missing : {"error", "drop"}
        Refuse rows with missing values, or drop them and record their labels.
    check_rank : bool
        Whether constant and collinear fixed effects, and as many of them as rows, are refused.
        Models that shrink every coefficient turn it off.
    beside : sequence of Beside
        Blocks of columns for the same rows: what is missing in them counts as in the table.
        ``design.origin.places(block)`` then says where the rows that were kept stand in each.

    Returns
    -------
    Design

    Raises
    ------
    FormulaError
        If the formula cannot be read or asks for what is not known.
    DesignError
        If the table does not hold what the formula needs, or what has a pandas index beside it has
        other labels than the table. The message names the column and rows.

    Examples
    --------
    >>> from bayeslmm.design import build_design
    >>> table = {
    ...     "y": [1.0, 2.0, 2.5, 4.0, 1.5, 3.0],
    ...     "x": [0.0, 1.0, 2.0, 3.0, 1.0, 2.0],
    ...     "g": ["a", "a", "b", "b", "c", "c"],
    ... }
    >>> design = build_design("y ~ x + (1 | g)", table)
    >>> design.fixed, design.groups[0].effects, design.X.shape
    (('Intercept', 'x'), ('Intercept',), (6, 2))
    """
    table = read_table(data)
    given = {"weights": weights, "frequency": frequency, "offset": offset, "noise_sd": noise_sd}
    reserved = [value for value in given.values() if isinstance(value, str)]
    said = read_formula(formula, table.names, reserved)
    things = [*((f"{k}=", v) for k, v in given.items()), *((b.what, b) for b in beside)]
    labels = table.labels.or_first(things)
    read = Read(said, _columns(said, table), table.rows, labels, table)
    return assemble(read, given, missing, check_rank, beside)


def _columns(said: Formula, table: Table) -> dict[str, Column]:
    """Every column that the formula uses, each checked by itself."""
    response, predictors, grouping = said.columns
    roles = dict.fromkeys(predictors, "the predictor")
    roles |= dict.fromkeys(grouping, "the grouping factor")
    roles |= dict.fromkeys(response, "the response")
    columns = {name: column_of(table, name, role) for name, role in roles.items()}
    numeric = [(said.response, "the response"), *((o, "the offset") for o in said.offsets)]
    for item, role in numeric:
        if isinstance(item.node, Name):
            numbers(columns[item.node.name], table.rows, role)
    for name in said.bare_predictors:
        refuse_numbers_as_text(columns[name], table.rows)
    return columns


def assemble(
    read: Read, given: Mapping[str, Any], missing: str, rank: bool, beside: Sequence[Beside]
) -> Design:
    """What was read, its rows with gaps dropped or refused, coded and checked.

    Parameters are those of `build_design`; `given` holds weights, frequency, offset and noise_sd.
    """
    said, columns = read.said, read.columns
    check_group_names(said.random_factors, said.response_name)
    extras = read_extras(given, read.rows, read.table, read.labels)
    masks = {column.what: column.missing for column in columns.values()}
    masks |= {extra.what: np.isnan(extra.values) for extra in extras.values()}
    masks |= gaps_beside(beside, read.labels, len(read.rows))
    keep = rows_to_keep(masks, read.rows, missing)
    rows, n = read.rows[keep], int(keep.sum())
    columns = {name: column.take(keep) for name, column in columns.items()}
    extras = {k: Extra(k, extra.column, extra.values[keep]) for k, extra in extras.items()}
    for extra in extras.values():
        check_extra(extra, rows)
    _, y = fit_vector(said.response, columns, rows)
    check_size(y, [said.response_name], "the response")
    check_constant_response(y, said.response_name)
    fixed, X = fit_side(said.fixed, columns, rows)
    check_names(fixed.names)
    if rank:
        check_enough_rows(n, fixed.names)
    check_columns(fixed, X, columns, read.where, rank)
    random = fit_random(said.random, columns, rows)
    offsets = [fit_vector(item, columns, rows) for item in said.offsets]
    offset = sum((values for _, values in offsets), values_or(extras, "offset", n, 0.0))
    check_size(offset, ["offset"], "the")
    encoder = Encoder(
        fixed=fixed,
        random=tuple(fitted for fitted, _ in random),
        offsets=tuple(fitted for fitted, _ in offsets),
        kinds={name: column.told for name, column in columns.items()},
        sources=sources_of(extras),
        arrays=read.table is None,
    )
    return Design(
        formula=said.text,
        response=said.response_name,
        y=y,
        fixed=fixed.names,
        X=X,
        groups=tuple(grouping for _, grouping in random),
        offset=offset,
        weights=values_or(extras, "weights", n, 1.0),
        frequency=values_or(extras, "frequency", n, 1.0),
        noise_sd=extras["noise_sd"].values if "noise_sd" in extras else None,
        rows=rows,
        dropped=read.rows[~keep],
        encoder=encoder,
        origin=Origin(read.labels, keep),
    )
