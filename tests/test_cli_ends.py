"""How a command ends: no pipe, signal or disk loses what was computed; one line says what is."""

import errno
import io
import itertools
import os
import signal
import stat
import subprocess
import sys
import threading
import warnings
from importlib import import_module
from pathlib import Path

import pytest
import xarray as xr

import bayeslmm as bl
from bayeslmm.cli import main
from bayeslmm.cli.streams import tell, tell_warnings
from bayeslmm.host import interrupts
from bayeslmm.model.target import Target

FORMULA = "Yield ~ 1 + (1 | Batch)"
TABLE = str(bl.datasets.path("Dyestuff"))
FIT = ("fit", TABLE, FORMULA, "-e", "eb", "-o", "f.nc")
PAGE = ("report", TABLE, FORMULA, "-e", "eb", "-o", "r.md")
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
KEPT = "bayeslmm: interrupted; what is done is being written (once more ends at once)\n"
NOTHING = "bayeslmm: interrupted before anything was kept\n"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and permissions of POSIX")


@pytest.fixture
def command(monkeypatch, capfd, tmp_path):
    """The command in this process, in a folder of its own: exit code, stdout, stderr.

    Signals arrive even where whoever started the tests ignores them, as `nohup` and `&` do.
    """
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in SIGNALS[1:]:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def run(*arguments):
        interrupts.state.__init__()
        monkeypatch.setattr(sys, "argv", ["bayeslmm", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capfd.readouterr()

    yield run
    interrupts.state.__init__()
    for name, handler in handlers.items():
        signal.signal(getattr(signal, name), handler)


def send(name):
    os.kill(os.getpid(), getattr(signal, name))


def when(monkeypatch, place, *signals, then=None):
    """Just before the function at `place` ("module:name") works, these signals arrive."""
    module, name = place.split(":")
    work = getattr(import_module(module), name)

    def interrupted(*arguments, **options):
        for each in signals:
            send(each)
        if then:
            raise then
        return work(*arguments, **options)

    monkeypatch.setattr(import_module(module), name, interrupted)


def draws_of(path):
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        return tree["posterior"].sizes["draw"]


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
@pytest.mark.parametrize(
    "place",
    ["bayeslmm.fit:_tree", "bayeslmm.report.files:_replace", "bayeslmm.report.terminal:terminal"],
)
def test_a_signal_after_the_engine_waits_for_the_file(command, monkeypatch, place, name, code):
    when(monkeypatch, place, name)
    assert command(*FIT)[::2] == (code, KEPT)
    assert draws_of("f.nc") == 1000
    assert os.listdir() == ["f.nc"]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_before_the_engine_is_one_line_and_leaves_no_file(command, monkeypatch, name):
    when(monkeypatch, "bayeslmm.models.lmm:lmm", name)
    assert command(*FIT) == (128 + getattr(signal, name), "", NOTHING)
    assert os.listdir() == []


def test_ctrl_c_while_a_page_is_drawn_waits_for_the_page(command, monkeypatch):
    when(monkeypatch, "bayeslmm.report.page:markdown", "SIGINT")
    assert command(*PAGE)[::2] == (130, KEPT)
    assert "**EB (reml)**" in Path("r.md").read_text(encoding="utf-8")


def test_a_second_ctrl_c_ends_at_once_and_the_fits_are_kept(command, monkeypatch, tmp_path):
    monkeypatch.setattr(interrupts, "APART", 0.0)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    when(monkeypatch, "bayeslmm.report.page:markdown", "SIGINT", "SIGINT")
    code, _, err = command(*PAGE)
    (kept,) = tmp_path.iterdir()
    assert code == 130
    assert f"the fit by EB (reml) was kept as {kept}\n" in err
    assert draws_of(kept) == 1000


def test_two_signals_at_once_are_one(command, monkeypatch):
    """`timeout` tells the process and its group."""
    when(monkeypatch, "bayeslmm.fit:_tree", "SIGTERM", "SIGTERM")
    assert command(*FIT)[::2] == (143, KEPT)
    assert draws_of("f.nc") == 1000


def test_what_nohup_ignores_stays_ignored(command, monkeypatch):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    when(monkeypatch, "bayeslmm.fit:_tree", "SIGHUP")
    assert command(*FIT)[::2] == (0, "")
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_an_interrupt_of_nuts_keeps_the_draws_made_so_far(command, monkeypatch):
    evaluate, count = Target.__call__, itertools.count()

    def counted(target, z):
        if next(count) == 5000:  # evaluations: some hundreds of them are tuning
            send("SIGINT")
        return evaluate(target, z)

    monkeypatch.setattr(Target, "__call__", counted)
    options = ("--draws", 300_000, "--tune", 100, "--chains", 2)
    code, _, err = command("fit", TABLE, FORMULA, "-e", "nuts", *options, "-o", "f.nc")
    assert (code, err) == (130, "bayeslmm: interrupted; the draws made before were kept\n")
    assert 1 <= draws_of("f.nc") < 300_000


def test_an_interrupt_of_gibbs_keeps_the_draws_made_so_far(command, monkeypatch):
    from bayeslmm.engines.sweeps import sampler

    stop, count, run = threading.Event(), itertools.count(), sampler.run

    def interrupted(*arguments):
        if next(count) == 3:  # three slices are done
            send("SIGINT")
            assert stop.wait(300.0)
        return run(*arguments)

    monkeypatch.setattr(sampler, "SLICE", 10)
    monkeypatch.setattr(sampler, "Event", lambda: stop)
    monkeypatch.setattr(sampler, "run", interrupted)
    model = ("fit", bl.datasets.path("diabetes"), "y ~ bmi + bp", "--model", "lasso")
    options = ("--draws", 100, "--tune", 5, "--chains", 2, "-e", "gibbs", "-o", "f.nc")
    code, out, err = command(*model, *options)
    assert (code, err) == (130, "bayeslmm: interrupted; the draws made before were kept\n")
    assert "interrupted: 40 draws of each of 1 chains were kept" in out
    assert draws_of("f.nc") == 40


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "bayeslmm: interrupted; the draws made before were kept\n"),
        (ValueError("no\nmaximum"), 1, "bayeslmm: CAVI: no maximum\n"),
        (KeyError("x"), 1, "bayeslmm: CAVI: this is a fault of bayeslmm: KeyError: 'x'; please"),
    ],
)
def test_an_engine_that_fails_takes_nothing_from_the_one_before(
    command, monkeypatch, error, code, line
):
    def fail(self, model, rng, progress):
        raise error

    monkeypatch.setattr(bl.CAVI, "run", fail)
    found = command(*PAGE, "-e", "cavi", "-q")
    assert found[0] == code
    assert found[2].startswith(line)
    assert "**EB (reml)**" in Path("r.md").read_text(encoding="utf-8")


def test_fits_are_kept_where_their_page_cannot_be_made(command, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    when(monkeypatch, "bayeslmm.report.page:markdown", then=IndexError("an empty panel"))
    code, _, err = command(*PAGE)
    (kept,) = tmp_path.iterdir()
    first, second = err.splitlines()
    assert (code, first) == (1, f"bayeslmm: the fit by EB (reml) was kept as {kept}")
    assert second.startswith("bayeslmm: this is a fault of bayeslmm: IndexError: an empty panel")
    assert draws_of(kept) == 1000


class Panic(BaseException):
    """As Rust's, which is no Exception."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Panic("assertion failed"), "this is a fault of bayeslmm: Panic: assertion failed"),
        (AssertionError(), "this is a fault of bayeslmm: AssertionError: no message"),
        (RecursionError("maximum depth"), "nested too deeply; write it with fewer"),
        (MemoryError(), "memory is full; this machine has"),
        (MemoryError("Unable to allocate 8 GiB"), "memory is full (Unable to allocate 8 GiB)"),
        (OverflowError(34, "Numerical result out of range"), "grew beyond floating point"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (ValueError("first\nsecond"), "bayeslmm: first second\n"),
    ],
)
def test_whatever_goes_wrong_is_one_line_and_exit_code_1(command, monkeypatch, error, words):
    when(monkeypatch, "bayeslmm.fit:fit", then=error)
    code, _, err = command(*FIT)
    assert code == 1
    assert words in err
    assert err.startswith("bayeslmm: ")
    assert err.count("\n") == 1


def test_a_traceback_is_shown_where_it_is_asked_for(command, monkeypatch):
    monkeypatch.setenv("BAYESLMM_TRACEBACK", "1")
    when(monkeypatch, "bayeslmm.fit:fit", then=KeyError("x"))
    assert "Traceback (most recent call last)" in command(*FIT)[2]


def closed_pipe():
    """As left by `| head -1`, after its line."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def full():
    return open("/dev/full", "w")


@pytest.mark.parametrize(
    ("stream", "line"),
    [
        (closed_pipe, ""),
        (
            full,
            "bayeslmm: note: what belongs on the screen could not be printed (No space left",
        ),
        (lambda: None, ""),
        (lambda: io.TextIOWrapper(io.BytesIO(), encoding="ascii"), ""),
    ],
)
def test_a_screen_that_takes_nothing_stops_no_file(command, monkeypatch, stream, line):
    monkeypatch.setattr(sys, "stdout", stream())
    code, _, err = command(*FIT)
    assert code == 0
    assert err.startswith(line)
    assert draws_of("f.nc") == 1000
    sys.stdout.close()


def test_closed_streams_and_a_signal_among_the_imports_in_a_process_of_their_own(tmp_path):
    """Where 0, 1 and 2 are closed the file gets none of their numbers."""
    code = (
        "import os, signal, sys; sys.argv = ['bayeslmm', '--version']\n"
        "from bayeslmm.cli import main\n"
        "class Sends:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Sends()); main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", NOTHING)
    fit = f"{sys.executable} -m bayeslmm.cli fit '{TABLE}' '{FORMULA}' -e eb -o {tmp_path}/f.nc"
    done = subprocess.run(["/bin/sh", "-c", f"exec {fit} <&- >&- 2>&-"])
    assert done.returncode == 0
    assert draws_of(tmp_path / "f.nc") == 1000


def test_warnings_of_ours_are_one_line_and_those_of_libraries_none(monkeypatch, capsys):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    tell_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn_explicit("k-hat\nis high", UserWarning, bl.__file__, 1)
        warnings.warn_explicit("overflow", RuntimeWarning, bl.__file__, 1)
        warnings.warn_explicit("a library's", UserWarning, os.__file__, 1)
    assert capsys.readouterr().err == "bayeslmm: note: k-hat is high\n"


def test_names_on_stderr_steer_no_terminal(capsys):
    tell("no column 'x\x1b]0;owned\x07' in \u202etxt.csv")
    told = "bayeslmm: no column 'x\\x1b]0;owned\\x07' in <U+202E>txt.csv\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--seed", 1, "--seed", 2], 2, "--seed is given 2 times"),
        (["-o", "g.nc"], 2, "--output is given 2 times"),
        (["--prior", "sigma=1", "--prior", "sigma=2"], 1, "--prior sigma is given twice"),
        (["--draws", 10**12], 1, "draws=1,000,000,000,000 could take"),
        (["--draws", 10**40], 1, "but this machine has"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(command, options, code, words):
    found = command(*FIT, *options)
    assert found[0] == code
    assert words in " ".join(found[2].replace("│", " ").split())
    assert os.listdir() == []


@pytest.mark.parametrize("seed", [2**63 - 1, 2**63, 2**64, 2**127 + 1])
def test_a_seed_of_any_size_is_in_the_file(command, seed):
    code, out, _ = command(*FIT, "--seed", seed)
    assert code == 0
    assert f"seed {seed}" in out
    with xr.open_datatree("f.nc", engine="h5netcdf") as tree:
        assert int(tree.attrs["seed"]) == seed
        assert isinstance(tree.attrs["seed"], str) == (seed >= 2**63)


def test_an_output_keeps_its_permissions_and_a_new_one_has_those_of_the_umask(command):
    with open("f.nc", "w") as file:
        file.write("secret")
    os.chmod("f.nc", 0o600)
    before = os.umask(0o027)
    try:
        assert command(*FIT)[0] == command(*PAGE)[0] == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat("f.nc").st_mode) == 0o600
    assert stat.S_IMODE(os.stat("r.md").st_mode) == 0o640
