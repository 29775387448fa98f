"""The simultaneous bands hold what they say: 95% of uniform samples stay inside, all points."""

import numpy as np
import pytest

from bayeslmm.report.uniform import band, ecdf, points, rank_band


@pytest.mark.parametrize("n", [20, 180, 5000])
def test_the_band_holds_uniform_samples(n):
    rng = np.random.default_rng(1)
    at = points(n)
    lower, upper = band(n, at)
    found = [ecdf(rng.uniform(size=n), at) for _ in range(2000)]
    inside = np.mean([np.all((f >= lower) & (f <= upper)) for f in found])
    # 95%, up to the steps of counts and 4 standard errors of 2,000 samples (twice, for the band's).
    assert inside == pytest.approx(0.955, abs=4 * np.sqrt(2 * 0.95 * 0.05 / 2000))


def test_the_band_is_the_librarys():
    """arviz_stats simulates whole samples: the same level up to the noise of both."""
    from arviz_stats.ecdf_utils import ecdf_pit

    pit = np.random.default_rng(0).uniform(size=60)
    at, _, theirs_low, theirs_high = ecdf_pit(pit, 0.95, 2000)
    lower, upper = band(60, at[1:-1])
    assert np.abs(lower - theirs_low[1:-1]).max() <= 1.01 / 60
    assert np.abs(upper - theirs_high[1:-1]).max() <= 1.01 / 60


def test_the_band_of_ranks_holds_independent_chains():
    rng = np.random.default_rng(2)
    n, chains = 100, 4
    at = points(n)
    lower, upper = rank_band(n, chains, at)
    inside = []
    for _ in range(1000):
        ranks = rng.permutation(n * chains).reshape(chains, n) + 1.0
        found = [ecdf(own, np.floor(at * n * chains + 1e-9)) for own in ranks]
        inside.append(np.all((found >= lower) & (found <= upper)))
    assert np.mean(inside) == pytest.approx(0.955, abs=4 * np.sqrt(3 * 0.95 * 0.05 / 1000))


def test_a_chain_that_is_elsewhere_leaves_the_band():
    n, at = 100, points(100)
    lower, _ = rank_band(n, 2, at)
    ranks = np.arange(101, 201, dtype=float)  # all above the other chain
    assert np.any(ecdf(ranks, at * 200) < lower)
