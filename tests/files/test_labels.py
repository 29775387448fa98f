"""A label is a label, from the file to the design: as it is written."""

import csv
import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeslmm.cli.tables import Form, Roles, read_table_file
from bayeslmm.design import build_design
from tests.files.written import N, X, Y, levels, read, refused, text

BIG = 2**53


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        (["1e5", "100000", "7"], ["100000", "1e5", "7"]),
        (["007", "7", "8"], ["007", "7", "8"]),
        (["0.5", "0.50", "1"], ["0.5", "0.50", "1"]),
        (["1", "1.0", "2"], ["1", "1.0", "2"]),
        (["+1", "1", "-1"], ["+1", "-1", "1"]),
        (["0", "-0", "1"], ["-0", "0", "1"]),
        (["0x1F", "31", "1"], ["0x1F", "1", "31"]),
        (["inf", "1", "2"], ["1", "2", "inf"]),
        ([BIG + 1, BIG, BIG + 2], [BIG, BIG + 1, BIG + 2]),
        (["", BIG + 1, BIG], [BIG, BIG + 1]),
        ([2**63, 2**63 + 1, 1], [1, 2**63, 2**63 + 1]),
        ([10**25, 10**25 + 1, 1], ["1", str(10**25), str(10**25 + 1)]),
        ([-1, 2**64 - 1, 1], ["-1", "1", str(2**64 - 1)]),
        ([310, 308, 309], [308, 309, 310]),  # whole numbers as usual stay numbers
        ([" 308", "309", "310 "], [308, 309, 310]),
        (["0.5", "1", "2"], [0.5, 1, 2]),
        (["308.0", "", "309.0"], [308, 309]),
        (["True", "False", "True"], [False, True]),
        (["a", "a ", "A"], ["A", "a", "a "]),
        (["2020-01-02", "2020-01-01", "x"], ["2020-01-01", "2020-01-02", "x"]),
        (["1,5", "1.5", "2"], ["1,5", "1.5", "2"]),
    ],
)
@pytest.mark.parametrize("group", ["g", "C(g)"])
def test_what_the_formula_calls_a_group_is_labelled_as_it_is_written(
    tmp_path, entries, wanted, group
):
    content = text(";", y=Y, x=X, g=entries * (N // 3))
    formula = "y ~ x + (1 | g)" if group == "g" else "y ~ x + C(g)"
    file = read(tmp_path, content, formula, form=Form(";"))
    if group == "g":
        assert levels(file) == wanted
    else:
        fixed = build_design(formula, file.data, missing="drop").fixed[2:]
        assert len(fixed) == len(wanted) - 1


def test_new_rows_with_numbers_meet_the_groups_of_a_file(tmp_path):
    """README predicts Subject 308 for a fit of the shell."""
    file = read(tmp_path, text(y=Y, x=X, g=[308, 309] * 12))
    design = build_design("y ~ x + (1 | g)", file.data)
    (new,) = design.encoder.encode({"x": [1.0], "g": [309]}).groups
    assert new.codes.tolist() == [1]


@pytest.mark.parametrize("word", ["NA", "None", "null", "nan", "N/A", "NULL", "NaN"])
def test_a_word_for_missing_is_a_label_under_group_and_else_said(tmp_path, word):
    content = text(y=Y, x=X, g=[word, "DE", ""] * 8)
    file = read(tmp_path, content, group=["g"])
    assert levels(file) == sorted([word, "DE"])
    assert not file.said
    content = text(y=Y, x=X, g=[word, "DE", "FR"] * 8)
    file = read(tmp_path, content)
    assert levels(file) == ["DE", "FR"]
    told = f"{word!r} in column 'g' counts as missing; --group g takes it as a label"
    assert file.said == [f"Note: {told}"]
    assert told in refused(tmp_path, content, "y ~ x + (1 | g)")
    assert not read(tmp_path, content, "y ~ x").said  # nobody uses the column


def test_a_word_for_missing_in_a_column_of_numbers_is_missing(tmp_path):
    file = read(tmp_path, text(y=Y, x=[*X[:-3], "NA", "", "NaN"], g=list("ab") * 12))
    assert file.data["x"].isna().tolist() == [False] * 21 + [True] * 3
    assert file.data["x"][:21].tolist() == X[:21]
    assert not file.said


def test_a_column_may_be_a_group_and_a_number(tmp_path):
    formula = "y ~ x + (1 | x)"
    for entries in (["1", "2", "3"], ["01", "02", "1e1"]):
        file = read(tmp_path, text(y=Y, x=entries * 8), formula)
        design = build_design(formula, file.data)
        assert design.X[:3, 1].tolist() == [float(entry) for entry in entries]
        assert len(design.groups[0].levels) == 3
    content = text(y=Y, x=["1", "1.0", "2"] * 8, g=list("ab") * 12)
    for formula in ("y ~ x + (1 | x)", "y ~ (x | g) + (1 | x)", "y ~ log(x) + C(x)"):
        line = refused(tmp_path, content, formula)
        assert "several of its labels are one number ('1' and '1.0')" in line
        os.remove(tmp_path / "t.csv")


def test_group_makes_a_factor_of_numbers(tmp_path):
    file = read(tmp_path, text(y=Y, g=[1, 2, 3] * 8), "y ~ g", group=["g"])
    assert build_design("y ~ g", file.data).fixed == ("Intercept", "g[2]", "g[3]")


def test_labels_that_differ_by_spaces_alone_are_told(tmp_path):
    file = read(tmp_path, text(y=Y, x=X, g=["a", "a ", "b"] * 8))
    assert file.said == ["Note: column 'g' has labels that differ by the spaces around them alone"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_any_label_is_read_as_another_program_wrote_it(tmp_path_factory, entries):
    entries = [entry for entry in entries if entry.strip(" \t\r\n\v\f")]  # else missing, or no row
    if not entries or entries[-1].strip().lower() in ("total", "totals", "grand total", "sum"):
        return
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["g"], *([e] for e in entries)])
    path = tmp_path_factory.mktemp("labels") / "t.csv"
    path.write_bytes(written.getvalue().encode())
    file = read_table_file(path, Roles(given=frozenset("g")))
    assert file.data["g"].tolist() == entries
    if "\r" in "".join(entries):  # which some count as the end of a line
        return
    lines = path.read_bytes().decode().split("\n")
    for row, entry in enumerate(entries):
        assert lines[file.place(row) - 1].startswith('"' + entry.split("\n")[0].replace('"', '""'))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_any_number_is_read_to_its_last_digit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("numbers") / "t.csv"
    path.write_text("x,k\n" + "".join(f"{v!r},1\n" for v in values))
    assert read_table_file(path).data["x"].tolist() == values
