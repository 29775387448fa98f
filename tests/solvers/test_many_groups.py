"""Many groups, against closed forms that never see a matrix of all the rows."""

import numpy as np
import pytest

from .dense import problem

LOG_2PI = np.log(2.0 * np.pi)


def test_a_balanced_one_way_layout_of_a_hundred_thousand_groups():
    """V has two eigenvalues: sigma^2 + m tau^2 between the groups, sigma^2 within them."""
    groups, m, tau, sigma = 100_000, 3, 0.7, 1.3
    rng = np.random.default_rng(0)
    y = rng.normal(size=(groups, m)) * sigma + tau * rng.normal(size=(groups, 1)) + 5.0
    codes = np.repeat(np.arange(groups), m)
    n = codes.size
    p = problem(y.ravel(), np.ones((n, 1)), [(codes, groups, np.ones((n, 1)))], [[[tau]]], sigma)
    between = m * ((y.mean(axis=1) - y.mean()) ** 2).sum()
    within = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum()
    wide = sigma**2 + m * tau**2
    degrees = groups * (m - 1)
    quad = between / wide + within / sigma**2
    ml = -0.5 * (n * LOG_2PI + groups * np.log(wide) + degrees * 2 * np.log(sigma) + quad)
    reml = ml + 0.5 * LOG_2PI - 0.5 * np.log(n / wide)
    assert p.solver("ml").value(p.scales, sigma) == pytest.approx(ml, rel=1e-10)
    solver = p.solver("reml")
    value, J, slope = solver.score(p.scales, sigma)
    assert value == pytest.approx(reml, rel=1e-10)
    # by hand: wide occurs groups - 1 times under REML
    by_wide = 0.5 * (between / wide - (groups - 1)) / wide
    assert J[0] * tau == pytest.approx(by_wide * 2 * m * tau, rel=1e-9)
    by_noise = by_wide + 0.5 * (within / sigma**2 - degrees) / sigma**2
    size = n / sigma
    assert abs(slope - by_noise * 2 * sigma) < 1e-10 * size
    shrinkage = m * tau**2 / wide
    effects = solver.condition(p.scales, sigma).effects[0][:, 0]
    truth = shrinkage * (y.mean(axis=1) - y.mean())
    np.testing.assert_allclose(effects, truth, atol=1e-10)


def test_five_thousand_groups_of_unequal_size():
    """V is block diagonal: each group's own normal density, and the sums of X'V^-1 (X, y)."""
    rng = np.random.default_rng(1)
    sizes = 1 + np.minimum(rng.geometric(0.2, size=5000), 60)
    codes = np.repeat(np.arange(5000), sizes)
    n = codes.size
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = X @ [1.0, -2.0] + 0.5 * rng.normal(size=5000)[codes] + rng.normal(size=n)
    L, sigma = np.array([[0.6, 0.0], [-0.2, 0.4]]), 0.9
    shuffled = rng.permutation(n)
    p = problem(y[shuffled], X[shuffled], [(codes[shuffled], 5000, X[shuffled])], [L], sigma)
    log_det, A, b, quad = 0.0, np.zeros((2, 2)), np.zeros(2), 0.0
    for rows in np.split(np.arange(n), np.cumsum(sizes)[:-1]):
        Z = X[rows]
        V = Z @ L @ L.T @ Z.T + sigma**2 * np.eye(rows.size)
        solved = np.linalg.solve(V, np.column_stack([Z, y[rows]]))
        log_det += np.linalg.slogdet(V)[1]
        A += Z.T @ solved[:, :2]
        b += Z.T @ solved[:, 2]
        quad += y[rows] @ solved[:, 2]
    ml = -0.5 * (n * LOG_2PI + log_det + quad - b @ np.linalg.solve(A, b))
    reml = ml + LOG_2PI - 0.5 * np.linalg.slogdet(A)[1]
    assert p.solver("ml").value(p.scales, sigma) == pytest.approx(ml, rel=1e-10)
    assert p.solver("reml").value(p.scales, sigma) == pytest.approx(reml, rel=1e-10)
    got = p.solver("reml").condition(p.scales, sigma)
    np.testing.assert_allclose(got.beta, np.linalg.solve(A, b), rtol=1e-10)
    np.testing.assert_allclose(got.beta_cov, np.linalg.inv(A), rtol=1e-9)
