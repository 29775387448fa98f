"""Known groups keep their effect; new groups draw theirs from N(0, Psi), jointly per group."""

import numpy as np
import pytest

import bayeslmm as bl
from tests.whole import not_kept


@pytest.fixture(scope="module")
def sleepstudy():
    """The model and a fit with theta plugged in, so that Psi is one known matrix."""
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    return model, bl.fit(model, bl.EmpiricalBayes("reml", draws=20_000), seed=1)


def psi(tree):
    sd = tree["posterior"]["sd_Subject"].values[0, 0]
    return sd[:, None] * tree["posterior"]["corr_Subject"].values[0, 0] * sd


def test_effects_of_new_groups_have_mean_zero_and_covariance_psi(sleepstudy):
    model, tree = sleepstudy
    new = {"Days": [0.0, 1.0], "Subject": [999, 999]}
    with_group = bl.predict(model, tree, new, seed=2).draws
    population = bl.predict(model, tree, new, groups="none").draws
    at_zero, at_one = (with_group - population).T
    effects = np.column_stack([at_zero, at_one - at_zero])  # intercept and slope of the new group
    k, truth = len(effects), psi(tree)
    assert np.all(np.abs(effects.mean(axis=0)) < 4 * np.sqrt(np.diag(truth) / k))
    products = effects[:, :, None] * effects[:, None, :]
    error = products.std(axis=0) / np.sqrt(k)
    assert np.all(np.abs(products.mean(axis=0) - truth) < 4 * error)


def test_rows_of_one_new_group_share_its_effects_and_two_new_groups_do_not(sleepstudy):
    model, tree = sleepstudy
    new = {"Days": [0.0, 0.0, 0.0], "Subject": [998, 998, 999]}
    draws = bl.predict(model, tree, new, seed=2).draws
    assert np.array_equal(draws[:, 0], draws[:, 1])
    population = bl.predict(model, tree, new, groups="none").draws
    a, b = (draws - population)[:, [0, 2]].T
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)


def test_a_known_group_is_untouched_by_new_ones_beside_it(sleepstudy):
    model, tree = sleepstudy
    alone = bl.predict(model, tree, {"Days": [3.0], "Subject": [308]}, seed=2)
    beside = bl.predict(model, tree, {"Days": [3.0, 3.0], "Subject": [308, 999]}, seed=3)
    np.testing.assert_allclose(alone.draws[:, 0], beside.draws[:, 0], rtol=1e-12)
    u = tree["posterior"]["u_Subject"].sel(Subject=308).values[0]
    beta = tree["posterior"]["beta"].values[0]
    np.testing.assert_allclose(alone.draws[:, 0], (beta + u) @ [1.0, 3.0])


def test_the_fitted_rows_are_predicted_where_no_table_is_given(sleepstudy):
    model, tree = sleepstudy
    table = bl.predict(model, tree).table()
    np.testing.assert_allclose(table["mean"], bl.fitted(model, tree)["mean"], atol=1.0)
    assert list(table.index) == list(model.design.rows)


def test_noise_adds_sigma_squared(sleepstudy):
    model, tree = sleepstudy
    new = {"Days": [3.0], "Subject": [308]}
    without = bl.predict(model, tree, new).draws
    with_noise = bl.predict(model, tree, new, noise=True, seed=4).draws
    sigma = float(tree["posterior"]["sigma"][0, 0])
    gained = with_noise.var() - without.var()
    assert gained == pytest.approx(sigma**2, rel=6 / np.sqrt(without.size))


def test_predictions_carry_the_labels_of_the_new_rows(sleepstudy):
    import pandas as pd

    model, tree = sleepstudy
    new = pd.DataFrame({"Days": [1, 2], "Subject": [308, 309]}, index=["x", "y"])
    assert list(bl.predict(model, tree, new).table().index) == ["x", "y"]


def test_a_block_whose_draws_were_not_kept_is_drawn_again(sleepstudy):
    model, tree = sleepstudy
    lean = not_kept(tree, "u_Subject")
    new = {"Days": [3.0, 0.0], "Subject": [308, 371]}
    ours = bl.predict(model, lean, new, seed=5)
    truth = bl.predict(model, tree, new)
    error = np.sqrt(2.0) * truth.sd / np.sqrt(len(truth.draws))
    assert np.all(np.abs(ours.mean - truth.mean) < 5 * error)
    np.testing.assert_allclose(ours.sd, truth.sd, rtol=0.05)


def test_what_cannot_be_predicted_is_refused_by_name(sleepstudy):
    model, tree = sleepstudy
    with pytest.raises(bl.DesignError, match="Subject"):
        bl.predict(model, tree, {"Days": [1.0]})
    with pytest.raises(bl.DesignError, match="Days"):
        bl.predict(model, tree, {"Days": [np.nan], "Subject": [308]})
    with pytest.raises(ValueError, match="groups must be 'known' or 'none'"):
        bl.predict(model, tree, groups="all")
    other = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    with pytest.raises(ValueError, match="not a fit of this model"):
        bl.predict(other, tree)


def test_crossed_factors_with_one_known_and_one_new_level():
    model = bl.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", bl.datasets.load("Penicillin"))
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=4000), seed=1)
    found = bl.predict(model, tree, {"plate": ["a", "zz"], "sample": ["A", "A"]}, seed=1)
    sd = float(tree["posterior"]["sd_plate"][0, 0, 0])
    assert found.sd[1] > found.sd[0]
    posterior = tree["posterior"]
    level = posterior["beta"][0, :, 0] + posterior["u_sample"].sel(sample="A")[0, :, 0]
    expected = float(level.var()) + sd**2
    assert found.sd[1] ** 2 == pytest.approx(expected, rel=0.1)


def test_columns_that_a_prediction_does_not_use_may_be_absent():
    rng = np.random.default_rng(0)
    table = {"y": rng.normal(size=40), "x": rng.normal(size=40), "g": np.arange(40) % 5}
    table |= {"s": rng.uniform(0.5, 1.0, 40)}
    model = bl.lmm("y ~ x + (x | g)", table, noise_sd="s")
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=200), seed=1)
    whole = {"x": [0.0, 1.0], "g": [1, 9], "s": [0.6, 0.7]}
    mean = bl.predict(model, tree, {k: whole[k] for k in ("x", "g")}, seed=1)
    np.testing.assert_array_equal(mean.draws, bl.predict(model, tree, whole, seed=1).draws)
    population = bl.predict(model, tree, {"x": [0.0, 1.0]}, groups="none")
    beta = tree["posterior"]["beta"].values[0]
    np.testing.assert_allclose(population.draws, beta @ [[1.0, 1.0], [0.0, 1.0]])
    with pytest.raises(bl.DesignError, match="'s'"):
        bl.predict(model, tree, {"x": [0.0], "g": [1]}, noise=True)
    with pytest.raises(bl.DesignError, match="'g'"):
        bl.predict(model, tree, {"x": [0.0]})


def test_the_same_for_arrays():
    rng = np.random.default_rng(1)
    X, g = np.column_stack([np.ones(30), rng.normal(size=30)]), np.arange(30) % 5
    model = bl.lmm(rng.normal(size=30), X, groups={"g": g}, weights=rng.uniform(0.5, 2.0, 30))
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=100), seed=1)
    found = bl.predict(model, tree, {"X": X[:3]}, groups="none").draws
    np.testing.assert_allclose(found, tree["posterior"]["beta"].values[0] @ X[:3].T)


def test_weights_of_one_are_weights():
    rng = np.random.default_rng(2)
    table = {"y": rng.normal(size=30), "x": rng.normal(size=30), "g": np.arange(30) % 5}
    table["w"] = rng.uniform(0.5, 2.0, 30)
    model = bl.lmm("y ~ x + (1 | g)", table, weights="w")
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=4000), seed=1)
    new = {"x": [1.0], "g": [0], "w": [1.0]}
    noisy, mean = (bl.predict(model, tree, new, noise=n, seed=1).draws for n in (True, False))
    sigma = float(tree["posterior"]["sigma"].mean())
    assert (noisy - mean).std() == pytest.approx(sigma, rel=0.05)
    del new["w"]
    with pytest.raises(ValueError, match="needs the weights of the new rows"):
        bl.predict(model, tree, new, noise=True)


def test_a_prediction_says_which_rows_are_of_new_groups(sleepstudy):
    model, tree = sleepstudy
    known = bl.predict(model, tree, {"Days": [0.0, 1.0], "Subject": [308, 309]}, seed=2)
    assert known.new["Subject"].tolist() == [None, None]
    assert "new" not in known.table()
    mixed = {"Days": [0.0, 1.0, 2.0], "Subject": [999, 308, 998]}
    found = bl.predict(model, tree, mixed, seed=2)
    assert found.new["Subject"].tolist() == [999, None, 998]
    assert found.table()["new"].tolist() == ["Subject", "", "Subject"]
    assert bl.predict(model, tree, mixed, groups="none").new == {}
    assert bl.predict(model, tree).new["Subject"].tolist() == [None] * 180
