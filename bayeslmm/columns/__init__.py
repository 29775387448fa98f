"""Where the columns of a block come from, what is wrong with them, and how they are scaled.

A `Source` holds the labels and the matrix of a block for the fitted rows, and makes the same
columns for new rows: `read_given` takes numbers as they are, `expand` a kernel or basis of inputs,
`select` the columns that a formula made. `validate` refuses a block that cannot be fitted, before
any heavy work; `standardise` brings columns to one scale.
"""

from .basis import expand, inputs
from .from_design import keep, select
from .given import read_given
from .source import Expansion, Source, rows_of, subset
from .standardise import standardise
from .validate import refuse_many_responses, refuse_too_large, validate

__all__ = [
    "Expansion",
    "Source",
    "expand",
    "inputs",
    "keep",
    "read_given",
    "refuse_many_responses",
    "refuse_too_large",
    "rows_of",
    "select",
    "standardise",
    "subset",
    "validate",
]
