"""Arrays -> a Design, for users who have their matrices already: a table with made-up names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..types import Array, Index
from .array_reading import apart, labelled, read_labels, side_of
from .bars import RandomPart
from .build import Read, assemble
from .checks import mapping, real_array, refuse_not_finite, refuse_where
from .column import Column
from .errors import DesignError
from .formula import Formula
from .labels import Beside, Labels
from .nodes import Name
from .numeric import Numbers, read_numbers
from .records import Design
from .table import with_names
from .variables import Variable


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
    beside: Sequence[Beside] = (),
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
    response = _response(y)
    given = {"weights": weights, "frequency": frequency, "offset": offset, "noise_sd": noise_sd}
    others = labelled(X, groups, given)
    known = Labels.first([("y", y), *others, *((b.what, b) for b in beside)])
    rows = known.rows(len(response))
    refuse_where(np.isinf(response), rows, "y is infinite", "correct or remove these rows")
    columns = {"y": Column("y", "number", response, np.isnan(response), called="y")}
    X = _matrix(X, "X", "x", rows, known, fixed)
    side, made = side_of(X)
    columns |= made
    random, described = [], [_described(X.names, "0")]
    for name, value in groups.items():
        labels, Z = apart(value)
        column = read_labels(name, labels, Z is not None, rows, known)
        Z = _matrix(np.ones((len(rows), 1)) if Z is None else Z, f"Z of '{name}'", "z", rows, known)
        effects, made = side_of(Z)
        columns |= {name: replace(column, called=f"the grouping factor '{name}'"), **made}
        described.append(f"({_described(Z.names)} | {name})")
        random.append(RandomPart(effects, (name,), True, described[-1]))
    text = f"y ~ {' + '.join(described)}"
    said = Formula(text, Variable("y", Name("y", 0), "y"), "y", side, (), tuple(random))
    read = Read(said, columns, rows, known, where="X")
    return assemble(read, given, missing, check_rank, beside)


def _response(y: Any) -> Array:
    response = real_array(y, "y")
    if response.ndim != 1:
        raise DesignError(f"y must have one dimension, got shape {response.shape}")
    if len(response) == 0:
        raise DesignError("y is empty: it has 0 rows")
    return response


def _matrix(
    values: Any, what: str, letter: str, rows: Index, known: Labels, names: Any = None
) -> Numbers:
    """A matrix of these rows; the first column of ones is the intercept where none has a name."""
    n = len(rows)
    values = np.empty((n, 0)) if values is None else known.align(with_names(values), what)
    found = read_numbers(values, what, names=names, letter=letter, n=n)
    advice = "correct or remove these rows"
    refuse_not_finite(found.values, found.names, rows, what, advice, gaps=True)
    ones = np.flatnonzero((found.values == 1).all(axis=0))
    if not found.named and n and ones.size:
        named = list(found.names)
        named[ones[0]] = "Intercept"
        found = replace(found, names=tuple(named))
    return found


def _described(names: Sequence[str], without: str = "") -> str:
    """Columns as a side of a formula; and what it begins with where none is the intercept."""
    others = [name for name in names if name != "Intercept"]
    first = "1" if len(others) < len(names) else without
    return " + ".join([first, *others] if first else others)
