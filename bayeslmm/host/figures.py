"""Settings of matplotlib while a figure of ours is drawn, and the host's before and after.

Matplotlib reads its settings while it draws, and they are the process's: no figure can do without.
So one of ours is drawn at a time, in matplotlib's own style with our changes, whatever the host
likes; and what we changed is put back, unless somebody has changed it since. What the host itself
draws at the same moment in another thread may take our style: only another process could avoid it.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

# Families of settings that say nothing of how a figure looks, but where and how it is shown.
SHOWN = {"agg", "animation", "backend", "backend_fallback", "docstring", "interactive", "keymap"}
SHOWN |= {"macosx", "pdf", "pgf", "ps", "timezone", "tk", "toolbar", "webagg", "_internal"}
_lock = Lock()


def load() -> Any:
    """Matplotlib, even where the host names a backend that there is not: a page needs none."""
    named = None
    if "matplotlib" not in sys.modules:
        named = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    if named:
        with suppress(ValueError):  # as matplotlib does itself, but for the error
            matplotlib.rcParams["backend"] = named
    return matplotlib


@contextmanager
def styled(changes: Mapping[str, Any]) -> Iterator[None]:
    """Draw in matplotlib's own style with some changes."""
    now, usual = load().rcParams, load().rcParamsDefault
    with _lock:
        known: dict[str, Any] = {**usual, **changes}
        wanted = {k: v for k, v in known.items() if k.partition(".")[0] not in SHOWN}
        before = {k: now[k] for k, v in wanted.items() if now[k] != v}
        now.update({k: wanted[k] for k in before})
        ours = {k: now[k] for k in before}  # as matplotlib understood them
        try:
            yield
        finally:
            now.update({k: v for k, v in before.items() if now[k] == ours[k]})
