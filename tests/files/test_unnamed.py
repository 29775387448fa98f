"""A column that nobody named is no variable."""

import csv

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.cli.tables import read_table_file
from bayeslmm.design import DesignError
from tests.files.written import N, X, Y, levels, read, refused, text


def with_row_numbers(table, how, path):
    if how == "pandas":
        table.to_csv(path)
    elif how == "filtered":
        table.set_index(np.arange(len(table)) * 2 + 3).to_csv(path)
    elif how == "twice":
        table.to_csv(path)
        pd.read_csv(path).to_csv(path)
    elif how == "saved again":
        table.to_csv(path)
        pd.read_csv(path).to_csv(path, index=False)
    elif how == "R":
        table.set_index(np.arange(1, len(table) + 1)).to_csv(path, quoting=csv.QUOTE_NONNUMERIC)
    elif how == "R names":
        table.set_index(pd.Index([f"plant {i}" for i in range(len(table))])).to_csv(path)
    elif how == "readr":
        table.to_csv(path, index_label="...1")
    else:
        table.set_index(np.arange(len(table)) ** 2).to_parquet(path)


@pytest.mark.parametrize(
    "how", ["pandas", "filtered", "twice", "saved again", "R", "R names", "readr", "parquet"]
)
def test_the_numbers_or_names_of_rows_are_no_variable(tmp_path, how):
    iris = bl.datasets.load("iris").drop(columns="Species")
    path = tmp_path / ("iris.parquet" if how == "parquet" else "iris.csv")
    with_row_numbers(iris, how, path)
    file = read_table_file(path)
    pd.testing.assert_frame_equal(file.data, iris)
    assert all("numbers or names of the rows, and left out" in said for said in file.said)
    assert len(file.said) == (2 if how == "twice" else 1)
    assert bl.ppca(file.data, 1).design.features == tuple(iris.columns)


def test_an_index_with_a_name_is_a_column(tmp_path):
    table = pd.DataFrame({"y": Y, "x": X, "g": list("ab") * 12}).set_index("g")
    table.to_parquet(tmp_path / "t.parquet")
    assert levels(read_table_file(tmp_path / "t.parquet")) == ["a", "b"]


@pytest.mark.parametrize("name", ["Unnamed: 0", "", "__index_level_0__", "...1"])
@pytest.mark.parametrize(
    "declare",
    [
        lambda t: bl.ppca(t, 1),
        lambda t: bl.lmm("y ~ .", t),
        lambda t: bl.lmm("y ~ x", t, terms=[bl.ridge(t.drop(columns="y"))]),
        lambda t: bl.lasso("y ~ .", t),
        lambda t: bl.rvm(t.drop(columns="y"), t["y"], kernel=bl.kernels.gaussian(1.0)),
    ],
)
def test_where_all_columns_are_taken_one_without_a_name_is_refused(name, declare):
    table = pd.DataFrame({name: range(N), "x": X, "y": Y})
    with pytest.raises(
        DesignError, match=r"has a column without a name.*drop it, or read the file"
    ):
        declare(table)
    assert bl.lmm("y ~ x", table).design.fixed == ("Intercept", "x")


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_the_rows_is_told_where_all_are_taken(tmp_path, first):
    content = text(y=Y, id=range(first, N + first), x=X)
    for formula in (None, "y ~ ."):
        (said,) = read(tmp_path, content, formula).said
        assert f"column 'id' counts the rows, {first} to {N + first - 1}" in said
    assert not read(tmp_path, content, "y ~ id").said
    later = text(y=Y, id=range(5, N + 5), x=X)
    assert not read(tmp_path, later, "y ~ .").said


def test_a_formula_that_asks_for_the_column_without_a_name_is_told_where_it_went(tmp_path):
    content = text(y=Y, x=X).replace("y,x", ",x")
    line = refused(tmp_path, content, "y ~ x")
    assert "'y' is not a column" in line
    assert "column 1 has no name: it is taken for the numbers or names of the rows" in line
