"""Files are whole or untouched, wherever they stand, and what was computed is somewhere."""

import errno
import os
import stat
import tempfile

import pytest

from bayeslmm.report import files
from bayeslmm.report.files import check_writable, write


def fails(monkeypatch, name, code):
    """What the system refuses from now on."""

    def refuse(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, refuse)


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a.nc"
    for data in (b"first", b"2nd"):
        write(check_writable(path), data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a.nc"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link.nc").symlink_to("target.nc")
    write(check_writable(tmp_path / "link.nc"), b"x")
    assert (tmp_path / "link.nc").is_symlink()
    assert (tmp_path / "target.nc").read_bytes() == b"x"


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EPERM, errno.EXDEV])
@pytest.mark.parametrize("before", [b"", b"a longer text than the new one"])
def test_a_file_that_takes_no_other_name_is_written_in_place(tmp_path, monkeypatch, code, before):
    """A file that is a mount of its own, as by `docker -v file:file`."""
    path = tmp_path / "a.nc"
    path.write_bytes(before)
    number = path.stat().st_ino
    fails(monkeypatch, "replace", code)
    write(check_writable(path), b"short")
    assert (path.read_bytes(), path.stat().st_ino) == (b"short", number)
    assert os.listdir(tmp_path) == ["a.nc"]


def test_a_file_in_a_folder_that_takes_none_is_written_in_place(tmp_path, monkeypatch):
    path = tmp_path / "a.nc"
    path.write_bytes(b"old")
    monkeypatch.setattr(files, "_draft", lambda target: os.open("/dev/null/none", os.O_RDONLY))
    write(check_writable(path), b"new")
    assert path.read_bytes() == b"new"
    with pytest.raises(PermissionError, match=r"cannot write .*b\.nc: Not a directory"):
        check_writable(tmp_path / "b.nc")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_is_never_more_open_than_the_one_it_replaces(tmp_path, monkeypatch, mode):
    path, seen = tmp_path / "a.nc", []
    path.write_bytes(b"old")
    path.chmod(mode)
    replace = os.replace

    def looked_at(draft, target):
        seen.append(stat.S_IMODE(os.stat(draft).st_mode))
        replace(draft, target)

    monkeypatch.setattr(os, "replace", looked_at)
    write(path, b"new")
    assert seen == [mode]
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_keeps_the_new_one_elsewhere(
    tmp_path, monkeypatch, code
):
    home, other = tmp_path / "full", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    path = home / "a.nc"
    path.write_bytes(b"old")
    monkeypatch.setattr(tempfile, "tempdir", str(other))
    fails(monkeypatch, "fsync", code)
    with pytest.raises(OSError, match=r"cannot write .*a\.nc: .*; the result was kept as") as told:
        write(path, b"new")
    (kept,) = other.iterdir()
    assert str(kept) in str(told.value)
    assert (kept.read_bytes(), stat.S_IMODE(kept.stat().st_mode)) == (b"new", 0o600)
    assert path.read_bytes() == b"old"
    assert os.listdir(home) == ["a.nc"]


def test_a_disk_that_promises_no_room_in_place_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.nc"
    path.write_bytes(b"old")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    fails(monkeypatch, "replace", errno.EBUSY)
    fails(monkeypatch, "posix_fallocate", errno.ENOSPC)
    with pytest.raises(OSError, match="No space left on device; no other place took the result"):
        write(path, b"longer than before")
    assert path.read_bytes() == b"old"


def test_a_folder_that_is_gone_at_the_end_loses_nothing(tmp_path, monkeypatch):
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    path = check_writable(home / "a.nc")
    home.rmdir()
    monkeypatch.setattr(tempfile, "tempdir", str(other))
    with pytest.raises(OSError, match="the result was kept as"):
        write(path, b"hours")
    assert [p.read_bytes() for p in other.iterdir()] == [b"hours"]


def loop(folder):
    (folder / "l.nc").symlink_to("l.nc")
    return folder / "l.nc"


def pipe(folder):
    os.mkfifo(folder / "p.nc")
    return folder / "p.nc"


def device(folder):
    (folder / "n.nc").symlink_to(os.devnull)
    return folder / "n.nc"


def file_for_a_folder(folder):
    (folder / "x").write_text("")
    return folder / "x" / "a.nc"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (loop, "Too many levels of symbolic links"),
        (pipe, "it is not an ordinary file"),
        (device, "it is not an ordinary file"),
        (file_for_a_folder, ".*x is not a folder"),
        (lambda folder: folder, "it is a folder; name a file in it"),
        (lambda folder: f"{folder}/new.nc/", "it is a folder; name a file in it"),
        (lambda folder: folder / "none" / "a.nc", "there is no folder .*none"),
        (lambda folder: folder / ("a" * 300), "File name too long"),
        (lambda folder: "~/a.nc", "there is no folder ~; a shell puts your home for ~ only"),
    ],
)
def test_what_could_not_be_written_at_the_end_is_refused_at_the_start(tmp_path, path, reason):
    with pytest.raises(OSError, match=f"cannot write .*: {reason}"):
        check_writable(path(tmp_path))
