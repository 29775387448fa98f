"""Arrays -> a Design, for users who have their matrices already."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import (
    check_constant_response,
    check_enough_rows,
    check_group_names,
    check_names,
    check_rank,
    real_array,
    refuse_where,
)
from .columns import Column, read_column, refuse_infinite
from .effects import refuse_single_level
from .errors import DesignError, quoted
from .extras import Extra, Sources, check_extra, read_extras, values_or
from .grouping import Factor, fit_factor
from .missing import rows_to_keep
from .records import Design, Grouping, NewGroup, NewRows


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
        As in `build_design`.
    missing : {"error", "drop"}
        Refuse rows with missing values, or drop them and record their labels.
    check_rank : bool
        As in `build_design`.

    Returns
    -------
    Design

    Raises
    ------
    DesignError
        If shapes differ (both are told), values are missing or infinite, or columns collinear.

    Examples
    --------
    >>> import numpy as np
    >>> from bayeslmm.design import design_from_arrays
    >>> X = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 4.0]])
    >>> design = design_from_arrays([1.0, 2.0, 2.5, 4.0], X, {"g": [0, 0, 1, 1]})
    >>> design.fixed, design.groups[0].levels
    (('Intercept', 'x1'), array([0, 1]))
    """
    response = real_array(y, "y")
    if response.ndim != 1:
        raise DesignError(f"y must have one dimension, got shape {response.shape}")
    n = len(response)
    if n == 0:
        raise DesignError("y is empty: it has 0 rows")
    rows = _labels(y, X, n)
    refuse_where(np.isinf(response), rows, "y is infinite", "correct or remove these rows")
    matrix, names = _matrix(X, n, rows, "X", "x", fixed)
    read = {name: _group(name, value, n, rows) for name, value in (groups or {}).items()}
    check_group_names(read, "y")
    given = {"weights": weights, "frequency": frequency, "offset": offset, "noise_sd": noise_sd}
    extras = read_extras(given, n, rows, None)
    masks = {"y": np.isnan(response), **_gaps(matrix, names, "X")}
    for name, (labels, Z, effects) in read.items():
        masks |= {
            f"the grouping factor '{name}'": labels.missing,
            **_gaps(Z, effects, f"Z of '{name}'"),
        }
    masks |= {extra.what: np.isnan(extra.values) for extra in extras.values()}
    keep = rows_to_keep(masks, rows, missing)
    extras = {k: Extra(k, extra.column, extra.values[keep]) for k, extra in extras.items()}
    for extra in extras.values():
        check_extra(extra, rows[keep])
    made = [_grouping(labels.take(keep), Z[keep], effects) for labels, Z, effects in read.values()]
    response, matrix, n = response[keep], np.ascontiguousarray(matrix[keep]), int(keep.sum())
    check_constant_response(response, "y")
    check_names(names)
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
    )


def _check_columns(matrix: np.ndarray, names: tuple[str, ...]) -> None:
    check_enough_rows(len(matrix), names)
    check_rank(matrix, names, "X")


def _labels(y: Any, X: Any, n: int) -> np.ndarray:
    for values in (y, X):
        index = getattr(values, "index", None)
        if index is not None and not callable(index) and len(index) == n:
            return np.asarray(index)
    return np.arange(n)


def _matrix(
    values: Any, n: int, rows: np.ndarray, what: str, letter: str, given: Any = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """A matrix of n rows, and the names of its columns."""
    if values is None:
        values = np.empty((n, 0))
    columns = getattr(values, "columns", None)
    array = real_array(values.to_numpy() if columns is not None else values, what)
    if array.ndim != 2 or len(array) != n:
        hint = f"; write {what}[:, None] for one column" if array.ndim == 1 else ""
        raise DesignError(f"{what} must have shape ({n}, columns), got {array.shape}{hint}")
    if given is not None:
        names = tuple(str(name) for name in given)
        if len(names) != array.shape[1]:
            raise DesignError(
                f"{len(names)} names were given for the {array.shape[1]} columns of {what}"
            )
    elif columns is not None:
        names = tuple(str(name) for name in columns)
    else:
        ones = [bool(len(column)) and bool((column == 1).all()) for column in array.T]
        first = ones.index(True) if True in ones else -1
        names = tuple("Intercept" if j == first else f"{letter}{j}" for j in range(array.shape[1]))
    for name, column in zip(names, array.T, strict=True):
        where = f"column '{name}' of {what} is infinite"
        refuse_where(np.isinf(column), rows, where, "correct or remove these rows")
    return array, names


def _gaps(matrix: np.ndarray, names: tuple[str, ...], what: str) -> dict[str, np.ndarray]:
    missing = np.isnan(matrix)
    return {f"column '{names[j]}' of {what}": missing[:, j] for j in np.flatnonzero(missing.any(0))}


def _group(
    name: str, value: Any, n: int, rows: np.ndarray
) -> tuple[Column, np.ndarray, tuple[str, ...]]:
    """Labels and effects of one grouping factor."""
    import pandas as pd

    pair = isinstance(value, tuple) and len(value) == 2 and np.ndim(value[1]) > 0
    labels, Z = value if pair else (value, np.ones((n, 1)))
    if np.shape(labels) != (n,):
        raise DesignError(
            f"the labels of grouping factor '{name}' must have shape ({n},), got {np.shape(labels)}"
        )
    role = "the grouping factor"
    series = pd.Series(labels if hasattr(labels, "dtype") else list(labels)).reset_index(drop=True)
    column = read_column(name, series, rows, role)
    refuse_infinite(column, rows, role)
    return column, *_matrix(Z, n, rows, f"Z of '{name}'", "z")


def _grouping(column: Column, Z: np.ndarray, effects: tuple[str, ...]) -> tuple[Factor, Grouping]:
    factor, codes = fit_factor([column])
    refuse_single_level(factor.name, factor.levels)
    check_names(effects)
    check_rank(Z, effects, f"the random effects of '{factor.name}'")
    blocks = (tuple(range(len(effects))),)
    Z = np.ascontiguousarray(Z)
    return factor, Grouping(factor.name, factor.levels, codes, effects, Z, blocks)


def _describe(names: tuple[str, ...], made: list[tuple[Factor, Grouping]]) -> str:
    fixed = ["0" if "Intercept" not in names else "1", *(n for n in names if n != "Intercept")]
    random = [
        f"({' + '.join('1' if e == 'Intercept' else e for e in g.effects)} | {g.name})"
        for _, g in made
    ]
    return f"y ~ {' + '.join(fixed + random)}"


@dataclass(frozen=True, eq=False)
class ArrayEncoder:
    """Encodes arrays for a design that was made from arrays."""

    fixed: tuple[str, ...]
    groups: tuple[tuple[Factor, tuple[str, ...]], ...]
    sources: Sources

    def encode(
        self, new_data: Any, *, weights: Any = None, offset: Any = None, noise_sd: Any = None
    ) -> NewRows:
        """New arrays in the coordinates of the fitted design.

        Parameters
        ----------
        new_data : mapping
            ``{"X": (m, p), "groups": {name: labels or (labels, Z)}}``, optionally with "weights",
            "offset" and "noise_sd".
        weights, offset, noise_sd : array_like (m,), optional
            The same, as keywords.

        Returns
        -------
        NewRows

        Raises
        ------
        DesignError
            If an array is missing or its shape differs.
        """
        if not isinstance(new_data, Mapping):
            raise DesignError(
                "the model was fitted to arrays, so new data are a dict with 'X' and 'groups', "
                f"got {type(new_data).__name__}"
            )
        groups = new_data.get("groups") or {}
        n = self._count(new_data, groups)
        rows = _labels(None, new_data.get("X"), n)
        X = self._columns(new_data.get("X"), n, rows)
        keywords = {"weights": weights, "offset": offset, "noise_sd": noise_sd}
        given = {
            key: new_data.get(key) if value is None else value for key, value in keywords.items()
        }
        extras = self.sources.for_new_rows(given, n, rows, None)
        return NewRows(
            X=X,
            offset=values_or(extras, "offset", n, 0.0),
            weights=values_or(extras, "weights", n, 1.0),
            noise_sd=extras["noise_sd"].values if "noise_sd" in extras else None,
            groups=tuple(self._group(f, effects, groups, n, rows) for f, effects in self.groups),
            rows=rows,
        )

    def _count(self, new_data: Mapping[str, Any], groups: Mapping[str, Any]) -> int:
        if new_data.get("X") is not None:
            return len(new_data["X"])
        if self.fixed:
            raise DesignError(f"new data need 'X' with the columns {quoted(self.fixed)}")
        for value in groups.values():
            return len(value[0] if isinstance(value, tuple) else value)
        raise DesignError("new data need 'X' or 'groups'")

    def _columns(self, X: Any, n: int, rows: np.ndarray) -> np.ndarray:
        matrix, names = _matrix(X, n, rows, "X", "x")
        if getattr(X, "columns", None) is not None:
            absent = [name for name in self.fixed if name not in names]
            if absent:
                raise DesignError(f"the new X lacks the columns {quoted(absent)}")
            matrix = matrix[:, [names.index(name) for name in self.fixed]]
        if matrix.shape[1] != len(self.fixed):
            raise DesignError(f"X must have shape ({n}, {len(self.fixed)}), got {matrix.shape}")
        refuse_where(np.isnan(matrix).any(axis=1), rows, "X is missing", "fill or drop these rows")
        return np.ascontiguousarray(matrix)

    def _group(
        self,
        factor: Factor,
        effects: tuple[str, ...],
        groups: Mapping[str, Any],
        n: int,
        rows: np.ndarray,
    ) -> NewGroup:
        if factor.name not in groups:
            raise DesignError(f"new data need groups['{factor.name}']")
        value = groups[factor.name]
        if not isinstance(value, tuple) and effects != ("Intercept",):
            raise DesignError(
                f"groups['{factor.name}'] must be (labels, Z) with Z for {quoted(effects)}"
            )
        column, Z, _ = _group(factor.name, value, n, rows)
        what = f"groups['{factor.name}']"
        refuse_where(column.missing, rows, f"{what} is missing", "fill or drop these rows")
        refuse_where(np.isnan(Z).any(axis=1), rows, f"Z of {what} is missing", "fill these rows")
        if Z.shape[1] != len(effects):
            raise DesignError(f"Z of {what} must have shape ({n}, {len(effects)}), got {Z.shape}")
        codes, new = factor.encode({factor.name: column})
        return NewGroup(factor.name, np.ascontiguousarray(Z), codes, new)
