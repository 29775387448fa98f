"""Every option of the shell changes what it names, for both commands.

`fit` is caught before it runs: what reached it is the model, the engine and the seed. So is the
writing of a page, which other tests look at.
"""

from importlib import import_module
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import bayeslmm as bl
from bayeslmm.cli import app
from tests.whole import table

FORMULA = "y ~ x + (1 | g)"


def data():
    """The table with known noise s, and k, whose levels a file writes as 00 to 04."""
    return table().assign(s=0.5 + 0.01 * np.arange(60), k=np.arange(60) % 5)


class Caught(ValueError):
    """Instead of a fit; the shell tells it as any error of a model."""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The table as a file."""
    found = tmp_path_factory.mktemp("shell") / "t.csv"
    data().assign(k=[f"0{i % 5}" for i in range(60)]).to_csv(found, index=False)
    return found


@pytest.fixture
def shell(monkeypatch, path, tmp_path):
    """Run a command; what reaches `fit` comes back, with what was printed."""
    reached: dict[str, Any] = {}

    def caught(model, engine, *, seed=None, progress=None):
        reached.setdefault("engines", []).append(engine)
        reached.update(model=model, seed=seed, progress=progress)
        if "tree" in reached:
            return reached["tree"]
        raise Caught("caught")

    def written(model, trees, target, *, title):
        reached.update(trees=trees, title=title, target=target)

    monkeypatch.setattr(import_module("bayeslmm.fit"), "fit", caught)
    monkeypatch.setattr(import_module("bayeslmm.report.page"), "report", written)

    def run(command, *options, table=path, tree=None):
        reached.clear()
        if tree is not None:
            reached["tree"] = tree
        out = tmp_path / ("f.nc" if command == "fit" else "r.md")
        words = [command, table, *options, "-o", out]
        done = CliRunner().invoke(app, [str(word) for word in words])
        if tree is None:
            assert (done.exit_code, done.stderr.strip()) == (1, "bayeslmm: caught"), done.output
        return {**reached, "text": done.output, "done": done, "out": out}

    return run


COMMANDS = ("fit", "report")


def engine_of(found):
    return found["engines"][0]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("options", "engine"),
    [
        (["-e", "is"], bl.ImportanceSampling()),
        (["-e", "is", "--draws", 11], bl.ImportanceSampling(draws=11)),
        (["-e", "is", "--chains", 3], bl.ImportanceSampling(chains=3)),
        (["-e", "nuts"], bl.NUTS()),
        (["-e", "nuts", "--draws", 11], bl.NUTS(draws=11)),
        (["-e", "nuts", "--tune", 12], bl.NUTS(tune=12)),
        (["-e", "nuts", "--chains", 3], bl.NUTS(chains=3)),
        (["-e", "gibbs"], bl.Gibbs()),
        (["-e", "gibbs", "--draws", 11], bl.Gibbs(draws=11)),
        (["-e", "gibbs", "--tune", 12], bl.Gibbs(tune=12)),
        (["-e", "gibbs", "--chains", 3], bl.Gibbs(chains=3)),
        (["--engine", "eb"], bl.EmpiricalBayes("reml")),
        (["-e", "eb", "--draws", 11], bl.EmpiricalBayes("reml", draws=11)),
        (["-e", "eb", "--criterion", "ml"], bl.EmpiricalBayes("ml")),
        (["-e", "eb", "--criterion", "reml"], bl.EmpiricalBayes("reml")),
        (["-e", "eb", "--criterion", "evidence"], bl.EmpiricalBayes("evidence")),
        (["-e", "eb", "--criterion", "map"], bl.EmpiricalBayes("map")),
        (["-e", "advi"], bl.ADVI()),
        (["-e", "advi", "--draws", 211], bl.ADVI(draws=211)),
        (["-e", "advi", "--steps", 5000], bl.ADVI(steps=5000)),
        (["-e", "advi", "--full-rank"], bl.ADVI(full_rank=True)),
        (["-e", "advi", "--marginal"], bl.ADVI(marginal=True)),
        (["-e", "cavi"], bl.CAVI()),
        (["-e", "cavi", "--draws", 211], bl.CAVI(draws=211)),
        (["-e", "cavi", "--steps", 5000], bl.CAVI(steps=5000)),
    ],
)
def test_options_of_an_engine_reach_it(shell, command, options, engine):
    assert engine_of(shell(command, FORMULA, *options)) == engine


RVM = ["--model", "rvm", "--kernel", "gaussian", "--width", 2]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("words", "criterion"),
    [
        ([FORMULA], "reml"),
        ([FORMULA, "--term", "ridge: z*"], "evidence"),
        (["y ~ x", "--model", "lasso"], "evidence"),
        (["y ~ x", *RVM], "evidence"),
        (["--model", "ppca", "--components", 1, "--without", "g", "--without", "h"], "ml"),
    ],
)
def test_the_usual_criterion_is_that_of_the_model(shell, command, words, criterion):
    assert engine_of(shell(command, *words, "-e", "eb")) == bl.EmpiricalBayes(criterion)


@pytest.mark.parametrize(
    ("words", "for_fit", "for_report"),
    [
        ([FORMULA], [bl.ImportanceSampling], [bl.ImportanceSampling, bl.EmpiricalBayes]),
        (
            ["y ~ x", "--model", "lasso"],
            [bl.ImportanceSampling],
            [bl.ImportanceSampling, bl.EmpiricalBayes],
        ),
        ([FORMULA, "--tune", 100], [bl.NUTS], [bl.NUTS, bl.EmpiricalBayes]),
        (["y ~ x", *RVM], [bl.EmpiricalBayes], [bl.EmpiricalBayes]),
    ],
)
def test_the_usual_engines(shell, whole, words, for_fit, for_report):
    for command, kinds in (("fit", for_fit), ("report", for_report)):
        found = shell(command, *words, tree=whole.eb)
        assert [type(e) for e in found["engines"]] == kinds


def test_engines_run_in_the_order_of_the_shell_and_each_once(shell, whole):
    found = shell("report", FORMULA, *["-e", "cavi", "-e", "eb", "-e", "cavi"], tree=whole.eb)
    assert [type(e) for e in found["engines"]] == [bl.CAVI, bl.EmpiricalBayes]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_seed_reaches_the_fit(shell, command):
    assert shell(command, FORMULA, "--seed", 17)["seed"] == 17
    assert shell(command, FORMULA)["seed"] is None  # drawn and stored by fit


def other(options, formula=FORMULA):
    """The model that Python declares."""
    return bl.lmm(formula, data(), **options)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--weights", "w"], {"weights": "w"}),
        (["--frequency", "f"], {"frequency": "f"}),
        (["--offset", "o"], {"offset": "o"}),
        (["--noise-sd", "s"], {"noise_sd": "s"}),
        (["--prior", "sigma=HalfNormal(50)"], {"priors": {"sigma": "HalfNormal(50)"}}),
        (["--prior", "sd_g=2"], {"priors": {"sd_g": 2.0}}),
        (
            ["--prior", "sd_g = 2", "--prior", "x=Normal(0, 1)"],
            {"priors": {"sd_g": 2.0, "x": "Normal(0, 1)"}},
        ),
        (
            ["--weights", "w", "--frequency", "f", "--offset", "o"],
            {"weights": "w", "frequency": "f", "offset": "o"},
        ),
    ],
)
def test_options_of_the_rows_are_those_of_python(shell, command, words, options):
    found = shell(command, FORMULA, "-e", "eb", *words)["model"]
    assert found.digest == other(options).digest != other({}).digest


@pytest.mark.parametrize("command", COMMANDS)
def test_a_term_of_the_shell_is_that_of_python(shell, command):
    words = ["--term", "ridge(name=z): z0, z2", "--term", "horseshoe(name=a, nonzero=1): z1, z3"]
    found = shell(command, FORMULA, *words, "--offset", "o")["model"]
    d = data()
    blocks = [
        bl.ridge(d[["z0", "z2"]], name="z"),
        bl.horseshoe(d[["z1", "z3"]], name="a", nonzero=1),
    ]
    assert found.digest == bl.lmm(FORMULA, d, terms=blocks, offset="o").digest


@pytest.mark.parametrize("command", COMMANDS)
def test_options_of_other_models_are_those_of_python(shell, command):
    d = data()
    few = ["--without", "g", "--without", "h"]
    numbers = d.drop(columns=["g", "h"])
    ppca = ["--model", "ppca", "--components", 2]
    rvm = ["y ~ x + z0", "--model", "rvm"]
    for words, model in (
        (["y ~ x + z0", "--model", "lasso"], bl.lasso("y ~ x + z0", d)),
        (["y ~ x + z0", "--model", "lasso", "--lam", 0.3], bl.lasso("y ~ x + z0", d, lam=0.3)),
        (
            ["y ~ x + z0", "--model", "lasso", "--weights", "w"],
            bl.lasso("y ~ x + z0", d, weights="w"),
        ),
        (rvm, bl.rvm("y ~ x + z0", d)),
        (
            [*rvm, "--kernel", "gaussian", "--width", 2],
            bl.rvm("y ~ x + z0", d, kernel=bl.kernels.gaussian(width=2.0)),
        ),
        (
            [*rvm, "--kernel", "gaussian", "--width", 3, "--offset", "o"],
            bl.rvm("y ~ x + z0", d, kernel=bl.kernels.gaussian(width=3.0), offset="o"),
        ),
        (
            [*rvm, "--kernel", "polynomial", "--degree", 2],
            bl.rvm("y ~ x + z0", d, kernel=bl.kernels.polynomial(degree=2)),
        ),
        (
            ["y ~ x", "--model", "rvm", "--kernel", "linear_spline"],
            bl.rvm("y ~ x", d, kernel=bl.kernels.linear_spline()),
        ),
        ([*ppca, *few], bl.ppca(numbers, 2)),
        ([*ppca[:-1], 1, *few], bl.ppca(numbers, 1)),
        ([*ppca, *few, "--without", "o"], bl.ppca(numbers.drop(columns="o"), 2)),
        ([*ppca, *few, "--scale", "sd"], bl.ppca(numbers, 2, scale="sd")),
        ([*ppca, *few, "--ard"], bl.ppca(numbers, 2, ard=True)),
        ([*ppca, *few, "--prior", "sigma=0.5"], bl.ppca(numbers, 2, priors={"sigma": 0.5})),
    ):
        assert shell(command, *words)["model"].digest == model.digest, words


@pytest.fixture
def gaps(tmp_path):
    """The file with a missing response, predictor, level and weight, each in a row of its own."""
    d = data()
    for row, column in ((3, "y"), (10, "x"), (20, "g"), (31, "w")):
        d.loc[row, column] = None
    d.to_csv(tmp_path / "gaps.csv", index=False)
    return tmp_path / "gaps.csv"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("model", ["lmm", "lasso", "rvm"])
def test_missing_drop_drops_the_rows_that_lack_something_and_tells_how_many(
    shell, gaps, command, model
):
    formula = FORMULA if model == "lmm" else "y ~ x"
    lacking = [3, 10, 20, 31] if model == "lmm" else [3, 10, 31]
    words = [formula, "--model", model, "--weights", "w", "--missing", "drop"]
    found = shell(command, *words, table=gaps)
    design = found["model"].design
    assert design.dropped.tolist() == lacking
    assert design.rows.tolist() == [i for i in range(60) if i not in lacking]
    assert f"{len(lacking)} rows dropped" in found["text"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("options", [[], ["--missing", "error"]])
def test_missing_values_are_an_error_by_default(gaps, tmp_path, command, options):
    out = tmp_path / ("f.nc" if command == "fit" else "r.md")
    words = [command, gaps, FORMULA, "-e", "eb", *options, "-o", out]
    done = CliRunner().invoke(app, [str(w) for w in words])
    assert done.exit_code == 1
    assert "missing" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_group_column_is_read_as_labels(shell, command):
    """By itself it is a number; the formula says of a group that it is not."""
    assert shell(command, "y ~ k")["model"].design.fixed == ("Intercept", "k")
    named = shell(command, "y ~ k", "--group", "k")["model"].design.fixed
    assert named == ("Intercept", "k[01]", "k[02]", "k[03]", "k[04]")
    for options in ((), ("--group", "k")):
        levels = shell(command, "y ~ x + (1 | k)", *options)["model"].group("k").grouping.levels
        assert levels.tolist() == ["00", "01", "02", "03", "04"]


@pytest.mark.parametrize("command", COMMANDS)
def test_separator_and_decimal_mark_are_those_of_the_file(shell, command, tmp_path):
    data().to_csv(tmp_path / "s.csv", index=False, sep=";", decimal=",")
    words = ["--separator", ";", "--decimal", ","]
    found = shell(command, FORMULA, *words, table=tmp_path / "s.csv")["model"]
    assert found.digest == other({}).digest


@pytest.mark.parametrize("command", COMMANDS)
def test_quiet_prints_nothing_and_shows_no_progress(shell, whole, command):
    loud = shell(command, FORMULA, "-e", "eb", tree=whole.eb)
    still = shell(command, FORMULA, "-e", "eb", "--quiet", tree=whole.eb)
    assert still["text"] == ""
    assert (still["progress"], loud["progress"]) == (False, None)
    assert "Verdict: " in loud["text"]
    assert "Linear mixed model" in loud["text"]


def test_title_and_output_of_a_page(shell, whole):
    found = shell("report", FORMULA, "-e", "eb", "--title", "Growth", tree=whole.eb)
    assert (found["title"], found["target"]) == ("Growth", found["out"])
    assert list(found["trees"]) == ["EB (evidence)"]
    assert f"Report: {found['out']}" in found["text"]
    assert shell("report", FORMULA, "-e", "eb", tree=whole.eb)["title"] is None


def test_the_output_is_where_it_was_asked_for(shell, whole):
    found = shell("fit", FORMULA, "-e", "eb", tree=whole.eb)
    assert found["done"].exit_code == 0
    assert found["out"].exists()
    assert f"Saved: {found['out']}" in found["text"]


NAMED = {
    "term", "lam", "kernel", "width", "degree", "components", "scale", "ard", "without", "engine",
    "criterion", "draws", "tune", "chains", "steps", "full_rank", "marginal", "seed", "prior",
    "weights", "offset", "frequency", "noise_sd", "missing", "group", "separator", "decimal",
    "quiet", "model", "output", "table", "formula",
}  # fmt: skip


def test_no_option_is_without_a_test_here():
    commands = typer.main.get_command(app).commands
    assert {p.name for p in commands["fit"].params} == NAMED
    assert {p.name for p in commands["report"].params} == NAMED | {"title"}


def test_the_help_tells_the_engines_own_defaults():
    """1000, of gibbs 2000, of advi and cavi 4000 draws; 1000 and 500 to tune; 4 chains."""
    commands = typer.main.get_command(app).commands
    told = {p.name: (getattr(p, "help", None) or "") for p in commands["fit"].params}
    nuts, gibbs, advi, cavi = bl.NUTS(), bl.Gibbs(), bl.ADVI(), bl.CAVI()
    assert bl.EmpiricalBayes().draws == bl.ImportanceSampling().draws == nuts.draws
    assert advi.draws == cavi.draws
    words = f"{nuts.draws}, of gibbs {gibbs.draws}, of advi and cavi {advi.draws} by default"
    assert words in told["draws"]
    assert f"{nuts.tune} and {gibbs.tune} by default" in told["tune"]
    assert bl.ImportanceSampling().chains == nuts.chains == gibbs.chains
    assert f"{nuts.chains} by default" in told["chains"]
    assert f"{advi.steps} and {cavi.steps}" in told["steps"]
