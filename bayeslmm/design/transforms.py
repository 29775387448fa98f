"""The transforms that a formula may call: an allowlist, and nothing of the caller's environment.

A formula is data, often from a file or a form; so nothing in it is ever evaluated as Python. Names
are columns of the table, and calls are looked up here.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .contrasts import C, S, Sum, T, Treatment

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "**": operator.pow, "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

# Row by row; also as np.<name>.
_PLAIN = (
    "abs", "cbrt", "ceil", "cos", "cosh", "exp", "exp2", "expm1", "floor", "log",
    "log10", "log1p", "log2", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh",
)  # fmt: skip
_NUMPY_ONLY = ("absolute", "arctan", "deg2rad", "maximum", "minimum", "power", "reciprocal")

# Contrasts, only inside C(...).
CONTRASTS: dict[str, Callable[..., Any]] = {"Treatment": Treatment, "Sum": Sum}
CATEGORICAL: dict[str, Callable[..., Any]] = {"C": C, "T": T, "S": S}
# These remember what they saw in the fitted table (means, knots, levels), so that a new table is
# encoded alike. All but the last are classes of the formulae package.
BASES = ("bs", "cc", "cr", "tp", "poly")
BINARY = ("binary", "B")
STATEFUL = ("center", "scale", "standardize", *BASES, *BINARY)


def _elementwise(name: str) -> Callable[..., Any]:
    ufunc = getattr(np, name)
    takes = "one value" if ufunc.nin == 1 else "two values"

    def apply(*columns: Any, **options: Any) -> Any:
        if options or len(columns) != ufunc.nin:  # numpy would write to one more
            raise TypeError(f"it takes {takes}, and no options")
        return ufunc(*columns)

    return apply


def I(x: Any) -> Any:  # noqa: E743
    """Arithmetic, as it is."""
    return x


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "I": I,
    **{name: _elementwise(name) for name in _PLAIN},
    **{f"np.{name}": _elementwise(name) for name in (*_PLAIN, *_NUMPY_ONLY)},
    **CATEGORICAL,
    **CONTRASTS,
}
TAKES_LABELS = (*CATEGORICAL, *BINARY)
KNOWN = (set(FUNCTIONS) - set(CONTRASTS)) | {*STATEFUL, "offset"}


class Indicator:
    """1 where a column equals one level, 0 elsewhere; the level is remembered for new tables.

    formulae's own `binary` takes the first level of whatever table it is given, so a new table
    without that level would silently be coded the other way round.
    """

    def __init__(self) -> None:
        self.success: Any = None
        self.levels: set[Any] = set()

    def __call__(self, x: Any, success: Any = None) -> Any:
        values = set(x.tolist())
        if self.success is None:
            self.levels = values
            self.success = min(values) if success is None else success
            if self.success not in values:
                raise ValueError(f"no value is equal to {self.success!r}")
        if values - self.levels:
            unseen = ", ".join(sorted(repr(value) for value in values - self.levels))
            raise ValueError(f"the fitted table did not have the value {unseen}")
        return np.where(x == self.success, 1.0, 0.0)


def stateful(name: str) -> Callable[..., Any]:
    """A transform that has seen nothing yet."""
    if name in BINARY:
        return Indicator()
    from formulae.transforms import TRANSFORMS  # slow to import

    made: Callable[..., Any] = TRANSFORMS[name]()
    return made


def known_calls() -> str:
    """The transforms, for an error message."""
    first = ["I", *CATEGORICAL, *STATEFUL[:-1], *sorted(_PLAIN), "offset"]
    return ", ".join(first) + ", and np.log, np.exp, ... of these"
