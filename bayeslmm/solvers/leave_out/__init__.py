"""What the other rows say of some, exactly, given the variances.

`left` says what a unit is and what it answers; `rotated` turns each group's rows once; `units` and
`groups` are the compiled algebra over `algebra`, `precision` that of models with more columns than
rows; `solvers` takes the cheapest way.
"""

from .left import Left, LeftOut, Units
from .row_precision import Precision
from .solvers import Groups, LeftRows, Refits, left_out, undetermined

__all__ = [
    "Groups",
    "Left",
    "LeftOut",
    "LeftRows",
    "Precision",
    "Refits",
    "Units",
    "left_out",
    "undetermined",
]
