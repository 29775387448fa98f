"""What strangers tried after the first faults of a kind were mended, one test each."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayeslmm as bl

REML = bl.EmpiricalBayes("reml")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    d = pd.DataFrame({"x": rng.normal(size=48), "p": rng.normal(50.0, 5.0, 48)})
    d["g"], d["h"] = np.repeat(np.arange(8), 6), np.tile(np.arange(6), 8)
    d["y"] = 1.0 + d.x + rng.normal(0, 1, 8)[d.g] + rng.normal(0, 1, 6)[d.h] + rng.normal(size=48)
    return d


def test_a_block_of_a_table_of_its_own_is_not_read_from_the_other_table(table):
    own = (table[["p"]] - table.p.mean()) / table.p.std()
    apart = bl.lmm("y ~ x", table, terms=[bl.ridge(own, name="b")])
    fitted = bl.fit(apart, REML, seed=1)
    with pytest.raises(ValueError, match="cannot tell the columns of the block 'b'"):
        bl.predict(apart, fitted, table, seed=1)
    given = bl.predict(apart, fitted, table, terms={"b": own}, seed=1).mean
    np.testing.assert_allclose(given, bl.predict(apart, fitted, seed=1).mean, rtol=1e-9)
    same = bl.lmm("y ~ x", table, terms=[bl.ridge(table[["p"]], name="b")])
    bl.predict(same, bl.fit(same, REML, seed=1), table, seed=1)  # as they stand: read by name


@pytest.mark.parametrize("criterion", ["ml", "reml"])
def test_a_random_effect_that_only_the_larger_model_holds_off_zero_is_no_nesting(table, criterion):
    engine = bl.EmpiricalBayes(criterion)
    small = bl.fit(bl.lmm("y ~ x + (1 | g)", table), engine, seed=1)
    model = bl.lmm("y ~ x + (x | g) + (1 | h)", table, priors={"sd_h": 2.0})
    with pytest.raises(ValueError, match="the second model holds h at a size that is not zero"):
        bl.lr_test(small, bl.fit(model, engine, seed=1))


def test_by_maximum_likelihood_blocks_are_not_alike_off_the_fixed_effects(table):
    rng = np.random.default_rng(3)
    a = rng.normal(size=(48, 3))
    moved = a - 3.0 * table[["x"]].to_numpy()
    small = bl.lmm("y ~ 1 + (1 | g)", table, terms=[bl.ridge(a, name="b", scale=None)])
    large = bl.lmm("y ~ x + (1 | g)", table, terms=[bl.ridge(moved, name="b", scale=None)])
    fits = [bl.fit(m, bl.EmpiricalBayes("ml"), seed=1) for m in (small, large)]
    with pytest.raises(ValueError, match="the columns b of the first model"):
        bl.lr_test(*fits)


def test_columns_of_an_xarray_are_found_by_their_labels(table):
    M = table[["x", "p"]]
    turned = xr.DataArray(
        M[["p", "x"]].to_numpy(), dims=("r", "c"), coords={"r": M.index, "c": ["p", "x"]}
    )
    block = bl.lmm("y ~ 1", table, terms=[bl.ridge(M, name="b")])
    fitted = bl.fit(block, REML, seed=1)
    one, other = (bl.predict(block, fitted, terms={"b": c}, seed=1).mean for c in (M, turned))
    np.testing.assert_allclose(one, other, rtol=1e-12)
    arrays = bl.lmm(table.y.to_numpy(), M, groups={"g": table.g.to_numpy()})
    fitted = bl.fit(arrays, REML, seed=1)
    one, other = (
        bl.predict(arrays, fitted, {"X": X, "groups": {"g": table.g}}, seed=1).mean
        for X in (M, turned)
    )
    np.testing.assert_allclose(one, other, rtol=1e-12)
    matrix = bl.ppca(table[["x", "p", "y"]], 1)
    fitted = bl.fit(matrix, bl.EmpiricalBayes("ml"), seed=1)
    new = table[["y", "p", "x"]]
    array = xr.DataArray(new, dims=("r", "c"), coords={"r": new.index, "c": list(new.columns)})
    scores = [bl.transform(matrix, fitted, each).mean for each in (table, array)]
    np.testing.assert_allclose(*scores, rtol=1e-12)


def test_a_value_that_the_fitted_table_did_not_have_is_no_zero(table):
    d = table.assign(t=np.where(table.x > 0, "yes", "no"))
    model = bl.lmm("y ~ binary(t) + (1 | g)", d)
    fitted = bl.fit(model, REML, seed=1)
    bl.predict(model, fitted, {"t": ["yes", "yes"], "g": [0, 1]}, seed=1)
    with pytest.raises(ValueError, match="did not have the value 'Yes'"):
        bl.predict(model, fitted, {"t": ["yes", "Yes"], "g": [0, 1]}, seed=1)


def test_fractions_of_short_floats_are_no_labels(table):
    d = table.assign(f=np.float32([0.1, 0.2, 0.3])[table.g % 3])
    with pytest.raises(ValueError, match="float32 up to 2\\^24, and few fractions"):
        bl.lmm("y ~ 1 + (1 | f)", d)
    halves = table.assign(f=np.float32([0.5, 1.0, 1.5])[table.g % 3])
    assert bl.lmm("y ~ 1 + (1 | f)", halves).design.groups[0].levels.tolist() == [0.5, 1.0, 1.5]


def test_rows_in_another_order_are_not_compared_though_ties_hide_it(table):
    d = table.assign(y=np.round(table.y).clip(0, 2))
    other = d.sample(frac=1.0, random_state=1).sort_values("y", kind="stable")
    one = d.sort_values("y", kind="stable")
    fits = [bl.fit(bl.lmm("y ~ x + (1 | g)", t), REML, seed=1) for t in (one, other)]
    with pytest.raises(ValueError, match="same row labels in another order"):
        bl.compare_models({"one": fits[0], "other": fits[1]})
    with pytest.raises(ValueError, match="same row labels in another order"):
        bl.lr_test(*fits)


def test_columns_that_help_only_together_are_kept():
    """Of a pair nearly alike the difference matters: each alone is worth nothing."""
    rng = np.random.default_rng(40)
    n = 24
    Z = rng.normal(size=(n, 4))
    apart = Z[:, 1].copy()
    Z[:, 1] = Z[:, 0] + 0.1 * apart
    y = 3.0 * apart + Z[:, 2] + 0.5 * rng.normal(size=n)
    for options in ({"noise_sd": np.full(n, 0.5)}, {"priors": {"sigma": 0.5}}, {}):
        model = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(Z, name="a")], **options)
        fitted = bl.fit(model, REML, seed=1)
        assert fitted.attrs["columns_kept"] == 3
        assert (fitted["posterior"]["scale_a"].values[0, 0, :3] > 0.0).all()


def test_what_empirical_bayes_plugs_in_need_not_move():
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = X[:, 0] + 0.5 * np.random.default_rng(1).normal(size=60)
    fitted = bl.fit(bl.lasso(X, y), bl.EmpiricalBayes(), seed=1)
    assert "did not move" not in fitted.attrs["message"]
    assert "could not be judged" not in bl.check(fitted).verdict


def test_a_turn_without_a_maximum_is_taken_apart():
    """Two rows alone tell the noise: without both of them y is followed exactly."""
    g = np.repeat(np.arange(10), 4)
    y = (g % 3).astype(float)
    y[3], y[17] = y[3] + 1.0, y[17] + 1.0
    model = bl.lmm("y ~ 1 + (1 | g)", {"y": y, "g": g})
    fitted = bl.fit(model, REML, seed=1)
    assert float(bl.loo(model, fitted).elpd) > -200.0
