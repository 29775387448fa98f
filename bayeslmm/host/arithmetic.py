"""How numbers are worked with while anything of ours runs, whatever the host has set.

Matrices here are small: threads of BLAS would spend their time on waiting for each other. The limit
is the process's, so computations that run side by side share it; were each to put back what it
found, the last could leave what another had set. And a number that is too small is zero, as NumPy
has it by default: weights are made by exponentials of what lies thousands below.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

_lock = Lock()
_found: dict[int, ThreadpoolController] = {}  # by how many modules there were: each may load more
_within: list[Any] = []  # one entry for each that runs; the first knows what was before


def tiny_is_zero[F: Callable[..., Any]](function: F) -> F:
    """A function in which NumPy says nothing of numbers too small, whatever the host has set."""
    return np.errstate(under="ignore")(function)


def _pools() -> ThreadpoolController:
    """The libraries that have threads; looking for them takes longer than a small fit."""
    count = len(sys.modules)
    if count not in _found:
        _found.clear()
        _found[count] = ThreadpoolController()
    return _found[count]


@contextmanager
def arithmetic() -> Iterator[None]:
    """Work with one thread of BLAS, from whatever thread and however often at once."""
    with _lock:
        _within.append(None if _within else _pools().limit(limits=1, user_api="blas"))
    try:
        with np.errstate(under="ignore"):
            yield
    finally:
        with _lock:
            if len(_within) == 1:
                _within[0].restore_original_limits()
            _within.pop()
