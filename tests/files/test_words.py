"""What a shell is told of a table is in its own words, and by the lines of the file."""

import pytest

from bayeslmm.cli.words import of_the_shell
from tests.files.written import X, Y, refused, text


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (text(y=Y, x=["", *X[1:]]), "1 line: 2"),
        (text(y=Y, x=["", *X[1:]]).replace("\n", "\n\n"), "1 line: 3"),
        (text(y=Y, x=[*X[:-2], "", "NA"]), "2 lines: 24, 25"),
        (text(y=Y, x=X, g=['"two\nlines"', *["b"] * 23]).replace("5.196", ""), "1 line: 6"),
    ],
)
def test_rows_are_told_as_the_lines_of_the_file(tmp_path, content, lines):
    line = refused(tmp_path, content, "y ~ x")
    assert f"missing values: column 'x' in {lines}. Fill them, or give --missing drop" in line


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("or pass missing='drop' to drop 2", "or give --missing drop to drop 2"),
        ("weights= scale; give noise_sd=, or", "--weights scale; give --noise-sd, or"),
        ("Fix sigma (priors={'sigma': ...})", "Fix sigma (--prior 'sigma=...')"),
        ("as in priors={'mu': 'Normal(0, 10)'}", "as in --prior 'mu=Normal(0, 10)'"),
        ("use EmpiricalBayes('map') or NUTS()", "use --engine eb --criterion map or --engine nuts"),
        ("use ADVI(marginal=True), or", "use --engine advi --marginal, or"),
        ("polynomial(degree=9, offset=1) is infinite",) * 2,
        ("NUTS(tune=...) must be at least 1", "--tune must be at least 1"),
        ("such as pm.HalfNormal.dist(...), not", "such as HalfNormal(...), not"),
        ("full_rank=True; use marginal=True, which", "--full-rank; use --marginal, which"),
    ],
)
def test_advice_is_given_in_the_words_of_a_shell(python, shell):
    assert of_the_shell(python) == shell


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["y ~ x + (1 | z)", "--weights", "w"], "--weights (column 'w') must be above 0"),
        (["--model", "ppca", "--components", "1"], "not numbers; here: --without g"),
        (["y ~ x", "--weights", "x", "--noise-sd", "x"], "give one of them"),
        (["y ~ x", "--group", "y"], "reads as a number); write it as numbers, without --group"),
        (["z ~ x"], "is not a column of the table"),
    ],
)
def test_no_error_of_a_table_speaks_python_to_a_shell(tmp_path, words, message):
    content = text(y=Y, x=X, g=list("ab") * 12, z=[1, 2, 3] * 8, w=[0, 1, 2] * 8)
    line = refused(tmp_path, content.replace("z", "q") if words == ["z ~ x"] else content, *words)
    for python in ("='", "=[", "pandas", "table.", "in row", " row:", " rows:"):
        assert python not in line
    assert message in line or message.removeprefix("--") in line
