"""Many points at once: compiled code leaves the interpreter, so threads share the processors."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

ROOM = 4e9  # bytes that the threads' own matrices may take, three of them a thread
WORTH = 200  # columns of the remainder from which one factorisation outlasts starting a thread


def pieces(count: int, columns: int) -> list[slice]:
    """Slices of range(count), one a processor where the remainder is large, else the whole.

    Every thread has matrices of its own, so there are no more than fit in memory.
    """
    threads = 1
    if columns >= WORTH:
        threads = max(1, min(count, processors(), int(ROOM / (24.0 * columns**2))))
    cuts = [count * t // threads for t in range(threads + 1)]
    return [slice(a, b) for a, b in pairwise(cuts)]


def processors() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def run[T](function: Callable[[slice], T], slices: list[slice]) -> list[T]:
    """The function of every slice, each in a thread of its own; results in order."""
    if len(slices) == 1:
        return [function(slices[0])]
    with ThreadPoolExecutor(len(slices)) as pool:
        return list(pool.map(function, slices))
