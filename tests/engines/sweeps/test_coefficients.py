"""Coefficients given all scales: both factorisations against dense algebra."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import integrate as quadrature
from scipy import stats

from bayeslmm.engines.sweeps.coefficients import draw_coefficients, integrate, make_work, profiled
from bayeslmm.engines.sweeps.sampler import SweptBlock, reduce_rows, sample
from bayeslmm.model.laws import Law


def problem(n, P, p=2, seed=0, flat=False):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    A, y = rng.normal(size=(n, P)), 3.0 + rng.normal(size=n)
    precision = np.zeros((p, p)) if flat else np.array([[0.5, 0.1], [0.1, 0.7]])
    S = np.exp(rng.normal(size=P))
    S[0] = 0.0  # a scale of zero is a scale too
    return X, A, y, precision, precision @ np.array([1.0, -1.0]), S


SHAPES = [(40, 5), (6, 8), (6, 11), (5, 30)]  # the last has the factor of the rows' size


@pytest.mark.parametrize(("n", "P"), SHAPES)
def test_integrating_is_the_multivariate_normal(n, P):
    X, A, y, precision, shift, S = problem(n, P)
    data, centre = reduce_rows(X, A, y, precision, shift)
    assert (data.gram.size == 0) == (P == 30)
    work = make_work(data)
    q, whole = integrate(data, work, S)
    V = np.eye(n) + (A * S**2) @ A.T
    rest = y - X @ centre
    assert whole
    assert q == pytest.approx(rest @ np.linalg.solve(V, rest), rel=1e-10)
    np.testing.assert_allclose(work.t, X.T @ np.linalg.solve(V, rest), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(work.C, X.T @ np.linalg.solve(V, X), rtol=1e-9)
    beta = np.linalg.solve(work.C, work.t) + centre
    rest = y - X @ beta
    assert profiled(work, q)[0] == pytest.approx(rest @ np.linalg.solve(V, rest), rel=1e-10)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize(("n", "P"), SHAPES)
def test_draws_have_the_dense_mean_and_covariance(n, P, flat):
    X, A, y, precision, shift, S = problem(n, P, flat=flat)
    sigma, count, p = 0.8, 20_000, 2
    data, centre = reduce_rows(X, A, y, precision, shift)
    work, rng = make_work(data), np.random.default_rng(1)
    integrate(data, work, S)
    draws = np.empty((count, p + P))
    for row in draws:
        assert draw_coefficients(rng, data, work, S, sigma, row[:p], row[p:])
    draws[:, :p] += centre
    W, kept = np.column_stack([X, A]), np.arange(p + P) != p
    Q = W[:, kept].T @ W[:, kept] / sigma**2
    Q[:p, :p] += precision
    Q[p:, p:] += np.diag(1.0 / (sigma * S[1:]) ** 2)
    h = W[:, kept].T @ y / sigma**2
    h[:p] += shift
    assert (draws[:, p] == 0.0).all()
    z = np.linalg.cholesky(Q).T @ (draws[:, kept] - np.linalg.solve(Q, h)).T  # should be N(0, I)
    k = z.shape[0]
    assert np.abs(z.mean(axis=1)).max() < 4.5 / np.sqrt(count)
    assert np.abs(z @ z.T / count - np.eye(k)).max() < 5.0 * np.sqrt(2.0 / count)


def test_a_fit_that_leaves_almost_nothing_keeps_its_digits():
    """Signal to noise 1e14: a difference of sums of squares would have no digit left."""
    rng = np.random.default_rng(2)
    A, u = rng.normal(size=(60, 4)), np.array([3.0, -2.0, 1.0, 5.0])
    noise = 1e-7 * rng.normal(size=60)
    data, _ = reduce_rows(np.zeros((60, 0)), A, A @ u + noise)
    q, _ = integrate(data, make_work(data), np.full(4, 1e12))
    ours = np.linalg.lstsq(A, noise, rcond=None)[1][0]
    assert q == pytest.approx(ours, rel=1e-5)


@pytest.mark.parametrize("law", ["Jeffreys", "HalfFlat", "HalfNormal"])
def test_a_ridge_of_known_ratio_has_the_posterior_of_quadrature(law):
    """u ~ N(0, sigma^2 s^2), s fixed, beta flat: sigma's density is one-dimensional."""
    X, A, y, *_ = problem(9, 3, flat=True)
    sigma_law = Law(law, (0.4,) if law == "HalfNormal" else ())
    data, centre = reduce_rows(X, A, y)
    found = sample(
        data, centre, [SweptBlock(3, common=0.6, power=1)], sigma_law,
        draws=5000, tune=20, chains=2, rng=np.random.default_rng(4),
    )  # fmt: skip
    V = np.eye(9) + 0.36 * A @ A.T
    beta = np.linalg.solve(X.T @ np.linalg.solve(V, X), X.T @ np.linalg.solve(V, y))
    rest = y - X @ beta
    q = rest @ np.linalg.solve(V, rest)
    prior = {
        "Jeffreys": lambda s: 1 / s,
        "HalfFlat": lambda s: 1.0,
        "HalfNormal": stats.halfnorm(scale=0.4).pdf,
    }[law]

    def density(s, power=0):
        return s**power * s ** -(9.0 - 2.0) * np.exp(-0.5 * q / s**2) * prior(s)

    total, first = (quadrature.quad(density, 0, np.inf, args=(k,))[0] for k in (0, 1))
    error = found.sigma.std() / np.sqrt(array_stats.ess(found.sigma, method="mean"))
    assert abs(found.sigma.mean() - first / total) < 4.5 * error
    mean_error = found.beta.std(axis=(0, 1)) / np.sqrt(found.sigma.size)
    assert (np.abs(found.beta.mean(axis=(0, 1)) - beta) < 4.5 * mean_error).all()
