"""Files are written whole or not at all: a temporary file beside the target, then a rename."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work is done, an output that could not be written at its end.

    Parameters
    ----------
    path : path-like
        A file that exists or not.

    Returns
    -------
    Path

    Raises
    ------
    OSError
        Where the folder does not exist or takes no file, or something that is no file has the name.

    Examples
    --------
    >>> check_writable("no/such/folder/report.html")
    Traceback (most recent call last):
    FileNotFoundError: cannot write no/such/folder/report.html: there is no folder no/such/folder
    """
    target = Path(path)
    folder = target.parent
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder; name a file in it")
    if not folder.exists():
        raise FileNotFoundError(f"cannot write {target}: there is no folder {folder}")
    if not folder.is_dir():
        raise NotADirectoryError(f"cannot write {target}: {folder} is not a folder")
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {target}: it is not an ordinary file")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"cannot write {target}: the file may not be changed")
    try:
        with whole(target, keep=False):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise PermissionError(f"cannot write {target}: {reason}") from None
    return target


@contextmanager
def whole(path: str | os.PathLike[str], keep: bool = True) -> Iterator[Path]:
    """A new file beside `path` that takes its name when all went well, and vanishes otherwise.

    Parameters
    ----------
    path : path-like
        Where the file is to stand; a link is followed.
    keep : bool
        False only tries whether a file could be made.
    """
    target = Path(os.path.realpath(path))
    # The mode leaves the permissions to the umask, as open() would; tempfile would hide the file.
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield draft
        if keep:
            os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
