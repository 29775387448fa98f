"""A new table is read in the coordinates of the fitted one."""

import pickle

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from bayeslmm.design import DesignError, build_design

from .table_for_tests import crossed

FORMULAS = [
    "y ~ x * f + (x | g)",
    "y ~ scale(x) + poly(z, 2) + (center(x) || g) + (1 | h)",
    "y ~ bs(x, df=5) + C(h) + binary(f, 'B') + (0 + f | g)",
    "y ~ 0 + f + I(x > 0) + (1 | f/h)",
    "log(h) ~ S(f):x + offset(scale(z)) + (z | flag)",
    "y ~ 0 + (1 | g:h)",
    "y ~ x + flag",
]


def assert_alike(new, design, rows):
    np.testing.assert_allclose(new.X, design.X[rows], atol=1e-12)
    np.testing.assert_allclose(new.offset, design.offset[rows], atol=1e-12)
    for fresh, group in zip(new.groups, design.groups, strict=True):
        assert fresh.name == group.name
        np.testing.assert_allclose(fresh.Z, group.Z[rows], atol=1e-12)
        np.testing.assert_array_equal(fresh.codes, group.codes[rows])
        assert len(fresh.new_levels) == 0


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("rows", [slice(None), slice(5, 9), slice(3, 4)])
def test_rows_of_the_fitted_table_are_encoded_as_they_were(formula, rows):
    table = crossed()
    design = build_design(formula, table)
    assert_alike(design.encoder.encode(table.iloc[rows]), design, rows)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_design_survives_pickling(formula):
    table = crossed()
    design = pickle.loads(pickle.dumps(build_design(formula, table)))
    assert_alike(design.encoder.encode(table), design, slice(None))


values = st.floats(-1e6, 1e6, allow_nan=False, width=32)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_table_comes_back_as_it_was(data):
    rows = data.draw(st.integers(8, 20))
    column = st.lists(values, min_size=rows, max_size=rows)
    labels = st.lists(st.sampled_from(["a", "b", "cc", "d:e", "é"]), min_size=rows, max_size=rows)
    table = pd.DataFrame(
        {"y": data.draw(column), "x": data.draw(column), "g": data.draw(labels)},
        index=data.draw(st.permutations(range(rows))),
    )
    table["k"] = data.draw(st.lists(st.integers(-5, 5), min_size=rows, max_size=rows))
    try:
        design = build_design("y ~ x + (scale(x) | g) + (1 | k)", table)
    except DesignError:
        return  # constant columns, single groups: other tests say what must come
    (by_g, by_k) = design.groups
    np.testing.assert_array_equal(by_g.levels[by_g.codes], table.g.to_numpy(str))
    np.testing.assert_array_equal(by_k.levels[by_k.codes], table.k)
    np.testing.assert_array_equal(by_g.levels, np.unique(table.g.to_numpy(str)))
    assert_alike(design.encoder.encode(table.drop(columns="y")), design, slice(None))
    assert design.rows.tolist() == table.index.tolist()


def test_new_levels_count_downwards_in_order_of_appearance():
    design = build_design("y ~ 1 + (1 | g)", crossed())
    (new,) = design.encoder.encode({"g": ["z", "b", "q", "z", "a"]}).groups
    assert new.codes.tolist() == [-1, 1, -2, -1, 0]
    assert new.new_levels.tolist() == ["z", "q"]


def test_a_combination_never_seen_is_a_new_level_of_a_known_factor():
    design = build_design("y ~ 1 + (1 | g/h)", crossed().iloc[1:])
    outer, inner = design.encoder.encode({"g": ["a", "a", "b"], "h": [10, 2, 99]}).groups
    assert outer.codes.tolist() == [0, 0, 1]
    assert inner.codes.tolist() == [-1, 0, -2]
    assert inner.new_levels.tolist() == ["a:10", "b:99"]


def test_integers_match_the_same_numbers_written_as_floats():
    design = build_design("y ~ 1 + (1 | h)", crossed())
    (new,) = design.encoder.encode({"h": [2.0, 30.0, 7.0]}).groups
    assert new.codes.tolist() == [0, 3, -1]


def test_text_in_place_of_numbered_groups_is_refused():
    design = build_design("y ~ 1 + (1 | h)", crossed())
    with pytest.raises(DesignError, match="'h' was number in the fitted table and is text"):
        design.encoder.encode({"h": ["2", "30"]})


def test_numbers_in_place_of_categories_are_refused():
    design = build_design("y ~ f", crossed())
    with pytest.raises(DesignError, match="'f' was text in the fitted table and is number"):
        design.encoder.encode({"f": [1, 2]})


def test_a_level_of_a_predictor_that_was_never_seen_is_refused_by_row():
    design = build_design("y ~ x + f", crossed())
    table = crossed().iloc[:3].assign(f=["A", "Z", "B"])
    with pytest.raises(DesignError, match=r"'f' has the level 'Z' in 1 row: 1.*'A', 'B', 'C'"):
        design.encoder.encode(table)
    with pytest.raises(DesignError, match=r"'C\(f\)' has the level 'Z' in 1 row: 1"):
        build_design("y ~ x + C(f)", crossed()).encoder.encode(table)


def test_a_binary_remembers_its_level_where_the_new_table_lacks_it():
    design = build_design("y ~ binary(f)", crossed())
    new = design.encoder.encode({"f": ["B", "C"]})
    np.testing.assert_array_equal(new.X[:, 1], [0.0, 0.0])


def test_gaps_and_absent_columns_in_a_new_table_are_refused():
    design = build_design("y ~ x + (1 | g)", crossed())
    with pytest.raises(DesignError, match="'x' is missing in 1 row: 1"):
        design.encoder.encode({"x": [1.0, np.nan], "g": ["a", "b"]})
    with pytest.raises(DesignError, match="'g' is missing in 1 row: 0"):
        design.encoder.encode({"x": [1.0, 2.0], "g": [None, "b"]})
    with pytest.raises(DesignError, match="'x' is infinite in 1 row: 1"):
        design.encoder.encode({"x": [1.0, np.inf], "g": ["a", "b"]})
    with pytest.raises(DesignError, match="the grouping factor 'g' is not a column"):
        design.encoder.encode({"x": [1.0, 2.0]})


def test_weights_offset_and_noise_come_from_the_columns_they_came_from():
    table = crossed().assign(w=2.0, o=3.0)
    design = build_design("y ~ x", table, weights="w", offset="o")
    new = design.encoder.encode(table[:4])
    assert new.weights.tolist() == [2.0] * 4
    assert new.offset.tolist() == [3.0] * 4
    assert design.encoder.encode(table[["x", "o"]][:4]).weights.tolist() == [1.0] * 4
    with pytest.raises(DesignError, match="the offset column 'o' is not a column"):
        design.encoder.encode(table[["x"]])
    known = build_design("y ~ x", table, noise_sd="w")
    assert known.encoder.encode(table[:2]).noise_sd.tolist() == [2.0, 2.0]


def test_an_offset_that_was_an_array_must_be_given_again():
    table = crossed()
    design = build_design("y ~ x", table, offset=np.ones(24), noise_sd=np.ones(24))
    with pytest.raises(DesignError, match="offset of new rows is not known; give offset="):
        design.encoder.encode(table)
    new = design.encoder.encode(table[:2], offset=[4.0, 5.0])
    assert new.offset.tolist() == [4.0, 5.0]
    assert new.noise_sd is None


def test_another_response_shares_everything_else():
    design = build_design("y ~ x + (1 | g)", crossed())
    other = design.with_response(np.arange(24))
    np.testing.assert_array_equal(other.y, np.arange(24.0))
    assert other.X is design.X
    assert other.groups is design.groups


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.zeros(23), r"shape \(24,\).*got \(23,\)"),
        (np.zeros((24, 1)), r"got \(24, 1\)"),
        (np.r_[np.zeros(23), np.nan], "not finite in 1 row: 23"),
        (["a"] * 24, "got text"),
    ],
)
def test_another_response_is_validated(y, match):
    with pytest.raises(DesignError, match=match):
        build_design("y ~ x", crossed()).with_response(y)
