"""Formula or arrays -> a validated, labelled, frozen design. All validation of user data is here.

The files, in the order in which data flow: `tokens`, `parser`, `nodes`, `variables`,
`term_algebra`, `bars` and `formula` read the formula; `table`, `column`, `levels` and `numeric`
read the data; `evaluate`, `coding`, `full_rank`, `sides` and `effects` put both together; `checks`,
`gaps`, `rank` and `cells` refuse; `records` is what comes out, `build` and `arrays` the two ways
in, `encoder` the way for new rows.
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
