"""Coordinate ascent: its bound rises, below the evidence; its updates are the textbook's."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import bayeslmm as bl
from bayeslmm.engines.meanfield import MeanFieldState
from bayeslmm.testing import check_engine


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(4)
    n = 60
    table = {
        "y": rng.normal(size=n),
        "x": rng.normal(size=n),
        "z": rng.normal(size=n),
        "a": np.arange(n) % 7,
        "b": rng.integers(0, 5, n),
        "w": rng.uniform(0.5, 2.0, n),
        "f": rng.integers(1, 4, n),
    }
    table["y"] = table["y"] + table["x"] * rng.normal(size=7)[table["a"]]
    return {
        "intercepts": bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff")),
        "uncorrelated": bl.lmm("y ~ x + (x || a)", table),
        "correlated": bl.lmm("y ~ x + (x + z | a)", table),
        "crossed": bl.lmm("y ~ x + (x | a) + (1 | b)", table, weights="w", frequency="f"),
        "partly fixed": bl.lmm(
            "y ~ x + (1 | a) + (1 | b)", table, priors={"sd_a": 0.0, "sigma": "HalfCauchy(2)"}
        ),
        "known noise": bl.lmm("y ~ x + (x || a)", table, priors={"sigma": 1.0}),
    }


NAMES = ["intercepts", "uncorrelated", "correlated", "crossed", "partly fixed", "known noise"]


@pytest.mark.parametrize("name", NAMES)
def test_the_bound_rises_at_every_sweep(models, name):
    state, bounds = MeanFieldState.begin(models[name]), []
    for _ in range(40):
        bound, state = state.sweep()
        bounds.append(bound)
    assert np.diff(bounds).min() > -1e-9 * abs(bounds[-1])


@pytest.mark.parametrize("name", ["intercepts", "uncorrelated", "known noise"])
def test_the_bound_lies_below_the_log_evidence_where_the_priors_are_the_declared_ones(models, name):
    tree = bl.fit(models[name], bl.CAVI(draws=4000), seed=1)
    exact = bl.log_evidence(models[name], seed=2)
    assert tree.attrs["elbo"] < exact.value + 3 * exact.error
    assert tree.attrs["elbo"] > exact.value - 3.0


@pytest.fixture(scope="module")
def rich():
    """Many groups and large variances: q covers the posterior well enough for plain averages."""
    rng = np.random.default_rng(5)
    n, a, b = 600, rng.integers(0, 40, 600), rng.integers(0, 30, 600)
    x, z = rng.normal(size=(2, n))
    u = rng.normal(size=(40, 2)) @ np.array([[1.0, 0.5], [0.0, 0.9]])
    y = 1.0 + x + u[a, 0] + u[a, 1] * x + rng.normal(size=30)[b] + rng.normal(size=n)
    return {"y": y, "x": x, "z": z, "a": a, "b": b, "w": rng.uniform(0.5, 2.0, n)}


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ x + (x || a)", {}),
        ("y ~ x + (x | a) + (1 | b)", {"weights": "w"}),
        ("y ~ (1 | a) + (1 | b)", {"priors": {"sd_a": 0.0, "sigma": "HalfCauchy(2)"}}),
    ],
)
def test_the_mean_importance_ratio_is_the_evidence_of_the_declared_model(rich, formula, options):
    """E_q[p / q] = p(y): it ties every density of the ratio to the evidence by another route."""
    model = bl.lmm(formula, rich, **options)
    tree = bl.fit(model, bl.CAVI(draws=20_000), seed=3)
    logs = tree["sample_stats"]["log_weight"].values.ravel()
    exact = bl.log_evidence(model, seed=2)
    assert logsumexp(logs) - np.log(logs.size) == pytest.approx(exact.value, abs=0.05)
    assert tree.attrs["share"] > 0.9
    assert tree.attrs["kl"] == pytest.approx(exact.value - logs.mean(), abs=0.05)


def test_the_fixed_point_is_that_of_the_textbooks_updates_written_out():
    """One random intercept, dense matrices and one line an update (Ormerod & Wand 2010)."""
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    d, prior = model.design, model.beta
    nu, A = model.groups[0].sd.law.parameters
    _, S = model.space.sigma.law.parameters
    Z = np.eye(6)[d.groups[0].codes]
    C, n, G = np.hstack([d.X, Z]), 30, 6
    u, e, a_u, a_e = 2000.0, 2000.0, 1.0, 1.0  # E[1/v] and so on, as their inverses
    for _ in range(5000):
        P = np.diag(np.concatenate([1.0 / prior.scale**2, np.full(G, 1.0 / u)]))
        cov = np.linalg.inv(C.T @ C / e + P)
        mean = cov @ (
            C.T @ d.y / e + np.concatenate([prior.location / prior.scale**2, np.zeros(G)])
        )
        square_u = mean[1:] @ mean[1:] + np.trace(cov[1:, 1:])
        square_e = ((d.y - C @ mean) ** 2).sum() + np.trace(C.T @ C @ cov)
        u = (nu / a_u + 0.5 * square_u) / (0.5 * (nu + G))
        e = (nu / a_e + 0.5 * square_e) / (0.5 * (nu + n))
        a_u = (nu / u + 1.0 / A**2) / (0.5 * (nu + 1.0))
        a_e = (nu / e + 1.0 / S**2) / (0.5 * (nu + 1.0))
    state = MeanFieldState.begin(model)
    for _ in range(200):
        state = state.sweep()[1]
    scales, sigma = model.roots(state.theta)
    assert scales[0] ** 2 == pytest.approx(u, rel=1e-6)
    assert sigma**2 == pytest.approx(e, rel=1e-6)
    tree = bl.fit(model, bl.CAVI(draws=8000), seed=1)["posterior"]
    draws = tree["u_Batch"].values.reshape(8000, 6)
    sd = np.sqrt(np.diag(cov)[1:])
    assert (np.abs(draws.mean(axis=0) - mean[1:]) < 4.5 * sd / np.sqrt(8000)).all()
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.04)
    variance = stats.invgamma(0.5 * (nu + n), scale=e * 0.5 * (nu + n))
    assert stats.kstest(tree["sigma"].values.ravel() ** 2, variance.cdf).pvalue > 1e-3


def test_it_conforms(models):
    for name in ("correlated", "crossed", "partly fixed"):
        tree = check_engine(bl.CAVI(draws=500), models[name])
        assert tree["elbo"]["elbo"].dims == ("step",)


def test_a_variance_comes_out_too_narrow_and_resampling_mends_it():
    """Mean field drops the dependence of sd on the coefficients (Bishop 2006, section 10.1.2)."""
    model = bl.lmm("Reaction ~ Days + (Days || Subject)", bl.datasets.load("sleepstudy"))
    tree, nuts = bl.fit(model, bl.CAVI(), seed=5), bl.fit(model, bl.NUTS(), seed=1)
    better = bl.importance_resample(tree, seed=2)
    width, truth, mended = (
        t["posterior"]["sd_Subject"].std(("chain", "draw")).values for t in (tree, nuts, better)
    )
    assert (width < 0.85 * truth).all()
    np.testing.assert_allclose(mended, truth, rtol=0.15)
    assert tree.attrs["verdict"] == "to be trusted after importance resampling"
    assert "the sd of sd_Subject is too narrow" in tree.attrs["message"]


def test_mass_that_no_draw_finds_is_told(models):
    """q of a variance stays away from zero, where Dyestuff has a fifth of its posterior."""
    tree = bl.fit(models["intercepts"], bl.CAVI(), seed=4)
    assert tree.attrs["khat"] < 0.7
    assert 0.7 < tree.attrs["share"] < 0.9
    assert tree.attrs["verdict"] == "not to be trusted"


def test_what_has_no_closed_form_is_refused_by_name(models):
    table = bl.datasets.load("Dyestuff")
    m = bl.lmm("Yield ~ 1 + (1 | Batch)", table, priors={"sd_Batch": "HalfNormal(50)"})
    with pytest.raises(ValueError, match=r"sd_Batch has HalfNormal\(50\)"):
        bl.fit(m, bl.CAVI(), seed=1)
    sleep = bl.datasets.load("sleepstudy")
    m = bl.lmm("Reaction ~ Days + (Days | Subject)", sleep, priors={"corr_Subject": 0.0})
    with pytest.raises(ValueError, match="corr_Subject free where sd_Subject is"):
        bl.fit(m, bl.CAVI(), seed=1)


@pytest.mark.parametrize(("option", "value"), [("steps", 0), ("draws", 5), ("tolerance", 0.0)])
def test_an_option_out_of_range_is_refused_by_name(option, value):
    with pytest.raises(ValueError, match=option):
        bl.CAVI(**{option: value})


def test_too_few_sweeps_are_told(models):
    tree = bl.fit(models["correlated"], bl.CAVI(steps=2), seed=1)
    assert tree.attrs["converged"] == 0
    assert "still rises after 2 sweeps" in tree.attrs["message"]


@pytest.mark.parametrize("formula", ["(Days || Subject)", "(Days | Subject)"])
def test_one_sd_fixed_at_zero_among_others_is_an_effect_that_is_not_there(formula):
    table = bl.datasets.load("sleepstudy")
    priors = {"sd_Subject": [30.0, 0.0]}
    if "||" not in formula:
        priors["corr_Subject"] = 0.0
    held = bl.lmm(f"Reaction ~ Days + {formula}", table, priors=priors)
    plain = bl.lmm("Reaction ~ Days + (1 | Subject)", table, priors={"sd_Subject": 30.0})
    ours, theirs = (bl.fit(m, bl.CAVI(), seed=1) for m in (held, plain))
    assert ours.attrs["elbo"] == pytest.approx(theirs.attrs["elbo"], abs=1e-6)
    assert (ours["posterior"]["u_Subject"].sel(Subject_effect="Days") == 0.0).all()
    a, b = (t["sample_stats"]["log_weight"].values for t in (ours, theirs))
    assert a.mean() == pytest.approx(b.mean(), abs=0.02)


def test_the_ratios_of_theta_alone_are_less_noisy_and_have_the_same_mean_weight(rich):
    model = bl.lmm("y ~ x + (x || a)", rich)
    tree = bl.fit(model, bl.CAVI(draws=20_000), seed=3)
    joint, theta = (
        tree["sample_stats"][n].values.ravel() for n in ("log_weight", "log_weight_theta")
    )
    exact = bl.log_evidence(model, seed=2).value
    assert logsumexp(theta) - np.log(theta.size) == pytest.approx(exact, abs=0.02)
    assert theta.std() < joint.std()


def test_levels_without_rows_count_as_levels():
    """A group whose rows are gone keeps its place: its effect has the prior's law."""
    from bayeslmm.criticism.leave_out.refit import without

    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    less = without(model, model.design.groups[0].codes == 2)
    tree = bl.fit(less, bl.CAVI(draws=20_000), seed=1)
    u, sd = tree["posterior"]["u_Batch"].values[0, :, 2, 0], tree["posterior"]["sd_Batch"].values
    state = MeanFieldState.begin(less)
    for _ in range(300):
        state = state.sweep()[1]
    effective = state.parts[0].law.effective[0, 0]
    assert state.parts[0].law.count == 6
    assert u.var() == pytest.approx(effective, rel=0.05)
    assert sd.mean() ** 2 > 0.5 * effective
