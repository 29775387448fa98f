"""ADVI on a Bayesian lasso: its failings are told, and mended by importance where they can be."""

import pytest

import bayeslmm as bl
from bayeslmm.engines.endings import Verdict


@pytest.fixture(scope="module")
def lasso():
    return bl.lasso("y ~ .", bl.datasets.load("diabetes"))


@pytest.mark.slow
def test_mean_field_over_the_scales_is_too_narrow_in_lam_and_can_be_mended(lasso):
    tree = bl.fit(lasso, bl.ADVI(marginal=True), seed=1)
    assert tree.attrs["verdict"] == Verdict.CORRECTABLE
    assert tree.attrs["sd_ratio_of"] == "lam2"
    assert tree.attrs["sd_ratio"] < 0.8
    assert bl.importance_resample(tree, seed=1).attrs["effective_draws"] > 400


@pytest.mark.slow
def test_mean_field_over_correlated_coefficients_is_not_to_be_trusted(lasso):
    tree = bl.fit(lasso, bl.ADVI(), seed=1)
    assert tree.attrs["verdict"] == Verdict.UNTRUSTED
    assert tree.attrs["sd_ratio_of"] == "u_beta_"
    assert tree.attrs["sd_ratio"] < 0.7
    with pytest.raises(ValueError, match="no weighting of these draws gives the posterior"):
        bl.importance_resample(tree)
