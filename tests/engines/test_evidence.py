"""Empirical Bayes: four criteria, boundaries, intervals, tests, and what they refuse."""

import numpy as np
import pytest
from scipy import stats

import bayeslmm as bl
from bayeslmm.engines.maximise import maximise
from bayeslmm.testing import check_engine


@pytest.fixture(scope="module")
def slopes():
    return bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence", "map"])
def test_every_criterion_conforms_and_converges(slopes, criterion):
    tree = check_engine(bl.EmpiricalBayes(criterion, draws=50), slopes)
    assert tree.attrs["converged"] == 1
    assert tree.attrs["criterion"] == criterion
    assert tree["posterior"].attrs["fixed"] == "sd_Subject, sigma, corr_Subject"


def test_map_adds_the_log_prior_on_the_declared_scale_without_jacobian(slopes):
    best = maximise(slopes, "map")
    theta = best.theta
    evidence = slopes.solver().value(*slopes.roots(theta))
    prior = 0.0
    for term in (*[t.sd for t in slopes.groups], slopes.space.sigma):
        nu, scale = term.law.parameters
        prior += (stats.t.logpdf(theta[term.name], nu, scale=scale) + np.log(2.0)).sum()
    rho = (theta["corr_Subject"] @ theta["corr_Subject"].T)[0, 1]
    prior += stats.beta.logpdf(0.5 * (rho + 1.0), 2.0, 2.0) - np.log(2.0)  # LKJ(2) at q = 2
    assert best.value == pytest.approx(evidence + prior, abs=1e-9)


def test_the_maximum_is_one(slopes):
    rng = np.random.default_rng(0)
    for criterion in ("ml", "reml", "evidence", "map"):
        best = maximise(slopes, criterion)
        for _ in range(20):
            other = best.x + 1e-3 * rng.standard_normal(best.x.size)
            assert best.chart.value(other)[0] < best.value


def test_maximising_from_a_variance_of_zero_finds_the_same_maximum(slopes):
    zero = {**slopes.space.constrain(np.zeros(4)), "sigma": np.array(47.7)}
    zero["sd_Subject"] = np.zeros(2)
    best = maximise(slopes, "reml", begin=zero)
    assert -2 * best.value == pytest.approx(1743.6282719585, abs=1e-6)


def test_standard_errors_are_the_curvature_of_the_criterion():
    """One-way balanced layout: the ML information is known in closed form."""
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    table = bl.varcorr(bl.fit(model, bl.EmpiricalBayes("ml", draws=10), seed=1))
    g, n = 6, 5
    sigma2, total = table.loc["sigma", "estimate"] ** 2, 0.0
    total = sigma2 + n * table.loc["sd_Batch", "estimate"] ** 2
    information = np.array(  # expected information in (v_batch, sigma^2); equal at the maximum
        [
            [g * n**2 / (2 * total**2), g * n / (2 * total**2)],
            [g * n / (2 * total**2), g / (2 * total**2) + g * (n - 1) / (2 * sigma2**2)],
        ]
    )
    variances = np.diag(np.linalg.inv(information))
    expected = np.sqrt(variances) / (2 * table["estimate"].to_numpy())
    np.testing.assert_allclose(table["se"], expected, rtol=1e-4)


def test_profile_intervals_are_those_of_lme4(slopes):
    """confint(lmer(..., REML = FALSE)) of the lme4 paper, Bates et al. (2015), section 5.1."""
    tree = bl.fit(slopes, bl.EmpiricalBayes("ml", draws=10), seed=1)
    table = bl.confint(slopes, tree)
    published = [(14.38, 37.72), (3.80, 8.75), (-0.48, 0.68), (22.90, 28.86)]
    np.testing.assert_allclose(table[["lower", "upper"]], published, atol=0.006)


def test_a_profile_interval_ends_at_zero_where_zero_is_supported():
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff2"))
    table = bl.confint(model, bl.fit(model, bl.EmpiricalBayes("ml", draws=10), seed=1))
    assert table.loc["sd_Batch", "lower"] == 0.0
    assert 0.5 < table.loc["sd_Batch", "upper"] < 5.0


def test_likelihood_ratio_test_of_a_slope():
    data = bl.datasets.load("sleepstudy")
    small, large = (
        bl.fit(bl.lmm(f, data), bl.EmpiricalBayes("ml", draws=10), seed=1)
        for f in ("Reaction ~ Days + (1 | Subject)", "Reaction ~ Days + (Days | Subject)")
    )
    found = bl.lr_test(small, large)
    assert found["chisq"] == pytest.approx(1794.0786430052 - 1751.9393444632, abs=1e-4)
    assert found["df"] == 2
    assert found["p_value"] == pytest.approx(stats.chi2.sf(found["chisq"], 2))
    assert np.isnan(found["p_boundary"])  # two parameters at once: no simple mixture
    with pytest.raises(ValueError, match="give the smaller fit first"):
        bl.lr_test(large, small)


def test_one_variance_alone_is_tested_at_its_boundary_and_a_correlation_is_not():
    data = bl.datasets.load("sleepstudy")
    formulas = (
        "Reaction ~ Days + (1 | Subject)",
        "Reaction ~ Days + (Days || Subject)",
        "Reaction ~ Days + (Days | Subject)",
    )
    fits = [bl.fit(bl.lmm(f, data), bl.EmpiricalBayes("ml", draws=10), seed=1) for f in formulas]
    variance, correlation = bl.lr_test(*fits[:2]), bl.lr_test(*fits[1:])
    assert variance["p_boundary"] == pytest.approx(0.5 * variance["p_value"])
    assert np.isnan(correlation["p_boundary"])


def test_a_likelihood_ratio_test_refuses_fits_that_cannot_be_compared(slopes):
    data = bl.datasets.load("sleepstudy")
    reml = bl.fit(slopes, bl.EmpiricalBayes("reml", draws=10), seed=1)
    null = bl.lmm("Reaction ~ 1 + (Days | Subject)", data)
    with pytest.raises(ValueError, match="same fixed effects"):
        bl.lr_test(bl.fit(null, bl.EmpiricalBayes("reml", draws=10), seed=1), reml)
    with pytest.raises(ValueError, match="these are by 'ml' and 'reml'"):
        bl.lr_test(bl.fit(null, bl.EmpiricalBayes("ml", draws=10), seed=1), reml)
    part = bl.lmm("Reaction ~ Days + (Days | Subject)", data.iloc[:170])
    with pytest.raises(ValueError, match="same rows"):
        bl.lr_test(bl.fit(part, bl.EmpiricalBayes("reml", draws=10), seed=1), reml)


def test_laplace_draws_have_the_spread_of_the_standard_errors(slopes):
    tree = bl.fit(slopes, bl.EmpiricalBayes("reml", draws=4000, laplace=True), seed=1)
    log_sigma = np.log(tree["posterior"]["sigma"].values.ravel())
    table = bl.varcorr(bl.fit(slopes, bl.EmpiricalBayes("reml", draws=10), seed=1))
    expected = table.loc["sigma", "se"] / table.loc["sigma", "estimate"]
    assert log_sigma.std() == pytest.approx(expected, rel=0.05)
    plugged = bl.fit(slopes, bl.EmpiricalBayes("reml", draws=4000), seed=1)
    assert tree["posterior"]["beta"].std().values > 0
    assert tree["posterior"].attrs["fixed"] == ""
    wide, narrow = (t["posterior"]["beta"].values[..., 1].std() for t in (tree, plugged))
    assert wide > narrow


def test_laplace_at_a_boundary_is_refused_with_advice():
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff2"))
    with pytest.raises(ValueError, match="sd_Batch is at the boundary; use NUTS"):
        bl.fit(model, bl.EmpiricalBayes("reml", laplace=True), seed=1)


def test_one_row_per_group_is_refused_with_advice_unless_the_noise_is_known():
    rng = np.random.default_rng(0)
    table = {"y": rng.normal(size=20), "g": np.arange(20), "s": np.full(20, 0.5)}
    model = bl.lmm("y ~ 1 + (1 | g)", table)
    with pytest.raises(ValueError, match="g has one row per group"):
        bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
    known = bl.lmm("y ~ 1 + (1 | g)", table, noise_sd="s")
    tree = bl.fit(known, bl.EmpiricalBayes("reml", draws=10), seed=1)
    truth = np.sqrt(max(np.var(table["y"], ddof=1) - 0.25, 0.0))  # REML in closed form
    assert float(tree["posterior"]["sd_g"][0, 0, 0]) == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("options", [{"criterion": "aic"}, {"draws": 0}, {"draws": -3}])
def test_an_option_out_of_range_is_refused_by_name(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        bl.EmpiricalBayes(**options)


def test_a_singular_correlation_is_found_and_told():
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(8), 6)
    x = np.tile(np.arange(6.0), 8)
    u = rng.normal(size=8)
    y = 1 + u[g] + 0.3 * u[g] * x + 0.8 * rng.normal(size=48)  # slope = 0.3 intercept exactly
    model = bl.lmm("y ~ x + (x | g)", {"y": y, "x": x, "g": g})
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=10), seed=1)
    rho = float(tree["posterior"]["corr_g"][0, 0, 0, 1])
    assert abs(rho) == pytest.approx(1.0, abs=1e-9)
    assert "the covariance is singular" in tree.attrs["message"]
    table = bl.varcorr(tree)
    assert np.isnan(table.loc["corr_g[Intercept, x]", "se"])
    assert np.isfinite(table.loc["sigma", "se"])


def test_with_every_variance_fixed_only_the_coefficients_are_left(slopes):
    fixed = {"sd_Subject": [24.0, 6.0], "corr_Subject": 0.1, "sigma": 25.0}
    data = bl.datasets.load("sleepstudy")
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", data, priors=fixed)
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=20), seed=1)
    theta = model.space.constrain(np.zeros(0))
    exact = model.solver("reml").condition(model.roots(theta)[0], 25.0)
    np.testing.assert_allclose(bl.fixef(tree)["mean"], exact.beta)
    assert tree.attrs["log_marginal"] == pytest.approx(exact.log_density)
