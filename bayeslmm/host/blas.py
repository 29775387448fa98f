"""One thread of BLAS while anything of ours runs, and as many as before when the last is done.

Matrices here are small: threads of BLAS would spend their time on waiting for each other. The limit
is the process's, so computations that run side by side share it; were each to put back what it
found, the last could leave what another had set.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from threadpoolctl import threadpool_limits

_lock = Lock()
_within: list[Any] = []  # one entry for each that runs; the first knows what was before


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS to one thread, from whatever thread and however often at once."""
    with _lock:
        _within.append(None if _within else threadpool_limits(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            if len(_within) == 1:
                _within[0].restore_original_limits()
            _within.pop()
