"""Draws that are made when somebody reads them, and not before.

Where the variances are plugged in, means and sds of the coefficients are exact, and few ask for
draws of them: at many groups these would take longer than the fit. To xarray they are an array of a
backend, as one in a file is: it knows its shape, and is loaded when its numbers are needed.
"""

from collections.abc import Callable
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from ..host.arithmetic import arithmetic
from ..types import Array


class WhenRead:
    """An array of a known shape that a function makes once.

    A pickle, and so a process that is started with it, holds the numbers.
    """

    def __init__(self, shape: tuple[int, ...], make: Callable[[], Array]) -> None:
        self.shape, self.dtype, self._make = shape, np.dtype(np.float64), make
        self._lock = Lock()

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape))

    @cached_property
    def values(self) -> Array:
        """The numbers."""
        with self._lock, arithmetic():
            if "values" in self.__dict__:  # another thread has been here
                return self.__dict__["values"]  # type: ignore[no-any-return]
            return self._make().reshape(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.values, dtype, copy=copy)

    def __reduce__(self) -> Any:
        return _made, (self.values,)

    def for_xarray(self) -> Any:
        """The same as data of a variable of xarray."""
        from xarray.backends import BackendArray
        from xarray.core import indexing

        numbers = self

        class Backend(BackendArray):
            shape, dtype, owner = numbers.shape, numbers.dtype, numbers

            def __getitem__(self, key: Any) -> Any:
                basic = indexing.IndexingSupport.OUTER_1VECTOR
                return indexing.explicit_indexing_adapter(key, self.shape, basic, self._read)

            def _read(self, index: Any) -> Any:
                return self.owner.values[index]

            def __reduce__(self) -> Any:
                return _backend, (self.owner.values,)

        return indexing.LazilyIndexedArray(Backend())


def unread(variable: Any) -> bool:
    """Whether a variable of xarray holds draws that nobody has read yet."""
    data = getattr(variable.variable, "_data", None)  # `data` would read them
    owner = getattr(getattr(data, "array", None), "owner", None)
    return isinstance(owner, WhenRead) and "values" not in vars(owner)


def _made(values: Array) -> WhenRead:
    return WhenRead(values.shape, lambda: values)


def _backend(values: Array) -> Any:
    return _made(values).for_xarray().array
