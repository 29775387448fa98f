"""The one decorator of compiled code: its options, and machine code on disk that can be trusted."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from ..host.code import digest
from ..host.kept import Kept

# Sums may be reordered and fused, but NaN and infinity keep their meaning: they are how a kernel
# says that it was asked for something outside float64.
#
# A loop that writes to an array is compiled twice, in vectors and one by one, and which of them
# runs depends on how far in memory that array lies from those that are read: chance. So no such
# loop also adds up, or the sum's last digit were chance too (`tests/test_loops.py`).
OPTIONS: Any = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz"},
}


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function when it is called, and keep the machine code."""
    made = numba.njit(**OPTIONS)(function)
    config: Any = numba.config
    if not config.DISABLE_JIT:  # a switch of Numba's: functions stay what they are
        made._cache = Kept(made)
    return made


def frozen[T: tuple[Any, ...]](data: T) -> T:
    """The same named tuple of arrays that cannot be written to.

    Arrays that PyTensor hands to compiled code are of this kind, so that a kernel is compiled for
    one kind of array whoever calls it, and no copy is made.
    """

    def view(array: Any) -> Any:
        seen = np.ascontiguousarray(array).view()
        seen.flags.writeable = False
        return seen

    return type(data)(*(view(a) for a in data))


def version(function: Any) -> int:
    """A number that changes with a compiled function and all that it calls."""
    return int(digest(function)[:12], 16)
