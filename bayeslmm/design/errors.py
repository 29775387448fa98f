"""The two errors of the package's front door, and the sentences that they share.

Every message says what was wrong, what was got and what to do, and names the column, row or level.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .visible import meant, visible

AROUND = 300  # characters of a formula that are shown before and after its fault


class DesignError(ValueError):
    """The table or the arrays cannot be made into a design."""

    def __str__(self) -> str:
        """The message, fit for a terminal: it quotes names, and these may hold anything."""
        return visible(super().__str__(), keep="\n")


class FormulaError(DesignError):
    """The formula cannot be read, or asks for something that is not known."""


def formula_error(message: str, formula: str, position: int) -> FormulaError:
    """A FormulaError that shows the formula with a caret under the offending place."""
    before, after = (
        visible("".join(" " if char.isspace() else char for char in part))
        for part in (formula[:position], formula[position:])
    )
    if len(before) > AROUND:
        before = "…" + before[-AROUND:]
    if len(after) > AROUND:
        after = after[:AROUND] + "…"
    return FormulaError(f"{visible(message)}\n  {before}{after}\n  {' ' * len(before)}^")


def nests_too_deep(formula: str) -> FormulaError:
    """The error for a formula that Python cannot walk through."""
    return FormulaError(f"the formula of {len(formula)} characters nests too deep")


def some(items: Iterable[Any], limit: int = 5) -> str:
    """The first few items, and how many more there are: ``"3, 7 and 2 more"``."""
    listed = list(items)
    text = ", ".join(str(item) for item in listed[:limit])
    return text if len(listed) <= limit else f"{text} and {len(listed) - limit} more"


def quoted(items: Iterable[Any], limit: int = 8) -> str:
    """Like `some`, each item in quotes."""
    return some([f"'{item}'" for item in items], limit)


def at_rows(mask: np.ndarray, rows: np.ndarray) -> str:
    """Where a mask holds: ``"2 rows: 3, 7"``, rows by their labels."""
    labels = rows[np.flatnonzero(mask)]
    return f"{len(labels)} {'row' if len(labels) == 1 else 'rows'}: {some(labels)}"


def unknown_column(name: str, known: Sequence[str], role: str) -> DesignError:
    """The error for a column that the table does not have, with the names that are close."""
    hint = meant(name, known)
    hint = f" ({hint})" if hint else ""
    return DesignError(
        f"{role} '{name}' is not a column of the table{hint}; the columns are: {quoted(known, 30)}"
    )
