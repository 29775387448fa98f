"""Crossed factors with more columns than loops handle, against dense float64 algebra.

The derivative in the covariance of one factor is twice the sum over its levels of
Z'(P y y'P - P)Z, with P the precision of y once beta is gone, written out (n x n).
"""

import numpy as np
import pytest

from bayeslmm.solvers import threads
from bayeslmm.solvers.triangular import LOOPS, inverse_from

from .dense import CRITERIA, FLOAT, at, dense, problem
from .problems import random_problem, triangular
from .test_recovery import z_scores

SHAPES = {
    "one effect": ((80, 1), (60, 1), (7, 1)),
    "two effects": ((50, 2), (30, 2), (4, 1)),
    "three effects": ((40, 3), (20, 3)),
    "few of many": ((120, 1), (90, 1)),
}
TOLERANCE = 1e-10


def rows(shapes, kinds=(), size=0.7, n=240, seed=1):
    return random_problem(
        np.random.default_rng(seed), n, 3, shapes, kinds, "joint", extras=True, size=size
    )


def written_out(p, factor):
    """Z of a factor, (n, levels, q), repeated by frequency."""
    f = p.factors[factor]
    Z = np.zeros((p.y.size, f.levels, f.effects))
    Z[np.arange(p.y.size), f.codes] = f.Z
    return Z[np.repeat(np.arange(p.y.size), p.frequency.astype(int))]


def truth_of_score(p, criterion):
    """J of every factor and the derivative in sigma, from n x n matrices."""
    repeat = np.repeat(np.arange(p.y.size), p.frequency.astype(int))
    X, r = p.X[repeat], (p.y - p.offset)[repeat]
    noise = np.diag(1.0 / p.weights[repeat])
    V = p.sigma**2 * noise
    for number, psi in enumerate(p.psi()):
        Z = written_out(p, number)
        V = V + np.einsum("iaq,qr,jar->ij", Z, psi, Z)
    if criterion == "evidence":
        H = np.linalg.inv(p.prior.H)
        V = V + X @ H @ np.diag(p.prior.scale**2) @ H.T @ X.T
        r = r - X @ H @ p.prior.location
        P = trace = np.linalg.inv(V)
    else:
        inverse = np.linalg.inv(V)
        WX = inverse @ X
        P = inverse - WX @ np.linalg.solve(X.T @ WX, WX.T)
        trace = P if criterion == "reml" else inverse
    Pr = P @ r
    N = np.outer(Pr, Pr) - trace
    J = [np.einsum("iaq,ij,jar->qr", Z, N, Z) for Z in (written_out(p, f) for f in range(len(p.L)))]
    return J, p.sigma * (N * noise).sum()


def agrees(p, criteria=CRITERIA):
    for criterion in criteria:
        solver = p.solver(criterion)
        truth = float(dense(p, criterion, numbers=FLOAT).value)
        value, J, slope = solver.score(p.scales, p.sigma)
        assert value == pytest.approx(truth, rel=TOLERANCE)
        assert solver.value(p.scales, p.sigma) == pytest.approx(truth, rel=TOLERANCE)
        true, true_slope = truth_of_score(p, criterion)
        base = 0
        for block in true:
            got = J[base : base + block.size].reshape(block.shape)
            np.testing.assert_allclose(got, block, rtol=0.0, atol=1e-9 * np.abs(block).max())
            base += block.size
        assert slope == pytest.approx(true_slope, rel=1e-9, abs=1e-9 * p.y.size)


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("size", [1e-4, 0.7, 20.0])
def test_value_and_score_are_those_of_the_dense_normal(shapes, size):
    p = rows(shapes, size=size)
    assert p.solver("reml").data.C.shape[0] > LOOPS
    agrees(p)


@pytest.mark.parametrize(
    "kinds", [("zero", "plain"), ("plain", "zero"), ("singular", "one effect")]
)
def test_variances_of_zero_are_ordinary_points(kinds):
    agrees(rows(((40, 2), (30, 2)), kinds))


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("kind", ["plain", "singular"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_moments_are_those_of_the_dense_conditional(shapes, kind, criterion):
    p = rows(shapes, (kind,) * len(shapes))
    truth = dense(p, criterion, numbers=FLOAT)
    solver = p.solver(criterion)
    got = solver.condition(p.scales, p.sigma)
    pairs = [(got.beta, truth.beta), (got.beta_cov, truth.beta_cov)]
    pairs += list(zip(got.effects, truth.effects, strict=True))
    pairs += list(zip(got.effects_cov, truth.effects_cov, strict=True))
    for ours, true in pairs:
        np.testing.assert_allclose(ours, true, rtol=0.0, atol=1e-9 * max(1.0, np.abs(true).max()))
    # The joint law of the other factors' effects and beta, covariances between them included.
    mean, cov = solver.remainder(p.scales, p.sigma)
    first, m2 = p.factors[0].columns, solver.sums.random
    turn = np.eye(mean.size)
    turn[m2:, m2:] = solver.sums.T
    mean = turn @ (mean + np.concatenate([np.zeros(m2), solver.sums.origin]))
    index = np.concatenate([3 + first + np.arange(m2), np.arange(3)])
    np.testing.assert_allclose(mean, truth.mean[index], atol=1e-9)
    np.testing.assert_allclose(turn @ cov @ turn.T, truth.cov[np.ix_(index, index)], atol=1e-9)


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
def test_draws_have_the_moments_of_the_conditional(criterion):
    p = rows(((60, 1), (52, 1)), n=150)
    truth, k = dense(p, criterion, numbers=FLOAT), 8000
    solver = p.solver(criterion)
    rng = np.random.default_rng(3)
    beta, effects = solver.draws(np.tile(p.scales, (k, 1)), np.full(k, p.sigma), rng)
    sample = np.hstack([beta, *(u.reshape(k, -1) for u in effects)])
    keep = np.r_[0:12, 60:75]  # beta, and effects of both factors
    found = z_scores(sample[:, keep], truth.mean[keep], truth.cov[np.ix_(keep, keep)])
    assert max(np.abs(z).max() for z in found) < 4.8
    u = solver.redraws(np.tile(p.scales, (k, 1)), np.full(k, p.sigma), beta, effects[1:], rng)
    sample = np.hstack([beta, u.reshape(k, -1), effects[1].reshape(k, -1)])
    found = z_scores(sample[:, keep], truth.mean[keep], truth.cov[np.ix_(keep, keep)])
    assert max(np.abs(z).max() for z in found) < 4.8
    mean, sd = solver.averaged(np.tile(p.scales, (3, 1)), np.full(3, p.sigma))
    np.testing.assert_allclose(mean, truth.effects[0], atol=1e-9)
    np.testing.assert_allclose(sd[..., 0] ** 2, truth.effects_cov[0][:, 0, 0], atol=1e-9)


def test_points_that_repeat_in_any_order_are_drawn_and_averaged_where_they_stand():
    p = rows(((60, 1), (52, 1)), n=150)
    solver, none = p.solver("reml"), p.scales * np.array([1.0, 0.0])
    scales = np.array([p.scales, none, p.scales, none, none])
    sigma = np.full(5, p.sigma)
    _, effects = solver.draws(scales, sigma, np.random.default_rng(5))
    assert [not draw.any() for draw in effects[1]] == [False, True, False, True, True]
    assert not np.array_equal(effects[1][0], effects[1][2])
    alone = [solver.averaged(s[None], sigma[:1]) for s in (p.scales, none)]
    mean = 0.4 * alone[0][0] + 0.6 * alone[1][0]
    square = sum(w * (m**2 + sd**2) for w, (m, sd) in zip((0.4, 0.6), alone))
    found = solver.averaged(scales, sigma)
    np.testing.assert_allclose(found[0], mean, atol=1e-12)
    np.testing.assert_allclose(found[1] ** 2, square - mean**2, atol=1e-12)


def test_draws_and_averages_do_not_depend_on_the_number_of_threads(monkeypatch):
    p = rows(((60, 1), (52, 1)), n=150)
    solver, k = p.solver("reml"), 7
    scales = p.scales * np.linspace(0.5, 2.0, k)[:, None]
    sigma = np.linspace(0.5, 2.0, k)
    found = []
    for worth in (1, 10_000):
        monkeypatch.setattr(threads, "WORTH", worth)
        monkeypatch.setattr(threads, "processors", lambda: 3)
        assert len(threads.pieces(k, 100)) == (3 if worth == 1 else 1)
        beta, effects = solver.draws(scales, sigma, np.random.default_rng(1))
        found.append([beta, *effects, *solver.averaged(scales, sigma)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_only_columns_that_a_group_has_rows_in_are_kept():
    """Groups without rows keep none; rows of one pair of levels share an entry."""
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(60), 3)  # 10 of 70 groups have no row
    h = np.repeat(rng.integers(0, 55, size=90), 2)  # rows twice of the same pair, and more
    n, ones = g.size, np.ones((g.size, 1))
    X = np.column_stack([ones, rng.normal(size=n)])
    p = problem(rng.normal(size=n), X, [(g, 70, X), (h, 55, X)], [triangular(rng, 2)] * 2, 0.8)
    data = p.solver("reml").data
    pairs = len(np.unique(np.column_stack([g, h]), axis=0))
    assert data.columns.size == 2 * pairs
    assert data.values.shape == (2 * pairs, 2)
    assert (np.diff(data.starts)[60:] == 0).all()
    agrees(p, ("ml", "reml"))


def test_a_group_whose_crossed_columns_are_zero():
    rng = np.random.default_rng(6)
    g, h = np.arange(200) % 80, rng.integers(0, 60, size=200)
    x = np.where(g < 40, rng.normal(size=200), 0.0)[:, None]
    ones = np.ones((200, 1))
    p = problem(rng.normal(size=200), ones, [(g, 80, ones), (h, 60, x)], [[[0.8]], [[1.1]]], 0.9)
    agrees(p, ("ml", "reml"))


def test_a_nested_factor_leaves_nothing_within_the_groups():
    """Students within schools: once students are projected out nothing is left of schools."""
    rng = np.random.default_rng(7)
    g = np.arange(400) // 4
    ones, h = np.ones((400, 1)), np.arange(400) // 8
    y = rng.normal(size=400) + rng.normal(size=50)[h]
    p = problem(y, ones, [(g, 100, ones), (h, 50, ones)], [[[0.8]], [[1.1]]], 0.9)
    assert not p.solver("reml").sums.shift.any()
    agrees(p, ("ml", "reml"))
    agrees(at(p, L=(np.zeros((1, 1)), p.L[1])), ("ml", "reml"))


def test_another_response_gives_the_same_as_a_new_problem():
    p = rows(((60, 1), (52, 1)), n=150)
    y = np.random.default_rng(8).normal(size=150) * 1e-3 + 50.0
    agrees(at(p, y=y), ("reml",))


def whole(lower):
    return np.tril(lower) + np.tril(lower, -1).T


@pytest.mark.parametrize("m", [3, LOOPS, LOOPS + 1, 130])
def test_the_inverse_from_a_factor(m):
    A = np.random.default_rng(9).normal(size=(m, 2 * m))
    M, out = A @ A.T, np.empty((m, m))
    chol = np.linalg.cholesky(M) + np.triu(np.full((m, m), 9.0), 1)  # what is above is not read
    inverse_from(chol, out)
    np.testing.assert_allclose(whole(out) @ M, np.eye(m), atol=1e-9)
    smaller = np.empty((m - 1, m - 1))
    inverse_from(chol, smaller)
    np.testing.assert_allclose(whole(smaller) @ M[:-1, :-1], np.eye(m - 1), atol=1e-9)


def test_no_more_threads_than_fit_in_memory(monkeypatch):
    from bayeslmm.solvers import threads

    monkeypatch.setattr(threads, "processors", lambda: 64)
    assert len(threads.pieces(1000, 300)) == 64
    assert len(threads.pieces(1000, 20_000)) == 1  # 10 GB of matrices a thread
    assert len(threads.pieces(1000, 100)) == 1  # too small to be worth a thread
    assert [s.stop - s.start for s in threads.pieces(3, 300)] == [1, 1, 1]
