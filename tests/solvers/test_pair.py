"""The algebra written out for two effects is the general one."""

import numpy as np
import pytest

from bayeslmm.solvers.lanes import cholesky, log_diagonal, outer_plus, solve_lower
from bayeslmm.solvers.pair import factor_pair, score_pair, solve_pair
from bayeslmm.solvers.score import score_lanes


@pytest.mark.parametrize("correlation", [0.0, -0.7, 1.0])
def test_two_effects_written_out_are_the_general_functions(correlation):
    rng = np.random.default_rng(0)
    R = rng.normal(size=(2, 2, 12))
    R[1, 0] = 0.0
    L = np.array([[1.3, 0.0], [0.5 * correlation, 0.5 * np.sqrt(1 - correlation**2)]])
    B = rng.normal(size=(4, 2, 12))
    V, M, general = np.zeros((2, 2, 12)), np.zeros((2, 2, 12)), np.zeros((2, 2, 12))
    factor_pair(R, L, 0.3, V)
    outer_plus(R, L, 0.3, M, general)
    cholesky(general)
    lower = np.tril_indices(2)
    np.testing.assert_allclose(V[lower], general[lower], rtol=1e-13)
    truth = np.linalg.slogdet(
        (np.moveaxis(R, 2, 0) @ L) @ (np.moveaxis(R, 2, 0) @ L).transpose(0, 2, 1) + 0.3 * np.eye(2)
    )[1].sum()
    assert -2.0 * log_diagonal(V) == pytest.approx(truth, rel=1e-12)
    W, columns = np.zeros_like(B), B.copy()
    solve_pair(V, B, W)
    for column in columns:
        solve_lower(general, column)
    np.testing.assert_allclose(W, columns, rtol=1e-12)
    ours, theirs = np.zeros((2, 2)), np.zeros((2, 2))
    score_pair(R, V, W, ours)
    score_lanes(R, general, columns, theirs)
    np.testing.assert_allclose(ours[lower], theirs[lower], rtol=1e-11)
