"""The command line: what it writes, what it prints, and how it refuses."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
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


def test_variational_engines_run_from_a_shell_and_tell_their_verdict(tmp_path):
    done = run("fit", TABLE, FORMULA, "-e", "cavi", "--seed", 1, "-o", tmp_path / "fit.nc")
    assert done.exit_code == 0, done.output
    for text in ("CAVI", "Verdict: not to be trusted.", "use NUTS()", "1527"):
        assert text in done.output
    options = ["--steps", 3000, "--marginal", "--full-rank", "--draws", 500, "--seed", 1]
    out = tmp_path / "page.md"
    done = run("report", TABLE, FORMULA, "-e", "advi", "-e", "cavi", *options, "-o", out)
    assert done.exit_code == 0, done.output
    page = out.read_text(encoding="utf-8")
    assert "ADVI (full rank, marginal)" in page
    assert "ADVI(steps=3000, draws=500, marginal=True, full_rank=True)" in page
    assert "CAVI(steps=3000, draws=500," in page


def test_what_an_engine_refuses_is_one_line(tmp_path):
    done = run("fit", TABLE, FORMULA, "-e", "advi", "--draws", 5, "-o", tmp_path / "fit.nc")
    assert done.exit_code == 1
    assert done.stderr.startswith("bayeslmm: --draws must be an integer of at least 100")


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
        ("table.xlsx", FORMULA, [], "a table is a file that ends in .csv"),
        ("empty.csv", FORMULA, [], "empty.csv is empty: it has no header"),
        ("header.csv", FORMULA, [], "header.csv is empty: it has 2 columns and no rows"),
        ("broken.csv", FORMULA, [], "broken.csv is broken: EOF inside string"),
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
    output = [] if "-o" in options else ["-o", "fit.nc"]
    done = run("fit", table, formula, *output, "--engine", "eb", *options)
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
        ["fit", TABLE, FORMULA, "-o", "x.nc", "--engine", "metropolis"],
        ["fit", TABLE, FORMULA, "-o", "x.nc", "--model", "glmm"],
        ["fit", TABLE, FORMULA, "-o", "x.nc", "--engine", "eb", "--engine", "nuts"],
        ["nonsense"],
    ],
)
def test_a_command_line_that_cannot_be_understood_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


DIABETES = str(bl.datasets.path("diabetes"))


def test_a_block_of_columns_is_one_option(tmp_path):
    """The same model as in Python; patterns spare the columns that the formula names."""
    out = tmp_path / "fit.nc"
    terms = ["--term", "ridge(name=serum): s?", "--term", "horseshoe(nonzero=1): `bmi`, bp"]
    options = ["-e", "gibbs", "--draws", 100, "--chains", 2, "--seed", 1]
    done = run("fit", DIABETES, "y ~ age + s6", *terms, *options, "-o", out)
    assert done.exit_code == 0, done.output
    assert "of 5 columns included" in done.output
    data = bl.datasets.load("diabetes")
    blocks = [
        bl.ridge(data[["s1", "s2", "s3", "s4", "s5"]], name="serum"),
        bl.horseshoe(data[["bmi", "bp"]], nonzero=1),
    ]
    same = bl.lmm("y ~ age + s6", data, terms=blocks)
    with xr.open_datatree(out, engine="h5netcdf") as tree:
        assert tree.attrs["model_digest"] == same.digest


def test_a_lasso_and_its_penalty(tmp_path):
    out = tmp_path / "fit.nc"
    options = ["-e", "gibbs", "--draws", 100, "--chains", 2, "--seed", 1, "-q"]
    done = run("fit", DIABETES, "y ~ .", "--model", "lasso", "--lam", 0.237, *options, "-o", out)
    assert done.exit_code == 0, done.output
    same = bl.lasso("y ~ .", bl.datasets.load("diabetes"), lam=0.237)
    with xr.open_datatree(out, engine="h5netcdf") as tree:
        assert tree.attrs["model_digest"] == same.digest


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (["gaussian", "--width", 3], "4 relevance vectors of EB"),
        (["polynomial", "--degree", 3], "Fitted curve"),
    ],
)
def test_a_report_of_a_relevance_vector_machine(tmp_path, kernel, words):
    out = tmp_path / "r.md"
    table = bl.datasets.path("sinc_gauss01")
    options = ["--model", "rvm", "--kernel", *kernel, "--seed", 1, "-q"]
    done = run("report", table, "t ~ x", *options, "-o", out)
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    assert words in text
    assert "NUTS" not in text  # by default empirical Bayes alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--term", "ridge s1"], "write law: columns"),
        (["--term", "ridge:"], "write law: columns"),
        (["--term", "ridge: s1,,s2"], "write law: columns"),
        (["--term", "ridgy: s1"], "the laws are ridge, ard, laplace, horseshoe"),
        (["--term", "ridge(lam=2): s1"], "'lam=2' is no option of ridge"),
        (["--term", "horseshoe(slab=x): s1"], "slab= is a number, not 'x'"),
        (["--term", "ridge: s*", "--missing", "drop"], "take the rows out of the table first"),
        (["--model", "lasso", "--term", "ridge: s1"], "--term goes with --model lmm"),
        (["--model", "lasso", "--criterion", "ml"], "lam has one maximum"),
        (["--lam", "2"], "--lam goes with --model lasso"),
        (["--model", "rvm", "--kernel", "gaussian"], "--kernel gaussian needs --width"),
        (["--model", "rvm", "--width", "2"], "--width goes with --kernel gaussian"),
    ],
)
def test_a_model_that_cannot_be_understood_exits_with_2(tmp_path, monkeypatch, options, message):
    monkeypatch.setenv("COLUMNS", "200")
    done = run("fit", DIABETES, "y ~ 1", *options, "-e", "eb", "-o", tmp_path / "x.nc")
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("ridge: q*", "no column is like 'q*'"),
        ("ridge: q", "there is no column 'q'; the table has age"),
        ("ridge: s1, y", "'y' is the response"),
        ("ridge: age*", "all columns like 'age*' are used elsewhere"),
        ("ridge(scale=length): s1", "scale=...) is 'sd', 'norm'"),
    ],
)
def test_columns_of_a_block_that_cannot_be_used_are_one_line(tmp_path, term, message):
    done = run("fit", DIABETES, "y ~ age", "--term", term, "-e", "eb", "-o", tmp_path / "x.nc")
    assert done.exit_code == 1
    assert done.stderr.startswith("bayeslmm: ")
    assert message in done.stderr


IRIS = str(bl.datasets.path("iris"))
PPCA = ["--model", "ppca", "--components", 2]


def test_a_report_of_principal_components_keeps_missing_values(tmp_path):
    table = pd.read_csv(IRIS)
    table.loc[[3, 9], "Petal.Width"] = np.nan
    table.to_csv(tmp_path / "t.csv", index=False)
    options = ["--draws", 100, "--tune", 100, "--chains", 2, "--seed", 1, "-q"]
    out = tmp_path / "r.md"
    done = run("report", tmp_path / "t.csv", *PPCA, "--without", "Species", *options, "-o", out)
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    for words in ("NUTS", "EB (ml)", "2 of 600 entries", "## Scores and loadings"):
        assert words in text


def test_principal_components_are_the_model_of_python(tmp_path):
    out = tmp_path / "fit.nc"
    options = ["--scale", "sd", "--without", "Species", "--without", "Petal.Width"]
    done = run("fit", IRIS, *PPCA, *options, "--prior", "sigma=0.5", "-e", "eb", "-o", out)
    assert done.exit_code == 0, done.output
    for words in ("W[Petal.Length, PC2]", "explained_variance[PC1]", "Verdict: to be trusted"):
        assert words in done.output
    table = bl.datasets.load("iris").drop(columns=["Species", "Petal.Width"])
    same = bl.ppca(table, 2, scale="sd", priors={"sigma": 0.5})
    with xr.open_datatree(out, engine="h5netcdf") as tree:
        assert tree.attrs["model_digest"] == same.digest
        assert tree.attrs["criterion"] == "ml"


def test_components_with_scales_of_their_own_are_drawn_by_nuts(tmp_path):
    out = tmp_path / "fit.nc"
    options = ["--ard", "--without", "Species", "--draws", "100", "--tune", "200", "--chains", "2"]
    done = run("fit", IRIS, *PPCA, *options, "-o", out)
    assert done.exit_code == 0, done.output
    assert "sd_W[PC2]" in done.output
    refused = run("fit", IRIS, *PPCA, "--ard", "--without", "Species", "-e", "eb", "-o", out)
    assert refused.exit_code == 1
    assert "nothing to maximise under --ard" in refused.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["y ~ x", *PPCA], "--model ppca takes no formula"),
        (["--model", "lmm"], "--model lmm needs a formula"),
        (["--model", "ppca"], "--model ppca needs --components"),
        ([*PPCA, "--missing", "drop"], "--missing does not go with --model ppca"),
        ([*PPCA, "--noise-sd", "x"], "--noise-sd does not go with --model ppca"),
        ([*PPCA, "--group", "Species"], "--group does not go with --model ppca"),
        ([*PPCA, "--lam", 2], "--lam goes with --model lasso"),
        ([*PPCA, "--term", "ridge: s1"], "--term goes with --model lmm"),
        (["y ~ x", "--components", 2], "--components goes with --model ppca"),
        (["y ~ x", "--without", "x"], "--without goes with --model ppca"),
        (["y ~ x", "--ard"], "--ard goes with --model ppca"),
    ],
)
def test_options_that_do_not_go_together_exit_with_2(tmp_path, monkeypatch, arguments, message):
    monkeypatch.setenv("COLUMNS", "200")
    for command, out in (("fit", "x.nc"), ("report", "x.html")):
        done = run(command, IRIS, *arguments, "-e", "eb", "-o", tmp_path / out)
        assert done.exit_code == 2
        assert message in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "holds text or labels, not numbers"),
        ([], "here: --without Species"),
        (["--without", "Spezies"], "there is no column 'Spezies'; the table has Sepal.Length"),
        (["--without", "Species", "--without", "Petal.Width"], "components must be below"),
    ],
)
def test_a_matrix_that_cannot_be_used_is_one_line(tmp_path, options, message):
    model = ["--model", "ppca", "--components", 3]
    done = run("fit", IRIS, *model, *options, "-e", "eb", "-o", tmp_path / "x.nc")
    assert done.exit_code == 1
    assert done.stderr.startswith("bayeslmm: ")
    assert message in done.stderr


def test_the_version_is_told():
    assert run("--version").output.startswith("bayeslmm 0.")


def test_the_table_is_never_overwritten(tmp_path):
    table = tmp_path / "t.csv"
    before = bl.datasets.path("Dyestuff").read_text(encoding="utf-8")
    table.write_text(before, encoding="utf-8")
    for name, command in (("t.csv", "report"), ("t.csv", "fit"), ("t.html", "fit")):
        done = run(command, table, FORMULA, "--engine", "eb", "-o", tmp_path / name)
        assert done.exit_code == 1
        assert "name an output that ends in" in done.stderr
    link = tmp_path / "t.nc"
    link.symlink_to(table)
    done = run("fit", table, FORMULA, "--engine", "eb", "-o", link)
    assert done.exit_code == 1
    assert "is the table itself" in done.stderr
    assert table.read_text() == before


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("y,x,y\n1,2,3\n2,3,4\n3,4,9\n4,7,1\n", [], "the column 'y' stands twice"),
        ("y,x\n1,2,3\n2,3,4\n3,5,4\n1,2,2\n", [], "more fields than the header"),
        ("y;x\n1;2\n2;3\n", [], "separated by semicolons: give --separator ';'"),
        ("y;x\n1;2\n2;3\n", ["--separator", ";;"], "--separator is one character (or tab)"),
        ("y;x\n1;2\n2;3\n", ["--decimal", ","], "--separator and --decimal are both ','"),
        ("y,x\n1,2\n2,3\n", ["--group", "z"], "--group z:"),
    ],
)
def test_a_table_that_would_be_read_wrongly_is_refused(tmp_path, text, options, message):
    (tmp_path / "t.csv").write_text(text)
    done = run("fit", tmp_path / "t.csv", "y ~ x", "-e", "eb", "-o", tmp_path / "f.nc", *options)
    assert done.exit_code == 1
    assert message in done.stderr


@pytest.mark.parametrize(("separator", "mark"), [(";", ";"), ("tab", "\t")])
def test_a_csv_with_decimal_commas_is_the_same_table(tmp_path, separator, mark):
    table = pd.read_csv(TABLE)
    path, out = tmp_path / "t.csv", tmp_path / "f.nc"
    table.assign(Yield=table["Yield"] + 0.25).to_csv(path, index=False, sep=mark, decimal=",")
    options = ["--separator", separator, "--decimal", ","]
    done = run("fit", path, FORMULA, "-e", "eb", "-o", out, "-q", *options)
    assert done.exit_code == 0, done.output
    with xr.open_datatree(out, engine="h5netcdf") as tree:
        held = tree["observed_data"]["Yield"].values
    np.testing.assert_allclose(held, table["Yield"] + 0.25)


def test_a_parquet_file_has_no_separator(tmp_path):
    pd.read_csv(TABLE).to_parquet(tmp_path / "t.parquet")
    out = tmp_path / "f.nc"
    done = run("fit", tmp_path / "t.parquet", FORMULA, "-e", "eb", "-o", out, "--separator", ";")
    assert done.exit_code == 1
    assert "go with CSV files" in done.stderr


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_labels_stay_as_they_are_written(tmp_path, ending):
    table = pd.read_csv(TABLE)
    codes = {name: f"00{i}" for i, name in enumerate(sorted(set(table["Batch"])))}
    table["Batch"] = table["Batch"].map(codes)
    path = tmp_path / f"t.{ending}"
    table.to_parquet(path) if ending == "parquet" else table.to_csv(path, index=False)
    out = tmp_path / "f.nc"
    done = run("fit", path, FORMULA, "-e", "eb", "--group", "Batch", "-o", out, "-q")
    assert done.exit_code == 0, done.output
    with xr.open_datatree(out, engine="h5netcdf") as tree:
        assert list(tree["posterior"]["Batch"].values) == sorted(codes.values())


def test_an_option_of_another_engine_is_refused():
    for engine, option in (
        ("nuts", "--criterion=ml"),
        ("eb", "--tune=10"),
        ("eb", "--chains=2"),
        ("eb", "--steps=2000"),
        ("nuts", "--marginal"),
        ("cavi", "--full-rank"),
    ):
        done = run("fit", TABLE, FORMULA, "-e", engine, option, "-o", "x.nc")
        assert done.exit_code == 2
        assert "goes with --engine" in done.stderr


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("labels", [(), ("g",)])
def test_identifiers_beyond_floats_with_a_gap_are_read_as_they_are(tmp_path, ending, labels):
    from bayeslmm.cli.tables import Roles, read_table_file
    from bayeslmm.design import build_design

    path, ids = tmp_path / f"t.{ending}", [2**53 + i // 4 for i in range(24)]
    table = pd.DataFrame({"y": np.arange(24.0) ** 2, "g": pd.array([None, *ids[1:]], "Int64")})
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path, index=False)
    if ending == "parquet":  # as others write it, without the types of pandas
        pq.write_table(pa.table({"y": table["y"], "g": pa.array([None, *ids[1:]])}), path)
    read = read_table_file(path, Roles(given=frozenset(labels))).data
    (group,) = build_design("y ~ 1 + (1 | g)", read, missing="drop").groups
    assert [int(level) for level in group.levels] == [2**53 + i for i in range(6)]
