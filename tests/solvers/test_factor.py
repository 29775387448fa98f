"""Rows of a factor model have the density of the dense normal, complete or not."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from bayeslmm.solvers.beta import MeanPrior
from bayeslmm.solvers.expectation import expected_scores
from bayeslmm.solvers.latent import add_moments, by_pattern, draw_scores

from . import agree
from .dense import CRITERIA, FINE, FLOAT
from .dense_factor import Dense, complete, flat, patterns, rows

TOLERANCE = 1e-10  # algebra, relative to the density or to the number of entries
EPS = np.finfo(float).eps
every_criterion = pytest.mark.parametrize("criterion", CRITERIA)


def alike(d, location=0.3, variance=4.0):
    return MeanPrior(np.full(d, location), np.full(d, variance))


def unlike(d):
    return MeanPrior(np.linspace(-1.0, 2.0, d), np.geomspace(0.1, 30.0, d))


def agrees(solver, dense, tolerance=TOLERANCE, fine=False):
    agree.density(solver, dense.W.ravel(), dense.sigma, tolerance, FINE if fine else FLOAT)


def case(seed, n, d, q, missing=0.0, sigma=0.7, prior=alike, mean=0.5):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((d, q))
    return Dense(rows(rng, n, W, sigma, mean, missing), W, sigma, prior(d))


def turned(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


# The density


def test_the_oracle_is_the_normal_of_scipy_and_its_own_with_50_digits():
    p = case(0, 4, 3, 2, missing=0.2)
    row, column = np.nonzero(~np.isnan(p.Y))
    picks, C = np.eye(3)[column], p.W @ p.W.T + p.sigma**2 * np.eye(3)
    V = (row[:, None] == row) * C[np.ix_(column, column)]
    V += picks @ np.diag(p.prior.variance) @ picks.T
    truth = multivariate_normal(picks @ p.prior.location, V).logpdf(p.y)
    assert p.value("evidence") == pytest.approx(truth, rel=1e-12)
    for criterion in CRITERIA:
        assert p.fine(criterion) == pytest.approx(p.value(criterion), rel=1e-11)


@every_criterion
@pytest.mark.parametrize("q", [0, 1, 2, 3])
@pytest.mark.parametrize("n", [2, 3, 5, 6, 7, 20])
def test_complete_rows_fewer_than_as_many_as_and_more_than_columns(n, q, criterion):
    p = case(n, n, 6, q)
    agrees(complete(p.Y, p.prior, criterion), p)
    agrees(patterns(p.Y, p.prior, criterion), p)


@every_criterion
@pytest.mark.parametrize("q", [0, 1, 2, 3])
@pytest.mark.parametrize("n", [3, 6, 15])
def test_rows_with_missing_entries_under_equal_and_unequal_priors_of_mu(n, q, criterion):
    for prior in (alike, unlike):
        p = case(10 + n, n, 6, q, missing=0.3, prior=prior)
        agrees(patterns(p.Y, p.prior, criterion), p)


def test_a_flat_prior_of_mu_makes_the_evidence_the_restricted_likelihood():
    p = case(1, 7, 4, 2, missing=0.2, prior=flat)
    agrees(patterns(p.Y, p.prior, "evidence"), p)
    assert patterns(p.Y, p.prior, "evidence").beta is patterns(p.Y, p.prior, "reml").beta
    q = case(1, 7, 4, 2, prior=flat)
    agrees(complete(q.Y, q.prior, "evidence"), q)


@every_criterion
@pytest.mark.parametrize("which", ["all", "first", "last"])
def test_loadings_of_zero(which, criterion):
    p = case(2, 8, 5, 3, missing=0.2)
    p.W[:, {"all": slice(None), "first": 0, "last": 2}[which]] = 0.0
    agrees(patterns(p.Y, p.prior, criterion), p)
    full = case(2, 8, 5, 3)
    full.W[:] = p.W
    agrees(complete(full.Y, full.prior, criterion), full)


@every_criterion
def test_columns_of_the_loadings_that_are_the_same(criterion):
    p = case(3, 8, 5, 2, missing=0.2)
    p.W[:, 1] = p.W[:, 0]
    agrees(patterns(p.Y, p.prior, criterion), p)


@every_criterion
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_noise_of_a_millionth_of_the_signal(missing, criterion):
    """C has the condition number (signal / noise)^2 = |W|^2 / sigma^2, here about 1e13."""
    p = case(4, 5, 4, 2, missing=missing, sigma=1e-6)
    condition = np.linalg.norm(p.W, 2) ** 2 / p.sigma**2
    solvers = [patterns] if missing else [patterns, complete]
    for solver in solvers:
        agrees(solver(p.Y, p.prior, criterion), p, 4 * EPS * condition, fine=True)


@every_criterion
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_means_of_a_hundred_million(missing, criterion):
    """Y holds its entries to 1e8 eps, so that much of a standard deviation is not known."""
    p = case(5, 6, 4, 2, missing=missing, mean=1e8)
    prior = MeanPrior(np.full(4, 1e8 + 1.0), np.full(4, 9.0))
    p = Dense(p.Y, p.W, p.sigma, prior)
    solvers = [patterns] if missing else [patterns, complete]
    for solver in solvers:
        agrees(solver(p.Y, p.prior, criterion), p, 1e8 * EPS / p.sigma, fine=True)


@every_criterion
def test_rows_that_repeat_a_pattern_count_each(criterion):
    p = case(6, 12, 4, 2)
    p.Y[:4, 1] = np.nan
    p.Y[6:8, [0, 2]] = np.nan
    solver = patterns(p.Y, p.prior, criterion)
    assert sorted(solver.rows.counts) == [2.0, 4.0, 6.0]
    agrees(solver, p)


@every_criterion
def test_rows_without_any_entry_say_nothing(criterion):
    p = case(7, 9, 4, 2, missing=0.2)
    p.Y[[2, 5]] = np.nan
    solver = patterns(p.Y, p.prior, criterion)
    agrees(solver, p)
    rest = patterns(np.delete(p.Y, [2, 5], axis=0), p.prior, criterion)
    assert solver.value(p.W, 0.7) == pytest.approx(rest.value(p.W, 0.7), rel=1e-13)


@every_criterion
def test_rows_with_fewer_entries_than_components(criterion):
    p = case(8, 8, 4, 3)
    for i in range(6):
        p.Y[i] = np.where(np.arange(4) == i % 4, p.Y[i], np.nan)
    agrees(patterns(p.Y, p.prior, criterion), p)


@every_criterion
@pytest.mark.parametrize("n", [4, 30])
def test_patterns_are_complete_rows_where_nothing_is_missing(n, criterion):
    p = case(9, n, 6, 2)
    one, other = complete(p.Y, p.prior, criterion), patterns(p.Y, p.prior, criterion)
    for a, b in zip(one.score(p.W.ravel(), 0.6), other.score(p.W.ravel(), 0.6)):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_rotated_loadings_are_the_same_model():
    p = case(10, 9, 5, 3, missing=0.2)
    for criterion in CRITERIA:
        solver = patterns(p.Y, p.prior, criterion)
        truth = solver.value(p.W, 0.7)
        assert solver.value(p.W @ turned(3), 0.7) == pytest.approx(truth, rel=1e-12)


# Its gradient


@every_criterion
@pytest.mark.parametrize("kind", ["complete", "complete, few rows", "patterns", "unequal priors"])
def test_the_gradient_is_the_difference_quotient_of_the_dense_density(kind, criterion):
    n, missing = (4 if "few" in kind else 12), (0.0 if "complete" in kind else 0.3)
    p = case(11, n, 5, 2, missing, prior=unlike if "unequal" in kind else alike)
    make = complete if "complete" in kind else patterns
    solver = make(p.Y, p.prior, criterion)
    _, slope, by_sigma = solver.score(p.W.ravel(), p.sigma)

    def dense(W, sigma):
        return Dense(p.Y, W, sigma, p.prior).value(criterion)

    h = 1e-5
    truth = np.empty_like(p.W)
    for at in np.ndindex(p.W.shape):
        e = np.zeros_like(p.W)
        e[at] = h
        truth[at] = (dense(p.W + e, p.sigma) - dense(p.W - e, p.sigma)) / (2 * h)
    size = max(1.0, np.abs(truth).max())
    np.testing.assert_allclose(slope.reshape(p.W.shape), truth, atol=1e-7 * size)
    difference = (dense(p.W, p.sigma + h) - dense(p.W, p.sigma - h)) / (2 * h)
    assert by_sigma == pytest.approx(difference, rel=1e-6, abs=1e-6)


# What it says of mu and the scores


@every_criterion
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_law_of_mu_is_that_of_the_dense_normal(missing, criterion):
    p = case(12, 7, 4, 2, missing)
    for make in [patterns] if missing else [patterns, complete]:
        m, V = make(p.Y, p.prior, criterion).mean_law(p.W, p.sigma)
        for a, b in zip((m, V), p.mu(criterion)):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def test_the_law_of_mu_under_unequal_priors():
    p = case(13, 7, 4, 2, missing=0.3, prior=unlike)
    m, V = patterns(p.Y, p.prior, "evidence").mean_law(p.W, p.sigma)
    for a, b in zip((m, V), p.mu("evidence")):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def gappy(seed=14):
    """Rows with gaps, one of them empty, one with a single entry."""
    p = case(seed, 8, 4, 2, missing=0.3)
    p.Y[3] = np.nan
    p.Y[5] = [np.nan, np.nan, 0.4, np.nan]
    return p


def test_scores_given_mu_have_the_mean_and_sd_of_each_rows_normal():
    p = gappy()
    mu = np.linspace(0.0, 1.0, 4)
    mean, sd = expected_scores(p.Y, p.W, mu, p.sigma)
    for i, y in enumerate(p.Y):
        there = ~np.isnan(y)
        W = p.W[there]
        gain = W.T @ np.linalg.inv(W @ W.T + p.sigma**2 * np.eye(there.sum()))
        np.testing.assert_allclose(mean[i], gain @ (y - mu)[there], atol=1e-12)
        np.testing.assert_allclose(sd[i], np.sqrt(np.diag(np.eye(2) - gain @ W)), atol=1e-12)
    np.testing.assert_allclose(mean[3], 0.0, atol=1e-15)
    np.testing.assert_allclose(sd[3], 1.0, atol=1e-15)


@every_criterion
def test_moments_of_the_scores_with_mu_integrated_out(criterion):
    p = gappy()
    order, fresh = by_pattern(~np.isnan(p.Y))
    m, V = p.mu(criterion)
    mean, square = np.zeros((2, 8, 2))
    add_moments(p.W, p.sigma, p.Y, ~np.isnan(p.Y), order, fresh, m, V, mean, square)
    truth, sd = p.scores(criterion)
    np.testing.assert_allclose(mean, truth, atol=1e-11)
    np.testing.assert_allclose(np.sqrt(square - mean**2), sd, atol=1e-11)


def test_draws_of_the_scores_have_the_mean_and_covariance_of_each_rows_normal():
    p, count = gappy(), 40_000
    rng = np.random.default_rng(0)
    order, fresh = by_pattern(~np.isnan(p.Y))
    mu, out = np.linspace(0.0, 1.0, 4), np.empty((8, 2))
    draws = np.empty((count, 8, 2))
    for k in range(count):
        white = rng.standard_normal((8, 2))
        draw_scores(p.W, p.sigma, p.Y, ~np.isnan(p.Y), order, fresh, mu, white, out)
        draws[k] = out
    for i, y in enumerate(p.Y):
        there = ~np.isnan(y)
        W = p.W[there]
        gain = W.T @ np.linalg.inv(W @ W.T + p.sigma**2 * np.eye(there.sum()))
        mean, cov = gain @ (y - mu)[there], np.eye(2) - gain @ W
        sd = np.sqrt(np.diag(cov))
        error = (draws[:, i].mean(axis=0) - mean) / (sd / np.sqrt(count))
        assert np.abs(error).max() < 4.0
        root = np.linalg.inv(np.linalg.cholesky(cov))
        white = (draws[:, i] - mean) @ root.T
        error = (white.T @ white / count - np.eye(2)) * np.sqrt(count / (1.0 + np.eye(2)))
        assert np.abs(error).max() < 4.0


def test_rows_are_ordered_by_the_entries_that_they_have():
    Y = np.random.default_rng(0).standard_normal((40, 19))
    Y[np.random.default_rng(1).integers(0, 3, 40) == 0, 4] = np.nan
    Y[::5, 17] = np.nan
    there = ~np.isnan(Y)
    order, fresh = by_pattern(there)
    assert sorted(order) == list(range(40))
    same = (there[order[1:]] == there[order[:-1]]).all(axis=1)
    np.testing.assert_array_equal(fresh[1:], ~same)
    assert fresh.sum() == len(np.unique(there, axis=0))
