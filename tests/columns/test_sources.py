"""Columns come back the same for the fitted rows, and are found by name in new ones."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bayeslmm as bl
from bayeslmm.columns import expand, read_given, select
from bayeslmm.design import build_design, design_from_arrays

RNG = np.random.default_rng(5)
MATRIX = RNG.normal(size=(6, 3))
FRAME = pd.DataFrame(MATRIX, columns=["a", "b", "c"], index=list("uvwxyz"))
KERNEL = bl.kernels.gaussian(2.0)
TABLES = {
    "pandas": FRAME,
    "polars": pl.DataFrame({name: FRAME[name].to_numpy() for name in FRAME}),
    "pyarrow": pa.table({name: FRAME[name].to_numpy() for name in FRAME}),
    "dict": {name: FRAME[name].to_numpy() for name in FRAME},
}


@pytest.fixture
def table():
    data = pd.DataFrame(RNG.normal(size=(12, 3)), columns=["y", "p", "q"])
    data["f"] = ["r", "s", "t"] * 4
    return data


def test_an_array_is_labelled_by_position():
    block = read_given(MATRIX, "X")
    assert block.labels == ("0", "1", "2")
    np.testing.assert_array_equal(block.matrix, MATRIX)
    np.testing.assert_array_equal(block.encode(MATRIX), MATRIX)
    assert read_given(MATRIX, "X", names=["k", 7, "m"]).labels == ("k", "7", "m")


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_labelled_by_its_names_and_reordered_by_them(kind):
    block = read_given(TABLES[kind], "X")
    assert block.labels == ("a", "b", "c")
    np.testing.assert_array_equal(block.matrix, MATRIX)
    mixed = FRAME.assign(other="text")[["c", "other", "a", "b"]]
    np.testing.assert_array_equal(block.encode(mixed), MATRIX)
    np.testing.assert_array_equal(block.encode(MATRIX), MATRIX)  # an array: by position


def test_columns_of_every_numeric_kind_are_taken():
    frame = pd.DataFrame({
        "whole": [1, 2, 3],
        "half": np.array([0.5, 1.5, 2.5], dtype=np.float32),
        "nullable": pd.array([1, 2, 4], dtype="Int64"),
        "truth": [True, False, True],
    })  # fmt: skip
    expected = [[1, 0.5, 1, 1], [2, 1.5, 2, 0], [3, 2.5, 4, 1]]
    assert read_given(frame, "X").matrix.tolist() == expected


def test_inputs_may_be_a_vector_a_series_or_a_list():
    values = [0.0, 1.0, 4.0]
    for x in (values, np.array(values), pd.Series(values), pl.Series(values)):
        block = read_given(x, "x", inputs=True)
        assert block.labels == ("x",)
        assert block.matrix.tolist() == [[0.0], [1.0], [4.0]]
        assert block.encode(x).tolist() == [[0.0], [1.0], [4.0]]
    named = read_given(pd.Series(values, name="times"), "x", inputs=True)
    assert named.labels == ("times",)
    assert named.encode(pd.Series([9.0], name="other")).tolist() == [[9.0]]
    assert read_given(MATRIX, "x", inputs=True).labels == ("x0", "x1", "x2")


def test_the_kernel_stands_at_every_row_of_x():
    x = RNG.normal(size=(7, 2))
    block = expand(KERNEL, x)
    direct = [[np.exp(-((a - b) @ (a - b)) / 4.0) for b in x] for a in x]
    assert block.labels == ("bias", *"0123456")
    np.testing.assert_array_equal(block.matrix[:, 0], 1.0)
    np.testing.assert_allclose(block.matrix[:, 1:], direct, rtol=1e-13)
    assert expand(KERNEL, x, bias=False).matrix.shape == (7, 7)


def test_tied_rows_make_one_column_named_by_the_first():
    data = bl.datasets.load("mcycle")
    block = expand(KERNEL, data["times"])
    first = ~data["times"].duplicated()
    assert block.matrix.shape == (133, 1 + 94)
    assert block.labels[1:] == tuple(map(str, np.flatnonzero(first)))
    np.testing.assert_array_equal(data["times"].to_numpy()[block.centres], data["times"][first])
    assert expand(KERNEL, [[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0]]).labels == ("bias", "0", "1")


def test_centres_are_named_by_the_index_of_x_where_it_tells_them_apart():
    x = pd.Series([3.0, 1.0, 3.0], index=["u", "v", "w"])
    assert expand(KERNEL, x).labels == ("bias", "u", "v")
    assert expand(KERNEL, FRAME).labels == ("bias", *"uvwxyz")
    x.index = ["u", "u", "w"]
    assert expand(KERNEL, x).labels == ("bias", "0", "1")
    x.index = ["bias", "v", "w"]
    assert expand(KERNEL, x).labels == ("bias", "0", "1")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "functions",
    [KERNEL, bl.kernels.linear_spline(), bl.kernels.polynomial(2), bl.bases.polynomial(3),
     bl.bases.fourier(2), lambda x, z: x @ z.T + 2.0],
)  # fmt: skip
def test_encoding_the_fitted_inputs_gives_the_fitted_matrix(functions, bias):
    x = pd.DataFrame({"a": [0.0, 1.0, 2.5, 1.0], "b": [0.0, 3.0, 0.5, 2.0]})
    block = expand(functions, x, bias=bias)
    assert block.matrix.shape == (4, len(block.labels))
    np.testing.assert_array_equal(block.encode(x), block.matrix)
    np.testing.assert_array_equal(block.encode(x[["b", "a"]]), block.matrix)
    np.testing.assert_allclose(block.encode(x.iloc[[2]]), block.matrix[[2]], rtol=1e-14)


def test_a_kernel_that_is_constant_at_one_centre_leaves_that_to_the_bias():
    x = [0.0, 1.0, 2.0]
    block = expand(bl.kernels.linear_spline(), x)
    assert block.labels == ("bias", "1", "2")
    assert block.encode([0.5]).shape == (1, 3)
    assert block.centres.tolist() == [1, 2]
    without = expand(bl.kernels.linear_spline(), x, bias=False)
    assert without.labels == ("0", "1", "2")
    np.testing.assert_array_equal(without.matrix[:, 0], 1.0)


def test_functions_of_a_basis_are_named_after_the_inputs():
    assert expand(bl.bases.polynomial(2), [1.0, 2.0, 4.0]).labels == ("bias", "x", "x^2")
    x = pd.DataFrame({"x": [1.0, 2.0], "y": [0.0, 5.0]})
    assert expand(bl.bases.polynomial(2), x, bias=False).labels == ("x", "y", "x^2", "x*y", "y^2")


def test_the_columns_of_a_formula_are_all_but_the_intercept(table):
    design = build_design("y ~ .", table)
    block = select(design)
    assert block.labels == ("p", "q", "f[s]", "f[t]")
    np.testing.assert_array_equal(block.matrix, design.X[:, 1:])
    np.testing.assert_array_equal(block.encode(table), block.matrix)
    assert block.encode({"f": ["t"], "q": [2.0], "p": [1.0]}).tolist() == [[1.0, 2.0, 0.0, 1.0]]
    assert select(design, ["q"]).encode(table).shape == (12, 1)


def test_new_rows_need_no_more_than_the_columns(table):
    table["w"] = 2.0
    design = build_design("y ~ p + (q | f)", table, offset=np.arange(12.0), weights="w")
    assert select(design).encode({"p": [1.0, 2.0]}).tolist() == [[1.0], [2.0]]


def test_the_columns_of_a_design_made_of_arrays():
    y = RNG.normal(size=6)
    design = design_from_arrays(y, np.column_stack([np.ones(6), FRAME["a"]]))
    block = select(design)
    np.testing.assert_array_equal(block.encode({"X": design.X}), FRAME[["a"]])


def test_a_kernel_on_the_columns_of_a_formula(table):
    block = expand(KERNEL, select(build_design("y ~ p + q", table)))
    both = table[["p", "q"]].to_numpy()
    np.testing.assert_array_equal(block.matrix[:, 1:], KERNEL(both, both))
    np.testing.assert_array_equal(block.encode(table), block.matrix)
