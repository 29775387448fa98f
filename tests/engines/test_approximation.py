"""The judgement of approximations: k-hat, widths, and the share of the posterior that was found."""

import numpy as np
import pytest
from scipy import stats

import bayeslmm as bl
from bayeslmm.engines.approximation import limit, psis, weighted_ratios
from bayeslmm.engines.mode import posterior_mode


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
    (found,) = weighted_ratios({"x": ((), x)}, np.exp(smooth))
    assert found.value == pytest.approx(0.85, abs=0.02)


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
