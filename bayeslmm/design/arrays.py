"""Arrays -> a Design, for users who have their matrices already."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .array_encoder import ArrayEncoder
from .array_reading import labelled, make_grouping, read_group, read_matrix
from .checks import (
    check_constant_response,
    check_enough_rows,
    check_names,
    check_size,
    mapping,
    real_array,
    refuse_where,
)
from .errors import DesignError
from .extras import Extra, Sources, check_extra, read_extras, values_or
from .grouping import Factor
from .labels import Labels
from .missing import gaps, gaps_beside, rows_to_keep
from .names import check_group_names
from .origin import Origin, Rows
from .rank import check_rank
from .records import Design, Grouping


def design_from_arrays(
    y: Any,
    X: Any,
    groups: Mapping[str, Any] | None = None,
    *,
    fixed: Any = None,
    weights: Any = None,
    frequency: Any = None,
    offset: Any = None,
    noise_sd: Any = None,
    missing: str = "error",
    check_rank: bool = True,
    beside: Sequence[Rows] = (),
) -> Design:
    """Make a design from arrays.

    Parameters
    ----------
    y : array_like (n,)
        The response.
    X : array_like or DataFrame (n, p), or None
        The fixed effects' columns. No intercept is added: a column of ones is one, and is named
        "Intercept". Other names are those of the DataFrame, or "x0", "x1", ...
    groups : mapping, optional
        ``{"Subject": labels}`` for a random intercept, or ``{"Subject": (labels, Z)}`` for
        correlated effects with the columns of Z (n, q).
    fixed : sequence of str, optional
        Names of the columns of X.
    weights, frequency, offset, noise_sd : array_like (n,), optional
        As in `build_design`. What has a pandas index is matched with y, or with the first that has
        one, by its labels.
    missing : {"error", "drop"}
        Refuse rows with missing values, or drop them and record their labels.
    check_rank, beside
        As in `build_design`.

    Returns
    -------
    Design

    Raises
    ------
    DesignError
        If shapes differ (both are told) or labels of rows, values are missing or infinite, or
        columns collinear.

    Examples
    --------
    >>> import numpy as np
    >>> from bayeslmm.design import design_from_arrays
    >>> X = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 4.0]])
    >>> design = design_from_arrays([1.0, 2.0, 2.5, 4.0], X, {"g": [0, 0, 1, 1]})
    >>> design.fixed, design.groups[0].levels
    (('Intercept', 'x1'), array([0, 1]))
    """
    groups = mapping(groups, "groups", "{'g': labels} or {'g': (labels, columns)}")
    named = [b for b in beside if isinstance(b, str)]
    if named:
        raise DesignError(
            f"a block names the column {named[0]!r}, and arrays have no names; give it the columns"
        )
    response = real_array(y, "y")
    if response.ndim != 1:
        raise DesignError(f"y must have one dimension, got shape {response.shape}")
    n = len(response)
    if n == 0:
        raise DesignError("y is empty: it has 0 rows")
    given = {"weights": weights, "frequency": frequency, "offset": offset, "noise_sd": noise_sd}
    others = labelled(X, groups, given)
    known = Labels.first([("y", y), *others, *((b.what, b) for b in beside)])
    rows = known.rows(n)
    refuse_where(np.isinf(response), rows, "y is infinite", "correct or remove these rows")
    matrix, names = read_matrix(X, n, rows, known, "X", "x", fixed)
    read = {name: read_group(name, v, n, rows, known) for name, v in groups.items()}
    check_group_names(read, "y")
    extras = read_extras(given, rows, None, known)
    masks = {"y": np.isnan(response), **gaps(matrix, names, "X")}
    for name, (labels, Z, effects) in read.items():
        masks |= {
            f"the grouping factor '{name}'": labels.missing,
            **gaps(Z, effects, f"Z of '{name}'"),
        }
    masks |= {extra.what: np.isnan(extra.values) for extra in extras.values()}
    masks |= gaps_beside(beside, known, n)
    keep = rows_to_keep(masks, rows, missing)
    extras = {k: Extra(k, extra.column, extra.values[keep]) for k, extra in extras.items()}
    for extra in extras.values():
        check_extra(extra, rows[keep])
    made = [
        make_grouping(labels.take(keep), Z[keep], effects) for labels, Z, effects in read.values()
    ]
    response, matrix, n = response[keep], np.ascontiguousarray(matrix[keep]), int(keep.sum())
    check_size(response, ["y"], "the response")
    check_constant_response(response, "y")
    check_names(names)
    check_size(matrix, names, "the column")
    if check_rank:
        _check_columns(matrix, names)
    return Design(
        formula=_describe(names, made),
        response="y",
        y=response,
        fixed=names,
        X=matrix,
        groups=tuple(grouping for _, grouping in made),
        offset=values_or(extras, "offset", n, 0.0),
        weights=values_or(extras, "weights", n, 1.0),
        frequency=values_or(extras, "frequency", n, 1.0),
        noise_sd=extras["noise_sd"].values if "noise_sd" in extras else None,
        rows=rows[keep],
        dropped=rows[~keep],
        encoder=ArrayEncoder(names, tuple((f, g.effects) for f, g in made), Sources.of(extras)),
        origin=Origin(known, keep),
    )


def _check_columns(matrix: np.ndarray, names: tuple[str, ...]) -> None:
    check_enough_rows(len(matrix), names)
    check_rank(matrix, names, "X")


def _describe(names: tuple[str, ...], made: list[tuple[Factor, Grouping]]) -> str:
    fixed = ["0" if "Intercept" not in names else "1", *(n for n in names if n != "Intercept")]
    random = [
        f"({' + '.join('1' if e == 'Intercept' else e for e in g.effects)} | {g.name})"
        for _, g in made
    ]
    return f"y ~ {' + '.join(fixed + random)}"
