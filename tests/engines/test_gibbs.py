"""Gibbs and NUTS draw from one posterior; lam by maximum likelihood is Park & Casella's."""

import numpy as np
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.testing import check_engine

NOISE = {"sigma": "Jeffreys()", "Intercept": "flat"}
# Medians at lam = 0.237 of 60,000 draws of an independent Gibbs sampler, sigma^2 last
MEDIANS = [-3.3, -214.5, 523.7, 307.5, -170.8, -3.1, -152.5, 93.1, 521.0, 63.0, 2943.0]


@pytest.fixture(scope="module")
def unitnorm():
    return bl.datasets.load("diabetes_unitnorm")


@pytest.fixture(scope="module")
def diabetes(unitnorm):
    return bl.lasso("y ~ .", unitnorm, lam=0.237, priors=NOISE)


def distance(a, b):
    """Between the means of two sets of draws, in standard errors."""
    from arviz_stats.base import array_stats

    error = [float(array_stats.ess(x, method="mean")) for x in (a, b)]
    return abs(a.mean() - b.mean()) / np.sqrt(a.var() / error[0] + b.var() / error[1])


def test_the_medians_of_the_bayesian_lasso(diabetes):
    tree = check_engine(bl.Gibbs(draws=10_000), diabetes)
    posterior = tree["posterior"].dataset
    draws = np.concatenate(
        [posterior["u_beta_"].values, posterior["sigma"].values[..., None] ** 2], axis=2
    )
    # A median's standard error is 1.25 sds over the root of the sample; both samples have one.
    error = 1.25 * draws.std(axis=(0, 1)) * np.sqrt(1 / 60_000 + 1 / 20_000)
    rounding = np.array([0.05] * 10 + [0.5])
    assert (abs(np.median(draws, axis=(0, 1)) - MEDIANS) < 4.0 * error + rounding).all()


def test_lam_by_marginal_maximum_likelihood(unitnorm):
    m = bl.lasso("y ~ .", unitnorm, priors=NOISE)
    eb = check_engine(bl.EmpiricalBayes(draws=1000), m)
    assert eb.attrs["lam"] == pytest.approx(0.2364, abs=5e-4)
    assert eb.attrs["lam_error"] < 2e-4
    assert eb["posterior"].attrs["fixed"] == "lam2"
    assert np.ptp(eb["posterior"]["lam"].values) == 0.0
    assert np.ptp(eb["posterior"]["sigma"].values) > 0.0


def columns(n=40, P=4, seed=3):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, P)) * [1.0, 2.0, 0.5, 1.0] + [0.0, 3.0, 0.0, 1.0]
    y = 1.0 + X @ [1.0, 0.0, -1.0, 0.3] + 0.8 * rng.standard_normal(n)
    return X, {"y": y, "x": rng.standard_normal(n)}


@pytest.mark.parametrize(
    "law",
    [
        bl.ridge,
        bl.ard,
        bl.laplace,
        lambda X, name: bl.horseshoe(X, name, nonzero=2, slab=2.0),
    ],
    ids=["ridge", "ard", "laplace", "horseshoe"],
)
def test_gibbs_and_nuts_draw_from_one_posterior(law):
    X, data = columns()
    m = bl.lmm("y ~ x", data, terms=[law(X, "a")], weights=np.linspace(0.5, 2.0, 40))
    alike(m, bl.Gibbs(draws=4000))


def alike(model, gibbs):
    """Every number has the same mean by both samplers."""
    nuts = bl.fit(model, bl.NUTS(draws=1000, tune=500), seed=1)["posterior"]
    gibbs = bl.fit(model, gibbs, seed=2)["posterior"]
    for name in nuts.data_vars:
        a, b = nuts[name].values, gibbs[name].values
        assert a.shape[2:] == b.shape[2:]
        a, b = (v.reshape(*v.shape[:2], -1) for v in (a, b))
        for j in range(a.shape[2]):
            # Scales have heavy tails: their logarithms have moments.
            pair = a[..., j], b[..., j]
            pair = [np.log(v) for v in pair] if min(v.min() for v in pair) > 0.0 else pair
            if max(map(np.ptp, pair)) > 0.0:
                assert distance(*pair) < 4.5, f"{name}[{j}]"


def grouped(n=48, groups=8, seed=4):
    rng = np.random.default_rng(seed)
    g, x, X = np.arange(n) % groups, rng.standard_normal(n), rng.standard_normal((n, 4))
    u = rng.standard_normal((groups, 2)) * [1.0, 0.6]
    y = 1.0 + X @ [1.0, 0.0, -1.0, 0.3] + u[g, 0] + u[g, 1] * x + 0.8 * rng.standard_normal(n)
    return X, {"y": y, "x": x, "g": g, "h": np.arange(n) // 16}


@pytest.mark.parametrize(
    ("formula", "law"),
    [
        ("y ~ 1 + (1 + x | g)", bl.laplace),
        ("y ~ x + (1 | g)", lambda X, name: bl.horseshoe(X, name, nonzero=2, slab=2.0)),
        ("y ~ x + (1 | g) + (1 | h)", bl.ridge),
    ],
    ids=["laplace", "horseshoe", "ridge"],
)
def test_gibbs_beside_random_effects_draws_from_the_posterior_of_nuts(formula, law):
    X, data = grouped()
    alike(bl.lmm(formula, data, terms=[law(X, "a")]), bl.Gibbs(draws=1000, tune=200))


def test_more_columns_than_rows_beside_random_effects():
    X, data = grouped(24)
    wide = np.hstack([X, np.random.default_rng(5).standard_normal((24, 24))])
    m = bl.lmm("y ~ 1 + (1 | g)", data, terms=[bl.laplace(wide, "a", lam=2.0)])
    alike(m, bl.Gibbs(draws=2000, tune=300))


def test_variances_of_groups_alone_have_the_moments_of_quadrature():
    from bayeslmm.engines.integral import quadrature

    priors = {"sd_Batch": pm.HalfNormal.dist(80.0), "sigma": "HalfNormal(80)"}
    m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"), priors=priors)
    tree = check_engine(bl.Gibbs(draws=2000, tune=200), m)
    nodes = quadrature(m)
    assert tree.attrs["converged"]
    for i, name in enumerate(("sd_Batch", "sigma")):
        z = np.log(tree["posterior"][name].values.reshape(4, -1))
        mean = nodes.weights @ nodes.z[:, i]
        sd = np.sqrt(nodes.weights @ (nodes.z[:, i] - mean) ** 2)
        known = rng_like(mean, sd, z.shape)
        assert distance(z, known) < 4.0
        assert z.std() == pytest.approx(sd, rel=0.1)


def rng_like(mean, sd, shape):
    """Independent draws with exactly this mean and sd."""
    z = np.random.default_rng(0).standard_normal(shape)
    return mean + sd * (z - z.mean()) / z.std()


def test_an_interrupt_beside_random_effects_keeps_what_was_drawn(monkeypatch):
    from bayeslmm.engines import collapsed

    X, data = grouped()
    sweep, calls = collapsed.Chain.sweep, []

    def interrupted(chain, tuning):
        calls.append(tuning)
        if len(calls) > 80:
            raise KeyboardInterrupt
        sweep(chain, tuning)

    monkeypatch.setattr(collapsed.Chain, "sweep", interrupted)
    m = bl.lmm("y ~ 1 + (1 | g)", data, terms=[bl.ridge(X, "a")])
    tree = bl.fit(m, bl.Gibbs(draws=50, tune=10, chains=2), seed=1)
    assert tree["posterior"].sizes["draw"] == 50
    assert tree.attrs["interrupted"]
    assert not tree.attrs["converged"]
    assert tree.attrs["message"].startswith("interrupted: 50 draws of each of 1 chains")


def test_with_every_variance_fixed_each_draw_beside_random_effects_is_exact():
    X, data = grouped()
    priors = {"sd_g": 1.0, "sd_a": 0.5, "sigma": 0.8}
    m = bl.lmm("y ~ 1 + (1 | g)", data, terms=[bl.ridge(X, "a")], priors=priors)
    tree = bl.fit(m, bl.Gibbs(draws=500), seed=1)
    assert tree.attrs["converged"]
    assert "every draw is exact" in tree.attrs["message"]
    exact = m.solver().condition(*m.roots(m.space.constrain(np.zeros(0))))
    u = tree["posterior"]["u_g"].values.reshape(2000, -1)
    error = u.std(axis=0) / np.sqrt(2000)
    assert (abs(u.mean(axis=0) - exact.effects[0].ravel()) < 4.5 * error).all()


def test_gibbs_says_what_it_cannot_draw():
    X, data = columns()
    priors = {"sd_a": pm.Triangular.dist(0.1, 1.0, 2.0)}
    rows = {**data, "g": np.arange(40) % 5}
    grouped = bl.lmm("y ~ 1 + (1 | g)", rows, terms=[bl.ridge(X, "a")], priors=priors)
    with pytest.raises(ValueError, match="knows laws by name, and the prior of sd_a"):
        bl.fit(grouped, bl.Gibbs())
    with pytest.raises(ValueError, match="no factor and no block"):
        bl.fit(bl.lmm("y ~ x", data), bl.Gibbs())
    with pytest.raises(ValueError, match="draws"):
        bl.Gibbs(draws=0)
    beside = bl.lmm("y ~ 1", data, terms=[bl.laplace(X, "a"), bl.ridge(X, "b")])
    with pytest.raises(ValueError, match="lam"):
        bl.fit(beside, bl.EmpiricalBayes())


def test_no_effect_at_all_is_told():
    rng = np.random.default_rng(0)
    m = bl.lasso(rng.standard_normal((60, 4)), rng.standard_normal(60))
    with pytest.raises(ValueError, match="no effect"):
        bl.fit(m, bl.EmpiricalBayes(), seed=1)


def test_a_response_is_simulated_from_a_lasso_whose_lam_was_maximised():
    """New coefficients are about zero, so that a new response is about the intercept."""
    X, data = columns()
    m = bl.lmm("y ~ 1", data, terms=[bl.laplace(X, "a")])
    eb = bl.fit(m, bl.EmpiricalBayes(draws=300), seed=1)
    rows = np.array([bl.simulate(m, eb, seed=s) for s in range(400)])
    error = rows.mean(axis=1).std() / np.sqrt(400)
    assert abs(rows.mean() - eb["posterior"]["beta"].values.mean()) < 4.0 * error
    assert np.ptp(rows.mean(axis=1)) > 0.0


@pytest.mark.parametrize("law", [bl.ridge, bl.ard])
def test_no_flat_prior_of_log_sigma_beside_columns_that_follow_every_row(law):
    """The likelihood has a positive limit as sigma goes to zero, so 1 / sigma has no integral."""
    rng = np.random.default_rng(2)
    A, y, one = rng.standard_normal((12, 20)), rng.standard_normal(12), np.ones((12, 1))
    limit = -0.5 * (y @ np.linalg.solve(A @ A.T, y) + np.linalg.slogdet(A @ A.T)[1])
    assert np.isfinite(limit)
    flat = bl.lmm(y, one, terms=[law(A, "a")], priors={"sigma": "Jeffreys()"})
    for engine in (bl.Gibbs(draws=10), bl.NUTS(draws=10)):
        with pytest.raises(ValueError, match="follow all 12 rows: the posterior of log sigma is"):
            bl.fit(flat, engine, seed=1)
    few = bl.lmm(y, one, terms=[law(A[:, :5], "a")], priors={"sigma": "Jeffreys()"})
    bl.fit(few, bl.Gibbs(draws=10, tune=10), seed=1)
