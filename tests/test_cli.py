"""The command line: what it writes, what it prints, and how it refuses."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import bayeslmm as bl
from bayeslmm.cli import app

FORMULA = "Yield ~ 1 + (1 | Batch)"
TABLE = str(bl.datasets.path("Dyestuff"))


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_fit_saves_the_posterior_and_prints_its_tables(tmp_path):
    done = run("fit", TABLE, FORMULA, "--engine", "eb", "--seed", 3, "-o", tmp_path / "fit.nc")
    assert done.exit_code == 0, done.output
    for text in ("1527.5", "sd_Batch", "42.0", "sigma", "49.5", "seed 3", "Saved:"):
        assert text in done.output
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as tree:
        assert tree.attrs["criterion"] == "reml"
        assert -2 * tree.attrs["log_marginal"] == pytest.approx(319.6542768423, abs=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


def test_report_writes_one_page_for_several_engines(tmp_path):
    out = tmp_path / "page.html"
    engines = ["--engine", "nuts", "--engine", "eb"]
    options = ["--draws", 100, "--tune", 100, "--chains", 2, "--quiet"]
    done = run("report", TABLE, FORMULA, *engines, *options, "-o", out)
    assert done.exit_code == 0, done.output
    assert done.output == ""
    page = out.read_text(encoding="utf-8")
    assert "NUTS" in page
    assert "EB (reml)" in page


def test_priors_and_columns_reach_the_model(tmp_path):
    table = pd.read_csv(TABLE).assign(w=2.0)
    table.to_parquet(tmp_path / "t.parquet")
    done = run(
        "fit",
        tmp_path / "t.parquet",
        FORMULA,
        *("--engine", "eb", "--criterion", "map", "--weights", "w", "-o", tmp_path / "fit.nc"),
        *("--prior", "sd_Batch=HalfNormal(50)", "--prior", "sigma=49.5"),
    )
    assert done.exit_code == 0, done.output
    assert "HalfNormal(50)" in done.output
    assert "fixed at 49.5" in done.output
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as tree:
        assert np.all(tree["constant_data"]["weights"] == 2.0)


@pytest.mark.parametrize(
    ("table", "formula", "options", "message"),
    [
        ("none.csv", FORMULA, [], "none.csv: there is no such file"),
        ("table.xlsx", FORMULA, [], "the ending '.xlsx' is not known"),
        ("empty.csv", FORMULA, [], "empty.csv: the file is empty"),
        ("header.csv", FORMULA, [], "the table is empty: it has 0 rows"),
        ("broken.csv", FORMULA, [], "cannot be read as a table"),
        (TABLE, "Yield ~ 1 + (1 | Bach)", [], "Batch"),
        (TABLE, "Yield ~ 1 + (1 | Batch", [], "^"),
        (TABLE, "Yield ~ __import__('os').system('touch x')", [], "not"),
        (TABLE, FORMULA, ["--prior", "sd_Bach=HalfNormal(1)"], "did you mean 'sd_Batch'"),
        (TABLE, FORMULA, ["--prior", "sigma"], "write name=law"),
        (TABLE, FORMULA, ["-o", "no/such/folder/fit.nc"], "there is no folder no/such/folder"),
    ],
)
def test_what_cannot_be_used_is_one_line_on_stderr(
    tmp_path, monkeypatch, table, formula, options, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("Yield,Batch\n")
    (tmp_path / "broken.csv").write_text('Yield,Batch\n1,"A\n2,B,C\n')
    before = sorted(p.name for p in tmp_path.iterdir())
    done = run("fit", table, formula, "-o", "fit.nc", "--engine", "eb", *options)
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("bayeslmm: ")
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", TABLE, FORMULA],
        ["fit", TABLE, FORMULA, "-o", "x.nc", "--draws", "-5"],
        ["fit", TABLE, FORMULA, "-o", "x.nc", "--engine", "gibbs"],
        ["fit", TABLE, FORMULA, "-o", "x.nc", "--engine", "eb", "--engine", "nuts"],
        ["nonsense"],
    ],
)
def test_a_command_line_that_cannot_be_understood_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


def test_the_version_is_told():
    assert run("--version").output.startswith("bayeslmm 0.")


def test_an_interrupt_keeps_the_draws_and_exits_with_130(tmp_path):
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(2000), 5)
    y = rng.normal(size=2000)[g] + rng.normal(size=10_000)
    pd.DataFrame({"y": y, "g": g}).to_csv(tmp_path / "t.csv", index=False)
    command = [sys.executable, "-m", "bayeslmm.cli", "fit", "t.csv", "y ~ 1 + (1 | g)"]
    command += ["-o", "fit.nc", "--draws", "300000", "--tune", "100", "--chains", "2"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert "Priors" in "".join(process.stdout.readline() for _ in range(6))
    time.sleep(12.0)  # past imports and tuning, into the draws
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, (out, err)
    assert "the draws made before were kept" in err
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as tree:
        assert 1 <= tree["posterior"].sizes["draw"] < 300_000
