"""Files are written whole or not at all, and what took hours to compute is not lost with them.

The bytes are made in memory, written to a draft beside the target, and the draft takes its name.
Where that cannot be (a folder that takes no file, a file that is a mount of its own) the file is
written in place, after the disk has promised the room.
"""

import errno
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..posterior.tree import build


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work is done, an output that could not be written at its end.

    Parameters
    ----------
    path : path-like
        A file that exists or not; a link is followed.

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
    _check_place(target, str(path))
    try:
        _try_to_write(_followed(target))
    except OSError as error:
        raise PermissionError(f"cannot write {target}: {_reason(error)}") from None
    return target


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole, with the permissions of the one that it replaces.

    Raises
    ------
    OSError
        Where it cannot be written any more. What stood there before is whole, and the message says
        where the new file was kept instead, where any place took it.
    """
    target = _followed(Path(path))
    try:
        _write(target, data)
    except OSError as error:
        told = f"cannot write {path}: {_reason(error)}"
        kept = keep_elsewhere(target, data)
        place = f"the result was kept as {kept}" if kept else "no other place took the result"
        raise OSError(f"{told}; {place}") from None


def netcdf(tree: Any) -> bytes:
    """A tree as the bytes of a netCDF file; HDF5 crashes where it writes to a disk that is full."""
    return bytes(tree.to_netcdf(engine="h5netcdf"))


def check_netcdf(model: Any) -> None:
    """Refuse, before any work is done, names and labels that a netCDF file cannot hold.

    Raises
    ------
    ValueError
        Naming one of them.
    """
    named = {"response": [model.response], **model.coords}
    for what, labels in named.items():
        for label in labels:
            if isinstance(label, str) and any(
                c == "\0" or "\ud800" <= c <= "\udfff" for c in label
            ):
                raise ValueError(
                    f"a netCDF file cannot hold the name {label!r} ({what}): take the character "
                    f"that is no text out of it"
                )
    try:
        netcdf(build(model, {}, {}))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"the result could not be saved as netCDF: {error}") from None


def _check_place(target: Path, text: str) -> None:
    """The folder is there, and no other thing has the file's name."""
    folder = target.parent
    try:
        there = stat.S_IFMT(os.stat(target).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        there = None
    except OSError as error:  # a link to itself, a name that is too long
        raise OSError(f"cannot write {target}: {_reason(error)}") from None
    if there == stat.S_IFDIR or text.endswith("/"):
        raise IsADirectoryError(f"cannot write {text}: it is a folder; name a file in it")
    if there is None and not folder.exists():
        home = "; a shell puts your home for ~ only where a word begins with it"
        hint = home if text.startswith("~") else ""
        raise FileNotFoundError(f"cannot write {target}: there is no folder {folder}{hint}")
    if not folder.is_dir():
        raise NotADirectoryError(f"cannot write {target}: {folder} is not a folder")
    if there not in (None, stat.S_IFREG):
        raise OSError(f"cannot write {target}: it is not an ordinary file")
    if there and not os.access(target, os.W_OK):
        raise PermissionError(f"cannot write {target}: the file may not be changed")


def _followed(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _try_to_write(target: Path) -> None:
    """Make a draft and take it away; or open the file itself, where the folder takes none."""
    try:
        draft, handle = _draft(target)
    except OSError:
        if not target.exists():
            raise
        os.close(os.open(target, os.O_WRONLY))
        return
    os.close(handle)
    draft.unlink()


def _draft(target: Path) -> tuple[Path, int]:
    """An empty file beside the target, open, which nobody may read who may not read the target."""
    draft = target.with_name(f".bayeslmm-{secrets.token_hex(6)}.tmp")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    # A new file has the permissions that the umask leaves, as open() would give it.
    handle = os.open(draft, flags, 0o600 if target.exists() else 0o666)
    return draft, handle


def _write(target: Path, data: bytes) -> None:
    try:
        _replace(target, data)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if full or not target.is_file():
            raise
        _write_in_place(target, data)


def _replace(target: Path, data: bytes) -> None:
    """Write a draft, and give it the target's owner, permissions and name."""
    draft, handle = _draft(target)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            _like(target, handle)
            os.fsync(handle)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def _like(target: Path, handle: int) -> None:
    """The owner, group and permissions of the file that is replaced."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    mode, new = old.st_mode & 0o777, os.fstat(handle)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(OSError):
            os.chown(handle, old.st_uid, old.st_gid)
        if os.fstat(handle).st_gid != old.st_gid:
            mode &= 0o707  # what its group might do is not for another group
    os.chmod(handle, mode)


def _write_in_place(target: Path, data: bytes) -> None:
    """Overwrite a file, after the disk has promised the room: a full one leaves it as it was."""
    with open(target, "r+b") as file:
        before = os.fstat(file.fileno()).st_size
        if hasattr(os, "posix_fallocate"):
            _promise(file.fileno(), len(data), before)
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _promise(handle: int, size: int, before: int) -> None:
    """Room for so many bytes, or an error that leaves the file at its size."""
    try:
        os.posix_fallocate(handle, 0, max(size, 1))
    except OSError as error:
        os.truncate(handle, before)
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # no promises are made there
            raise


def keep_elsewhere(target: Path, data: bytes) -> Path | None:
    """The result as a file of the temporary folder that its owner alone may read."""
    try:
        handle, name = tempfile.mkstemp(target.suffix, f"{target.stem[:40]}-")
    except OSError:
        return None
    try:
        with open(handle, "wb") as file:
            file.write(data)
    except OSError:
        os.unlink(name)
        return None
    return Path(name)
