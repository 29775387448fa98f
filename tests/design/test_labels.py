"""Two labelled things that meet are matched by the labels of their rows, or refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr

import bayeslmm as bl
from bayeslmm.design import DesignError, build_design, design_from_arrays
from bayeslmm.results.new_rows import read_rows

N = 12
RNG = np.random.default_rng(2)
TABLE = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "x": RNG.normal(size=N),
        "o": RNG.normal(size=N),
        "w": RNG.integers(1, 5, N),
        "g": list("aabbccddeeff"),
    },
    index=[f"r{i}" for i in range(N)],
)
MIXED = TABLE.sample(frac=1.0, random_state=1)
BLOCK = TABLE[["x", "o"]]
KEYWORDS = {"offset": "o", "weights": "w", "frequency": "w", "noise_sd": "w"}


@pytest.mark.parametrize(("keyword", "column"), KEYWORDS.items())
def test_a_series_beside_a_table_is_matched_by_its_labels(keyword, column):
    named = build_design("y ~ x", TABLE, **{keyword: column})
    for series in (TABLE[column], MIXED[column]):
        beside = build_design("y ~ x", TABLE, **{keyword: series})
        arrays = design_from_arrays(TABLE.y, TABLE[["x"]], **{keyword: series})
        for design in (beside, arrays):
            np.testing.assert_array_equal(getattr(design, keyword), getattr(named, keyword))


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_other_labels_are_refused_and_the_way_out_works(keyword):
    other = TABLE.w.reset_index(drop=True)
    with pytest.raises(DesignError, match=rf"{keyword}= and the table have differently labelled"):
        build_design("y ~ x", TABLE, **{keyword: other})
    for way in (other.to_numpy(), other.to_list(), pl.Series(other), other.set_axis(TABLE.index)):
        design = build_design("y ~ x", TABLE, **{keyword: way})
        assert getattr(design, keyword).tolist() == TABLE.w.to_list()


def test_labels_that_stand_twice_are_matched_where_their_order_is_the_same_only():
    twice = TABLE.set_axis([i // 2 for i in range(N)])
    assert build_design("y ~ x", twice, offset=twice.o).offset.tolist() == TABLE.o.to_list()
    with pytest.raises(DesignError, match=r"the table has the label 0 twice"):
        build_design("y ~ x", twice, offset=twice.o.iloc[::-1])


def test_what_has_no_labels_is_matched_by_position():
    for table in (pl.from_pandas(TABLE), {name: TABLE[name].to_numpy() for name in TABLE}):
        design = build_design("y ~ x", table, offset=MIXED.o)
        assert design.offset.tolist() == MIXED.o.to_list()
        with pytest.raises(DesignError, match="offset= and frequency= have differently labelled"):
            build_design("y ~ x", table, offset=MIXED.o, frequency=TABLE.w.reset_index(drop=True))


def test_a_dict_of_series_is_one_table():
    table = {"y": TABLE.y, "x": MIXED.x, "g": TABLE.g.to_list()}
    np.testing.assert_array_equal(build_design("y ~ x", table).X, build_design("y ~ x", TABLE).X)
    with pytest.raises(DesignError, match="column 'x' of the table and column 'y' of the table"):
        build_design("y ~ x", {"y": TABLE.y, "x": TABLE.x.reset_index(drop=True)})


def test_arrays_with_labels_are_matched_with_the_response():
    X = np.column_stack([np.ones(N), TABLE.x])
    Z = pd.DataFrame({"i": 1.0, "x": TABLE.x})
    truth = design_from_arrays(TABLE.y.to_numpy(), X, {"g": (TABLE.g.to_numpy(), Z.to_numpy())})
    frame = pd.DataFrame(X, TABLE.index).loc[MIXED.index]
    groups = {"g": (MIXED.g, Z.loc[MIXED.index])}
    design = design_from_arrays(TABLE.y, frame, groups)
    np.testing.assert_array_equal(design.X, truth.X)
    np.testing.assert_array_equal(design.groups[0].codes, truth.groups[0].codes)
    np.testing.assert_array_equal(design.groups[0].Z, truth.groups[0].Z)
    with pytest.raises(DesignError, match="the grouping factor 'g' and y have differently"):
        design_from_arrays(TABLE.y, frame, {"g": TABLE.g.reset_index(drop=True)})
    new = {"X": frame.iloc[:3], "groups": {"g": (MIXED.g.iloc[2::-1], Z.loc[MIXED.index[:3]])}}
    (group,) = design.encoder.encode(new).groups
    codes = dict(zip(TABLE.index, truth.groups[0].codes, strict=True))
    assert group.codes.tolist() == [codes[label] for label in MIXED.index[:3]]


def test_labels_of_another_type_are_other_labels_and_told_so():
    texts = TABLE.set_axis([str(i) for i in range(N)])
    with pytest.raises(DesignError, match=r"table has '0', '1', .* whose labels are 0, 1"):
        build_design("y ~ x", texts, offset=TABLE.o.reset_index(drop=True))


@pytest.mark.parametrize(
    "index",
    [
        pd.MultiIndex.from_product([list("ab"), range(N // 2)]),
        pd.date_range("2020-01-01", periods=N, tz="UTC"),
        pd.CategoricalIndex([f"c{i}" for i in range(N)]),
        pd.Index([np.nan, *range(1, N)]),
    ],
)
def test_rows_of_any_index_are_matched(index):
    table = TABLE.set_axis(index)
    design = build_design("y ~ x", table, offset=table.o.iloc[::-1])
    np.testing.assert_array_equal(design.offset, TABLE.o)


def test_a_labelled_array_is_matched_by_its_first_dimension():
    table = TABLE.reset_index(drop=True)
    offset = xr.DataArray(table.o.to_numpy(), {"row": np.arange(N)}, "row")
    for way in (offset, offset[::-1], xr.DataArray(table.o.to_numpy(), dims="row")):
        np.testing.assert_array_equal(build_design("y ~ x", table, offset=way).offset, table.o)


def test_columns_of_arrays_are_matched_by_their_names():
    Z = TABLE[["x", "o"]]
    design = design_from_arrays(TABLE.y, pa.table(dict(Z)), {"g": (TABLE.g, Z)})
    assert design.fixed == ("x", "o")
    other = TABLE[["o", "x"]]
    new = design.encoder.encode({"X": other, "groups": {"g": (TABLE.g, other)}})
    np.testing.assert_array_equal(new.X, Z)
    np.testing.assert_array_equal(new.groups[0].Z, Z)
    with pytest.raises(DesignError, match=r"Z of groups.'g'. lacks the columns 'x'"):
        design.encoder.encode({"X": other, "groups": {"g": (TABLE.g, other[["o"]])}})


def test_a_block_of_columns_is_matched_with_the_table():
    for columns in (BLOCK, BLOCK.loc[MIXED.index], dict(BLOCK.loc[MIXED.index])):
        block = bl.lmm("y ~ 1", TABLE, terms=[bl.ridge(columns, name="t")]).blocks[0]
        np.testing.assert_array_equal(block.source.matrix, BLOCK)
    with pytest.raises(DesignError, match="term 't' and the table have differently labelled rows"):
        bl.lmm("y ~ 1", TABLE, terms=[bl.ridge(BLOCK.reset_index(drop=True), name="t")])
    with pytest.raises(DesignError, match="term 't': 11 rows, but the response has 12"):
        bl.lmm("y ~ 1", TABLE, terms=[bl.ridge(BLOCK.iloc[1:], name="t")])


def test_two_blocks_beside_a_table_without_labels_are_matched_with_each_other():
    terms = [bl.ridge(BLOCK[["x"]], name="a"), bl.ridge(BLOCK[["o"]].iloc[::-1], name="b")]
    a, b = bl.lmm("y ~ 1", {"y": TABLE.y.to_numpy()}, terms=terms).blocks
    np.testing.assert_array_equal(np.c_[a.source.matrix, b.source.matrix], BLOCK)


def test_models_of_arrays_match_their_inputs_with_the_response():
    kernel = bl.kernels.gaussian(1.0)
    for declare in (
        lambda x, y: bl.lasso(x, y),
        lambda x, y: bl.rvm(x, y),
        lambda x, y: bl.rvm(x[["x"]], y, kernel=kernel),
        lambda x, y: bl.rvm(x["x"], y, kernel=bl.bases.fourier(2)),
    ):
        truth, mixed = declare(BLOCK, TABLE.y), declare(BLOCK.loc[MIXED.index], TABLE.y)
        np.testing.assert_array_equal(mixed.blocks[0].Z, truth.blocks[0].Z)
        with pytest.raises(DesignError, match="have differently labelled rows"):
            declare(BLOCK, TABLE.y.reset_index(drop=True))


HOLES = TABLE.assign(y=TABLE.y.where(TABLE.index != "r3"))
GAPS = BLOCK.assign(o=BLOCK.o.where(BLOCK.index != "r7"))
LEFT = TABLE.drop(index=["r3", "r7"])


def test_a_missing_value_beside_the_table_is_refused_with_its_row():
    with pytest.raises(DesignError, match=r"column 'o' of term 't' in 1 row: r7\. Fill them"):
        bl.lmm("y ~ 1", TABLE, terms=[bl.ridge(GAPS, name="t")])


def test_dropping_reaches_the_table_and_what_stands_beside_it():
    truth = bl.lmm("y ~ 1", LEFT, terms=[bl.ridge(BLOCK.loc[LEFT.index], name="t")], offset=LEFT.o)
    for block in (GAPS, GAPS.loc[MIXED.index], GAPS.to_numpy()):
        terms = [bl.ridge(block, name="t")]
        m = bl.lmm("y ~ 1", HOLES, terms=terms, offset=TABLE.o, missing="drop")
        assert m.design.dropped.tolist() == ["r3", "r7"]
        assert m.design.rows.tolist() == LEFT.index.to_list()
        np.testing.assert_array_equal(m.blocks[0].Z, truth.blocks[0].Z)
        np.testing.assert_array_equal(m.design.offset, LEFT.o)


def test_dropping_reaches_models_of_arrays():
    left = BLOCK.loc[LEFT.index]
    kernel = bl.kernels.gaussian(1.0)
    for declare in (
        lambda x, y: bl.lasso(x, y, missing="drop"),
        lambda x, y: bl.rvm(x, y, missing="drop"),
        lambda x, y: bl.rvm(x, y, kernel=kernel, missing="drop"),
        lambda x, y: bl.rvm(x, y, kernel=bl.bases.polynomial(2), missing="drop"),
    ):
        truth = declare(left, LEFT.y).blocks[0]
        for x, y in ((GAPS, HOLES.y), (GAPS.to_numpy(), HOLES.y.to_numpy())):
            found = declare(x, y).blocks[0]
            np.testing.assert_array_equal(found.Z, truth.Z)
            assert len(found.labels) == len(truth.labels)  # no centre at a row that was dropped


def test_another_response_is_matched_with_the_rows_that_were_kept():
    m = bl.lmm("y ~ x", HOLES, missing="drop")
    kept = TABLE.drop(index="r3")
    assert m.with_data(y=kept.o.iloc[::-1]).design.y.tolist() == kept.o.to_list()
    assert m.with_data(y=kept.o.to_numpy()).design.y.tolist() == kept.o.to_list()
    with pytest.raises(DesignError, match="the response and the table have differently labelled"):
        m.with_data(y=kept.o.reset_index(drop=True))


def test_another_matrix_is_matched_by_names_and_labels():
    Y = pd.DataFrame(RNG.normal(size=(N, 3)), TABLE.index, list("abc"))
    m = bl.ppca(Y, components=1)
    other = (2.0 * Y).loc[MIXED.index, ["c", "a", "b"]]
    np.testing.assert_array_equal(m.with_data(other).design.y, 2.0 * Y)
    np.testing.assert_array_equal(m.with_data(2.0 * Y.to_numpy()).design.y, 2.0 * Y)
    with pytest.raises(DesignError, match="lack the columns 'c'"):
        m.with_data(other.rename(columns={"c": "d"}))
    with pytest.raises(DesignError, match="new matrix and the fitted matrix have differently"):
        m.with_data(other.reset_index(drop=True))


def test_what_stands_beside_a_new_table_is_matched_with_it():
    m = bl.lmm("y ~ x", TABLE, terms=[bl.ridge(TABLE[["o"]], name="t")], offset=TABLE.o)
    new, beside = TABLE.iloc[:4], TABLE.iloc[3::-1]
    found = read_rows(m, new, {"t": beside[["o"]]}, True, False, offset=beside.o)
    np.testing.assert_array_equal(found.rows.offset, new.o)
    np.testing.assert_array_equal(found.columns[0][:, 0], new.o)
    with pytest.raises(DesignError, match=r"terms=\{'t': ...\} and the table have differently"):
        read_rows(m, new, {"t": beside[["o"]].reset_index(drop=True)}, True, False, offset=beside.o)


def test_blocks_that_stand_for_the_fitted_rows_are_matched_with_these():
    m = bl.lmm("y ~ x", HOLES, terms=[bl.ridge(BLOCK, name="t")], missing="drop")
    kept = BLOCK.drop(index="r3")
    found = read_rows(m, None, {"t": kept.iloc[::-1]}, True, False)
    np.testing.assert_array_equal(found.columns[0], kept)


def test_two_blocks_of_new_rows_are_matched_with_each_other():
    terms = [bl.ridge(BLOCK[["x"]], name="a"), bl.ridge(BLOCK[["o"]], name="b")]
    m = bl.lmm("y ~ 1", TABLE, terms=terms)
    given = {"a": BLOCK[["x"]].iloc[:3], "b": BLOCK[["o"]].iloc[2::-1]}
    found = read_rows(m, None, given, True, False)
    np.testing.assert_array_equal(np.hstack(found.columns), BLOCK.iloc[:3])
    assert found.rows.rows.tolist() == ["r0", "r1", "r2"]
