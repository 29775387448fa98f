"""The judgement of approximations: k-hat, widths, and the share of the posterior that was found."""

import numpy as np
import pytest
from scipy import stats

import bayeslmm as bl
from bayeslmm.engines.approximation import weighted
from bayeslmm.engines.mode import posterior_mode
from bayeslmm.stats.weights import limit, psis


def ratios(truth, q, n=20_000, seed=0):
    x = q.rvs(n, random_state=seed)
    return truth.logpdf(x) - q.logpdf(x), x


def test_k_hat_is_the_shape_of_the_tail():
    """p = N(0, 1), q = N(0, s): the ratio has moments up to 1 / (1 - s^2), so k = 1 - s^2."""
    for s in (0.5, 0.6, 0.8):
        logs, _ = ratios(stats.norm(), stats.norm(scale=s), n=200_000)
        assert psis(logs)[1] == pytest.approx(1.0 - s**2, abs=0.12)


def test_nearly_constant_ratios_have_no_tail_to_fit():
    """A skewed p under its Gaussian: every ratio within a few percent but for some at one end."""
    rng = np.random.default_rng(1)
    logs = np.zeros(4000)
    logs[:3] = [0.02, 0.1, 0.6]
    smooth, k = psis(logs + 1e-6 * rng.normal(size=4000))
    assert k == 0.0
    assert np.exp(smooth).sum() == pytest.approx(1.0)
    assert psis(np.full(1000, -3.0))[1] == 0.0
    assert psis(np.append(logs, np.inf))[1] == np.inf


def test_few_draws_bear_a_smaller_k_hat():
    assert limit(100) == pytest.approx(0.5)
    assert limit(4000) == 0.7
    assert limit(5) == 0.0


def test_a_weighted_width_is_that_of_the_target():
    logs, x = ratios(stats.norm(1.0, 1.0), stats.norm(0.8, 0.85), n=100_000)
    smooth, _ = psis(logs)
    (width,), (shift,) = weighted({"x": ((), x)}, np.exp(smooth))
    assert width.value == pytest.approx(0.85, abs=0.02)
    assert shift.value == pytest.approx(0.2, abs=0.02)


def test_laplace_draws_are_judged_against_the_posterior():
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    tree = bl.fit(model, bl.EmpiricalBayes("reml", laplace=True, draws=4000), seed=1)
    assert tree.attrs["share"] > 0.95
    assert tree.attrs["khat"] < 0.7
    better = bl.importance_resample(tree, seed=1)
    nuts = bl.fit(model, bl.NUTS(), seed=1)
    gap = [
        abs(float(t["posterior"]["sigma"].mean() - nuts["posterior"]["sigma"].mean()))
        for t in (tree, better)
    ]
    assert gap[1] < 0.1 * float(nuts["posterior"]["sigma"].std())
    assert better["posterior"].sizes["draw"] == 4000
    assert better["posterior"]["u_Subject"].dims == tree["posterior"]["u_Subject"].dims
    assert 100 < better.attrs["effective_draws"] < 4000
    assert "log_weight" not in better.get("sample_stats", {})


def test_draws_of_the_posterior_have_nothing_to_correct():
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    tree = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
    with pytest.raises(ValueError, match="keeps no importance ratios"):
        bl.importance_resample(tree)


def test_the_mode_is_found_from_a_start_with_a_long_gradient():
    """Penicillin: the first step of L-BFGS-B once ended at noise of exp(-40) and was given up."""
    model = bl.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", bl.datasets.load("Penicillin"))
    target = model.target()
    assert np.abs(target(posterior_mode(model, target))[1]).max() < 1e-2


def far_prior(criterion):
    """A prior of the slope far from the data: what beta's own prior says must reach the draws."""
    rng = np.random.default_rng(0)
    g, x = np.repeat(np.arange(20), 10), rng.normal(size=200)
    y = 1 + 0.5 * x + 0.7 * rng.normal(size=20)[g] + rng.normal(size=200)
    table = {"y": y, "x": x, "g": g}
    model = bl.lmm("y ~ x + (1 | g)", table, priors={"x": "Normal(0, 0.03)"})
    laplace = bl.EmpiricalBayes(criterion, laplace=True, draws=4000)
    return model, bl.fit(model, laplace, seed=1)


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
def test_laplace_draws_have_betas_own_prior_whatever_was_maximised(criterion):
    model, tree = far_prior(criterion)
    nuts = bl.fit(model, bl.NUTS(), seed=1)["posterior"]["beta"].sel(fixed="x")
    ours = tree["posterior"]["beta"].sel(fixed="x")
    assert abs(float(ours.mean() - nuts.mean())) < 0.3 * float(nuts.std())
    assert float(ours.std()) == pytest.approx(float(nuts.std()), rel=0.15)
    assert "posterior_moments" not in tree.children


def test_laplace_at_a_map_has_the_priors_curvature():
    table = bl.datasets.load("sleepstudy")
    model = bl.lmm(
        "Reaction ~ Days + (1 | Subject)", table, priors={"sigma": "LogNormal(3.434, 0.01)"}
    )
    tree = bl.fit(model, bl.EmpiricalBayes("map", laplace=True, draws=4000), seed=1)
    nuts = bl.fit(model, bl.NUTS(), seed=1)["posterior"]["sigma"]
    assert float(tree["posterior"]["sigma"].std()) == pytest.approx(float(nuts.std()), rel=0.1)
    assert tree.attrs["verdict"] == "to be trusted"


def test_weights_do_not_mend_what_was_never_drawn_or_has_not_settled():
    dyestuff = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    with pytest.raises(ValueError, match=r"find 8\d% of the posterior, and weights cannot restore"):
        bl.importance_resample(bl.fit(dyestuff, bl.CAVI(), seed=4))
    sleep = bl.lmm("Reaction ~ Days + (Days || Subject)", bl.datasets.load("sleepstudy"))
    with pytest.raises(ValueError, match="has not settled"):
        bl.importance_resample(bl.fit(sleep, bl.CAVI(steps=2), seed=5))
    better = bl.importance_resample(bl.fit(sleep, bl.CAVI(), seed=5), seed=1)
    with pytest.raises(ValueError, match="resampled by importance already"):
        bl.importance_resample(better)


def test_effective_draws_are_those_of_the_weights():
    sleep = bl.lmm("Reaction ~ Days + (Days || Subject)", bl.datasets.load("sleepstudy"))
    tree = bl.fit(sleep, bl.CAVI(), seed=5)
    weights = np.exp(psis(tree["sample_stats"]["log_weight"].values.ravel())[0])
    better = bl.importance_resample(tree, seed=1)
    assert better.attrs["effective_draws"] == pytest.approx(1.0 / (weights**2).sum())
    assert f"worth {better.attrs['effective_draws']:.0f} independent" in better.attrs["message"]
    assert bl.check(better).table().loc["effective draws", "ok"] == "yes"


def test_draws_that_were_not_kept_cannot_be_weighted(monkeypatch):
    from bayeslmm.posterior import named

    sleep = bl.lmm("Reaction ~ Days + (Days || Subject)", bl.datasets.load("sleepstudy"))
    monkeypatch.setattr(named, "BUDGET", 1e5)
    tree = bl.fit(sleep, bl.CAVI(), seed=5)
    with pytest.raises(ValueError, match=r"keep=\['u_Subject'\]"):
        bl.importance_resample(tree)


def test_few_laplace_draws_cannot_be_judged():
    with pytest.raises(ValueError, match="at least 100 where laplace=True, got 5"):
        bl.EmpiricalBayes(laplace=True, draws=5)
    for draws in (1e3, True, 0):
        with pytest.raises(ValueError, match="must be an integer of at least 1, got"):
            bl.EmpiricalBayes(draws=draws)


def test_a_resampled_tree_tells_its_own_story():
    sleep = bl.lmm("Reaction ~ Days + (Days || Subject)", bl.datasets.load("sleepstudy"))
    tree = bl.fit(sleep, bl.CAVI(), seed=5)
    better = bl.importance_resample(tree)
    again = bl.importance_resample(tree, seed=better.attrs["resample_seed"])
    np.testing.assert_array_equal(better["posterior"]["sigma"], again["posterior"]["sigma"])
    assert better.attrs["engine"] == "CAVI, resampled"
    assert not {"khat", "share", "sd_ratio", "kl"} & set(better.attrs)
    poor = bl.importance_resample(bl.fit(sleep, bl.CAVI(draws=150), seed=11), seed=1)
    assert poor.attrs["effective_draws"] < 100
    assert poor.attrs["verdict"] == bl.check(poor).verdict == "not to be trusted"
