"""Machine code on disk, by what it was made from: found again, or compiled anew, never wrong.

A file holds one function for one signature on one kind of processor. Its name ends in the digest of
the code that it came from (`code`), so that code of other sources is never taken for it, wherever
it lies; its first bytes are the digest of the rest, so that half a file is none. Nothing that a
disk does stops a computation. It takes the place of Numba's own cache, which looks at the file of a
function alone and not at what that calls, and takes what it reads on trust.
"""

import logging
import os
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from pickle import loads
from secrets import token_hex
from typing import Any

from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from .code import Unknown, called_with, digest
from .places import code_folders

SUM = sha256().digest_size
_LOG = logging.getLogger("bayeslmm")
_told = False


class Kept:
    """The cache of one compiled function, as Numba asks for it.

    Parameters
    ----------
    function : Dispatcher
        What `numba.njit` returned.
    """

    def __init__(self, function: Any) -> None:
        self.function = function

    @property
    def cache_path(self) -> str:
        """Where it is looked for first."""
        return str(next(iter(code_folders()), ""))

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Machine code of a signature; None where it has to be compiled."""
        target_context.refresh()
        name = self._name(signature, target_context.codegen())
        for folder in code_folders() if name else ():
            content = _read(folder / name)
            if content is not None:
                with suppress(Exception):  # whatever is wrong with it, it can be compiled
                    return CompileResult._rebuild(target_context, *loads(content))
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled in the first folder that takes it; say once if none does."""
        name = self._name(signature, compiled.codegen)
        if not name or compiled.library.has_dynamic_globals:
            return
        content, reasons = dumps(compiled._reduce()), []
        for folder in code_folders():
            try:
                _write(folder, name, content)
            except OSError as problem:
                reasons.append(f"{folder}: {problem.strerror or problem}")
            else:
                _drop_older(folder, name)
                return
        _tell(reasons)

    def enable(self) -> None:
        """Nothing to do: it is."""

    def disable(self) -> None:
        """Keep nothing."""
        self.function = None

    def flush(self) -> None:
        """Nothing to do: no file is ever out of date."""

    def _name(self, signature: Any, codegen: Any) -> str:
        """Of a file: the function, what it is called with and where, and what it is made of."""
        if self.function is None:
            return ""
        try:
            made_of, types = digest(self.function), called_with(signature)
        except Unknown:
            return ""
        f = self.function.py_func
        use = repr((types, codegen.magic_tuple(), sys.version_info[:2]))
        stem = f"{f.__module__}.{f.__qualname__}".replace(".<locals>", "")
        return f"{stem}-{sha256(use.encode()).hexdigest()[:16]}-{made_of[:32]}.nbc"


def _read(path: Path) -> bytes | None:
    """What a file holds, if it is whole."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    return found[SUM:] if sha256(found[SUM:]).digest() == found[:SUM] else None


def _write(folder: Path, name: str, content: bytes) -> None:
    """All at once, so that another process never reads half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{token_hex(8)}.tmp"
    try:
        draft.write_bytes(sha256(content).digest() + content)
        os.replace(draft, folder / name)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _drop_older(folder: Path, name: str) -> None:
    """The same function made of other sources will hardly be asked for again."""
    use = name.rpartition("-")[0]
    with suppress(OSError):
        for other in os.listdir(folder):
            if other != name and other.startswith(f"{use}-"):
                (folder / other).unlink(missing_ok=True)


def _tell(reasons: list[str]) -> None:
    global _told
    if not _told:
        _told = True
        _LOG.warning(
            "bayeslmm: compiled code cannot be kept (%s), so every start compiles anew, a "
            "minute or more; set NUMBA_CACHE_DIR to a folder that can be written",
            "; ".join(reasons),
        )
