"""Means and scores at several points of theta: exact moments and draws by each point's own law."""

import numpy as np
import pytest

import bayeslmm as bl
from bayeslmm.posterior import covariances, recover
from bayeslmm.solvers import matrix_scores as scores
from bayeslmm.solvers.beta import MeanPrior
from bayeslmm.solvers.canonical import covariance, facing, principal
from bayeslmm.solvers.matrix_scores import Means, draw_all, score_moments
from tests.solvers.dense_factor import Dense, complete, patterns, rows

N, D, Q, POINTS = 9, 4, 2, 5
SIGMA = np.linspace(0.4, 1.2, POINTS)


@pytest.fixture(scope="module")
def loadings():
    found = principal(np.random.default_rng(0).standard_normal((POINTS, D, Q)))[0]
    found[3, :, 1] = 0.0  # a component of no length
    return found


def prior(equal):
    variance = np.full(D, 0.3) if equal else np.geomspace(0.1, 3.0, D)
    return MeanPrior(np.linspace(-0.5, 0.5, D), variance)


KINDS = ["complete", "complete by patterns", "gaps", "gaps and empty rows"]


def law(kind, criterion, W):
    gaps = kind.startswith("gaps")
    Y = rows(np.random.default_rng(1), N, W[0], 0.6, 0.3, 0.3 if gaps else 0.0)
    if "empty" in kind:
        Y[[2, 6]] = np.nan
    about = prior(kind == "complete")
    if kind == "complete":
        solver = complete(Y, about, criterion)
    else:
        solver = patterns(Y, about, criterion)
    return Y, Means(solver, W, SIGMA), [Dense(Y, w, s, about) for w, s in zip(W, SIGMA)]


@pytest.mark.parametrize("criterion", ["reml", "evidence"])
@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_the_scores_are_averaged_over_theta(loadings, kind, criterion):
    Y, means, dense = law(kind, criterion, loadings)
    each = [p.scores(criterion) for p in dense]
    mean = np.mean([m for m, _ in each], axis=0)
    square = np.mean([m**2 + s**2 for m, s in each], axis=0)
    got, sd = score_moments(means, Y)
    np.testing.assert_allclose(got, mean, atol=1e-10)
    np.testing.assert_allclose(sd, np.sqrt(square - mean**2), atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_turned_with_the_loadings(loadings, kind):
    """Told as W Q and Q'z, draws and moments: the law of z at W Q by dense algebra."""
    Y, means, _ = law(kind, "evidence", loadings)
    Q = np.linalg.qr(np.random.default_rng(8).standard_normal((POINTS, 2, 2)))[0]
    about = prior(kind == "complete")
    each = [Dense(Y, w @ q, s, about).scores("evidence") for w, q, s in zip(loadings, Q, SIGMA)]
    mean = np.mean([m for m, _ in each], axis=0)
    square = np.mean([m**2 + s**2 for m, s in each], axis=0)
    turned = Means(means.solver, loadings, SIGMA, turn=Q)
    got, sd = score_moments(turned, Y)
    np.testing.assert_allclose(got, mean, atol=1e-10)
    np.testing.assert_allclose(sd, np.sqrt(square - mean**2), atol=1e-10)
    index = np.arange(POINTS)
    _, z = draw_all(turned, Y, index, np.random.default_rng(3))
    _, plain = draw_all(means, Y, index, np.random.default_rng(3))
    assert z.shape == plain.shape
    assert np.abs(z - plain).max() > 0.01


def test_many_rows_are_passed_in_parts(loadings, monkeypatch):
    """Two rows at a time, the last one alone."""
    Y, means, dense = law("complete", "evidence", loadings)
    monkeypatch.setattr(scores, "CACHE", 2 * (D + 1))
    got, sd = score_moments(means, Y)
    each = [p.scores("evidence") for p in dense]
    mean = np.mean([m for m, _ in each], axis=0)
    square = np.mean([m**2 + s**2 for m, s in each], axis=0)
    np.testing.assert_allclose(got, mean, atol=1e-10)
    np.testing.assert_allclose(sd, np.sqrt(square - mean**2), atol=1e-10)


@pytest.mark.parametrize("criterion", ["reml", "evidence"])
@pytest.mark.parametrize("kind", ["complete", "gaps"])
def test_draws_of_mu_and_scores_have_the_joint_law_of_their_point(loadings, kind, criterion):
    count = 6000
    Y, means, dense = law(kind, criterion, loadings)
    index = np.repeat(np.arange(POINTS), count)
    mu, z = draw_all(means, Y, index, np.random.default_rng(3))
    for k, p in enumerate(dense):
        m, V = p.mu(criterion)
        own = mu[index == k]
        white = np.linalg.solve(np.linalg.cholesky(V), (own - m).T)
        assert np.abs(white.mean(axis=1)).max() * np.sqrt(count) < 4.5
        error = (white @ white.T / count - np.eye(D)) * np.sqrt(count / (1.0 + np.eye(D)))
        assert np.abs(error).max() < 4.5
        mean, sd = p.scores(criterion)
        drawn = z[index == k]
        assert np.abs((drawn.mean(axis=0) - mean) / sd).max() * np.sqrt(count) < 4.5
        np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=4.5 / np.sqrt(2 * count))
        # mu with z: given mu a row's score falls by M^-1 W_o' mu_o
        W = p.W
        for i in (0, 4):
            o = ~np.isnan(Y[i])
            A = np.linalg.solve(p.sigma**2 * np.eye(Q) + W[o].T @ W[o], W[o].T)
            cross = -A @ V[o]
            got = (drawn[:, i] - mean[i]).T @ (own - m) / count
            size = np.sqrt((sd[i][:, None] ** 2 * np.diag(V) + cross**2) / count)
            assert (np.abs(got - cross) < 4.5 * size).all()


def test_the_covariance_is_on_the_users_scale_and_its_moments_are_those_of_its_draws(
    loadings, monkeypatch
):
    unit = np.array([1.0, 10.0, 0.1, 2.0])
    Y = np.random.default_rng(2).standard_normal((N, D))
    model = bl.ppca(unit * Y / Y.std(axis=0, ddof=1), Q, scale="sd")
    np.testing.assert_allclose(model.fixed.unit, unit, rtol=1e-14)
    theta = {"W": loadings, "sd_W": np.ones(POINTS), "sigma": SIGMA}
    theta = recover.canonical(model, theta)
    W, turn = loadings, facing(loadings, model.axes.reference)
    variables = recover.theta_variables(model, theta)
    variables |= covariances.covariances(model, theta, POINTS)
    C = variables["covariance"][1]
    truth = [
        np.diag(unit) @ (w @ w.T + s**2 * np.eye(D)) @ np.diag(unit)
        for w, s in zip(loadings, SIGMA)
    ]
    np.testing.assert_allclose(C, truth, atol=1e-12)
    np.testing.assert_allclose(variables["noise_sd"][1], SIGMA[:, None] * unit)
    np.testing.assert_allclose(variables["W"][1], (W @ turn) * unit[:, None], atol=1e-13)
    np.testing.assert_allclose(
        covariance(theta["W"], SIGMA), covariance(loadings, SIGMA), atol=1e-12
    )
    monkeypatch.setattr(covariances, "passes", lambda *_: True)
    monkeypatch.setattr(covariances, "CHUNK", 2 * D * D)
    moments = covariances.covariances(model, theta, POINTS)
    assert "covariance" not in moments
    np.testing.assert_allclose(moments["covariance_mean"][1], np.mean(truth, axis=0), atol=1e-12)
    np.testing.assert_allclose(moments["covariance_sd"][1], np.std(truth, axis=0), atol=1e-9)
