"""Maximising over the variances: the chart's gradient, and zeros accepted only if they are."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import betaln

import bayeslmm as bl
from bayeslmm.engines.boundary import ascended
from bayeslmm.engines.chart import Chart
from bayeslmm.engines.maximise import maximise
from bayeslmm.model.model import CRITERIA

from ..tables import crossed_table

FORMULA = "y ~ x + (x + z | g) + (1 | h)"
PRIORS = {
    "default": {},
    "laws": {"sigma": "InverseGamma(3, 2)", "sd_g": "Gamma(2, 1.5)", "sd_h": "LogNormal(0, 1)"},
    "heavy": {"sigma": "HalfCauchy(1)", "sd_g": "Exponential(2)", "corr_g": "LKJ(1)"},
    "fixed sd": {"sd_g": 2.0, "corr_g": "LKJ(1.3)"},
    "fixed sd of the other": {"sd_h": 2.0},
    "fixed correlation": {"corr_g": 0.3},
    "fixed sigma": {"sigma": 1.1},
}


def chart(criterion, priors, formula=FORMULA):
    model = bl.lmm(formula, crossed_table(), priors=priors)
    return Chart(model, model.target(criterion, prior=criterion == "map"))


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
def test_the_gradient_is_the_slope_of_the_value(criterion, priors):
    made = chart(criterion, priors)
    rng = np.random.default_rng(1)
    for _ in range(3):
        x = rng.normal(0.0, 0.6, size=made.size)
        value, grad = made.value(x)
        assert np.isfinite(value)
        truth = np.empty(x.size)
        for i in range(x.size):
            e = np.zeros(x.size)
            e[i] = 1e-5
            truth[i] = (made.value(x + e)[0] - made.value(x - e)[0]) / 2e-5
        np.testing.assert_allclose(grad, truth, rtol=1e-6, atol=1e-6 * np.abs(truth).max())


@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
def test_the_chart_goes_to_theta_and_back(priors):
    made = chart("reml", priors)
    z = np.random.default_rng(2).normal(0.0, 0.6, size=made.model.space.size)
    theta = made.model.space.constrain(z)
    back = made.theta(made.coordinates(theta))
    for name, truth in theta.items():
        np.testing.assert_allclose(back[name], truth, rtol=1e-10, atol=1e-12)
    target = made.model.target("reml", prior=False)
    assert made.value(made.coordinates(theta))[0] == pytest.approx(target(z)[0], rel=1e-10)


def test_map_adds_the_prior_of_sd_and_correlation_without_a_jacobian():
    made, plain = chart("map", PRIORS["laws"]), chart("evidence", PRIORS["laws"])
    model = made.model
    z = np.random.default_rng(3).normal(0.0, 0.6, size=model.space.size)
    theta = model.space.constrain(z)
    x = made.coordinates(theta)
    truth = stats.gamma(2.0, scale=1 / 1.5).logpdf(theta["sd_g"]).sum()
    truth += stats.lognorm(1.0).logpdf(theta["sd_h"]).sum()
    truth += stats.invgamma(3, scale=2).logpdf(theta["sigma"])
    K = theta["corr_g"]
    # det(R)^(eta - 1), eta = 2, over r_12, r_13 and the partial r_23.1: det R = prod (1 - r^2) and
    # dr_23 = sqrt((1 - r_12^2)(1 - r_13^2)) dr_23.1, so its integral is three beta functions.
    constant = 2 * (betaln(2.5, 2.5) + 4 * np.log(2)) + betaln(2.0, 2.0) + 3 * np.log(2)
    truth += np.linalg.slogdet(K @ K.T)[1] - constant
    assert made.value(x)[0] - plain.value(x)[0] == pytest.approx(truth, rel=1e-9)


def without_effects(model):
    """The point where no term has variance."""
    theta = {**model.space.constrain(np.zeros(model.space.size)), "sigma": np.array(1.5)}
    return theta | {t.sd.name: np.zeros(t.shape[1]) for t in model.groups}


def test_a_stationary_zero_is_left_when_a_direction_ascends():
    """All derivatives vanish at L = 0, yet the data want the effects."""
    model = bl.lmm(FORMULA, crossed_table())
    zero = without_effects(model)
    made = Chart(model, model.target("reml", prior=False))
    x = made.coordinates(zero)
    assert not made.value(x)[1][: made.natural].any()
    from_zero, plain = maximise(model, "reml", begin=zero), maximise(model, "reml")
    assert from_zero.theta["sd_g"][0] > 0.1
    assert from_zero.converged
    assert from_zero.value == pytest.approx(plain.value, abs=1e-6)


def test_the_search_itself_climbs_off_zero():
    model = bl.lmm(FORMULA, crossed_table())
    made = Chart(model, model.target("reml", prior=False))
    x = made.coordinates(without_effects(model))
    better = ascended(made, x)
    assert better is not None
    step = x + 0.01 * (better - x)
    assert made.value(step)[0] > made.value(x)[0]


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
def test_a_variance_that_the_data_do_not_support_is_exactly_zero(criterion):
    """Groups whose means differ less than noise: the one-way ANOVA estimate is negative."""
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(6), 5)
    e = rng.normal(size=30)
    y = e - 0.95 * pd.Series(e).groupby(g).transform("mean").to_numpy()
    model = bl.lmm("y ~ 1 + (1 | g)", pd.DataFrame({"y": y, "g": g}))
    best = maximise(model, criterion)
    assert best.theta["sd_g"] == 0.0
    assert best.converged
    J = model.solver(criterion).score(*model.roots(best.theta))[1]
    assert J[0] < 0.0
    if criterion == "reml":  # what is left is least squares
        assert best.theta["sigma"] == pytest.approx(y.std(ddof=1), rel=1e-6)
    elif criterion == "ml":
        assert best.theta["sigma"] == pytest.approx(y.std(), rel=1e-6)


@pytest.mark.parametrize("criterion", ["ml", "reml"])
def test_a_balanced_one_way_layout_has_the_anova_estimates(criterion):
    rng = np.random.default_rng(5)
    groups, m = 12, 5
    y = rng.normal(size=(groups, m)) + 1.5 * rng.normal(size=(groups, 1)) + 7.0
    between = m * ((y.mean(axis=1) - y.mean()) ** 2).sum()
    within = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum() / (groups * (m - 1))
    wide = between / (groups - 1 if criterion == "reml" else groups)
    table = pd.DataFrame({"y": y.ravel(), "g": np.repeat(np.arange(groups), m)})
    best = maximise(bl.lmm("y ~ 1 + (1 | g)", table), criterion)
    assert best.theta["sigma"] == pytest.approx(np.sqrt(within), rel=1e-6)
    assert best.theta["sd_g"] == pytest.approx(np.sqrt((wide - within) / m), rel=1e-6)


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_the_maximum_does_not_depend_on_the_units(factor):
    table = crossed_table()
    plain = maximise(bl.lmm("y ~ x + (x | g)", table), "reml")
    scaled = table.assign(y=table.y * factor, x=table.x / factor)
    other = maximise(bl.lmm("y ~ x + (x | g)", scaled), "reml")
    for name, units in {"sd_g": [factor, factor**2], "sigma": factor}.items():
        np.testing.assert_allclose(other.theta[name], plain.theta[name] * units, rtol=1e-4)
    assert other.converged
