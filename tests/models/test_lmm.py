"""What a linear mixed model declares: priors by name, refusals, limits."""

import numpy as np
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.testing import check_model
from bayeslmm.testing.model_check import law_of


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    n = 48
    g, h = np.repeat(np.arange(8), 6), np.tile(np.arange(4), 12)
    x, w = rng.normal(size=n), rng.uniform(0.5, 2.0, n)
    y = 2 + 0.5 * x + rng.normal(size=8)[g] + rng.normal(size=4)[h] + rng.normal(size=n)
    return {"y": y, "x": x, "g": g, "h": h, "w": w, "f": 1 + g % 3, "o": 0.1 * x}


def test_a_slope_model_conforms_graphs_included():
    check_model(bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy")))


def test_crossed_factors_conform_graphs_included():
    formula = "diameter ~ 1 + (1 | plate) + (1 | sample)"
    check_model(bl.lmm(formula, bl.datasets.load("Penicillin")))


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ x + (x || g)", {}),
        ("y ~ x + (x | g) + (1 | h)", {"weights": "w"}),
        ("y ~ 0 + x + (0 + x | g)", {"offset": "o"}),
        ("y ~ x + (1 | g/h)", {"frequency": "f"}),
        ("y ~ x + (1 | g) + (x | h)", {"priors": {"beta": "flat"}}),
        ("y ~ x + (1 | g)", {"priors": {"Intercept": "flat", "sd_g": 0.7}}),
        ("y ~ x + (x | g)", {"priors": {"corr_g": 0.4, "sigma": "Exponential(1)"}}),
        ("y ~ x + (1 | g)", {"noise_sd": "w"}),
        ("y ~ 0 + (1 | g)", {}),
        ("y ~ x", {}),
    ],
)
def test_every_kind_of_model_equals_dense_algebra(table, formula, options):
    check_model(bl.lmm(formula, table, **options), graphs=False)


def test_a_number_fixes_a_parameter(table):
    model = bl.lmm("y ~ x + (x | g)", table, priors={"sd_g": [0.5, 0.2], "corr_g": 0.0})
    assert model.space.size == 1
    theta = model.space.constrain(np.zeros(1))
    assert (theta["sd_g"].tolist(), float(theta["sigma"])) == ([0.5, 0.2], 1.0)
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=5), seed=1)
    assert np.all(tree["posterior"]["sd_g"].values == [0.5, 0.2])
    assert np.all(tree["posterior"]["corr_g"].values[..., 0, 1] == 0.0)


def test_a_normal_prior_on_one_coefficient_is_on_the_users_column(table):
    priors = {"Intercept": pm.Normal.dist(1.0, 2.0), "x": pm.Normal.dist(0.0, 0.3)}
    named = bl.lmm("y ~ x + (1 | g)", table, priors=priors)
    whole = bl.lmm(
        "y ~ x + (1 | g)", table, priors={"beta": pm.Normal.dist([1.0, 0.0], [2.0, 0.3])}
    )
    cov = np.diag([4.0, 0.09])
    joint = bl.lmm(
        "y ~ x + (1 | g)", table, priors={"beta": pm.MvNormal.dist(np.array([1.0, 0.0]), cov)}
    )
    theta = named.space.constrain(np.zeros(2))
    values = [m.solver().value(*m.roots(theta)) for m in (named, whole, joint)]
    np.testing.assert_allclose(values, law_of(named, theta).value, rtol=1e-7)


def test_with_data_keeps_priors_scaled_from_the_first_response(table):
    model = bl.lmm("y ~ x + (1 | g)", table)
    other = model.with_data(np.asarray(table["y"]) * 100)
    assert other.prior_table == model.prior_table
    assert not np.array_equal(other.solver().sums.origin, model.solver().sums.origin)


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"sigm": 1.0}, "did you mean 'sigma'.*The parameters are: beta, Intercept, x, sd_g"),
        ({"sigma": -1.0}, "sigma is a standard deviation"),
        ({"sigma": 0.0}, "positive number"),
        ({"sd_g": "HalfNormal(a)"}, "not a number"),
        ({"sd_g": "Halfnormal(1)"}, "not a law"),
        ({"sd_g": "HalfNormal(1, 2)"}, "2 parameters"),
        ({"sd_g": pm.Normal.dist(0.0, 1.0)}, "positive half-line"),
        ({"sd_g": [1.0, 2.0, 3.0]}, "3 numbers"),
        ({"corr_g": 1.5}, "correlation matrix"),
        ({"corr_g": "Beta(2)"}, "LKJ"),
        ({"x": pm.StudentT.dist(nu=3.0, mu=0.0, sigma=1.0)}, "x is a fixed effect.*not StudentT"),
        ({"beta": "flat", "x": "flat"}, "both 'beta' and 'x'"),
        ({"sigma": object()}, "sigma must be a number, a text"),
    ],
)
def test_a_prior_that_cannot_be_used_is_refused_by_name(table, priors, message):
    with pytest.raises(bl.DesignError, match=message):
        bl.lmm("y ~ x + (x | g)", table, priors=priors)


def test_two_factors_with_the_same_groups_are_refused(table):
    twin = {**table, "t": [f"group {i}" for i in table["g"]]}
    with pytest.raises(bl.DesignError, match="'g' and 't' make the same groups"):
        bl.lmm("y ~ x + (1 | g) + (1 | t)", twin)


def test_a_variance_of_exactly_zero_gives_least_squares(table):
    model = bl.lmm("y ~ x + (1 | g)", table, priors={"sd_g": 0.0})
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=5), seed=1)
    X = np.column_stack([np.ones(48), table["x"]])
    beta, rss = np.linalg.lstsq(X, table["y"], rcond=None)[:2]
    np.testing.assert_allclose(bl.fixef(tree)["mean"], beta, rtol=1e-9)
    assert float(tree["posterior"]["sigma"][0, 0]) ** 2 == pytest.approx(rss[0] / 46, rel=1e-6)


def test_a_large_variance_gives_one_mean_per_group(table):
    model = bl.lmm("y ~ 0 + (1 | g)", table, priors={"sd_g": 1e6, "sigma": 1.0})
    u = model.solver().condition(np.array([1e6]), 1.0).effects[0].ravel()
    means = [np.mean(np.asarray(table["y"])[np.asarray(table["g"]) == k]) for k in range(8)]
    np.testing.assert_allclose(u, means, rtol=1e-9)


def test_james_stein_is_the_one_way_layout_with_known_noise():
    """z ~ N(u, 1), u ~ N(0, A): maximum likelihood shrinks by (1 - N / |z|^2)+."""
    z = np.random.default_rng(2).normal(0, 2, 15)
    for response in (z, 0.3 * z):
        table = {"z": response, "unit": np.arange(15)}
        model = bl.lmm("z ~ 0 + (1 | unit)", table, noise_sd=np.ones(15))
        tree = bl.fit(model, bl.EmpiricalBayes("ml", draws=5), seed=1)
        shrink = max(1.0 - 15 / (response @ response), 0.0)
        np.testing.assert_allclose(bl.ranef(tree)["unit"]["mean"], shrink * response, atol=1e-6)


def test_the_printed_model_shows_every_parameter_and_its_prior():
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    text = repr(model)
    for name in ("Intercept", "Days", "sd_Subject", "corr_Subject", "sigma", "LKJ(2)", "180 rows"):
        assert name in text
    assert "<table>" in model._repr_html_()


def test_arrays_declare_the_same_model_as_a_formula():
    data = bl.datasets.load("sleepstudy")
    days, subject = data["Days"].to_numpy(float), data["Subject"].to_numpy()
    X = np.column_stack([np.ones(180), days])
    arrays = bl.lmm(data["Reaction"].to_numpy(), X, groups={"Subject": (subject, X)})
    formula = bl.lmm("Reaction ~ Days + (Days | Subject)", data)
    theta = formula.space.constrain(np.array([3.0, 2.0, 3.0, 0.1]))
    a, b = (m.solver("reml").value(*m.roots(theta)) for m in (arrays, formula))
    assert a == pytest.approx(b, rel=1e-12)


def test_an_sd_fixed_at_zero_has_no_correlations_to_estimate(table):
    with pytest.raises(ValueError, match=r"sd_g\[x\] is fixed at zero.*or fix corr_g too"):
        bl.lmm("y ~ x + (x | g)", table, priors={"sd_g": [0.7, 0.0]})
    held = {"sd_g": [0.7, 0.0], "corr_g": 0.0}
    plain = bl.lmm("y ~ x + (1 | g)", table, priors={"sd_g": 0.7})
    for formula, priors in (("y ~ x + (x || g)", {"sd_g": [0.7, 0.0]}), ("y ~ x + (x | g)", held)):
        found = bl.fit(bl.lmm(formula, table, priors=priors), bl.EmpiricalBayes("map"), seed=1)
        same = bl.fit(plain, bl.EmpiricalBayes("map"), seed=1)
        value = same.attrs["log_marginal"]
        assert found.attrs["log_marginal"] == pytest.approx(value, abs=1e-6)
