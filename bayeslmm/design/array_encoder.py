"""How new arrays are read in the coordinates of a design that was made from arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .array_reading import labelled, read_group, read_matrix
from .blank import blank_rows
from .checks import refuse_where
from .errors import DesignError, quoted
from .extras import Sources, values_or
from .grouping import Factor
from .labels import UNLABELLED, Labels
from .records import NewGroup, NewRows
from .table import with_names


@dataclass(frozen=True, eq=False)
class ArrayEncoder:
    """Encodes arrays for a design that was made from arrays."""

    fixed: tuple[str, ...]
    groups: tuple[tuple[Factor, tuple[str, ...]], ...]
    sources: Sources

    def encode(
        self,
        new_data: Any,
        *,
        weights: Any = None,
        offset: Any = None,
        noise_sd: Any = None,
        groups: bool = True,
        noise: bool = True,
    ) -> NewRows:
        """New arrays in the coordinates of the fitted design.

        Parameters
        ----------
        new_data : mapping
            ``{"X": (m, p), "groups": {name: labels or (labels, Z)}}``, optionally with "weights",
            "offset" and "noise_sd".
        weights, offset, noise_sd : array_like (m,), optional
            The same, as keywords.
        groups, noise : bool
            Whether grouping factors, and weights or known noise, are needed; where not, their
            columns may be absent.

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
        labels = new_data.get("groups") or {}
        n = self._count(new_data, labels)
        keywords = {"weights": weights, "offset": offset, "noise_sd": noise_sd}
        beside = new_data if noise else {"offset": new_data.get("offset")}
        given = {
            key: beside.get(key) if value is None else value for key, value in keywords.items()
        }
        seen = Labels.first(labelled(new_data.get("X"), labels, given))
        rows = seen.rows(n)
        X = self._columns(new_data.get("X"), n, rows, seen)
        extras = self.sources.for_new_rows(given, rows, None, seen, noise)
        return NewRows(
            X=X,
            offset=values_or(extras, "offset", n, 0.0),
            weights=values_or(extras, "weights", n, 1.0),
            noise_sd=extras["noise_sd"].values if "noise_sd" in extras else None,
            groups=tuple(
                self._group(f, effects, labels, n, rows, seen)
                for f, effects in (self.groups if groups else ())
            ),
            rows=rows,
            weighted="weights" in extras,
            labels=seen,
        )

    def blank(
        self,
        count: int,
        *,
        weights: Any = None,
        offset: Any = None,
        noise_sd: Any = None,
        labels: Labels = UNLABELLED,
        noise: bool = True,
    ) -> NewRows:
        """Rows of which nothing but these is known: no fixed effects (count, 0), no groups.

        Raises
        ------
        DesignError
            If the offset cannot be known, or a value cannot be used.
        """
        given = {"weights": weights, "offset": offset, "noise_sd": noise_sd}
        return blank_rows(self.sources, count, given, labels, noise)

    def fixed_only(self) -> "ArrayEncoder":
        """The same for the columns of X alone: nothing else is looked for in new data."""
        return ArrayEncoder(self.fixed, (), Sources())

    def _count(self, new_data: Mapping[str, Any], groups: Mapping[str, Any]) -> int:
        if new_data.get("X") is not None:
            return len(new_data["X"])
        if self.fixed:
            raise DesignError(f"new data need 'X' with the columns {quoted(self.fixed)}")
        for value in groups.values():
            return len(value[0] if isinstance(value, tuple) else value)
        raise DesignError("new data need 'X' or 'groups'")

    def _columns(self, X: Any, n: int, rows: np.ndarray, seen: Labels) -> np.ndarray:
        X = with_names(X)
        matrix, names = read_matrix(X, n, rows, seen, "X", "x")
        if getattr(X, "columns", None) is not None:
            matrix = _by_name(matrix, names, self.fixed, "the new X")
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
        seen: Labels,
    ) -> NewGroup:
        if factor.name not in groups:
            raise DesignError(f"new data need groups['{factor.name}']")
        value = groups[factor.name]
        if not isinstance(value, tuple) and effects != ("Intercept",):
            raise DesignError(
                f"groups['{factor.name}'] must be (labels, Z) with Z for {quoted(effects)}"
            )
        column, Z, names = read_group(factor.name, value, n, rows, seen)
        what = f"groups['{factor.name}']"
        if isinstance(value, tuple) and getattr(with_names(value[1]), "columns", None) is not None:
            Z = _by_name(Z, names, effects, f"Z of {what}")
        refuse_where(column.missing, rows, f"{what} is missing", "fill or drop these rows")
        refuse_where(np.isnan(Z).any(axis=1), rows, f"Z of {what} is missing", "fill these rows")
        if Z.shape[1] != len(effects):
            raise DesignError(f"Z of {what} must have shape ({n}, {len(effects)}), got {Z.shape}")
        codes, new = factor.encode({factor.name: column})
        return NewGroup(factor.name, np.ascontiguousarray(Z), codes, new)


def _by_name(
    matrix: np.ndarray, names: tuple[str, ...], wanted: tuple[str, ...], what: str
) -> np.ndarray:
    """The wanted columns of a table, whatever their order."""
    absent = [name for name in wanted if name not in names]
    if absent:
        raise DesignError(f"{what} lacks the columns {quoted(absent)}")
    return matrix[:, [names.index(name) for name in wanted]]
