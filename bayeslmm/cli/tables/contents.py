"""The bytes of a file, read once, unpacked, and as UTF-8 text: a pipe cannot be read twice."""

import bz2
import codecs
import gzip
import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from .form import TableError

MAGIC = {  # how files begin that are no text
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "packed by gzip",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow file",
    b"%PDF": "a PDF",
    b"SQLite": "a database of SQLite",
}
WIDE = {  # marks at the beginning of text in two or four bytes a character
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def content(path: Path) -> bytes:
    """All bytes of a file or a pipe.

    Raises
    ------
    TableError
        Where there is no such file, or it is a folder or a device.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise TableError(f"{path}: there is no such file") from None
    if stat.S_ISDIR(mode):
        raise TableError(f"{path} is a folder, not a table")
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise TableError(f"{path} is a device, not a table")
    with path.open("rb") as file:
        if stat.S_ISCHR(mode) and not os.isatty(file.fileno()):
            raise TableError(f"{path} is a device, not a table")
        return file.read()


def unpacked(path: Path, raw: bytes, packing: str) -> bytes:
    """What an archive holds.

    Raises
    ------
    TableError
        Where it is broken, or not packed so.
    """
    try:
        return UNPACK[packing](raw) if packing else raw
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise TableError(f"{path} is broken, or not packed as {packing} says: {error}") from None


def _zip(raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        files = [i for i in archive.infolist() if not i.is_dir() and "__MACOSX" not in i.filename]
        if len(files) != 1:
            raise ValueError(f"it holds {len(files)} files; pack one table alone")
        if files[0].flag_bits & 1:
            raise ValueError("it is locked with a password")
        return archive.read(files[0])


def _zstd(raw: bytes) -> bytes:
    import pyarrow as pa

    with pa.input_stream(pa.BufferReader(raw), compression="zstd") as stream:
        return bytes(stream.read())


UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": _zstd,
    ".zip": _zip,
}


def utf8(path: Path, raw: bytes) -> bytes:
    """Text as UTF-8 without a mark; UTF-16 is known by its own.

    Raises
    ------
    TableError
        Where it is no text, or text of another encoding.
    """
    for magic, what in MAGIC.items():
        if raw.startswith(magic):
            raise TableError(
                f"{path} is {what}, not text; give it the ending that says so, or convert it to CSV"
            )
    wide = next((kind for mark, kind in WIDE.items() if raw.startswith(mark)), None)
    try:
        raw = raw.decode(wide).encode() if wide else raw.removeprefix(codecs.BOM_UTF8)
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is broken {wide} text (byte {error.start})") from None
    if b"\0" in raw:
        raise TableError(
            f"{path} holds a NUL byte (line {_line(raw, raw.index(0))}), which no text has; it may "
            f"be UTF-16 without its mark, or no CSV at all: save it as CSV in UTF-8"
        )
    return raw


def not_utf8(path: Path, raw: bytes) -> TableError | None:
    """The error where a byte is none of UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return TableError(
            f"{path} is not UTF-8 text (byte {error.start}, line {_line(raw, error.start)}); save "
            f"it as CSV in UTF-8"
        )
    return None


def _line(raw: bytes, place: int) -> int:
    return raw.count(b"\n", 0, place) + 1
