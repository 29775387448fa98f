"""The sampler: conformance, refusals, fallback, and draws that survive an interrupt."""

import importlib.util
import itertools
import threading

import numpy as np
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.model.target import Target
from bayeslmm.testing import check_engine


@pytest.fixture(scope="module")
def dyestuff():
    return bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))


@pytest.fixture(scope="module")
def crossed():
    return bl.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", bl.datasets.load("Penicillin"))


def test_nuts_conforms(dyestuff, crossed):
    for model in (dyestuff, crossed):
        check_engine(bl.NUTS(draws=100, tune=200, chains=2), model)


@pytest.mark.parametrize(
    "option", [{"tune": 0}, {"draws": 0}, {"draws": True}, {"cores": 0}, {"cores": 1.5}], ids=str
)
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match=rf"NUTS\({next(iter(option))}=...\) must be an integer"):
        bl.NUTS(**option)


def test_the_joint_graph_has_the_same_posterior_as_the_marginal_one(dyestuff):
    marginal = bl.fit(dyestuff, bl.NUTS(draws=2000), seed=1)["posterior"]
    joint_engine = bl.NUTS(draws=1500, tune=1500, target_accept=0.95, marginal=False)
    joint = check_engine(joint_engine, dyestuff)["posterior"]
    import arviz as az

    for name in ("sd_Batch", "sigma", "beta", "u_Batch"):
        for a, b in zip(
            marginal[name].values.reshape(4, 2000, -1).transpose(2, 0, 1),
            joint[name].values.reshape(4, 1500, -1).transpose(2, 0, 1),
        ):
            error = np.hypot(*(x.std() / np.sqrt(float(az.ess(x))) for x in (a, b)))
            assert abs(a.mean() - b.mean()) < 4 * error


def test_an_interrupt_keeps_the_draws_made_so_far(monkeypatch):
    """Interrupted while it waits for the sampler, as soon as each chain has some draws."""
    from nutpie.sample import _BackgroundSampler

    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(2000), 10)
    y = rng.normal(size=2000)[g] + rng.normal(size=20_000)
    model = bl.lmm("y ~ 1 + (1 | g)", {"y": y, "g": g})
    drawn = threading.Event()

    def interrupted(sampler, **options):
        assert drawn.wait(300.0)
        raise KeyboardInterrupt

    evaluate, count = Target.__call__, itertools.count()

    def counted(target, z):
        if next(count) == 20_000:  # evaluations: some hundreds of them are tuning
            drawn.set()
        return evaluate(target, z)

    monkeypatch.setattr(Target, "__call__", counted)
    monkeypatch.setattr(_BackgroundSampler, "wait", interrupted)
    tree = bl.fit(model, bl.NUTS(draws=200_000, tune=100, chains=2, cores=2), seed=1)
    kept = tree["posterior"].sizes["draw"]
    assert 1 <= kept < 200_000
    chains = tree["posterior"].sizes["chain"]
    told = f"interrupted: {kept} draws of each of {chains} chains were kept"
    assert told in tree.attrs["message"]
    assert np.isfinite(tree["posterior"]["sigma"].values).all()


def test_pymcs_own_sampler_takes_over_where_nutpie_is_missing(dyestuff, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == "nutpie" else found(n, *a)
    )
    tree = bl.fit(dyestuff, bl.NUTS(draws=300, tune=500, chains=2, cores=1), seed=1)
    assert tree.attrs["sampler"] == "pymc"
    assert tree.attrs["rhat_max"] < 1.05
    table = bl.varcorr(tree)
    assert 35 < table.loc["sigma", "mean"] < 75
    assert set(tree["posterior"].data_vars) >= {"beta", "u_Batch", "sd_Batch", "sigma"}


def test_a_prior_that_compiled_code_does_not_know_is_sampled_all_the_same(dyestuff):
    import arviz as az

    table = bl.datasets.load("Dyestuff")
    trees = []
    for prior in (pm.TruncatedNormal.dist(0.0, 50.0, lower=0.0), pm.HalfNormal.dist(50.0)):
        model = bl.lmm("Yield ~ 1 + (1 | Batch)", table, priors={"sd_Batch": prior})
        trees.append(bl.fit(model, bl.NUTS(draws=1000, tune=500), seed=1))
    assert "TruncatedNormal" in repr(
        bl.lmm(
            "Yield ~ 1 + (1 | Batch)",
            table,
            priors={"sd_Batch": pm.TruncatedNormal.dist(0.0, 50.0, lower=0.0)},
        )
    )
    a, b = (t["posterior"]["sd_Batch"].values[..., 0] for t in trees)
    error = np.hypot(*(x.std() / np.sqrt(float(az.ess(x))) for x in (a, b)))
    assert abs(a.mean() - b.mean()) < 4 * error


def test_fixed_variances_give_independent_exact_draws():
    table = bl.datasets.load("Dyestuff")
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", table, priors={"sd_Batch": 42.0, "sigma": 49.5})
    tree = bl.fit(model, bl.NUTS(draws=500, chains=2), seed=1)
    exact = model.solver().condition(np.array([42.0]), 49.5)
    draws = tree["posterior"]["beta"].values.ravel()
    sd = np.sqrt(exact.beta_cov[0, 0])
    assert abs(draws.mean() - exact.beta[0]) < 4 * sd / np.sqrt(draws.size)
    assert tree.attrs["converged"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": -1}, "draws=...\\) must be an integer of at least 1, got -1"),
        ({"draws": 2.5}, "draws"),
        ({"chains": 0}, "chains"),
        ({"target_accept": 1.5}, "target_accept"),
        ({"target_accept": "0.9"}, "target_accept=...\\) must lie in \\(0, 1\\), got '0.9'"),
        ({"cores": 0}, "cores"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        bl.NUTS(**options)


def test_few_draws_of_one_chain_come_with_advice(dyestuff):
    tree = bl.fit(dyestuff, bl.NUTS(draws=50, tune=200, chains=1), seed=1)
    assert tree.attrs["converged"] == 0
    assert "one chain: R-hat cannot be computed" in tree.attrs["message"]


def test_the_model_and_the_engine_cannot_be_confused(dyestuff):
    with pytest.raises(TypeError, match="takes a model first"):
        bl.fit("y ~ x", bl.NUTS())
    with pytest.raises(TypeError, match="a value such as"):
        bl.fit(dyestuff, bl.NUTS)
    with pytest.raises(ValueError, match="keep names 'u_x'; blocks that can be kept are: u_Batch"):
        bl.fit(dyestuff, bl.NUTS(), keep=["u_x"])


def test_blocks_too_large_to_keep_are_exact_moments(dyestuff, monkeypatch):
    from bayeslmm.posterior import named

    whole = bl.fit(dyestuff, bl.NUTS(draws=2000), seed=1)
    monkeypatch.setattr(named, "BUDGET", 1000.0)
    lean = bl.fit(dyestuff, bl.NUTS(draws=2000), seed=1)
    assert "u_Batch" not in lean["posterior"]
    draws = whole["posterior"]["u_Batch"].values
    moments = lean["posterior_moments"]
    error = draws.std(axis=(0, 1)) / np.sqrt(4000)
    assert np.all(np.abs(moments["u_Batch_mean"] - draws.mean(axis=(0, 1))) < 4 * error)
    np.testing.assert_allclose(moments["u_Batch_sd"], draws.std(axis=(0, 1)), rtol=0.05)
    kept = bl.fit(dyestuff, bl.NUTS(draws=2000), seed=1, keep=["u_Batch"])
    assert "u_Batch" in kept["posterior"]
    table = bl.ranef(lean)["Batch"]
    np.testing.assert_allclose(table["mean"], moments["u_Batch_mean"].values.ravel())
