"""Each way in which a matrix can be wrong is one clear error; each way of being right is read."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.design import DesignError
from bayeslmm.design.matrix import read_matrix

N, NAMES = 12, ["a", "b", "c", "d"]


def table():
    values = np.random.default_rng(0).standard_normal((N, 4)).round(3)
    return pd.DataFrame(values, columns=NAMES, index=[f"r{i}" for i in range(N)])


def spoilt(value, rows=("r3",), column="b"):
    found = table()
    found.loc[list(rows), column] = value
    return found


def refused(match, Y=None, components=1, **options):
    """The message of the error that must come."""
    with pytest.raises(DesignError, match=match) as caught:
        bl.ppca(table() if Y is None else Y, components, **options)
    return str(caught.value)


# Rows that cannot be used


def test_text_is_refused_and_all_columns_of_it_are_named():
    data = table().assign(species="x", colour=["red", "blue"] * 6)
    refused(r"columns 'species', 'colour' of Y hold text.*drop them.*\['species', 'colour'\]", data)
    refused(r"column 'species' of Y holds text.*drop it", data.drop(columns="colour"))
    refused("column 'b' of Y holds text", table().assign(b=pd.Categorical(["u", "v"] * 6).tolist()))


def test_numbers_written_as_text_are_refused():
    refused("column 'b'", table().assign(b=lambda t: t.b.astype(str)))


def test_an_infinity_is_refused_by_column_and_row():
    refused(
        r"column 'b' of Y is infinite in 1 row: r3; correct .* or set them to NaN", spoilt(np.inf)
    )
    refused(r"column 'b' of Y is infinite in 2 rows: r3, r5", spoilt(-np.inf, ["r3", "r5"]))
    Y = table().to_numpy(copy=True)
    Y[4, 2] = np.inf
    refused(r"column 'y2' of Y is infinite in 1 row: 4", Y)


def test_the_name_of_the_matrix_is_told():
    refused("column 'b' of counts is infinite", spoilt(np.inf), name="counts")


def test_columns_without_any_entry_are_named():
    refused("column 'b' is entirely missing.*drop it", table().assign(b=np.nan))
    refused("columns 'b', 'd' are entirely missing.*drop them", table().assign(b=np.nan, d=np.nan))


def test_a_constant_column_is_named_with_its_value():
    refused("column 'b' is constant, with the value 3", table().assign(b=3.0))
    refused("columns 'b', 'c' are constant, with the value 3, 0.1", table().assign(b=3.0, c=0.1))
    gaps = table().assign(b=3.0)
    gaps.iloc[0, 0] = np.nan
    refused("column 'b' is constant", gaps)


def test_a_column_with_one_entry_is_constant():
    refused("column 'b' is constant", spoilt(np.nan, [f"r{i}" for i in range(1, N)]))


def test_a_small_spread_about_a_large_mean_is_not_constant():
    bl.ppca(table() + 1e8, 2)


def test_nothing_but_gaps_is_refused():
    refused("all 48 values are missing", table() * np.nan)


def test_fewer_than_two_rows_are_refused():
    refused("at least two rows", table().iloc[:1])
    refused("the table is empty: it has 0 rows", table().iloc[:0])
    refused("at least two rows", np.ones((0, 4)))
    refused("only row r7 has any entry|only 1 row: r7 has any entry", one_row())


def one_row():
    found = table()
    found.loc[found.index != "r7"] = np.nan
    return found


def test_two_columns_of_one_name_are_refused():
    data = table()
    data.columns = ["a", "b", "b", "d"]
    refused("2 columns called 'b'|several columns.*'b'", data)


def test_no_matrix_is_refused():
    refused(r"two dimensions.*got shape \(12,\)", table().a.to_numpy())
    refused(r"two dimensions", table().a)
    refused(r"two dimensions", np.ones((3, 2, 2)))
    refused("complex", table().to_numpy() * 1j)
    refused("text", np.array([["1", "2"], ["3", "4"]]))
    refused("real numbers", [[1.0, None, "x"], [2.0, 3.0, 4.0]])
    refused("Y must hold real numbers, got text", "data.csv")
    refused("Y must be a rectangle of real numbers", [[1.0, 2.0], [3.0]])


def test_a_sparse_matrix_is_refused_with_what_to_do():
    sparse = pytest.importorskip("scipy.sparse")
    refused(r"sparse one; call .toarray\(\)", sparse.csr_matrix(table().to_numpy()))
    refused(r"sparse one; call .toarray\(\)", sparse.csr_array(table().to_numpy()))


# Options that cannot be used


@pytest.mark.parametrize("components", [4, 5, 100])
def test_as_many_components_as_columns_are_refused(components):
    refused(f"below the number of columns, 4, got {components}", components=components)


@pytest.mark.parametrize("components", [True, 1.0, "2", None, np.float64(2.0)])
def test_components_are_a_whole_number(components):
    refused("components must be a whole number", components=components)


def test_components_are_not_negative():
    refused("at least 0, got -1", components=-1)
    assert bl.ppca(table(), np.int64(2)).components == 2


@pytest.mark.parametrize("scale", ["SD", "std", True, 1.0])
def test_another_scale_is_refused(scale):
    refused("scale must be None or 'sd'", scale=scale)


def test_an_unknown_parameter_is_refused_with_a_suggestion():
    refused("'sigm'.*did you mean 'sigma'.*mu, sd_W, sigma", priors={"sigm": 1.0})
    refused("'sd_W' names|'sd_W'", priors={"sd_W": 1.0}, components=0)
    refused("is a dict", priors=["sigma"])


@pytest.mark.parametrize("name", ["sigma", "sd_W"])
def test_a_scale_has_a_proper_prior_on_positive_numbers(name):
    refused(f"{name} has the flat prior HalfFlat", priors={name: "HalfFlat()"})
    refused(f"{name} is a standard deviation", priors={name: pm.Normal.dist(0.0, 1.0)})
    refused(name, priors={name: -1.0})
    refused(name, priors={name: np.nan})
    refused(name, priors={name: "Gumbel(1)"})
    refused("sigma.*positive|sd_W.*ask for fewer components", priors={name: 0.0})


def test_the_prior_of_mu_is_normal_or_flat():
    refused("mu", priors={"mu": pm.StudentT.dist(nu=3.0, mu=0.0, sigma=1.0)})
    refused("mu has 3 values; there are 4 columns", priors={"mu": pm.Normal.dist(np.ones(3), 1.0)})
    refused(
        "finite means and positive sds", priors={"mu": pm.Normal.dist(np.nan * np.ones(4), 1.0)}
    )
    refused("mu", priors={"mu": "Normal(0, -1)"})
    refused("mu", priors={"mu": "HalfNormal(1)"})


def test_scales_of_their_own_may_be_given_one_by_one():
    priors = {"sd_W": [1.0, 2.0]}
    assert bl.ppca(table(), 2, ard=True, priors=priors).space.scales[0].size == 2
    refused("sd_W is fixed at 2 numbers, but has 1", priors=priors, components=2)


# Rows that are fine


def test_rows_without_any_entry_are_kept_and_have_the_prior_of_their_scores():
    data = table()
    data.loc[["r2", "r9"]] = np.nan
    model = bl.ppca(data, 2)
    assert "2 rows without any" in repr(model)
    fitted = bl.fit(model, bl.EmpiricalBayes("ml", draws=5), seed=1)
    moments = fitted["posterior_moments"].dataset.isel(row=[2, 9])
    np.testing.assert_allclose(moments["z_mean"], 0.0, atol=1e-12)
    np.testing.assert_allclose(moments["z_sd"], 1.0, atol=1e-12)
    rest = bl.fit(bl.ppca(data.dropna(), 2), bl.EmpiricalBayes("ml", draws=5), seed=1)
    assert fitted.attrs["log_marginal"] == pytest.approx(rest.attrs["log_marginal"], abs=1e-5)


@pytest.mark.parametrize("gaps", [False, True])
def test_every_kind_of_table_is_the_same_matrix(gaps):
    data = spoilt(np.nan) if gaps else table()
    truth = data.to_numpy()
    for Y in [
        data,
        pl.from_pandas(data),
        pa.Table.from_pandas(data, preserve_index=False),
        {name: data[name].to_numpy() for name in NAMES},
        data.convert_dtypes(),
        data.astype("Float64"),
        data.astype(object),
    ]:
        got = read_matrix(Y)
        np.testing.assert_array_equal(got.y, truth, err_msg=str(type(Y)))
        assert got.features == tuple(NAMES)
        assert got.named
        assert got.complete is not gaps
    assert read_matrix(data).rows.tolist() == list(data.index)


def test_arrays_lists_and_masked_arrays_are_read():
    truth = table().to_numpy()
    for Y in [truth, truth.tolist(), np.asfortranarray(truth), np.ma.masked_array(truth)]:
        got = read_matrix(Y)
        np.testing.assert_array_equal(got.y, truth)
        assert got.features == ("y0", "y1", "y2", "y3")
        assert not got.named
    hidden = np.zeros(truth.shape, bool)
    hidden[2, 1] = hidden[5, 3] = True
    got = read_matrix(np.ma.masked_array(truth, mask=hidden))
    np.testing.assert_array_equal(np.isnan(got.y), hidden)
    whole = np.arange(12).reshape(6, 2)
    np.testing.assert_array_equal(read_matrix(np.ma.masked_array(whole, whole == 3)).y[1, 0], 2.0)
    assert np.isnan(read_matrix(np.ma.masked_array(whole, whole == 3)).y[1, 1])


def test_integers_with_gaps_and_booleans_are_numbers():
    data = table()
    data["b"] = pd.array([1, 2, None] * 4, dtype="Int64")
    data["c"] = np.arange(N)
    got = read_matrix(data)
    assert np.isnan(got.y[:, 1]).sum() == 4
    np.testing.assert_array_equal(got.y[:2, 1], [1.0, 2.0])
    np.testing.assert_array_equal(got.y[:, 2], np.arange(N))
    assert read_matrix(pl.DataFrame({"a": [1, None, 3], "b": [1.5, 2.0, 3.0]})).y.shape == (3, 2)


def test_what_is_read_does_not_change_with_the_users_table():
    Y = table().to_numpy(copy=True)
    got = read_matrix(Y)
    before = got.y.copy()
    Y[:] = 0.0
    np.testing.assert_array_equal(got.y, before)


# New rows


def test_new_rows_are_found_by_name_in_any_order():
    design, new = read_matrix(table()), table().iloc[:3]
    truth = new.to_numpy()
    for data in [
        new,
        new[["d", "b", "a", "c"]],
        new.assign(other="text")[["other", "c", "d", "a", "b"]],
        pl.from_pandas(new[["c", "d", "a", "b"]]),
        pa.Table.from_pandas(new[["c", "d", "a", "b"]], preserve_index=False),
        {name: new[name].tolist() for name in ["d", "c", "b", "a"]},
        truth,
        truth.tolist(),
    ]:
        np.testing.assert_array_equal(design.encode(data)[0], truth, err_msg=str(type(data)))
    assert design.encode(new)[1].tolist() == ["r0", "r1", "r2"]
    assert design.encode(truth)[1].tolist() == [0, 1, 2]


def test_one_new_row_constant_columns_and_gaps_are_fine():
    design = read_matrix(table())
    assert design.encode(table().iloc[[0]])[0].shape == (1, 4)
    assert np.isnan(design.encode(np.full((2, 4), np.nan))[0]).all()
    assert design.encode(np.ones((2, 4)))[0].sum() == 8.0


def test_new_rows_that_cannot_be_used_are_refused():
    design = read_matrix(table())
    for new, match in [
        (table().drop(columns=["b", "d"]), "lack the columns 'b', 'd'"),
        (spoilt(np.inf), "column 'b' of the new rows is infinite in 1 row: r3"),
        (np.ones((3, 5)), r"must have 4 columns.*\(3, 5\)"),
        (np.ones(4), r"must have 4 columns.*\(4,\)"),
        (table().assign(b="x"), "'b'"),
    ]:
        with pytest.raises(DesignError, match=match):
            design.encode(new)


def test_other_data_of_the_same_shape_are_checked_like_the_first():
    design = read_matrix(table())
    other = table().to_numpy(copy=True)
    other[0, 0] = np.nan
    assert design.with_response(other).features == tuple(NAMES)
    other[1, 1] = np.inf
    for Y, match in [
        (other, "column 'b' of Y is infinite in 1 row: r1"),
        (np.ones((12, 3)), "shape"),
        (np.ones((12, 4)), "constant"),
    ]:
        with pytest.raises(DesignError, match=match):
            design.with_response(Y)
