"""Warnings that say nothing to the user are left out, and nothing else of the host's filters moves.

`warnings.catch_warnings` puts back the whole list of filters as it was; where two threads do so
side by side, what the first set stays for good. Here one entry is put in, and that entry taken out.
"""

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def ignored(message: str) -> Iterator[None]:
    """Leave out warnings whose text begins so, a regular expression."""
    if getattr(sys.flags, "context_aware_warnings", False):  # each thread has filters of its own
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message)
            yield
        return
    entry: Any = ("ignore", re.compile(message), Warning, None, 0)
    filters: Any = warnings.filters
    filters.insert(0, entry)
    try:
        yield
    finally:
        later: Any = warnings.filters  # another list, where somebody catches warnings meanwhile
        for found in [filters] if later is filters else [filters, later]:
            with suppress(ValueError):
                found.remove(entry)
