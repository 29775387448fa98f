"""What steers a terminal or cannot be seen is spelt out wherever a name is shown."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.design import DesignError
from bayeslmm.design.visible import meant, visible
from bayeslmm.report.terminal import terminal, verdict

STEERING = "x\x1b]0;owned\x07"
SEEN = r"x\x1b]0;owned\x07"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Days, 0.5 µg → Ω日本é", "Days, 0.5 µg → Ω日本é"),
        (STEERING, SEEN),
        ("a\b\r\n\t\x00\x7f", r"a\x08\r\n\t\x00\x7f"),
        ("a\x9b31m", r"a\x9b31m"),  # one character of C1 that begins a sequence
        ("a\u202eb\u2066c", "a<U+202E>b<U+2066>c"),
        ("y\u200b\ufeff\u00ad\u00a0", "y<U+200B><U+FEFF><U+00AD><U+00A0>"),
        ("\u3164\u2800\ufe0f\U000e0001", "<U+3164><U+2800><U+FE0F><U+E0001>"),
        ("\u2028\ud800", "<U+2028><U+D800>"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out_and_all_else_stays(text, seen):
    assert visible(text) == visible(seen) == seen


@pytest.mark.parametrize(
    ("asked", "known", "told"),
    [
        ("y", ["у"], "did you mean 'у', which holds U+0443 CYRILLIC SMALL LETTER U?"),
        ("у", ["y"], "did you mean 'y', without the U+0443 CYRILLIC SMALL LETTER U of what you "),
        ("y", ["y\u200b"], "did you mean 'y<U+200B>', which holds U+200B ZERO WIDTH SPACE?"),
        ("dose", ["\ufeffdose"], "did you mean '<U+FEFF>dose', which holds U+FEFF"),
        ("dose", ["dose "], "did you mean 'dose ', which holds U+0020 SPACE?"),
        ("é", ["e\u0301"], "which holds U+0301 COMBINING ACUTE ACCENT?"),
        ("Ｘ１", ["X1"], "without the U+FF38 FULLWIDTH LATIN CAPITAL LETTER X"),
        ("reaction", ["Reaction", "Days"], "did you mean 'Reaction'?"),
        ("Subjct", ["Subject", "Days"], "did you mean 'Subject'?"),
        ("z", ["Subject", "Days"], ""),
    ],
)
def test_a_name_that_only_looks_alike_is_told_by_what_differs(asked, known, told):
    found = meant(asked, known)
    assert told in found
    assert bool(told) == bool(found)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    found = pd.DataFrame({STEERING: rng.normal(size=30), "g\u202e": np.repeat(list("abcde"), 6)})
    found["y"] = found[STEERING] + rng.normal(size=30)
    return found.replace({"g\u202e": {"a": "a\x1b[2J"}})


@pytest.fixture(scope="module")
def fitted(table):
    model = bl.lmm(f"y ~ `{STEERING}` + (1 | `g\u202e`)", table)
    return model, bl.fit(model, bl.EmpiricalBayes("reml", draws=30), seed=1)


def steers(text):
    return [c for c in text if c != "\n" and not c.isprintable()]


def test_models_tables_and_verdicts_steer_no_terminal(fitted, table):
    model, tree = fitted
    new = table.set_axis([f"{STEERING}{i}" for i in range(30)])
    shown = [
        repr(model),
        terminal(tree),
        *verdict(tree),
        repr(bl.check(tree)),
        repr(bl.compare_engines({STEERING: tree, "b": tree})),
        repr(bl.predict(model, tree, new, seed=1)),
        tree.attrs["message"],
    ]
    assert not steers("\n".join(shown))
    assert SEEN in shown[0]
    assert SEEN in shown[1]
    assert "sd_g<U+202E>" in shown[1]
    assert STEERING in tree["posterior"]["fixed"].values  # data are not changed


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ x", f"the columns are: '{SEEN}', 'g<U.202E>', 'y'"),
        (f"y ~ `{STEERING}` + `{STEERING}`(", "\n  y ~ `x"),
        ("y ~ 1 + (1 | g)", "did you mean 'g<U\\+202E>', which holds U\\+202E RIGHT-TO-LEFT"),
    ],
)
def test_errors_steer_no_terminal(table, formula, words):
    with pytest.raises(DesignError, match=words.replace("\\x", "\\\\x").replace("]0", "\\]0")) as e:
        bl.lmm(formula, table)
    assert not steers(str(e.value))


def test_the_caret_is_under_its_place_in_the_line_as_it_is_shown(table):
    with pytest.raises(DesignError) as told:
        bl.lmm(f"y ~ `{STEERING}` + )", table)
    _, line, caret = str(told.value).split("\n")
    assert line[len(caret) - 1] == ")"


def test_pages_show_what_cannot_be_seen(fitted, tmp_path):
    for name in ("r.md", "r.html"):
        text = bl.report(*fitted, tmp_path / name).read_text("utf-8")
        assert not steers(text)
        assert "U+202E" in text
