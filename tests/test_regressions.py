"""What went wrong once: each test says what a person saw."""

import pickle

import numpy as np
import pymc as pm
import pytest
from scipy import stats

import bayeslmm as bl


@pytest.fixture(scope="module")
def slopes():
    return bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))


def test_nuts_finds_the_right_mode_where_a_predictor_lies_far_from_zero():
    """Years as they are: chains sat at a slope sd of 0.001 and called it converged."""
    rng = np.random.default_rng(5)
    year, g = np.tile(np.arange(2001.0, 2021.0), 15), np.repeat(np.arange(15), 20)
    b0, b1 = rng.normal(size=15), 0.5 * rng.normal(size=15)
    y = 50 + b0[g] + (b1[g] + 0.2) * (year - 2010) + rng.normal(size=300)
    model = bl.lmm("y ~ year + (year | g)", {"y": y, "year": year, "g": g})
    tree = bl.fit(model, bl.NUTS(draws=100, tune=300, chains=2), seed=1)
    assert bl.varcorr(tree).loc["sigma", "mean"] < 1.2
    assert "centre it, as in (center(year) | g)" in tree.attrs["message"]


def test_cell_means_far_from_zero_are_not_shrunk_to_zero():
    rng = np.random.default_rng(1)
    t, g = np.tile(["a", "b"], 100), np.repeat(np.arange(20), 10)
    y = 1000 + (t == "b") + rng.normal(size=20)[g] + rng.normal(size=200)
    model = bl.lmm("y ~ 0 + t + (1 | g)", {"y": y, "t": t, "g": g})
    table = bl.fixef(bl.fit(model, bl.EmpiricalBayes(draws=10), seed=1))
    assert np.all(np.abs(table["mean"] - [1000, 1001]) < 1.5)


def test_the_share_of_variance_counts_the_noise_of_the_rows():
    """Weights that are all 1e-4 are the same model as no weights."""
    data = bl.datasets.load("Dyestuff")
    shares = []
    for weights in (np.ones(30), np.full(30, 1e-4)):
        model = bl.lmm("Yield ~ 1 + (1 | Batch)", data, weights=weights)
        tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=5), seed=1)
        shares.append(float(tree["posterior"]["icc_Batch"][0, 0]))
    assert shares[0] == pytest.approx(shares[1], rel=1e-5)


def test_fits_that_are_not_nested_have_no_likelihood_ratio_test(slopes):
    data = bl.datasets.load("sleepstudy").assign(odd=lambda d: d["Days"] % 2)
    other = bl.lmm("Reaction ~ Days + (1 | odd)", data)
    fits = [bl.fit(m, bl.EmpiricalBayes("ml", draws=5), seed=1) for m in (other, slopes)]
    with pytest.raises(ValueError, match="by odd of the first model are not in the second"):
        bl.lr_test(*fits)


def test_the_parametric_bootstrap_of_a_plugged_in_fit_keeps_beta(slopes):
    tree = bl.fit(slopes, bl.EmpiricalBayes("ml", draws=5), seed=1)
    beta = bl.fixef(tree)["mean"].to_numpy()
    draws = np.array([bl.simulate(slopes, tree, seed=i) for i in range(400)])
    # OLS on the balanced design estimates beta without bias; its spread is the model's alone.
    found = np.linalg.lstsq(slopes.design.X, draws.T, rcond=None)[0].T
    error = found.std(axis=0) / np.sqrt(400)
    assert np.all(np.abs(found.mean(axis=0) - beta) < 4 * error)
    np.testing.assert_allclose(found.std(axis=0), [6.632, 1.502], rtol=0.12)  # lme4's ML errors


def test_rows_that_count_twice_are_two_rows_priors_included():
    data = bl.datasets.load("Dyestuff").assign(f=lambda d: 1 + d.index % 3)
    twice = data.loc[data.index.repeat(data["f"])].reset_index(drop=True)
    counted = bl.lmm("Yield ~ 1 + (1 | Batch)", data, frequency="f")
    repeated = bl.lmm("Yield ~ 1 + (1 | Batch)", twice)
    assert counted.prior_table == repeated.prior_table
    assert counted.prior_table["sd_Batch"] == counted.prior_table["sigma"]
    values = [bl.log_evidence(m).value for m in (counted, repeated)]
    assert values[0] == pytest.approx(values[1], abs=1e-6)


@pytest.mark.parametrize(
    "prior",
    ["HalfNormal(-1)", "HalfNormal(nan)", "Gamma(-1, 1)", pm.HalfNormal.dist(-1.0)],
)
def test_a_prior_with_parameters_out_of_range_is_refused_at_once(prior):
    with pytest.raises(bl.DesignError, match=r"sd_Batch: .*must be positive and finite"):
        bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"), priors={"sd_Batch": prior})


def test_a_tree_of_another_model_is_refused_everywhere(slopes):
    other = bl.lmm("Reaction ~ Days + (1 | Subject)", bl.datasets.load("sleepstudy"))
    tree = bl.fit(slopes, bl.EmpiricalBayes("reml", draws=5), seed=1)
    for function in (
        *(bl.predict, bl.fitted, bl.residuals, bl.r2, bl.confint, bl.simulate),
        *(bl.log_likelihood, bl.posterior_predictive),
    ):
        with pytest.raises(ValueError, match="not a fit of this model"):
            function(other, tree)
    with pytest.raises(TypeError, match=r"predict takes a model first, such as .*; got DataTree"):
        bl.predict(tree, slopes)
    with pytest.raises(TypeError, match=r"expected a model, such as .*, not a DataTree"):
        bl.posterior_predictive(tree, slopes)


def test_noise_of_a_weighted_row_needs_its_weight():
    data = bl.datasets.load("Dyestuff").assign(w=1e-4)
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", data, weights="w")
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=2000), seed=1)
    with pytest.raises(ValueError, match="needs the weights of the new rows"):
        bl.predict(model, tree, {"Batch": ["A"]}, noise=True)
    told = bl.predict(model, tree, {"Batch": ["A"], "w": [1e-4]}, noise=True, seed=1)
    sigma = float(tree["posterior"]["sigma"][0, 0])
    assert told.sd[0] > 0.9 * sigma * 100


def test_a_model_survives_pickling_after_its_graph_was_made(slopes):
    assert slopes.graph is not None
    back = pickle.loads(pickle.dumps(slopes))
    theta = slopes.space.constrain(np.zeros(4))
    point = slopes.roots(theta)
    assert back.solver().value(*point) == slopes.solver().value(*point)
    assert hash(back) != 0


def test_a_slope_that_differs_from_the_noise_row_by_row_is_identified():
    rng = np.random.default_rng(2)
    x = rng.uniform(0.2, 3.0, 400)
    y = 2.0 * rng.normal(size=400) * x + rng.normal(size=400)
    model = bl.lmm("y ~ 1 + (0 + x | g)", {"y": y, "x": x, "g": np.arange(400)})
    table = bl.varcorr(bl.fit(model, bl.EmpiricalBayes("reml", draws=5), seed=1))
    assert np.all(np.abs(table["estimate"] - [2.0, 1.0]) < 4 * table["se"])


def test_the_log_prior_of_a_foreign_law_is_in_the_tree():
    prior = pm.Uniform.dist(0.0, 200.0)
    data = bl.datasets.load("Dyestuff")
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", data, priors={"sigma": prior})
    tree = bl.fit(model, bl.NUTS(draws=50, tune=100, chains=2), seed=1)
    np.testing.assert_allclose(tree["log_prior"]["sigma"], stats.uniform.logpdf(1, 0, 200))


def test_seeds_and_names_are_checked_before_any_work(slopes):
    with pytest.raises(ValueError, match="seed must be a whole number"):
        bl.fit(slopes, bl.EmpiricalBayes(), seed=-1)
    tree = bl.fit(slopes, bl.EmpiricalBayes("ml", draws=5), seed=1, keep="u_Subject")
    assert list(bl.confint(slopes, tree, parameters="sigma").index) == ["sigma"]
    with pytest.raises(bl.DesignError, match="dict from names"):
        bl.lmm("Reaction ~ Days", bl.datasets.load("sleepstudy"), priors=["sigma"])


def test_a_response_whose_name_has_a_slash_can_be_fitted_and_saved(tmp_path):
    data = {"a/b": np.random.default_rng(0).normal(size=30), "g": np.repeat(np.arange(6), 5)}
    model = bl.lmm("`a/b` ~ 1 + (1 | g)", data)
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=5), seed=1)
    tree.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    assert bl.fitted(model, tree).shape == (30, 2)


def test_numbers_with_a_decimal_comma_are_no_categories():
    data = bl.datasets.load("sleepstudy").assign(x=lambda d: [f"{v},5" for v in d["Days"]])
    with pytest.raises(bl.DesignError, match="'x' holds numbers with a decimal comma"):
        bl.lmm("Reaction ~ x + (1 | Subject)", data)


def test_map_of_data_without_group_variance_ends_without_a_warning():
    """The search tried a singular factor, and NumPy warned of the logarithm of zero."""
    rng = np.random.default_rng(0)
    table = {"y": rng.normal(size=60), "x": rng.normal(size=60), "g": np.arange(60) % 6}
    tree = bl.fit(bl.lmm("y ~ x + (x | g)", table), bl.EmpiricalBayes("map"), seed=1)
    assert tree.attrs["converged"] == 1
