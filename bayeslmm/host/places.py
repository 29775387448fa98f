"""The folders that are written, decided here and nowhere else.

Machine code is looked for in every folder of `code_folders` and written to the first that takes it:
the one that NUMBA_CACHE_DIR names, the `__pycache__` beside the code, the user's cache. PyTensor
and matplotlib keep their own at home, and stop or complain where that cannot be: `settle` then
names another folder.
"""

import atexit
import os
import sys
import tempfile
from contextlib import suppress
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path
from shutil import rmtree
from typing import Any

PACKAGE = Path(__file__).parents[1]


def code_folders() -> list[Path]:
    """Folders of compiled code, the first first; a package of its own in each that is shared."""
    import numba

    config: Any = numba.config
    own = f"bayeslmm_{sha256(str(PACKAGE).encode()).hexdigest()[:12]}"
    given = [Path(config.CACHE_DIR) / own] if config.CACHE_DIR else []
    cache = user_cache()
    beside = Path(cache_from_source(str(PACKAGE / "__init__.py"))).parent
    return [*given, beside, *([cache / own] if cache else [])]


def user_cache() -> Path | None:
    """The user's folder for what can be made again; None where there is no home."""
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        place = "~/Library/Caches"
    else:
        place = os.environ.get("XDG_CACHE_HOME", "")
        place = place if os.path.isabs(place) else "~/.cache"  # as its specification says
    found = os.path.expanduser(place)
    return Path(found, "bayeslmm") if os.path.isabs(found) else None


def settle() -> None:
    """Name a folder for PyTensor and matplotlib, before they load, where theirs cannot be made.

    What the user chose stands, and so does a library that is loaded. Processes that are started
    from here take the same folder.
    """
    graphs, figures = not _pytensor_settled(), not _matplotlib_settled()
    place = _another() if graphs or figures else None
    if place is None:  # nothing needed, or nothing to be had: the libraries say so themselves
        return
    if graphs:
        told = f"base_compiledir={place / 'pytensor'}", f"generated_src_dir={place / 'source'}"
        flags = [f for f in (os.environ.get("PYTENSOR_FLAGS"), *told) if f]
        os.environ["PYTENSOR_FLAGS"] = ",".join(flags)
    if figures:
        os.environ["MPLCONFIGDIR"] = str(place / "matplotlib")
    if os.path.expanduser("~") == "~":  # without any home neither library loads
        os.environ["HOME"] = str(place)


def _pytensor_settled() -> bool:
    if "pytensor" in sys.modules or sys.platform == "win32" or _chosen():
        return True
    home = os.environ.get("HOME", os.path.expanduser("~"))
    return os.path.isabs(home) and writable(Path(home, ".pytensor"))


def _matplotlib_settled() -> bool:
    if "matplotlib" in sys.modules or sys.platform == "win32" or os.environ.get("MPLCONFIGDIR"):
        return True
    xdg = sys.platform.startswith(("linux", "freebsd"))
    place = os.environ.get("XDG_CONFIG_HOME") or "~/.config" if xdg else "~"
    home = os.path.expanduser(place)
    return os.path.isabs(home) and writable(Path(home, "matplotlib" if xdg else ".matplotlib"))


def _chosen() -> bool:
    """Whether the user has said where PyTensor keeps what it compiles."""
    if "compiledir" in os.environ.get("PYTENSOR_FLAGS", ""):
        return True
    for name in os.environ.get("PYTENSORRC", "~/.pytensorrc").split(os.pathsep):
        with suppress(OSError, UnicodeDecodeError):
            if "compiledir" in Path(os.path.expanduser(name)).read_text(encoding="utf-8"):
                return True
    return False


def writable(folder: Path) -> bool:
    """Whether a folder takes files, or can be made: tried, for permissions do not tell it all."""
    there = folder
    while not os.path.exists(there):
        there = there.parent
    try:
        if there == folder:
            inner = [folder, *(folder / name for name in os.listdir(folder))]
            return all(os.access(path, os.W_OK) for path in inner)
        with tempfile.TemporaryDirectory(dir=there):
            return True
    except OSError:
        return False


def _another() -> Path | None:
    """The user's cache, or a folder for this process and those that it starts, or nothing."""
    cache = user_cache()
    if cache and writable(cache):
        return cache
    try:
        made = tempfile.mkdtemp(prefix="bayeslmm-")
    except OSError:
        return None
    atexit.register(_remove, made, os.getpid())
    return Path(made)


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:  # not by a child that was forked
        rmtree(folder, ignore_errors=True)
