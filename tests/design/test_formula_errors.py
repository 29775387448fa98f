"""A formula that cannot be read says where, and nothing in it is ever executed."""

import os

import numpy as np
import pytest

from bayeslmm.design import DesignError, FormulaError, build_design

from .table_for_tests import crossed

# formula, words of the message, the text under the caret (None: no caret)
UNREADABLE = [
    ("y x", "has no '~'", None),
    ("", "is empty", None),
    ("~ x", "left side of '~' is empty", "~ x"),
    ("y ~", "right side of '~' is empty", ""),
    ("y ~ x ~ z", "two '~'", "~ z"),
    ("y ~ (1|)", "right side of the bar is empty", "|)"),
    ("y ~ (|g)", "write \\(1 \\| g\\)", "|g)"),
    ("y ~ x|g", "write \\(x \\| g\\)", "|g"),
    ("y ~ x||g", "write \\(x \\|\\| g\\)", "||g"),
    ("y ~ x + (1 | g", "never closed", "(1 | g"),
    ("y ~ x)", "no opening partner", ")"),
    ("y ~ log(x", "never closed", "(x"),
    ("y ~ x +", "missing after '\\+'", ""),
    ("y ~ x * * z", "missing after '\\*'", "* z"),
    ("y ~ x z", "unexpected 'z'", "z"),
    ("y ~ x^2", "write \\*\\* for a power", "^2"),
    ("y ~ x**2", "write I\\(x\\*\\*2\\)", "**2"),
    ("y ~ 2 + x", "number 2 is no term", "2 + x"),
    ("y ~ x > 1", "inside I", "> 1"),
    ("y ~ x = 1", "no meaning", "= 1"),
    ("y ~ 'x'", "use backticks", "'x'"),
    ("y ~ `x", "closing backtick", "`x"),
    ("y ~ ()", "are empty", "()"),
    ("y ~ x * (1 | g)", "stands by itself", "(1 | g)"),
    ("y ~ (0 | g)", "has no column", "(0 | g)"),
    ("y ~ (1 | g + h)", "\\(1 \\| a\\) \\+ \\(1 \\| b\\)", "g + h)"),
    ("y ~ (1 | g * h)", "\\(1 \\| a:b\\)", "* h)"),
    ("y ~ (1 | C(g))", "add the column", "C(g))"),
    ("y ~ x - offset(z)", "cannot be subtracted", "offset(z)"),
    ("y ~ x:offset(z)", "stands by itself", "offset(z)"),
    ("y ~ I(x:z)", "no meaning inside a call", ":z)"),
    ("y ~ I(3)", "uses no column", "I(3)"),
    ("y ~ log()", "needs a column", "log()"),
    ("y ~ poly(x, 1000000000)", "too large", "1000000000)"),
]


@pytest.mark.parametrize(("formula", "words", "under"), UNREADABLE)
def test_an_unreadable_formula_shows_the_place(formula, words, under):
    with pytest.raises(FormulaError, match=words) as caught:
        build_design(formula, crossed())
    if under is not None:
        _, shown, caret = str(caught.value).split("\n")
        assert shown[caret.index("^") :] == under


FORBIDDEN = [
    "y ~ __import__('os').system('touch {file}')",
    "y ~ open('{file}', 'w')",
    "y ~ I(open('{file}', 'w'))",
    "y ~ np.save('{file}', x)",
    "y ~ x.tofile('{file}')",
    "y ~ np.load('{file}')",
    "y ~ eval('1')",
    "y ~ x.mean()",
    "y ~ (x).mean()",
    "y ~ log(x).tofile('{file}')",
    "y ~ x.__class__",
    "y ~ I(x.__class__)",
    "y ~ np.linalg",
    "y ~ lambda x: x",
    "y ~ I(lambda: x)",
    "y ~ x[0]",
    "y ~ I(x[0])",
    "open('{file}', 'w') ~ x",
    "y ~ x + (open('{file}', 'w') | g)",
    "y ~ x + offset(open('{file}', 'w'))",
    "y ~ hsgp(x, m=10)",
    "y ~ prop(x, z)",
]


@pytest.mark.parametrize("formula", FORBIDDEN)
def test_what_is_no_known_transform_is_refused_and_never_runs(formula, tmp_path):
    file = tmp_path / "appeared"
    with pytest.raises(DesignError):
        build_design(formula.format(file=file), crossed())
    assert os.listdir(tmp_path) == []


def test_an_unknown_call_is_named_with_what_is_known():
    with pytest.raises(
        FormulaError, match=r"the call `open\(...\)` is not a known transform; known"
    ):
        build_design("y ~ open('f', 'w')", crossed())


@pytest.mark.parametrize("formula", ["y ~ secret", "y ~ log(secret)", "y ~ bs(x, knots=secret)"])
def test_names_are_columns_never_variables_of_the_caller(formula):
    secret = crossed().x.to_numpy()
    assert len(secret) == 24
    with pytest.raises(DesignError, match="'secret' is not a column"):
        build_design(formula, crossed())


def test_a_mistyped_column_is_told_with_its_neighbours():
    with pytest.raises(
        DesignError, match=r"'flagg' is not a column.*did you mean 'flag'.*'y', 'x'"
    ):
        build_design("y ~ flagg", crossed())
    with pytest.raises(DesignError, match=r"'X' is not a column.*did you mean 'x'"):
        build_design("y ~ X", crossed())
    with pytest.raises(DesignError, match="the grouping factor 'G' is not a column"):
        build_design("y ~ x + (1 | G)", crossed())


def test_a_response_among_its_predictors_is_refused():
    with pytest.raises(FormulaError, match="'y' is also a predictor"):
        build_design("y ~ x + y", crossed())


@pytest.mark.parametrize("formula", ["y ~ I(9**9**9**9**9*x)", "y ~ x" + ":x" * 5000])
def test_a_formula_that_would_run_for_years_fails_at_once(formula):
    with pytest.raises(DesignError):
        build_design(formula, crossed())


def test_a_product_of_hundreds_of_terms_is_refused():
    wide = {name: [1.0, 2.0] for name in ["y", *(f"v{j}" for j in range(400))]}
    with pytest.raises(FormulaError, match="more than 100000 terms"):
        build_design("y ~ .**2", wide)


def test_a_formula_must_be_a_text():
    with pytest.raises(FormulaError, match="got 3"):
        build_design(3, crossed())


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ exp(x, out=z)", "takes one value, and no options"),
        ("y ~ exp(x, z)", "takes one value, and no options"),
        ("y ~ T(f, 'Q')", "no level is 'Q'; the levels are 'A', 'B', 'C'"),
        ("y ~ C(f, 'B')", "a contrast is Treatment"),
        ("y ~ I(bs(x, df=4) * x)", "one side has several columns"),
        ("y ~ C(bs(x, df=4))", "labels are one column"),
        ("y ~ I(Treatment) + x", "uses no column"),
    ],
)
def test_what_a_transform_cannot_take_is_told_with_its_name(formula, words):
    with pytest.raises(DesignError, match=words):
        build_design(formula, crossed())


def test_a_transform_never_writes_into_the_table():
    table = crossed()
    z = table.z.copy()
    with pytest.raises(DesignError):
        build_design("y ~ exp(x, z) + z", table)
    np.testing.assert_array_equal(table.z, z)
