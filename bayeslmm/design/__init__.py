"""Formula or arrays -> a validated, labelled, frozen design. All validation of user data is here.

The files, in the order in which data flow: `tokens`, `parser`, `nodes`, `algebra`, `emit` and
`formula` read the formula; `table` and `columns` read the data; `evaluate` and `effects` put both
together through formulae; `checks` and `missing` refuse; `records` is what comes out, `build` and
`arrays` the two ways in, `encoder` the way for a new table.
"""

from .arrays import design_from_arrays
from .build import build_design
from .encoder import Encoder, NewRows
from .errors import DesignError, FormulaError
from .grouping import Grouping, NewGroup
from .records import Design

__all__ = [
    "Design",
    "DesignError",
    "Encoder",
    "FormulaError",
    "Grouping",
    "NewGroup",
    "NewRows",
    "build_design",
    "design_from_arrays",
]
