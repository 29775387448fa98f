"""What a command prints: clean lines, and never a reason to lose a result.

A pipe that closed early (`| head -1`), a full disk under a log, a stream that was closed: the file
is what was asked for. No stream can stop it.
"""

import os
import sys
import warnings
from typing import TextIO

from ..design.visible import visible


def open_closed() -> None:
    """Where 0, 1 or 2 is closed, the next file to be opened would take its place: fill it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what an encoding has not is written as its escape
            stream.reconfigure(errors="backslashreplace")


def say(quiet: bool, *lines: str) -> None:
    """Print results."""
    if not quiet:
        for line in lines:
            _print(sys.stdout, visible(line, keep="\n"))


def tell(text: str) -> None:
    """Print one line on stderr; a formula with a caret under its fault takes three."""
    lines = text.split("\n")
    caret = lines[2:] and lines[-1].strip() == "^"
    _print(sys.stderr, "bayeslmm: " + visible(text if caret else " ".join(lines), keep="\n"))


def tell_warnings() -> None:
    """Warnings of ours as one line each; those of libraries are for who writes programs."""
    own = os.path.dirname(os.path.dirname(__file__))

    def show(message: Warning | str, category: type, path: str, *rest: object) -> None:
        if issubclass(category, UserWarning) and path.startswith(own):
            tell(f"note: {message}")

    warnings.showwarning = show  # type: ignore[assignment]


def flush() -> None:
    """Write what is left, so that Python finds nothing to complain of when it ends."""
    for stream in (sys.stdout, sys.stderr):
        _print(stream, "", end="")


def _print(stream: TextIO | None, text: str, end: str = "\n") -> None:
    if stream is None:
        return
    try:
        print(text, end=end, file=stream, flush=True)
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        if stream is sys.stdout:
            tell(f"note: what belongs on the screen could not be printed ({error.strerror})")
    except ValueError:  # a closed file
        return


def _silence(stream: TextIO) -> None:
    """Send what the stream still holds nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # a stream without a number
        return
