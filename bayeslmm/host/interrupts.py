"""Signals that end a command: what has been drawn is put in order first, and its file written.

`listen` belongs to the command line. A library leaves signals to its host: where nobody listens
`held` holds nothing, and Ctrl-C is Python's KeyboardInterrupt. What is imported here is light, so
that the command can listen before it loads anything else.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no HUP
APART = 1.0  # seconds within which two signals are one: `timeout` tells the process and its group
WAIT = b"bayeslmm: interrupted; what is done is being written (once more ends at once)\n"
NOTHING_KEPT = "interrupted before anything was kept"


class State:
    """What arrived in this process, at what time, and whether it has to wait.

    `begun` is False while the command loads: an exception in the midst of an import is no news.
    """

    def __init__(self) -> None:
        self.begun = False
        self.received: list[int] = []
        self.last = -APART
        self.holding = False
        self.told = False


state = State()


def listen() -> None:
    """Take signals that would end the process; those that are ignored (`nohup`) stay ignored."""
    for number in _stopping():
        signal.signal(number, stop)


def end_listening() -> None:
    """All is done: let nothing disturb Python while it ends."""
    for number in _stopping():
        signal.signal(number, signal.SIG_IGN)


def _stopping() -> list[int]:
    numbers = [getattr(signal, name) for name in STOPPING if hasattr(signal, name)]
    return [n for n in numbers if signal.getsignal(n) not in (signal.SIG_IGN, None)]


def stop(number: int, frame: object = None) -> None:
    """Interrupt, or wait where what is done is being written; a second signal never waits."""
    now = time.monotonic()
    if state.received and now - state.last < APART:
        return
    state.received.append(number)
    state.last = now
    if not state.begun:
        _write(f"bayeslmm: {NOTHING_KEPT}\n".encode())
        os._exit(exit_code())
    if not state.holding or state.received[1:]:
        raise KeyboardInterrupt
    state.told = True
    _write(WAIT)


def _write(line: bytes) -> None:
    """A handler may not use a stream that it may have interrupted."""
    with suppress(OSError):
        os.write(2, line)


@contextmanager
def held() -> Iterator[None]:
    """The first signal waits for the end of the block; who holds asks `stopped` after it."""
    before, state.holding = state.holding, True
    try:
        yield
    finally:
        state.holding = before


def stopped() -> bool:
    """Whether a signal to end has arrived."""
    return bool(state.received)


def exit_code() -> int:
    """128 and the number of the signal, as shells count; 130 where only Python was interrupted."""
    return 128 + (state.received[0] if state.received else signal.SIGINT)
