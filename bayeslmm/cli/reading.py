"""From the file that a shell names to the model: what the formula says of its columns, they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..design.formula import label_columns
from .tables import Form, Roles, read_table_file
from .words import of_the_file

BESIDE = ("weights", "offset", "frequency", "noise_sd")


def model_of(
    path: Path,
    formula: str | None,
    rows: dict[str, Any],
    marks: tuple[str | None, str | None],
    declare: Callable[..., Any],
    priors: dict[str, Any],
) -> tuple[Any, list[str]]:
    """The model of a table, and what is to be said of how the table was read.

    Parameters
    ----------
    path
        The file.
    formula
        None where every column is a response.
    rows
        Options about rows: columns beside the formula, and "group", columns to be read as labels.
    marks
        What the shell says of separator and decimal mark.
    declare
        Makes the model from formula and table.
    priors
        By name.
    """
    labels, others = label_columns(formula) if formula else (frozenset(), frozenset("."))
    beside = frozenset(filter(None, (rows[option] for option in BESIDE)))
    roles = Roles(frozenset(rows["group"] or ()), labels, others | beside)
    file = read_table_file(path, roles, Form.of(*marks))
    with of_the_file(file):
        return declare(formula, file.data, priors=priors), file.said
