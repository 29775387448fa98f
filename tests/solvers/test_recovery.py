"""The coefficients given the scales: exact moments, and draws that have them.

Truth is the joint normal of (beta, u) from the n x n covariance, and Henderson's equations.
"""

import numpy as np
import pytest
from hypothesis import given

from . import agree
from .dense import dense
from .problems import problems, quick, random_problem

TOLERANCE = 1e-10
DRAWS = 20_000
LIMIT = 4.5  # Monte Carlo standard errors, a few hundred comparisons with a fixed seed


def close(got, truth, size=None):
    size = np.abs(truth).max(initial=1.0) if size is None else size
    np.testing.assert_allclose(got, truth, rtol=0.0, atol=TOLERANCE * size)


def moments_agree(p, criterion):
    agree.moments(p.solver(criterion), p.scales, p.sigma, TOLERANCE)


@quick
@given(problems())
def test_any_problem_has_the_moments_of_the_dense_conditional(p):
    for criterion in ("reml", "evidence"):
        moments_agree(p, criterion)


@pytest.mark.parametrize("kind", ["plain", "zero", "singular", "one effect"])
@pytest.mark.parametrize("shapes", [((5, 2),), ((5, 2), (3, 2)), ((6, 1), (4, 2), (3, 1))])
def test_moments_exist_at_a_zero_variance(shapes, kind):
    rng = np.random.default_rng(1)
    p = random_problem(rng, 14, 2, shapes, (kind,) * len(shapes), "joint", extras=True)
    for criterion in ("reml", "evidence"):
        moments_agree(p, criterion)


def test_henderson_gives_the_same():
    """[X'X X'Z; Z'X Z'Z + sigma^2 G^-1] (b, u) = (X'y, Z'y) (Henderson 1953)."""
    p = random_problem(np.random.default_rng(2), 14, 2, ((5, 2), (3, 1)))
    blocks, inverse = [p.X], []
    for f, L in zip(p.factors, p.L, strict=True):
        Z = np.zeros((14, f.levels, f.effects))
        Z[np.arange(14), f.codes] = f.Z
        blocks.append(Z.reshape(14, -1))
        inverse.append(np.kron(np.eye(f.levels), np.linalg.inv(L @ L.T)))
    C = np.hstack(blocks)
    M = C.T @ C
    at = 2
    for block in inverse:
        M[at : at + len(block), at : at + len(block)] += p.sigma**2 * block
        at += len(block)
    solution, cov = np.linalg.solve(M, C.T @ p.y), p.sigma**2 * np.linalg.inv(M)
    got = p.solver("reml").condition(p.scales, p.sigma)
    mean = np.concatenate([got.beta, *(e.ravel() for e in got.effects)])
    np.testing.assert_allclose(mean, solution, rtol=1e-9)
    np.testing.assert_allclose(got.beta_cov, cov[:2, :2], rtol=1e-9)
    np.testing.assert_allclose(got.effects_cov[0][0], cov[2:4, 2:4], rtol=1e-9)
    np.testing.assert_allclose(got.effects_cov[1][2], cov[14:, 14:], rtol=1e-9)


def test_the_remainder_is_the_other_effects_and_beta_in_the_solvers_basis():
    p = random_problem(np.random.default_rng(9), 14, 2, ((5, 2), (3, 1)), extras=True)
    solver, truth = p.solver("reml"), dense(p, "reml")
    mean, cov = solver.remainder(p.scales, p.sigma)
    T, origin = solver.sums.T, solver.sums.origin
    close(mean[:3, None], truth.effects[1])
    close(T @ (origin + mean[3:]), truth.beta)
    close(T @ cov[3:, 3:] @ T.T, truth.beta_cov)
    close(cov[0, 0], truth.effects_cov[1][0, 0, 0])


def test_the_groups_own_covariance_is_given_everything_else():
    p = random_problem(np.random.default_rng(3), 14, 2, ((5, 2), (3, 1)), extras=True)
    got = p.solver("reml").condition(p.scales, p.sigma)
    f, L = p.factors[0], p.L[0]
    precision = p.weights * p.frequency / p.sigma**2
    for level in range(5):
        Z = f.Z[f.codes == level] * np.sqrt(precision[f.codes == level])[:, None]
        truth = L @ np.linalg.inv(np.eye(2) + L.T @ Z.T @ Z @ L) @ L.T
        close(got.effects_own_cov[level], truth)


def test_maximised_beta_is_least_squares_and_effects_follow_it():
    p = random_problem(np.random.default_rng(4), 14, 2, ((5, 2), (3, 1)))
    ml = p.solver("ml").condition(p.scales, p.sigma)
    truth = dense(p, "ml")
    close(ml.beta, truth.beta)
    for mean, cov, m, c in zip(
        ml.effects, ml.effects_cov, truth.effects, truth.effects_cov, strict=True
    ):
        close(mean, m)
        close(cov, c)


def z_scores(sample, mean, cov):
    """Standardised errors of the means and of all second moments about the true mean."""
    k = len(sample)
    var = np.diag(cov)
    alive = var > 1e-20 * var.max(initial=1e-300)
    np.testing.assert_allclose(sample[:, ~alive], np.tile(mean[~alive], (k, 1)), atol=1e-9)
    d = sample[:, alive] - mean[alive]
    cov = cov[np.ix_(alive, alive)]
    error = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / k)  # Isserlis
    first = d.mean(axis=0) / np.sqrt(np.diag(cov) / k)
    return np.abs(first).max(initial=0.0), np.abs((d.T @ d / k - cov) / error).max(initial=0.0)


def joint_draws(p, solver, seed):
    rng = np.random.default_rng(seed)
    scales, sigma = np.tile(p.scales, (DRAWS, 1)), np.full(DRAWS, p.sigma)
    beta, effects = solver.draws(scales, sigma, rng)
    return np.hstack([beta, *(e.reshape(DRAWS, -1) for e in effects)])


@pytest.mark.parametrize("kind", ["plain", "singular", "zero"])
@pytest.mark.parametrize("shapes", [(), ((4, 2),), ((5, 2), (3, 2))], ids=str)
def test_draws_have_the_mean_and_all_covariances_of_the_conditional(shapes, kind):
    rng = np.random.default_rng(5)
    p = random_problem(rng, 12, 2, shapes, (kind,) * len(shapes), "normal", extras=True)
    for criterion in ("reml", "evidence"):
        truth = dense(p, criterion)
        for solver in agree.ways(p.solver(criterion)):
            mean, second = z_scores(joint_draws(p, solver, 6), truth.mean, truth.cov)
            assert mean < LIMIT
            assert second < LIMIT


def test_effects_drawn_again_given_the_rest_have_the_same_joint_law():
    p = random_problem(np.random.default_rng(7), 12, 2, ((5, 2), (3, 1)), extras=True)
    scales, sigma = np.tile(p.scales, (DRAWS, 1)), np.full(DRAWS, p.sigma)
    truth, rng = dense(p, "reml"), np.random.default_rng(8)
    for solver in agree.ways(p.solver("reml")):
        beta, effects = solver.draws(scales, sigma, rng)
        again = solver.redraws(scales, sigma, beta, effects[1:], rng)
        assert np.abs(again - effects[0]).max() > 0.1
        sample = np.hstack([beta, again.reshape(DRAWS, -1), effects[1].reshape(DRAWS, -1)])
        assert max(z_scores(sample, truth.mean, truth.cov)) < LIMIT


def test_draws_without_groups_leave_out_only_the_groups():
    p = random_problem(np.random.default_rng(9), 12, 2, ((5, 2), (3, 1)))
    scales, sigma = np.tile(p.scales, (7, 1)), np.full(7, p.sigma)
    for solver in agree.ways(p.solver("reml")):
        beta, effects = solver.draws(scales, sigma, np.random.default_rng(1), groups=False)
        assert effects[0].shape == (7, 0, 2)
        assert beta.shape == (7, 2)
        assert effects[1].shape == (7, 3, 1)


def test_averaged_moments_are_moments_averaged_by_hand():
    rng = np.random.default_rng(10)
    p = random_problem(rng, 14, 2, ((5, 2), (3, 1)), prior="joint", extras=True)
    scales = p.scales * np.exp(0.3 * rng.normal(size=(6, 1)))
    sigma = p.sigma * np.exp(0.3 * rng.normal(size=6))
    means, squares = [], []
    for s, noise in zip(scales, sigma, strict=True):
        truth = dense(p.moved(s, noise), "evidence")
        means.append(truth.effects[0])
        squares.append(truth.effects[0] ** 2 + np.diagonal(truth.effects_cov[0], axis1=1, axis2=2))
    for solver in agree.ways(p.solver("evidence")):
        mean, sd = solver.averaged(scales, sigma)
        close(mean, np.mean(means, axis=0))
        close(sd, np.sqrt(np.mean(squares, axis=0) - np.mean(means, axis=0) ** 2), 10.0)
