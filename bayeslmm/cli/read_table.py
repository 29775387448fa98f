"""From the file that a shell names to the model: what the formula says of its columns, they are."""

from typing import Any

from ..design.formula import label_columns
from .declare import BESIDE, Declare
from .option_list import Asked
from .tables import Form, Roles, read_table_file
from .words import of_the_file


def model_of(asked: Asked, declare: Declare) -> tuple[Any, list[str]]:
    """The model of the table that was asked for, and what is to be said of how it was read."""
    marks, priors = Form.of(asked.separator, asked.decimal), _priors(asked.prior or [])
    formula = asked.formula
    labels, others = label_columns(formula) if formula else (frozenset(), frozenset("."))
    beside = frozenset(filter(None, asked.said(BESIDE).values()))
    file = read_table_file(
        asked.table, Roles(frozenset(asked.group or ()), labels, others | beside), marks
    )
    with of_the_file(file):
        return declare(formula, file.data, priors=priors), file.said


def _priors(given: list[str]) -> dict[str, Any]:
    """name=law or name=number."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, law = text.partition("=")
        if not equals or not name.strip() or not law.strip():
            raise ValueError(f"--prior {text!r}: write name=law, such as 'sigma=HalfNormal(50)'")
        if name.strip() in found:
            raise ValueError(f"--prior {name.strip()} is given twice; give it once")
        try:
            found[name.strip()] = float(law)
        except ValueError:
            found[name.strip()] = law.strip()
    return found
