"""Tables, R^2, predictive draws; ArviZ takes the tree as it is; nothing is lost by saving."""

import warnings

import numpy as np
import pytest
import xarray as xr

import bayeslmm as bl


@pytest.fixture(scope="module")
def fits():
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    both = {"log_likelihood": True, "posterior_predictive": True}
    nuts = bl.fit(model, bl.NUTS(draws=500, tune=500), seed=1, **both)
    eb = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1, **both)
    return model, nuts, eb


def test_fixed_effects_from_draws_are_their_mean_and_quantiles(fits):
    _, nuts, _ = fits
    draws = nuts["posterior"]["beta"].values.reshape(-1, 2)
    table = bl.fixef(nuts, prob=0.8)
    np.testing.assert_allclose(table["mean"], draws.mean(axis=0))
    np.testing.assert_allclose(table[["lower", "upper"]].T, np.quantile(draws, [0.1, 0.9], axis=0))


def test_random_effects_are_labelled_by_level_and_effect(fits):
    _, nuts, eb = fits
    for tree in (nuts, eb):
        table = bl.ranef(tree)["Subject"]
        assert len(table) == 36
        assert table.index[1] == (308, "Days")
    means = [bl.ranef(t)["Subject"]["mean"].to_numpy() for t in (nuts, eb)]
    assert np.corrcoef(*means)[0, 1] > 0.99


def test_varcorr_lists_every_scalar_once(fits):
    _, nuts, eb = fits
    names = ["sd_Subject[Intercept]", "sd_Subject[Days]", "corr_Subject[Intercept, Days]", "sigma"]
    assert sorted(bl.varcorr(eb).index) == sorted(names)
    assert sorted(bl.varcorr(nuts).index) == sorted([*names, "icc_Subject"])


def test_residuals_are_response_less_fitted(fits):
    model, _, eb = fits
    total = bl.fitted(model, eb)["mean"] + bl.residuals(model, eb)
    np.testing.assert_allclose(total, model.design.y)
    X, y = model.design.X, model.design.y
    beta, u = bl.fixef(eb)["mean"], bl.ranef(eb)["Subject"]["mean"].to_numpy().reshape(18, 2)
    by_hand = X @ beta.to_numpy() + (u[model.design.groups[0].codes] * X).sum(axis=1)
    np.testing.assert_allclose(y - bl.residuals(model, eb), by_hand)


def test_r2_is_the_share_of_the_variance(fits):
    model, _, eb = fits
    p = eb["posterior"].isel(chain=0, draw=0)
    sd, rho = p["sd_Subject"].values, float(p["corr_Subject"][0, 1])
    days = np.arange(10.0)
    random = np.mean(sd[0] ** 2 + 2 * rho * sd.prod() * days + (sd[1] * days) ** 2)
    slope = eb["posterior"]["beta"].values[0, :, 1]
    fixed = slope**2 * np.var(days)
    total = fixed + random + float(p["sigma"]) ** 2
    table = bl.r2(model, eb)
    assert table.loc["marginal", "mean"] == pytest.approx(np.mean(fixed / total))
    assert table.loc["conditional", "mean"] == pytest.approx(np.mean((fixed + random) / total))
    assert float(p["icc_Subject"]) == pytest.approx(random / (random + float(p["sigma"]) ** 2))


def test_arviz_takes_the_tree_as_it_is(fits):
    import arviz as az
    import matplotlib

    matplotlib.use("Agg")
    _, nuts, eb = fits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ warns of constants and of its own k-hat
        for tree in (nuts, eb):
            assert "beta[Days]" in az.summary(tree).index
            assert np.isfinite(az.loo(tree).elpd)
            az.plot_ppc_dist(tree)
            az.plot_forest(tree, var_names=["beta", "sd_Subject", "u_Subject"])
            az.plot_trace_dist(tree, var_names=["beta"])


def test_the_log_likelihood_is_the_normal_density_of_each_row(fits):
    from scipy import stats

    model, nuts, _ = fits
    p = nuts["posterior"].isel(chain=1, draw=7)
    X, codes = model.design.X, model.design.groups[0].codes
    mean = X @ p["beta"].values + (X * p["u_Subject"].values[codes]).sum(axis=1)
    truth = stats.norm.logpdf(model.design.y, mean, float(p["sigma"]))
    ours = nuts["log_likelihood"]["Reaction"].isel(chain=1, draw=7)
    np.testing.assert_allclose(ours, truth, rtol=1e-10)


def test_the_log_prior_is_that_of_the_declared_laws(fits):
    from scipy import stats

    model, nuts, _ = fits
    nu, scale = model.space.sigma.law.parameters
    sigma = nuts["posterior"]["sigma"].values
    truth = stats.t.logpdf(sigma, nu, scale=scale) + np.log(2)
    np.testing.assert_allclose(nuts["log_prior"]["sigma"], truth, rtol=1e-10)


def test_the_log_prior_of_beta_and_the_correlations_is_the_declared_one(fits):
    from scipy import stats

    model, nuts, _ = fits
    prior, p = model.beta, nuts["posterior"]
    centred = p["beta"].values @ prior.H.T
    truth = stats.norm.logpdf(centred, prior.location, prior.scale).sum(axis=-1)
    np.testing.assert_allclose(nuts["log_prior"]["beta"], truth)
    rho = p["corr_Subject"].values[..., 0, 1]  # LKJ(2) of a 2 x 2 matrix is a Beta(2, 2)
    truth = stats.beta.logpdf(0.5 * (rho + 1.0), 2.0, 2.0) - np.log(2.0)
    np.testing.assert_allclose(nuts["log_prior"]["corr_Subject"], truth)


def test_replicated_responses_have_the_right_mean_and_variance(fits):
    model, _, eb = fits
    draws = eb["posterior_predictive"]["Reaction"].values[0]
    sigma = float(eb["posterior"]["sigma"][0, 0])
    fitted = bl.fitted(model, eb)
    error = np.sqrt(sigma**2 + fitted["sd"] ** 2) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - fitted["mean"]) < 5 * error)
    expected = sigma**2 + fitted["sd"].to_numpy() ** 2
    assert np.mean(draws.var(axis=0) / expected) == pytest.approx(1.0, abs=0.02)


def test_replicates_for_new_groups_are_wider(fits):
    model, nuts, _ = fits
    new = bl.posterior_predictive(model, nuts, seed=1, groups="new")
    known = nuts["posterior_predictive"]["Reaction"]
    assert float(new["posterior_predictive"]["Reaction"].std()) > float(known.std())
    with pytest.raises(ValueError, match="'known' or 'new'"):
        bl.posterior_predictive(model, nuts, groups="some")


def test_prior_predictive_has_the_declared_moments():
    priors = {"Intercept": "Normal(10, 3)", "sd_Batch": 2.0, "sigma": 1.0}
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"), priors=priors)
    y = bl.prior_predictive(model, draws=4000, seed=1)["prior_predictive"]["Yield"].values[0]
    assert y.mean() == pytest.approx(10, abs=4 * 3.1 / np.sqrt(4000))
    assert y.var(axis=0).mean() == pytest.approx(9 + 4 + 1, rel=0.05)
    between = np.cov(y[:, 0], y[:, 1])[0, 1]  # rows 0 and 1 are of one batch
    assert between == pytest.approx(9 + 4, rel=0.1)


def test_simulated_data_refit(fits):
    model, _, eb = fits
    y = bl.simulate(model, eb, seed=3)
    again = bl.fit(model.with_data(y), bl.EmpiricalBayes("reml", draws=5), seed=1)
    assert again.attrs["converged"] == 1
    flat = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"), priors={"beta": "flat"})
    with pytest.raises(ValueError, match=r"flat prior and cannot be drawn"):
        bl.simulate(flat, seed=1)


def test_a_saved_tree_is_read_back_whole(fits, tmp_path):
    _, nuts, _ = fits
    nuts.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as back:
        assert back.attrs["seed"] == 1
        assert back["posterior"].dataset.equals(nuts["posterior"].dataset)
        np.testing.assert_array_equal(bl.fixef(back), bl.fixef(nuts))


def test_what_is_no_fit_is_refused():
    with pytest.raises(TypeError, match=r"what bayeslmm\.fit returned, got int"):
        bl.fixef(3)
