"""NUTS on the triangle: one mode from wherever a search begins, and chains that agree."""

import arviz as az
import numpy as np
import pytest
from scipy.optimize import minimize

import bayeslmm as bl
from bayeslmm.engines.loadings_maximum import at_loadings
from bayeslmm.engines.start import centre
from tests.solvers.dense_factor import rows


@pytest.fixture(scope="module")
def iris():
    return bl.datasets.load("iris").drop(columns="Species")


def simulated(n, d, real, missing=0.0):
    rng = np.random.default_rng(0)
    return rows(rng, n, rng.standard_normal((d, real)), 0.5, 0.0, missing)


def ends(model, starts=30):
    """Values and sd_W where L-BFGS comes to rest from loadings, scale and noise drawn at random."""
    target, rng, found = model.target(), np.random.default_rng(1), []
    d, q, spread = model.fixed.columns, model.components, model.axes.spread

    def negative(z):
        value, grad = target(z)
        return (-value, -grad) if np.isfinite(value) else (1e10, np.zeros_like(z))

    for _ in range(starts):
        W = rng.standard_normal((d, q)) * spread * np.exp(0.5 * rng.standard_normal())
        theta = at_loadings(model, W, spread * np.exp(rng.normal(-1.0, 0.7)))
        z = model.space.unconstrain(theta)
        options = {"maxiter": 5000, "maxfun": 20_000, "ftol": 1e-14, "gtol": 1e-6}
        end = minimize(negative, z, jac=True, method="L-BFGS-B", options=options)
        found.append((-end.fun, float(model.space.constrain(end.x)["sd_W"])))
    return np.array(found).T


def cases():
    for q in (1, 2, 3):
        yield f"iris, q={q}", lambda iris, q=q: bl.ppca(iris, q)
    yield "200 x 20, q=3", lambda _: bl.ppca(simulated(200, 20, 3), 3)
    yield "a component of noise alone", lambda _: bl.ppca(simulated(200, 20, 2), 3)
    yield "a component of noise alone, few rows", lambda _: bl.ppca(simulated(50, 6, 1), 2)
    yield "gaps", lambda _: bl.ppca(simulated(80, 8, 2, 0.2), 2)


@pytest.mark.parametrize("make", [m for _, m in cases()], ids=[name for name, _ in cases()])
def test_all_searches_end_at_one_mode_but_for_the_pole_where_all_loadings_vanish(iris, make):
    """The first step of a line search may leap into the pole; hardly any does."""
    model = make(iris)
    values, sd_W = ends(model)
    pole = sd_W < 1e-3 * model.axes.spread
    assert pole.sum() <= 1
    np.testing.assert_allclose(values[~pole], values[~pole].max(), atol=1e-4)


def test_the_density_has_a_pole_where_sd_w_and_all_loadings_vanish():
    """With T_11 ~ sd_W = s and nothing below it, it grows as s^-(d - 1), ds aside."""
    model = bl.ppca(np.random.default_rng(1).standard_normal((60, 5)), 1)
    target, z = (
        model.target(),
        centre(model),
    )  # log T_11, four entries below it, log sd_W, log sigma
    z[1:5] = 0.0
    small, smaller = (target(z - k * np.array([1.0, 0, 0, 0, 0, 1.0, 0]))[0] for k in (8.0, 16.0))
    assert smaller - small == pytest.approx(4 * 8 - 8, abs=1e-3)


def agreement(fitted):
    posterior = fitted["posterior"].dataset
    names = [n for n in ("W", "sigma", "sd_W", "covariance", "mu") if n in posterior]
    rhat, ess = az.rhat(posterior[names]), az.ess(posterior[names])
    worst = max(float(rhat[n].max()) for n in names)
    return worst, min(float(ess[n].min()) for n in names)


@pytest.mark.parametrize("q", [1, 2, 3])
def test_chains_agree_on_iris(iris, q):
    fitted = bl.fit(bl.ppca(iris, q), bl.NUTS(), seed=1)
    rhat, ess = agreement(fitted)
    assert fitted.attrs["converged"] == 1, fitted.attrs["message"]
    assert int(fitted["sample_stats"]["diverging"].sum()) == 0
    assert rhat <= 1.01
    assert ess >= 2000


def test_chains_agree_where_entries_are_missing(iris):
    gaps = iris.mask(np.random.default_rng(0).random(iris.shape) < 0.2)
    fitted = bl.fit(bl.ppca(gaps, 2), bl.NUTS(draws=500, tune=500), seed=1)
    rhat, ess = agreement(fitted)
    assert rhat <= 1.02
    assert ess >= 800
    assert int(fitted["sample_stats"]["diverging"].sum()) == 0


@pytest.mark.slow
def test_chains_agree_on_a_wider_matrix_and_beside_a_component_of_noise():
    for real in (3, 2):
        fitted = bl.fit(bl.ppca(simulated(200, 20, real), 3), bl.NUTS(), seed=1)
        rhat, ess = agreement(fitted)
        assert rhat <= 1.01
        assert ess >= 500
        assert int(fitted["sample_stats"]["diverging"].sum()) == 0


@pytest.mark.slow
def test_scales_of_their_own_give_two_seeds_the_same_canonical_form(iris):
    model = bl.ppca(iris, 3, ard=True)
    found = [bl.fit(model, bl.NUTS(), seed=seed)["posterior"].dataset for seed in (1, 2)]
    for name in ("explained_variance", "sigma", "covariance", "W", "sd_W"):
        means = [p[name].mean(("chain", "draw")).values for p in found]
        error = np.sqrt(sum(az.mcse(p[[name]])[name].values ** 2 for p in found))
        assert (np.abs(means[0] - means[1]) < 4.5 * error).all(), name


def test_scales_of_their_own_are_drawn_and_told_with_the_components(iris):
    fitted = bl.fit(bl.ppca(iris, 2, ard=True), bl.NUTS(draws=100, tune=200, chains=2), seed=1)
    posterior = fitted["posterior"]
    assert posterior["sd_W"].dims == ("chain", "draw", "component")
    W = posterior["W"].values
    gram = np.einsum("cdfk,cdfl->cdkl", W, W)
    along = np.linalg.eigvalsh(gram)[..., ::-1] + posterior["sigma"].values[..., None] ** 2
    np.testing.assert_allclose(posterior["explained_variance"], along, rtol=1e-10)
    C = np.einsum("cdfk,cdgk->cdfg", W, W)
    C[..., range(4), range(4)] += posterior["sigma"].values[..., None] ** 2
    np.testing.assert_allclose(posterior["covariance"], C, atol=1e-10)


def test_chains_from_anywhere_agree(iris, monkeypatch):
    """Started at random, far from the maximum: scales off by factors, axes in any direction."""

    def anywhere(model, target):
        return [(np.zeros(target.dimension), np.ones(target.dimension))]

    monkeypatch.setattr("bayeslmm.engines.nuts._around", anywhere)
    fitted = bl.fit(bl.ppca(iris, 2), bl.NUTS(), seed=1)
    rhat, ess = agreement(fitted)
    assert rhat <= 1.01
    assert ess >= 2000
    assert int(fitted["sample_stats"]["diverging"].sum()) == 0
