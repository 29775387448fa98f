"""Prediction with blocks of columns: where new columns are found, and what comes of them."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.posterior.redrawn import pieces
from bayeslmm.solvers.dual import Dual


@pytest.fixture(scope="module")
def diabetes():
    return bl.datasets.load("diabetes")


@pytest.fixture(scope="module")
def columns(diabetes):
    return diabetes.drop(columns="y")


def eb(model, draws=400, **options):
    return bl.fit(model, bl.EmpiricalBayes(draws=draws, **options), seed=1)


@pytest.fixture(scope="module")
def ridge(diabetes, columns):
    """Both scales are given: ridge regression with lambda = sigma^2 / sd^2."""
    fixed = {"sd_x": 10.0, "sigma": 50.0, "beta": "flat"}
    model = bl.lmm("y ~ 1", diabetes, terms=[bl.ridge(columns, name="x")], priors=fixed)
    return model, eb(model)


@pytest.fixture(scope="module")
def wide():
    """More columns than rows, beside groups; labels of the markers are made up."""
    rng = np.random.default_rng(3)
    G, g = rng.standard_normal((40, 100)), np.arange(40) % 8
    y = 5.0 + G[:, :3].sum(axis=1) + rng.standard_normal(8)[g] + rng.standard_normal(40)
    priors = {"sd_snp": 0.3, "sd_g": 0.8, "sigma": 1.0}
    table = {"y": y, "g": g}
    model = bl.lmm("y ~ 1 + (1 | g)", table, terms=[bl.ridge(G, name="snp")], priors=priors)
    assert isinstance(model.solver(), Dual)
    return model, eb(model, draws=4000), G


def dense_mean(model, Z_new, ones):
    """Posterior mean at new rows by the joint normal of y and y*: no coefficients at all."""
    d = model.design
    prior = model.beta
    location = np.linalg.solve(prior.H, prior.location)
    root = np.linalg.solve(prior.H, np.diag(prior.scale))
    X_new = np.ones((ones, 1))
    V = d.X @ root @ root.T @ d.X.T + np.eye(d.y.size)
    C = X_new @ root @ root.T @ d.X.T
    codes, block = d.groups[0].codes, model.blocks[0]
    V += 0.8**2 * (codes[:, None] == codes)
    V += 0.3**2 * block.Z @ block.Z.T
    C += 0.8**2 * (np.array([0, 99])[:, None] == codes)
    C += 0.3**2 * Z_new @ block.Z.T
    return X_new @ location + C @ np.linalg.solve(V, d.y - d.X @ location)


def test_a_ridge_block_is_ridge_regression_on_standardised_columns(ridge, columns, diabetes):
    _, tree = ridge
    X, y = columns.to_numpy(), diabetes["y"].to_numpy()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    by_hand = np.linalg.solve(Z.T @ Z + 25.0 * np.eye(10), Z.T @ (y - y.mean())) / X.std(axis=0)
    mean = tree["posterior_moments"]["u_x_mean"].values
    np.testing.assert_allclose(mean, by_hand, rtol=1e-8)  # algebra; the columns' condition is 500
    np.testing.assert_allclose(tree["posterior_moments"]["beta_mean"].values, y.mean(), rtol=1e-10)


def test_predicted_means_are_the_ridge_line_and_fitted_values_agree(ridge, columns):
    model, tree = ridge
    exact = tree["posterior_moments"]
    line = (
        exact["beta_mean"].values + (columns - columns.mean()).to_numpy() @ exact["u_x_mean"].values
    )
    np.testing.assert_allclose(bl.residuals(model, tree), model.design.y - line, atol=1e-8)
    new = bl.predict(model, tree, columns)
    error = new.sd / np.sqrt(len(new.draws))
    assert np.all(np.abs(new.mean - line) < 4.5 * error)  # 442 rows at once
    np.testing.assert_allclose(new.draws, bl.predict(model, tree).draws, rtol=1e-9)
    np.testing.assert_allclose(bl.fitted(model, tree)["sd"], new.sd, rtol=1e-6)


def test_new_columns_are_found_by_name_in_the_table_or_under_terms(ridge, columns):
    model, tree = ridge
    few = columns.iloc[[5, 2]]
    shuffled = few[few.columns[::-1]].assign(other=1.0)
    by_table = bl.predict(model, tree, shuffled)
    by_terms = bl.predict(model, tree, terms={"x": few.to_numpy()})
    both = bl.predict(model, tree, shuffled, terms={"x": few.to_numpy()})
    np.testing.assert_array_equal(by_table.draws, by_terms.draws)
    np.testing.assert_array_equal(by_table.draws, both.draws)
    assert by_table.rows.tolist() == few.index.tolist()


def test_more_columns_than_rows_beside_a_known_and_a_new_group(wide):
    model, tree, G = wide
    block = model.blocks[0]
    new = bl.predict(model, tree, {"g": [0, 99]}, terms={"snp": G[:2] + 0.5}, seed=2)
    Z_new = (G[:2] + 0.5 - block.centre) / block.unit
    truth = dense_mean(model, Z_new, 2)
    assert np.all(np.abs(new.mean - truth) < 4 * new.sd / np.sqrt(4000))


def test_without_groups_the_block_stays_in(wide):
    model, tree, G = wide
    population = bl.predict(model, tree, {"g": [0]}, groups="none", terms={"snp": G[:1]})
    u, beta = tree["posterior"]["u_snp"].values[0], tree["posterior"]["beta"].values[0]
    by_hand = beta[:, 0] + (u * (G[0] - G.mean(axis=0))).sum(axis=1)
    np.testing.assert_allclose(population.draws[:, 0], by_hand, rtol=1e-9)
    without = bl.predict(model, tree, {"other": [1.0]}, groups="none", terms={"snp": G[:1]})
    np.testing.assert_array_equal(without.draws, population.draws)


def test_the_input_of_a_kernel_is_new_data_itself():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-5.0, 5.0, 30))
    y = np.sinc(x / np.pi) + 0.05 * rng.standard_normal(30)
    model = bl.rvm(x, y, kernel=bl.kernels.gaussian(3.0))
    tree = eb(model)
    at = [0.0, 1.5]
    Phi = np.column_stack([np.ones(2), np.exp(-((np.array(at)[:, None] - x) ** 2) / 9.0)])
    draws = tree["posterior"]["u_w"].values[0] @ Phi.T
    np.testing.assert_allclose(bl.predict(model, tree, at).draws, draws, rtol=1e-9)
    np.testing.assert_allclose(bl.predict(model, tree, terms={"w": at}).draws, draws, rtol=1e-9)
    noisy = bl.predict(model, tree, at * 500, noise=True, seed=1)
    wider = np.sqrt(draws.var(axis=0).mean() + tree["posterior"]["sigma"].values.flat[0] ** 2)
    np.testing.assert_allclose(noisy.draws.std(axis=0).mean(), wider, rtol=0.05)


def test_a_kernel_of_a_formula_reads_its_inputs_from_the_table():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.standard_normal(30)})
    table["y"] = np.tanh(table["x"]) + 0.1 * rng.standard_normal(30)
    model = bl.rvm("y ~ x", table, kernel=bl.kernels.gaussian(2.0))
    new = pd.DataFrame({"x": [0.0, 0.5]}, index=["a", "b"])
    found = bl.predict(model, eb(model), new)
    assert found.rows.tolist() == ["a", "b"]
    assert abs(found.mean[1] - np.tanh(0.5)) < 0.2  # the noise is 0.1


def test_two_blocks_of_arrays_are_each_named(diabetes):
    X = diabetes.drop(columns="y").to_numpy()
    halves = [bl.ridge(X[:, :5], name="a"), bl.ridge(X[:, 5:], name="b")]
    model = bl.lmm(diabetes["y"].to_numpy(), np.ones((442, 1)), terms=halves)
    tree = eb(model)
    both = bl.predict(model, tree, terms={"a": X[:3, :5], "b": X[:3, 5:]})
    np.testing.assert_allclose(both.draws, bl.predict(model, tree).draws[:, :3], rtol=1e-9)
    replaced = bl.predict(model, tree, terms={"a": X[:, :5]})  # the fitted rows, a given anew
    np.testing.assert_allclose(replaced.draws, bl.predict(model, tree).draws, rtol=1e-9)
    with pytest.raises(bl.DesignError, match="differ in their rows"):
        bl.predict(model, tree, terms={"a": X[:3, :5], "b": X[:2, 5:]})
    with pytest.raises(bl.DesignError, match="442 fitted rows"):
        bl.predict(model, tree, terms={"a": X[:3, :5]})


def test_what_cannot_be_read_is_told(wide, ridge, columns):
    model, tree, G = wide
    with pytest.raises(bl.DesignError, match="in the form in which they were fitted"):
        bl.predict(model, tree, {"g": [0]})
    with pytest.raises(bl.DesignError, match="'snip', but the model's blocks are 'snp'"):
        bl.predict(model, tree, {"g": [0]}, terms={"snip": G[:1]})
    with pytest.raises(bl.DesignError, match="new_data has 1 rows"):
        bl.predict(model, tree, {"g": [0]}, terms={"snp": G[:2]})
    with pytest.raises(bl.DesignError, match="lacks the columns 'bmi' of the block 'x'"):
        bl.predict(*ridge, columns.drop(columns="bmi"))
    with pytest.raises(bl.DesignError, match="belong to new rows"):
        bl.predict(*ridge, offset=np.zeros(442))


def test_the_offset_of_rows_of_a_block_alone_must_be_given(diabetes, columns):
    X, y = columns.to_numpy(), diabetes["y"].to_numpy()
    model = bl.lmm(y, np.ones((442, 1)), terms=[bl.ridge(X, name="x")], offset=np.full(442, 100.0))
    tree = eb(model)
    with pytest.raises(bl.DesignError, match="offset"):
        bl.predict(model, tree, X[:2])
    shifted = bl.predict(model, tree, X[:2], offset=[100.0, 0.0])
    same = shifted.draws + np.array([0.0, 100.0])
    np.testing.assert_allclose(same, bl.predict(model, tree).draws[:, :2], rtol=1e-9)


def test_what_was_not_kept_is_drawn_again_with_the_same_law(wide):
    model, tree, _ = wide
    posterior = tree["posterior"].dataset
    lost = posterior.drop_vars("u_snp")
    drawn = list(pieces(model, lost, np.random.default_rng(1)))
    assert [part.start for part, *_ in drawn] == sorted({part.start for part, *_ in drawn})
    u = np.concatenate([each["u_snp"] for _, each in drawn])
    held = posterior["u_snp"].values[0]
    error = np.sqrt((u.var(axis=0) + held.var(axis=0)) / 4000)
    assert np.all(np.abs(u.mean(axis=0) - held.mean(axis=0)) < 4.5 * error)
    np.testing.assert_allclose(u.std(axis=0), held.std(axis=0), rtol=5 / np.sqrt(2 * 4000))


@pytest.mark.parametrize("which", ["ridge", "wide"])
def test_draws_of_y_and_densities_of_rows_follow_the_draws(which, request):
    model, tree, *_ = request.getfixturevalue(which)
    n, k = model.design.y.size, tree["posterior"].sizes["draw"]
    sigma = tree["posterior"]["sigma"].values[0, 0]
    mean = bl.predict(model, tree).draws
    density = bl.log_likelihood(model, tree)["log_likelihood"]["y"].values[0]
    truth = -0.5 * ((model.design.y - mean) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(density, truth, rtol=1e-8, atol=1e-8)
    y = bl.posterior_predictive(model, tree, seed=1)["posterior_predictive"]["y"].values[0]
    assert abs(((y - mean) / sigma).std() - 1.0) < 4 / np.sqrt(n * k)
    assert bl.simulate(model, tree, seed=1).shape == (n,)


def test_the_prior_predictive_has_the_variance_that_the_prior_says(wide):
    model, *_ = wide
    drawn = bl.prior_predictive(model, draws=3000, seed=1)
    y = drawn["prior_predictive"]["y"].values[0]
    block, prior = model.blocks[0], model.beta
    beta = (prior.scale[0] / prior.H[0, 0]) ** 2
    truth = beta + 0.8**2 + 0.3**2 * (block.Z**2).sum(axis=1) + 1.0
    np.testing.assert_allclose(y.var(axis=0).mean(), truth.mean(), rtol=5 * np.sqrt(2 / 3000))
    assert drawn["prior"]["u_snp"].shape == (1, 3000, 100)


def test_the_explained_share_counts_what_columns_of_a_block_give(ridge):
    model, tree = ridge
    table = bl.r2(model, tree)
    mean = bl.predict(model, tree).draws
    explained = mean.var(axis=1)
    share = (explained / (explained + 50.0**2)).mean()
    np.testing.assert_allclose(table["mean"], [share, share], rtol=1e-8)
