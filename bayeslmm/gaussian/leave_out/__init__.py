"""What the other rows say of some, exactly, given the variances.

`rotated` turns each group's rows once; `rows`, `groups` and `units` are the compiled algebra of
three kinds of unit over `algebra`; `solvers` answers for each at any point of the variances, and
`precision` for models with more columns than rows.
"""

from .left import Left
from .precision import PrecisionRows, PrecisionUnits
from .solvers import Groups, LeftOut, Refits, Rows, Table, Units, levels_out, undetermined

__all__ = [
    "Groups",
    "Left",
    "LeftOut",
    "PrecisionRows",
    "PrecisionUnits",
    "Refits",
    "Rows",
    "Table",
    "Units",
    "levels_out",
    "undetermined",
]
