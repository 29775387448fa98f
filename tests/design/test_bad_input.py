"""Each way in which a table can be wrong is one clear error that names the column, row or level."""

import datetime

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.design import DesignError, build_design

from .table_for_tests import crossed


def refused(match, formula="y ~ x + (1 | g)", table=None, **keywords):
    """The message of the error that must come."""
    with pytest.raises(DesignError, match=match) as caught:
        build_design(formula, crossed() if table is None else table, **keywords)
    return str(caught.value)


def spoilt(column, row, value):
    table = crossed().set_index(pd.Index([f"r{i}" for i in range(24)]))
    if column in ("h", "flag"):
        table[column] = table[column].astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize("column", ["y", "x", "g"])
def test_a_missing_value_is_refused_by_column_and_row(column):
    refused(f"column '{column}' in 1 row: r7", table=spoilt(column, "r7", None))


@pytest.mark.parametrize("column", ["y", "x", "h"])
def test_an_infinity_is_refused_even_where_gaps_are_dropped(column):
    table = spoilt(column, "r3", np.inf)
    refused(
        f"'{column}' is infinite in 1 row: r3",
        f"y ~ {'x' if column == 'y' else column}",
        table,
        missing="drop",
    )


def test_many_bad_rows_are_counted_and_the_first_named():
    table = crossed()
    table.loc[4:15, "x"] = np.nan
    refused("12 rows: 4, 5, 6, 7, 8 and 7 more.*12 of 24 rows", table=table)


def test_a_gap_in_a_column_that_is_not_used_matters_to_nobody():
    assert len(build_design("y ~ x", spoilt("z", "r2", np.nan)).y) == 24


def test_dropping_records_the_labels_of_what_it_dropped():
    table = spoilt("x", "r7", np.nan)
    table.loc["r9", "g"] = None
    weights = np.ones(24)
    weights[0] = np.nan
    design = build_design("y ~ x + (1 | g)", table, weights=weights, missing="drop")
    assert design.dropped.tolist() == ["r0", "r7", "r9"]
    assert design.rows.tolist() == [f"r{i}" for i in range(24) if i not in (0, 7, 9)]
    np.testing.assert_array_equal(design.X[:, 1], table.x[design.rows])
    assert len(design.y) == len(design.weights) == len(design.groups[0].codes) == 21


def test_integers_with_gaps_label_groups_as_integers():
    table = crossed()
    table["h"] = table.h.astype(float)
    table.loc[0, "h"] = np.nan
    design = build_design("y ~ x + (1 | h)", table, missing="drop")
    assert design.groups[0].levels.tolist() == [2, 4, 10, 30]
    assert design.groups[0].levels.dtype.kind == "i"


def test_nothing_left_after_dropping_is_refused():
    table = crossed().assign(x=np.nan)
    refused("no row is left.*column 'x' \\(24 of 24", table=table, missing="drop")


def test_an_unknown_word_for_missing_is_refused():
    refused("'error' or 'drop', got 'ignore'", missing="ignore")


def test_an_empty_table_is_refused():
    refused("0 rows", table=crossed().iloc[:0])


def test_text_in_the_response_is_refused_with_its_rows():
    table = crossed()
    table["y"] = table.y.astype(str)
    table.loc[5, "y"] = "n/a"
    refused(
        "the response 'y' holds text.*1 of 24 entries are not numbers: 'n/a' in row 5", table=table
    )


def test_a_text_column_that_is_mostly_numbers_is_refused_with_the_rows_that_are_not():
    table = crossed()
    table["x"] = table.x.astype(str)
    table.loc[[3, 8], "x"] = ["low", "?"]
    refused("column 'x' holds text.*'low' in row 3, '\\?' in row 8.*C\\(x\\)", table=table)


def test_text_that_is_all_numbers_is_refused_but_c_makes_categories():
    table = crossed()
    table["h"] = table.h.astype(str)
    refused("entries read as numbers; convert it with pandas.to_numeric", "y ~ h", table)
    assert len(build_design("y ~ C(h)", table).fixed) == 4
    assert build_design("y ~ x + (1 | h)", table).groups[0].levels.tolist() == [
        "10",
        "2",
        "30",
        "4",
    ]


def test_a_column_of_mixed_kinds_is_refused_with_the_texts():
    table = crossed()
    table["x"] = [*table.x[:-1], "broken"]
    refused("'x' mixes values of the kinds 'float', 'str'.*'broken' in row 23", table=table)


def test_text_inside_a_transform_of_numbers_is_refused():
    refused("`log\\(f\\)` needs numbers, but column 'f'", "y ~ log(f)")
    refused("`log\\(f\\)` needs numbers, but column 'f'", "log(f) ~ x")


def test_a_transform_that_is_not_defined_is_refused_by_row():
    table = crossed().assign(x=np.arange(24.0) + 1)
    table.loc[[2, 4], "x"] = [0.0, -1.0]
    refused("`log\\(x\\)` is -?inf in 1 row: 2", "y ~ log(x)", table.drop(index=4))
    refused("`sqrt\\(x\\)` is nan in 1 row: 4", "y ~ sqrt(x)", table)


def test_a_factor_with_one_level_is_refused():
    refused("'f' has one level, 'A'", "y ~ x + f", crossed().assign(f="A"))
    refused("'C\\(h\\)' has one level, '7'", "y ~ x + C(h)", crossed().assign(h=7))
    refused("'f' has one level, 'A'", "y ~ x + (f | g)", crossed().assign(f="A"))


def test_a_constant_column_is_refused_beside_the_intercept_only():
    table = crossed().assign(c=0.1)
    refused("column 'c' is constant.*'Intercept'", "y ~ x + c", table)
    assert build_design("y ~ 0 + c + x", table).fixed == ("c", "x")


def test_a_column_of_zeros_is_refused():
    refused("'c' is zero in every row", "y ~ 0 + x + c", crossed().assign(c=0))


def test_collinear_columns_are_named():
    table = crossed()
    table["s"] = 3 * table.x - table.z + 5
    message = refused("linear combination", "y ~ x + z + s", table)
    assert all(f"'{name}'" in message for name in ("x", "z", "s", "Intercept"))


def test_an_offset_of_a_hundred_million_is_no_collinearity():
    table = crossed()
    table["far"] = table.x + 1e8
    table["far2"] = table.z + 1e8
    assert build_design("y ~ far + far2", table).fixed == ("Intercept", "far", "far2")


def test_a_copy_is_collinear_even_a_hundred_million_away():
    table = crossed()
    table["far"] = table.x + 1e8
    table["far3"] = 3 * table.far
    refused("linear combination", "y ~ far + far3", table)


def test_columns_of_very_different_sizes_are_no_collinearity():
    table = crossed()
    table["small"], table["large"] = table.z * 1e-9, table.h * 1e9
    assert len(build_design("y ~ x + small + large", table).fixed) == 4


def test_a_constant_response_is_refused():
    refused("response 'y' has the value 3 in all 24 rows", table=crossed().assign(y=3.0))


def test_as_many_fixed_effects_as_rows_are_refused_unless_they_are_shrunk():
    table = crossed().iloc[:3]
    refused("3 rows cannot tell 3 fixed effects", "y ~ x + z", table)
    assert build_design("y ~ x + z + h", table, check_rank=False).X.shape == (3, 4)


@pytest.mark.parametrize("name", ["sigma", "beta", "fixed", "row", "chain", "sd_g", "a/b"])
def test_a_grouping_factor_whose_name_means_something_else_is_refused(name):
    table = crossed().rename(columns={"g": name})
    refused(f"'{name}'.*rename the column", f"y ~ x + (1 | `{name}`)", table)


def test_a_grouping_factor_that_is_the_response_is_refused():
    refused("'h' has the name of the response", "h ~ x + (1 | h)")


def test_two_grouping_factors_that_would_make_one_name_are_refused():
    table = crossed().rename(columns={"h": "g_effect"})
    refused("would both make the name 'g_effect'", "y ~ x + (1 | g) + (1 | g_effect)", table)


def test_a_column_called_intercept_is_refused_beside_the_intercept():
    refused(
        "several columns of X are called 'Intercept'",
        "y ~ x + Intercept",
        crossed().assign(Intercept=crossed().z),
    )


def test_duplicate_column_names_are_refused():
    table = crossed()
    table.columns = ["y", "x", "x", "f", "g", "h", "flag"]
    refused("2 columns called 'x'", table=table)


def test_complex_numbers_are_refused():
    refused("'y' is complex", table=crossed().assign(y=1j * np.arange(24)))


@pytest.mark.parametrize(
    "dates",
    [
        pd.date_range("2020-01-01", periods=24),
        pd.timedelta_range("1D", periods=24),
        [datetime.date(2020, 1, 1 + i) for i in range(24)],
    ],
)
def test_dates_are_refused_with_what_to_do(dates):
    refused("'x' holds dates.*days since the first", table=crossed().assign(x=dates))
    refused("'g' holds dates.*convert it to text", table=crossed().assign(g=dates))


@pytest.mark.parametrize(
    ("keyword", "value"), [("weights", 0.0), ("weights", -1.0), ("noise_sd", 0.0)]
)
def test_weights_and_noise_must_be_positive(keyword, value):
    table = crossed().assign(w=1.0)
    table.loc[6, "w"] = value
    refused(
        f"{keyword} \\(column 'w'\\) must be above 0, but is not in 1 row: 6",
        table=table,
        **{keyword: "w"},
    )


def test_frequencies_are_positive_whole_numbers():
    values = np.ones(24)
    values[2] = 0
    refused("frequency is 0 in 1 row: 2; drop these rows", frequency=values)
    values[2] = 1.5
    refused("whole number, but is not in 1 row: 2", frequency=values)


@pytest.mark.parametrize("keyword", ["weights", "frequency", "offset", "noise_sd"])
def test_what_stands_beside_the_formula_is_validated_like_a_column(keyword):
    refused(f"{keyword} must have shape \\(24,\\).*got \\(3,\\)", **{keyword: np.ones(3)})
    refused(f"the {keyword} column 'absent' is not a column", **{keyword: "absent"})
    refused(f"the {keyword} column 'f' holds text", **{keyword: "f"})
    refused(f"{keyword} must hold real numbers, got text", **{keyword: ["a"] * 24})
    refused(f"{keyword} is infinite in 24 rows", **{keyword: np.full(24, np.inf)})
    refused(f"{keyword} in 24 rows", **{keyword: np.full(24, np.nan)})


def test_known_noise_and_weights_exclude_each_other():
    refused("both given", weights=np.ones(24), noise_sd=np.ones(24))


def test_what_is_no_table_is_refused_with_what_to_do():
    refused("read the file first", table="data.csv")
    refused("no column names", table=np.ones((3, 2)))
    refused("must be a pandas", table=[{"y": 1.0}])
    refused("differ in length: 'y' has 3, 'x' has 2", "y ~ x", {"y": [1.0, 2, 3], "x": [1.0, 2]})
    refused("column 'x'.*shape \\(2, 2\\)", "y ~ x", {"y": [1.0, 2], "x": np.ones((2, 2))})
    refused("no columns", "y ~ x", {})


@pytest.mark.parametrize("size", [1e200, 1e-200])
@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda t, s: bl.lmm("y ~ x + (1 | g)", t.assign(y=t["y"] * s)), "the response 'y'"),
        (lambda t, s: bl.lmm("y ~ x + (1 | g)", t.assign(x=t["x"] * s)), "the column 'x'"),
        (lambda t, s: bl.lmm("y ~ 1 + (x | g)", t.assign(x=t["x"] * s)), "of 'g' the column 'x'"),
        (lambda t, s: bl.lmm("y ~ x", t, offset=t["x"] * s), "the 'offset'"),
        (lambda t, s: bl.lasso("y ~ x + z", t.assign(y=t["y"] * s)), "the response 'y'"),
        (lambda t, s: bl.ppca(t[["x", "y", "z"]] * s, 1), "the column 'x'"),
        (lambda t, s: bl.rvm(t[["x", "z"]], t["y"] * s), "the response 'y'"),
        (lambda t, s: bl.lmm("y ~ x", t).with_data(t["y"] * s), "the response 'y'"),
    ],
)
def test_sizes_whose_squares_no_float_holds_are_refused_by_name(made, name, size):
    with pytest.raises(DesignError, match=f"{name} has entries of size .*: rescale it"):
        made(crossed(), size)
