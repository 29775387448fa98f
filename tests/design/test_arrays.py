"""Designs from arrays: names, shapes, and new arrays."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bayeslmm.design import DesignError, build_design, design_from_arrays

from .table_for_tests import crossed


def arrays():
    table = crossed()
    X = np.column_stack([np.ones(24), table.x, table.z])
    Z = np.column_stack([np.ones(24), table.x])
    return table, X, Z


def test_arrays_and_a_formula_say_the_same():
    table, X, Z = arrays()
    made = design_from_arrays(table.y, X, {"g": (table.g, Z), "h": table.h})
    truth = build_design("y ~ x + z + (x | g) + (1 | h)", table)
    assert made.fixed == ("Intercept", "x1", "x2")
    assert made.formula == "y ~ 1 + x1 + x2 + (1 + z1 | g) + (1 | h)"
    np.testing.assert_array_equal(made.X, truth.X)
    for got, group in zip(made.groups, truth.groups, strict=True):
        assert got.blocks == group.blocks
        np.testing.assert_array_equal(got.Z, group.Z)
        np.testing.assert_array_equal(got.levels, group.levels)
        np.testing.assert_array_equal(got.codes, group.codes)


def test_names_come_from_the_table_or_from_the_caller():
    table, X, _ = arrays()
    assert design_from_arrays(table.y, table[["x", "z"]]).fixed == ("x", "z")
    assert design_from_arrays(table.y, X, fixed=["i", "a", "b"]).fixed == ("i", "a", "b")
    with pytest.raises(DesignError, match="2 names were given for the 3 columns"):
        design_from_arrays(table.y, X, fixed=["a", "b"])


def test_the_labels_of_a_series_are_kept():
    table, X, _ = arrays()
    labelled = table.y.set_axis([f"r{i}" for i in range(24)])
    labelled.iloc[3] = np.nan
    design = design_from_arrays(labelled, X, missing="drop")
    assert design.dropped.tolist() == ["r3"]
    with pytest.raises(DesignError, match="missing values: y in 1 row: r3"):
        design_from_arrays(labelled, X)


def test_no_fixed_effects_at_all():
    table, _, _ = arrays()
    assert design_from_arrays(table.y, None, {"g": table.g}).X.shape == (24, 0)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"X": np.ones((23, 2))}, r"X must have shape \(24, columns\), got \(23, 2\)"),
        ({"X": np.ones(24)}, r"write X\[:, None\]"),
        ({"y": np.ones((24, 1))}, r"y must have one dimension, got shape \(24, 1\)"),
        ({"y": []}, "0 rows"),
        ({"y": ["a"] * 24}, "y must hold real numbers, got text"),
        ({"y": np.ones(24, complex)}, "got complex numbers"),
        ({"y": np.ones(24)}, "value 1 in all 24 rows"),
        ({"y": np.r_[np.inf, np.zeros(23)]}, "y is infinite in 1 row: 0"),
        ({"groups": {"g": np.zeros(23)}}, r"'g' must have shape \(24,\), got \(23,\)"),
        ({"groups": {"g": np.zeros(24)}}, "'g' has one level"),
        ({"groups": {"sigma": np.arange(24)}}, "'sigma'.*rename"),
        ({"groups": {"y": np.arange(24)}}, "'y'.*rename"),
        (
            {"groups": {"g": (np.arange(24), np.ones((3, 1)))}},
            r"Z of 'g' must have shape \(24, col",
        ),
        ({"groups": {"g": (np.arange(24), np.zeros((24, 1)))}}, "'z0' is zero in every row"),
        ({"weights": "w"}, "there is no table"),
        ({"weights": np.zeros(24)}, "weights must be above 0"),
        ({"weights": np.full(24, 1e200)}, r"weights must lie between 1e-100 and 1e\+100"),
        ({"noise_sd": np.full(24, 1e-200)}, r"noise_sd must lie between 1e-100 and 1e\+100"),
        ({"offset": np.ones(2)}, r"offset must have shape \(24,\).*got \(2,\)"),
    ],
)
def test_bad_arrays_are_refused(change, match):
    table, X, _ = arrays()
    given = {"y": table.y.to_numpy(), "X": X, "groups": None} | change
    with pytest.raises(DesignError, match=match):
        design_from_arrays(given.pop("y"), given.pop("X"), given.pop("groups"), **given)


def test_bad_values_of_a_matrix_are_named():
    table, X, Z = arrays()
    X[4, 2] = np.nan
    with pytest.raises(DesignError, match="column 'x2' of X in 1 row: 4"):
        design_from_arrays(table.y, X)
    X[4, 2] = np.inf
    with pytest.raises(DesignError, match="column 'x2' of X is infinite in 1 row: 4"):
        design_from_arrays(table.y, X, missing="drop")
    X[:, 2] = 2 * X[:, 1] + 1
    with pytest.raises(DesignError, match=r"in X, column 'x\d' is a linear combination"):
        design_from_arrays(table.y, X)
    Z[7, 1] = np.nan
    with pytest.raises(DesignError, match="column 'z1' of Z of 'g' in 1 row: 7"):
        design_from_arrays(table.y, X[:, :2], {"g": (table.g, Z)})


def test_new_arrays_are_read_in_the_fitted_coordinates():
    table, X, Z = arrays()
    design = design_from_arrays(table.y, X, {"g": (table.g, Z), "h": table.h})
    data = {"X": X[:3], "groups": {"g": (["b", "zz", "a"], Z[:3]), "h": [2, 10, 5]}}
    new = design.encoder.encode(data, weights=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(new.X, X[:3])
    assert [group.codes.tolist() for group in new.groups] == [[1, -1, 0], [0, 2, -1]]
    assert new.groups[0].new_levels.tolist() == ["zz"]
    assert new.weights.tolist() == [1.0, 2.0, 3.0]


def test_a_new_frame_is_read_by_its_names():
    table, _, _ = arrays()
    design = design_from_arrays(table.y, table[["x", "z"]])
    new = design.encoder.encode({"X": table[["z", "f", "x"]][["z", "x"]]})
    np.testing.assert_array_equal(new.X, table[["x", "z"]])
    with pytest.raises(DesignError, match="lacks the columns 'z'"):
        design.encoder.encode({"X": table[["x"]]})


def test_new_arrays_that_do_not_fit_are_refused():
    table, X, Z = arrays()
    encode = design_from_arrays(table.y, X, {"g": (table.g, Z)}).encoder.encode
    for data, match in [
        (X, "a dict with 'X' and 'groups'"),
        ({"groups": {"g": table.g}}, "need 'X' with the columns 'Intercept', 'x1', 'x2'"),
        ({"X": X}, r"need groups\['g'\]"),
        ({"X": X[:, :2], "groups": {"g": (table.g, Z)}}, r"shape \(24, 3\), got \(24, 2\)"),
        ({"X": X, "groups": {"g": table.g}}, "with Z for 'Intercept', 'z1'"),
        ({"X": X, "groups": {"g": (table.g, Z[:, :1])}}, r"shape \(24, 2\), got \(24, 1\)"),
    ]:
        with pytest.raises(DesignError, match=match):
            encode(data)


def test_pandas_labels_with_gaps_are_refused_or_dropped():
    table, X, _ = arrays()
    labels = pd.Series(table.g)
    labels[5] = None
    with pytest.raises(DesignError, match="the grouping factor 'g' in 1 row: 5"):
        design_from_arrays(table.y, X, {"g": labels})
    assert design_from_arrays(table.y, X, {"g": labels}, missing="drop").dropped.tolist() == [5]


def test_text_in_a_frame_is_refused_by_its_column():
    table, _, _ = arrays()
    with pytest.raises(DesignError, match=r"the column of X 'f' holds text.*'A' in row 0"):
        design_from_arrays(table.y, table[["x", "f"]])


@pytest.mark.parametrize(
    "convert", [lambda t: t.convert_dtypes(), lambda t: pl.from_dict(t.to_dict("list"))]
)
def test_other_frames_give_their_names_and_numbers(convert):
    table, _, _ = arrays()
    frame = convert(table[["x", "z"]])
    design = design_from_arrays(table.y, frame, {"g": convert(table[["g"]])["g"]})
    assert design.fixed == ("x", "z")
    np.testing.assert_array_equal(design.X, table[["x", "z"]])
    assert design.groups[0].levels.tolist() == list("abcdef")
