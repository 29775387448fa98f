"""How a command ends: what went wrong is one line on stderr, and the exit code says of what kind.

0 done; 1 the data, the model or a file cannot be used, or bayeslmm is at fault; 2 the command line
cannot be understood; 128 and the number of a signal: interrupted (130 by Ctrl-C).
"""

import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from ..host.interrupts import NOTHING_KEPT, exit_code, state, stopped
from ..solvers.memory import memory
from .streams import tell
from .words import of_the_shell

TRACEBACK = "BAYESLMM_TRACEBACK"
TOO_DEEP = "the formula, or a prior, is nested too deeply; write it with fewer parentheses or terms"


@contextmanager
def told() -> Iterator[list[Path]]:
    """What goes wrong in the block becomes one line, and the exit code.

    Yields a list that takes the file as soon as it is written.
    """
    kept: list[Path] = []
    try:
        yield kept
    except (typer.Exit, typer.Abort, typer.BadParameter, SystemExit):
        raise
    except BaseException as error:  # Rust's panics are no Exception
        raise typer.Exit(code_of(error, kept)) from None


def code_of(error: BaseException, kept: Sequence[Path] = ()) -> int:
    """Say in one line what ended the command, and with which exit code."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    if stopped() or isinstance(error, KeyboardInterrupt):
        tell(f"interrupted; {kept[0]} is written" if kept else NOTHING_KEPT)
        return exit_code()
    tell(words(error))
    return 1


@contextmanager
def kept_anyway(trees: Mapping[str, Any], target: Path, kept: list[Path]) -> Iterator[None]:
    """Where a page cannot be made, its fits are kept as netCDF, and said where."""
    try:
        yield
    except BaseException:
        if kept:
            raise
        from ..report.files import keep_elsewhere, netcdf

        for name, tree in trees.items():
            place = keep_elsewhere(target.with_suffix(".nc"), netcdf(tree))
            if place:
                tell(f"the fit by {name} was kept as {place}")
                kept.append(place)
        raise


def words(error: BaseException) -> str:
    """An error in words of a person who sits at a shell."""
    text = str(error).strip()
    if isinstance(error, RecursionError):
        return TOO_DEEP
    if isinstance(error, MemoryError):
        held = memory()
        machine = f"this machine has {held / 1e9:,.0f} GB; " if held else ""
        told = f" ({text})" if text else ""
        return f"memory is full{told}; {machine}fewer draws, rows or columns need less"
    if isinstance(error, OverflowError):  # of which Python says (34, 'Numerical result ...')
        return "a number grew beyond floating point; give priors and options of a usual size"
    if text and isinstance(error, ValueError | ArithmeticError | OSError):
        return of_the_shell(text)
    kind = type(error).__name__
    return (
        f"this is a fault of bayeslmm: {kind}: {text or 'no message'}; please report it with what "
        f"the same command prints under {TRACEBACK}=1"
    )


def end_interrupted() -> None:
    """What was drawn is in the file: say so, and end as a shell expects."""
    if not state.told:
        tell("interrupted; the draws made before were kept")
    raise typer.Exit(exit_code())
