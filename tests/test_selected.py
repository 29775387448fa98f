"""The table of a block's columns, and what other tables say of a block."""

import numpy as np
import pytest

import bayeslmm as bl


@pytest.fixture(scope="module")
def sparse():
    """Twelve orthogonal columns of length sqrt(n), two of which matter."""
    rng = np.random.default_rng(5)
    Q, _ = np.linalg.qr(rng.standard_normal((60, 13)))
    X = Q[:, 1:] - Q[:, 1:].mean(axis=0)
    X = np.linalg.qr(X)[0] * np.sqrt(60)
    y = 3.0 + X[:, 0] - 2.0 * X[:, 7] + rng.standard_normal(60)
    return X, y


@pytest.fixture(scope="module")
def horseshoe(sparse):
    X, y = sparse
    model = bl.lmm(y, np.ones((60, 1)), terms=[bl.horseshoe(X, name="x")])
    tree = bl.fit(model, bl.NUTS(draws=400, tune=400, chains=2, target_accept=0.95), seed=1)
    return model, tree


@pytest.fixture(scope="module")
def ard(sparse):
    X, y = sparse
    model = bl.lmm(y, np.ones((60, 1)), terms=[bl.ard(X, name="x")])
    return model, bl.fit(model, bl.EmpiricalBayes(draws=100), seed=1)


def test_columns_that_matter_come_first_and_are_included(horseshoe):
    _, tree = horseshoe
    table = bl.selected(tree)
    assert list(table.columns) == ["mean", "sd", "median", "lower", "upper", "sign", "included"]
    assert table.index[:2].tolist() == ["7", "0"]
    assert table["included"].iloc[:2].all()
    assert not table["included"].sort_values(ascending=False).iloc[3:].any()  # 1 in 20 by chance
    assert table["included"].is_monotonic_decreasing


def test_an_interval_excludes_zero_where_the_sign_is_certain(horseshoe):
    _, tree = horseshoe
    for prob in (0.5, 0.8, 0.95):
        table = bl.selected(tree, "x", prob=prob)
        sure = 0.5 + 0.5 * prob
        off = np.abs(table["sign"] - sure) < 2 / 800  # a draw or two at the very end
        assert ((table["sign"] > sure) == table["included"])[~off].all()


def test_shrinkage_is_what_the_orthogonal_design_says(horseshoe, sparse):
    model, tree = horseshoe
    posterior = tree["posterior"].dataset
    s = (posterior["sd_x"] * posterior["scale_x"]).values.reshape(-1, 12)
    kappa = 1.0 / (1.0 + 60 * s**2 / posterior["sigma"].values.reshape(-1, 1) ** 2)
    by_hand = (kappa.mean(axis=0) < 0.5).nonzero()[0]
    table = bl.selected(tree, rule="shrinkage")
    assert sorted(table.index[table["included"]].astype(int)) == by_hand.tolist()
    again = bl.selected(tree, rule="shrinkage", model=model)
    assert again["included"].equals(table["included"])


def test_scales_at_zero_leave_their_columns_out(ard):
    model, tree = ard
    table = bl.selected(tree)
    kept = tree["posterior"]["scale_x"].values[0, 0] > 0.0
    assert sorted(table.index[table["included"]].astype(int)) == np.flatnonzero(kept).tolist()
    assert {"0", "7"} <= set(table.index[table["included"]])
    out = table[~table["included"]]
    assert len(out)
    assert (out[["mean", "sd", "lower", "upper", "sign"]] == 0.0).all(axis=None)
    plain = bl.lmm("y ~ 1", {"y": model.design.y}, terms=[bl.ridge(model.blocks[0].Z)])
    ridge = bl.fit(plain, bl.EmpiricalBayes(draws=10), seed=1)
    with pytest.raises(ValueError, match="use rule='interval'"):
        bl.selected(ridge, rule="shrinkage")


def test_under_ard_a_kept_column_is_a_scalar_ridge(ard, sparse):
    """On orthogonal columns of length sqrt(n), u_j = (1 - kappa_j) times least squares."""
    X, y = sparse
    _, tree = ard
    scale, sigma = (
        tree["posterior"]["scale_x"].values[0, 0],
        tree["posterior"]["sigma"].values[0, 0],
    )
    share = 60 * scale**2 / (60 * scale**2 + sigma**2)
    mean = bl.selected(tree)["mean"]
    mean.index = mean.index.astype(int)
    np.testing.assert_allclose(mean.sort_index(), share * (X.T @ y) / 60, rtol=1e-8, atol=1e-10)


def test_james_stein_shrinks_every_mean_alike():
    """Identity design, sigma one: maximum likelihood shrinks by (1 - N / |z|^2)+."""
    z = np.array([1.5, -2.0, 0.3, 2.2, -1.1, 0.7, -0.4, 1.9])
    block = bl.ridge(np.eye(8), name="x", scale=None)
    ridge = bl.lmm("y ~ 0", {"y": z}, terms=[block], priors={"sigma": 1.0})
    tree = bl.fit(ridge, bl.EmpiricalBayes("ml", draws=10), seed=1)
    table = bl.selected(tree)
    mean = table["mean"].to_numpy()[np.argsort(table.index.astype(int))]
    np.testing.assert_allclose(mean, (1.0 - 8 / (z @ z)) * z, atol=1e-4)  # an optimum


def test_blocks_are_told_apart_by_name_and_errors_say_which(horseshoe):
    d = bl.datasets.load("diabetes")
    blocks = [bl.ridge(d[["age", "sex"]], name="a"), bl.ridge(d[["bmi", "bp"]], name="b")]
    model = bl.lmm("y ~ 1", d, terms=blocks)
    tree = bl.fit(model, bl.EmpiricalBayes(draws=10), seed=1)
    assert sorted(bl.selected(tree, "b").index) == ["bmi", "bp"]
    with pytest.raises(ValueError, match="the blocks a, b; name one"):
        bl.selected(tree)
    with pytest.raises(ValueError, match="no block 'c'; its blocks are: a, b"):
        bl.selected(tree, "c")
    with pytest.raises(ValueError, match="rule="):
        bl.selected(horseshoe[1], rule="lasso")
    plain = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    with pytest.raises(ValueError, match="ranef"):
        bl.selected(bl.fit(plain, bl.EmpiricalBayes(draws=10), seed=1))


def test_a_tree_from_a_file_is_enough_for_the_interval_rule(horseshoe, tmp_path):
    import xarray as xr

    model, tree = horseshoe
    tree.to_netcdf(tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc") as read:
        read = read.load()
    assert bl.selected(read).equals(bl.selected(tree))
    assert bl.selected(read, rule="shrinkage", model=model).equals(
        bl.selected(tree, rule="shrinkage")
    )


def test_other_tables_show_what_columns_share_and_not_the_columns(horseshoe, ard):
    _, tree = horseshoe
    assert bl.varcorr(tree).index.tolist() == ["sd_x", "sigma", "h2_x"]
    assert bl.varcorr(ard[1]).index.tolist() == ["sigma"]
    for fit in (tree, ard[1]):
        assert bl.ranef(fit) == {}
        assert bl.fixef(fit).index.tolist() == ["Intercept"]
        from bayeslmm.results.scalars import scalars

        assert len(scalars(fit)) <= 4


def test_lam_is_one_row():
    d = bl.datasets.load("diabetes")
    tree = bl.fit(bl.lasso("y ~ .", d), bl.NUTS(draws=100, tune=200, chains=1), seed=1)
    assert bl.varcorr(tree).index.tolist() == ["lam", "sigma", "h2_beta_"]
    top = bl.selected(tree).index[:3]
    assert {"bmi", "s5"} <= set(top)


def test_columns_left_out_are_no_fault_of_the_fit():
    rng = np.random.default_rng(0)
    x = np.linspace(-5.0, 5.0, 40)
    model = bl.rvm(x, np.sinc(x) + 0.1 * rng.standard_normal(40), kernel=bl.kernels.gaussian(2.0))
    tree = bl.fit(model, bl.EmpiricalBayes(draws=50), seed=1)
    assert np.isinf(tree["posterior"]["alpha"].values).any()
    found = bl.check(tree)
    assert [row.name for row in found.rows if not row.ok] == ["plugged in"]  # 5 numbers of 40


def test_engines_are_compared_by_their_blocks_too(horseshoe):
    _, tree = horseshoe
    table = bl.compare_engines({"a": tree, "b": tree}).parameters
    assert "u_x" in table.index.get_level_values(0)
    assert not [n for n in table.index.get_level_values(0) if n.startswith("scale_")]
