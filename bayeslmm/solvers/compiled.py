"""The one decorator of compiled code: its options, and machine code on disk that can be trusted.

Numba is loaded when a function is first called, not when it is declared: who fits a small table
never waits for it.
"""

from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any

import numpy as np

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


class Compiled:
    """A function that is compiled when it is called, and whose machine code is kept."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.py_func = function
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        return self.made(*args)

    @cached_property
    def made(self) -> Any:
        """Numba's own object; what is called often is called here."""
        import numba

        from ..host.kept import Kept

        made = numba.njit(**OPTIONS)(self.py_func)
        config: Any = numba.config
        if not config.DISABLE_JIT:  # a switch of Numba's: functions stay what they are
            made._cache = Kept(made)
        return made

    @property
    def _numba_type_(self) -> Any:
        """What Numba takes it for where compiled code calls it."""
        return self.made._numba_type_

    def __reduce__(self) -> str:
        return self.py_func.__qualname__


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function when it is called, and keep the machine code."""
    return Compiled(function)


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
    from ..host.code import digest

    return int(digest(function)[:12], 16)
