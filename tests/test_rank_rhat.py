"""R-hat of many numbers at once is ArviZ's, number by number."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from bayeslmm.stats.rank_rhat import rank_rhat


@pytest.mark.parametrize(("chains", "draws"), [(4, 1000), (2, 101), (3, 8)])
def test_it_is_the_one_of_arviz(chains, draws):
    rng = np.random.default_rng(chains)
    z = rng.standard_t(3, size=(chains, draws, 4)) + 0.3 * np.arange(chains)[:, None, None]
    z[..., 1] = np.round(z[..., 1])  # ties
    z[..., 2] = np.exp(z[..., 2])
    truth = [float(array_stats.rhat(z[:, :, i])) for i in range(4)]
    np.testing.assert_allclose(rank_rhat(z), truth, rtol=1e-12)


def test_what_never_moves_has_none():
    assert np.isnan(rank_rhat(np.ones((4, 100, 1)))[0])
