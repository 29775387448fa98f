"""Where the package runs: folders that take nothing, code that changed, settings of the host."""

import importlib
import logging
import os
import pkgutil
import runpy
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pymc as pm
import pytensor
import pytest

import bayeslmm as bl
from bayeslmm.host import kept, places
from bayeslmm.host.arithmetic import arithmetic
from bayeslmm.host.code import Unknown, digest
from bayeslmm.host.figures import styled
from bayeslmm.host.kept import Kept
from bayeslmm.host.warned import ignored
from bayeslmm.results.drawing import draw, key
from bayeslmm.solvers.compiled import Compiled

# A density that another function calls, as the laws are called from the coordinates.
LAW = """
from typing import NamedTuple
from bayeslmm.solvers.compiled import jit

SLOPE = 2.0

class Point(NamedTuple):
    x: float
    y: float

@jit
def law(p):
    return SLOPE * p.x + 1.0

@jit
def total(p):
    return law(p) + 1.0
"""


def written(source):
    """The functions of a source, as if it were a file of the package."""
    names = {"__name__": "bayeslmm.written"}
    exec(compile(source, "written.py", "exec"), names)
    return SimpleNamespace(**names)


def value(source=LAW):
    """What machine code says of x = 3, y = 5."""
    made = written(source)
    return made.total(made.Point(3.0, 5.0))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The only folder of compiled code."""
    monkeypatch.setattr(kept, "code_folders", lambda: [tmp_path])
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "truth"),
    [
        ("SLOPE = 2.0", "SLOPE = 4.0", 14.0),
        ("SLOPE * p.x", "SLOPE + p.x", 7.0),
        ("p.x", "p.y", 12.0),
        ("x: float\n    y: float", "y: float\n    x: float", 12.0),  # the same types in Point(3, 5)
    ],
    ids=["a constant", "an operation", "a field", "the order of fields"],
)
def test_machine_code_is_never_older_than_a_function_that_it_calls(folder, old, new, truth):
    assert value() == 8.0
    assert value(LAW.replace(old, new)) == truth
    assert value() == 8.0


@pytest.mark.parametrize(
    ("old", "new"),
    [("SLOPE = 2.0", "SLOPE = 2.0  # a comment"), ("@jit", "\n\n\n@jit"), ("SLOPE", "SLOPE")],
    ids=["a comment", "lines", "nothing"],
)
def test_what_is_no_code_compiles_nothing(folder, old, new):
    assert value() == 8.0
    made = written(LAW.replace(old, new))
    assert made.total(made.Point(3.0, 5.0)) == 8.0
    assert made.total.made.stats.cache_hits
    assert not made.total.made.stats.cache_misses


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b"garbage" * 50),
        lambda path: path.write_bytes(path.read_bytes().replace(b"bayeslmm", b"bayesLMM")),
        lambda path: path.write_bytes(path.read_bytes()[:-4000] + bytes(4000)),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to(path)),
    ],
    ids=["empty", "cut", "garbage", "a word", "zeros", "a folder in place", "a link to itself"],
)
def test_a_damaged_file_is_no_file(folder, damage, monkeypatch):
    monkeypatch.setattr(kept, "_told", True)  # a folder in place stays, and that is said once
    assert value() == 8.0
    files = list(folder.glob("*.nbc"))
    for path in files:
        damage(path)
    assert value() == 8.0
    assert sorted(folder.glob("*.nbc")) == sorted(files)
    assert not list(folder.glob(".*"))  # no drafts


def test_a_function_has_one_file_a_use_however_often_it_changes(folder):
    for slope in ("2.0", "3.0", "4.0"):
        value(LAW.replace("SLOPE = 2.0", f"SLOPE = {slope}"))
    names = [path.name.split("-")[0] for path in folder.glob("*.nbc")]
    assert sorted(names) == ["bayeslmm.written.law", "bayeslmm.written.total"]


def test_where_nothing_can_be_kept_it_is_said_once_and_computed(tmp_path, monkeypatch, caplog):
    file = tmp_path / "file"
    file.write_text("no folder")
    monkeypatch.setattr(kept, "code_folders", lambda: [file / "here", file / "there"])
    monkeypatch.setattr(kept, "_told", False)
    with caplog.at_level(logging.WARNING, logger="bayeslmm"):
        assert value() == 8.0
    (told,) = caplog.messages
    assert told.startswith("bayeslmm: compiled code cannot be kept (")
    assert f"{file / 'here'}: Not a directory" in told
    assert "NUMBA_CACHE_DIR" in told


def test_the_second_folder_takes_what_the_first_does_not(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(kept, "code_folders", lambda: [tmp_path / "file" / "x", tmp_path / "new"])
    assert value() == 8.0
    assert list((tmp_path / "new").glob("*.nbc"))


def test_all_machine_code_of_the_package_can_be_kept():
    for found in pkgutil.walk_packages(bl.__path__, "bayeslmm."):
        if "__main__" not in found.name:
            with suppress(*(() if find_spec("sklearn") else (ImportError,))):
                importlib.import_module(found.name)
    own = [m for name, m in sys.modules.items() if name.startswith("bayeslmm.")]
    functions = {f for m in own for f in vars(m).values() if isinstance(f, Compiled)}
    assert len(functions) > 150
    assert all(isinstance(f.made._cache, Kept) for f in functions)
    # Two that differ in nothing but what they are called have two digests, too.
    assert len({digest(f) for f in functions}) == len(functions)


def test_an_argument_left_out_is_never_older_than_its_default(folder):
    source = LAW.replace("law(p):", "law(p, by=1.0):").replace("+ 1.0", "+ by", 1)
    assert value(source) == 8.0
    assert value(source.replace("by=1.0", "by=2.0")) == 9.0
    assert value(source) == 8.0


def test_what_is_not_understood_is_not_kept():
    made = written(LAW + "class Other: pass\n@jit\ndef f():\n    return Other()")
    with pytest.raises(Unknown, match="Other"):
        digest(made.f)
    assert Kept(made.f)._name((), None) == ""


# Folders that the environment names.

HERE = places.PACKAGE / "__pycache__"


@pytest.mark.parametrize(
    ("variables", "first", "last"),
    [
        ({"HOME": "/h"}, HERE, "/h/.cache/bayeslmm"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, HERE, "/x/bayeslmm"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "relative"}, HERE, "/h/.cache/bayeslmm"),
        ({"HOME": "relative"}, HERE, str(HERE)),
    ],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of another system")
def test_compiled_code_lies_beside_the_package_or_in_the_users_cache(
    monkeypatch, variables, first, last
):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    found = places.code_folders()
    assert found[0] == first
    assert str(found[-1]).startswith(last)


def test_a_folder_that_the_user_names_is_the_first(monkeypatch):
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", "/named")
    first, *others = places.code_folders()
    assert first.parent == Path("/named")
    assert HERE in others


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A process that has loaded neither library, with a home that takes nothing."""
    for name in ("pytensor", "matplotlib"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("PYTENSOR_FLAGS", "PYTENSORRC", "MPLCONFIGDIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="names of another system")
class TestHomeTakesNothing:
    def test_the_users_cache_takes_what_others_keep_at_home(self, fresh):
        places.settle()
        place = fresh / "cache" / "bayeslmm"
        flags = f"base_compiledir={place}/pytensor,generated_src_dir={place}/source"
        assert os.environ["PYTENSOR_FLAGS"] == flags
        assert os.environ["MPLCONFIGDIR"] == f"{place}/matplotlib"

    def test_a_folder_for_the_time_being_is_made_and_removed(self, fresh, monkeypatch):
        removed = []
        monkeypatch.setenv("XDG_CACHE_HOME", str(fresh / "file" / "cache"))
        monkeypatch.setattr(places.tempfile, "tempdir", str(fresh))
        monkeypatch.setattr(places.atexit, "register", lambda f, *a: removed.append((f, a)))
        places.settle()
        place = Path(os.environ["MPLCONFIGDIR"]).parent
        assert place.parent == fresh
        assert place.stat().st_mode & 0o777 == 0o700  # others' files are not run as ours
        ((remove, (path, process)),) = removed
        remove(path, process + 1)  # a child that was forked
        assert place.exists()
        remove(path, process)
        assert not place.exists()

    @pytest.mark.parametrize("flags", ["base_compiledir=/mine", "floatX=float64,compiledir=/mine"])
    def test_what_the_user_chose_stands(self, fresh, monkeypatch, flags):
        monkeypatch.setenv("PYTENSOR_FLAGS", flags)
        monkeypatch.setenv("MPLCONFIGDIR", "/mine")
        places.settle()
        assert os.environ["PYTENSOR_FLAGS"] == flags
        assert os.environ["MPLCONFIGDIR"] == "/mine"

    def test_what_the_user_wrote_in_a_file_stands(self, fresh, monkeypatch):
        (fresh / "rc").write_text("[global]\nbase_compiledir = /mine\n")
        monkeypatch.setenv("PYTENSORRC", str(fresh / "rc"))
        places.settle()
        assert "PYTENSOR_FLAGS" not in os.environ

    def test_other_flags_are_kept(self, fresh, monkeypatch):
        monkeypatch.setenv("PYTENSOR_FLAGS", "optimizer_verbose=True")
        places.settle()
        assert os.environ["PYTENSOR_FLAGS"].startswith("optimizer_verbose=True,base_compiledir=")


def test_a_home_that_takes_files_changes_nothing(fresh, monkeypatch):
    monkeypatch.setenv("HOME", str(fresh))
    before = dict(os.environ)
    places.settle()
    assert dict(os.environ) == before
    assert sorted(p.name for p in fresh.iterdir()) == ["file"]  # and leaves no folder behind


# Settings of the host.


def threads():
    from threadpoolctl import threadpool_info

    return [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
def test_threads_of_blas_are_as_before_in_whatever_order_fits_end(order):
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        running = [arithmetic() for _ in order]
        for begun in running:
            begun.__enter__()
        assert set(threads()) == {1}
        for i in order:
            running[i].__exit__(None, None, None)
        assert threads() == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_filters_of_warnings_are_as_before_in_whatever_order_reports_end(order):
    before = list(warnings.filters)
    others = warnings.catch_warnings()
    running = [ignored("words of ours"), ignored("words of ours")]
    running[0].__enter__()
    others.__enter__()  # a thread of the host's, in between
    running[1].__enter__()
    warnings.warn("words of ours, and more", stacklevel=1)  # an error, were it not left out
    for i in order:
        running[i].__exit__(None, None, None)
    others.__exit__(None, None, None)
    assert list(warnings.filters) == before
    with pytest.raises(UserWarning, match="words of ours"):
        warnings.warn("words of ours", stacklevel=1)


HOSTS = {
    "dark": {"style": "dark_background"},
    "ggplot": {"style": "ggplot"},
    "tex": {"text.usetex": True},
    "sketch": {"path.sketch": (1.0, 100.0, 2.0)},
    "large": {"font.size": 30.0, "lines.linewidth": 9.0, "figure.figsize": (20.0, 20.0)},
    "outlined": {"svg.fonttype": "path", "svg.hashsalt": "theirs"},
    "saved": {"savefig.dpi": 300, "savefig.bbox": "tight", "savefig.facecolor": "red"},
    "laid out": {"figure.autolayout": True, "axes.grid": True, "xtick.top": True},
}


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_a_figure_is_the_same_whatever_the_host_likes(host):
    from matplotlib import style

    def paint(axes):
        axes.plot([0.0, 1.0], [1.0, 3.0], label="curve")
        axes.scatter([0.0, 1.0], [1.0, 3.0])
        axes.set(xlabel="a $ b", title="of what")
        axes.legend()

    plain = draw(paint, "words"), key(["NUTS"])
    with mpl.rc_context():
        settings = dict(HOSTS[host])
        if "style" in settings:
            style.use(settings.pop("style"))
        mpl.rcParams.update(settings)
        before = dict(mpl.rcParams)
        assert (draw(paint, "words"), key(["NUTS"])) == plain
        assert dict(mpl.rcParams) == before


def test_what_the_host_sets_while_a_figure_is_drawn_stays_set():
    with mpl.rc_context():
        before = dict(mpl.rcParams)
        with styled({"font.size": 9.0, "axes.edgecolor": "red"}):
            mpl.rcParams["font.size"] = 23.0
            mpl.rcParams["lines.markersize"] = 11.0
        after = dict(mpl.rcParams)
        assert after == before | {"font.size": 23.0, "lines.markersize": 11.0}


def state():
    """What a process has set, as far as a fit and a page could touch it."""
    import locale
    import signal

    import pandas as pd
    import xarray as xr

    names = ("", "pymc", "pymc.variational.inference", "nutpie", "matplotlib", "arviz", "numba")
    loggers = [logging.getLogger(name) for name in names]
    return {
        "matplotlib": dict(mpl.rcParams),
        "blas": threads(),
        "warnings": list(warnings.filters),
        "numpy": (np.geterr(), np.get_printoptions(), str(np.random.get_state())),  # noqa: NPY002
        "environment": dict(os.environ),
        "logging": [(log.level, list(log.filters), list(log.handlers)) for log in loggers],
        "python": (
            sys.excepthook,
            sys.displayhook,
            sys.getrecursionlimit(),
            sys.stdout,
            sys.stderr,
        ),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
        "others": (
            locale.setlocale(locale.LC_ALL),
            xr.get_options(),
            pd.get_option("display.width"),
        ),
        "folder": Path.cwd(),
    }


def test_fits_and_pages_in_threads_leave_everything_as_it_was(tmp_path):
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))

    def work(i):
        with np.errstate(all="raise"):
            tree = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
            bl.report(model, tree, tmp_path / f"{i}.html")
        return tree.attrs["log_marginal"]

    truth = work(0)  # what is loaded by the first is loaded
    before = state()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(work, range(2)))
    after = state()
    assert {name for name in before if before[name] != after[name]} == set()
    assert found == [truth] * 2


@pytest.mark.parametrize("stream", [None, SimpleNamespace(), SimpleNamespace(closed=True)])
@pytest.mark.parametrize("progress", [None, False])
def test_a_process_without_a_console_fits(monkeypatch, stream, progress):
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    monkeypatch.setattr(sys, "stderr", stream)
    tree = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1, progress=progress)
    assert -2.0 * tree.attrs["log_marginal"] == pytest.approx(319.6543, abs=1e-4)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff")).graph,
        lambda: bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff")).marginal,
        lambda: bl.ppca(bl.datasets.load("iris").drop(columns="Species"), 1).graph,
        lambda: bl.ppca(bl.datasets.load("iris").drop(columns="Species"), 1).marginal,
        lambda: given({"sigma": pm.HalfNormal.dist(50.0)}),
        lambda: given({"beta": pm.Normal.dist(1500.0, 100.0)}),
        lambda: given({"sigma": pm.TruncatedNormal.dist(50.0, 10.0, lower=0.0)}),
    ],
    ids=["joint", "marginal", "joint of ppca", "marginal of ppca", "prior", "of beta", "foreign"],
)
def test_graphs_and_priors_of_seven_digits_are_refused(ask):
    told = pytest.raises(ValueError, match=r"float32, too few digits .* out of PYTENSOR_FLAGS")
    with pytensor.config.change_flags(floatX="float32"), told:
        ask()


def given(priors):
    return bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"), priors=priors)


def test_a_page_from_a_shell_without_home_language_or_backend(tmp_path):
    table = places.PACKAGE / "data" / "Dyestuff.csv"
    named = {"HOME": "/proc/none", "MPLBACKEND": "nonsense", "LC_ALL": "C", "TERM": "dumb"}
    named |= {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(places.PACKAGE.parent)}
    named |= {"MPLCONFIGDIR": mpl.get_cachedir()}  # or the list of fonts is made anew
    kept_from = ("XDG_CACHE_HOME", "PYTENSOR_FLAGS")
    variables = {k: v for k, v in os.environ.items() if k not in kept_from} | named
    command = [sys.executable, "-m", "bayeslmm", "report", str(table), "Yield ~ 1 + (1 | Batch)"]
    done = subprocess.run(
        [*command, "--engine", "eb", "--quiet"],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert "1527.5" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", ["bayeslmm", "bayeslmm.cli"])
def test_the_package_runs_as_a_module(monkeypatch, capsys, module):
    monkeypatch.setattr(sys, "argv", [module, "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=False)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("bayeslmm ")


def test_a_script_that_is_called_like_the_command_takes_all_names(tmp_path):
    script = tmp_path / "bayeslmm"
    script.write_text("from bayeslmm import *\nprint(fit.__name__, check.__name__)\n")
    variables = os.environ | {"PYTHONPATH": str(places.PACKAGE.parent)}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("fit check\n", "")
