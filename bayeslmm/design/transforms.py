"""The transforms that a formula may call: an allowlist, and nothing of the caller's environment.

A formula is data, often from a file or a form; so nothing in it is ever evaluated as Python. Names
are columns of the table, and calls are looked up here.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np

# Row by row; also as np.<name>.
_PLAIN = (
    "abs", "cbrt", "ceil", "cos", "cosh", "exp", "exp2", "expm1", "floor", "log",
    "log10", "log1p", "log2", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh",
)  # fmt: skip
_NUMPY_ONLY = ("absolute", "arctan", "deg2rad", "maximum", "minimum", "power", "reciprocal")

# These remember what they saw in the fitted table (means, knots, levels), so that a new table is
# encoded alike. The names are those of the formulae package.
STATEFUL = ("center", "scale", "standardize", "bs", "cc", "cr", "tp", "poly", "binary", "B")
CATEGORICAL = ("C", "T", "S")
IDENTITY = ("I",)

ELEMENTWISE = frozenset(_PLAIN) | {f"np.{name}" for name in (*_PLAIN, *_NUMPY_ONLY)}
KNOWN = ELEMENTWISE | set(STATEFUL) | set(CATEGORICAL) | set(IDENTITY) | {"offset"}
# Contrasts, only inside C(...).
CONTRASTS = frozenset({"Treatment", "Sum"})


class Binary:
    """1 where a column equals one level, 0 elsewhere; the level is remembered for new tables.

    formulae's own `binary` takes the first level of whatever table it is given, so a new table
    without that level would silently be coded the other way round.
    """

    __stateful_transform__ = True

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
        return np.where(np.asarray(x == self.success), 1.0, 0.0)


def namespace() -> dict[str, Any]:
    """The functions that formulae may resolve a call to, beside its own transforms."""
    numpy_only = {name: getattr(np, name) for name in (*_PLAIN, *_NUMPY_ONLY)}
    plain = {name: getattr(np, name) for name in _PLAIN}
    return {**plain, "np": SimpleNamespace(**numpy_only), "bayeslmm_binary": Binary}


def resolved_name(function: str) -> str:
    """The name under which formulae finds a transform."""
    return "bayeslmm_binary" if function in ("binary", "B") else function


def known_calls() -> str:
    """The transforms, for an error message."""
    first = [*IDENTITY, *CATEGORICAL, *STATEFUL[:-1], *sorted(_PLAIN), "offset"]
    return ", ".join(first) + ", and np.log, np.exp, ... of these"
