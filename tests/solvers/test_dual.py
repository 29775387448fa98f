"""The dual solver says what the dense normal says, judged with 50 digits, whatever n and P are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from bayeslmm.datasets import load
from bayeslmm.solvers.beta import FLAT, FixedPrior
from bayeslmm.solvers.dual import Dual
from bayeslmm.solvers.problem import Columns, Factor, Problem
from bayeslmm.solvers.score import lower_product

from . import agree
from .blocks import EPS, known_to, wide, wides
from .dense import CRITERIA, FLOAT, dense, problem, value
from .problems import problems, quick
from .test_recovery import z_scores

DRAWS = 20_000
LIMIT = 4.5  # Monte Carlo standard errors, a few hundred comparisons with a fixed seed
BOTH = ((14, False), (17, True))


def density_agrees(w, criterion, tolerance=None):
    agree.density(w.solver(criterion, Dual), w.scales, w.sigma, tolerance or known_to(w))


@quick
@given(wides())
def test_any_problem_has_the_density_of_the_dense_normal(w):
    for criterion in CRITERIA:
        density_agrees(w, criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("columns", [5, 12, 30], ids=["n > P", "n = P", "n < P"])
@pytest.mark.parametrize("shared", [True, False], ids=["one scale", "one each"])
@pytest.mark.parametrize("shapes", [(), ((4, 2),), ((5, 2), (3, 1))], ids=str)
def test_rows_more_than_as_many_as_and_fewer_than_columns(shapes, shared, columns, criterion):
    w = wide(np.random.default_rng(1), 12, 2, shapes, ((columns, shared),), extras=True)
    density_agrees(w, criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("shared", [True, False], ids=["one scale", "one each"])
def test_tiny_noise_and_a_scale_of_zero_keep_ten_digits(shared, criterion):
    """With more columns than rows the covariance is well conditioned however small the noise."""
    w = wide(np.random.default_rng(2), 6, 2, ((3, 1),), ((20, shared), (2, False)))
    own = (w.own[0].copy(), w.own[1] * 0.0)
    if not shared:
        own[0][3] = 0.0
    w = replace(w, sigma=1e-8, own=own)
    assert known_to(w, 0.0) < 1e-10
    density_agrees(w, criterion, 1e-10)
    slopes_agree(w, criterion, 1e-9)


def test_noise_beyond_float64_is_refused_or_known_to_what_the_solver_says():
    """Fewer columns than rows: the noise alone fills the rest of the covariance."""
    w = wide(np.random.default_rng(3), 12, 2, (), ((6, False),))
    for sigma in 10.0 ** -np.arange(1.0, 11.0):
        here = replace(w, sigma=sigma)
        solver, truth = here.solver("reml", Dual), value(here, "reml")
        got = solver.value(here.scales, sigma)
        known = solver.rounding(here.scales, sigma)
        if np.isnan(got):
            assert known == np.inf
        else:
            assert abs(got - float(truth)) <= 20.0 * known * max(abs(float(truth)), 1.0)
    assert np.isnan(got)
    assert np.isnan(solver.score(here.scales, sigma)[0])
    points = here.scales[None], np.array([sigma])
    for ask in (
        lambda: solver.condition(here.scales, sigma),
        lambda: solver.draws(*points, np.random.default_rng(1)),
    ):
        with pytest.raises(ValueError, match="the noise is too small beside the signal"):
            ask()


def test_values_that_are_no_numbers_give_none():
    w = wide(np.random.default_rng(4), 6, 1)
    solver = w.solver("reml", Dual)
    assert np.isnan(solver.value(w.scales * np.nan, 1.0))
    assert np.isnan(solver.value(w.scales * 1e200, 1.0))


@quick
@given(problems())
def test_on_grouped_models_it_is_the_primal_solver(p):
    """Where factors are crossed the primal's normal equations lose more than the dual does."""
    for criterion in CRITERIA:
        primal, dual = p.solver(criterion), p.solver(criterion, Dual)
        limit = max(known_to(p), 1e3 * primal.rounding(p.scales, p.sigma))
        one, J, slope = primal.score(p.scales, p.sigma)
        two, K, other = dual.score(p.scales, p.sigma)
        size = max(abs(one), p.frequency.sum())
        assert abs(one - two) <= limit * size
        np.testing.assert_allclose(K, J, rtol=0.0, atol=limit * np.abs(J).max(initial=1.0))
        size += float(np.abs(p.scales).max(initial=0.0) ** 2 * np.abs(J).sum())
        assert abs(slope - other) <= limit * size / p.sigma


@pytest.mark.parametrize("prior", ["flat", "normal", "partly flat"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_on_sleepstudy_it_is_the_primal_solver(criterion, prior):
    data = load("sleepstudy")
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(len(data)), data["Days"]])
    codes = data["Subject"].astype("category").cat.codes.to_numpy(np.intp)
    L = np.array([[24.0, 0.0], [2.0, 6.0]])
    H = np.eye(2)[: {"flat": 0, "normal": 2, "partly flat": 1}[prior]]
    known = FixedPrior(H, np.full(len(H), 3.0), np.full(len(H), 50.0))
    p = problem(
        data["Reaction"],
        X,
        [(codes, 18, X)],
        (L,),
        25.6,
        prior=known,
        offset=rng.normal(size=len(data)),
        weights=np.exp(rng.normal(size=len(data))),
        frequency=rng.integers(1, 4, len(data)).astype(float),
    )
    primal, dual = p.solver(criterion), p.solver(criterion, Dual)
    one, J, slope = primal.score(p.scales, p.sigma)
    two, K, other = dual.score(p.scales, p.sigma)
    assert two == pytest.approx(one, rel=1e-10)
    np.testing.assert_allclose(K, J, rtol=1e-10, atol=1e-10 * np.abs(J).max())
    assert other == pytest.approx(slope, rel=1e-9)  # a difference of n and the quadratic form
    one, two = primal.condition(p.scales, p.sigma), dual.condition(p.scales, p.sigma)
    np.testing.assert_allclose(two.beta, one.beta, rtol=1e-10)
    np.testing.assert_allclose(two.effects[0], one.effects[0], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(two.effects_cov[0], one.effects_cov[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(two.effects_own_cov, one.effects_own_cov, rtol=1e-9, atol=1e-12)


def slopes_agree(w, criterion, tolerance=1e-9):
    """d/d scales and d/d sigma against differences with 50 digits: exact to float64."""
    solver = w.solver(criterion, Dual)
    _, J, slope = solver.score(w.scales, w.sigma)
    got, start = J * w.scales, 0
    for f in w.factors:
        start = lower_product(w.scales, J, got, start, f.effects)
    truth, truth_sigma = agree.differences(solver, w.scales, w.sigma)
    atol = tolerance * np.abs(truth).max(initial=1.0)
    np.testing.assert_allclose(got, truth, rtol=0.0, atol=atol)
    # Euler's identity makes this slope a sum of n, the quadratic form and <s, ds>, over sigma.
    size = (w.frequency.sum() + np.abs(w.scales) @ np.abs(truth)) / w.sigma
    assert abs(slope - truth_sigma) <= tolerance * (size + abs(truth_sigma))


@settings(quick, max_examples=20)
@given(wides())
def test_any_problem_has_the_derivatives_of_the_dense_normal(w):
    if w.y.size * w.scales.size > 60:
        return  # the differences with 50 digits would take too long
    for criterion in CRITERIA:
        slopes_agree(w, criterion, known_to(w, 1e-9))


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_every_scale_and_the_noise(size, criterion):
    rng = np.random.default_rng(6)
    w = wide(rng, 8, 2, ((3, 2),), ((9, False), (11, True)), size, 0.2, prior="joint", extras=True)
    slopes_agree(w, criterion, known_to(w, 1e-9))


def test_float64_differences_of_a_larger_problem():
    w = wide(np.random.default_rng(7), 40, 2, ((8, 3),), ((60, False), (90, True)))
    solver = w.solver("evidence", Dual)
    _, J, slope = solver.score(w.scales, w.sigma)
    got, h = J * w.scales, 1e-5
    lower_product(w.scales, J, got, 0, 3)
    for i in [0, 3, 4, 8, 9, 30, 68, 69]:  # entries of L, the block's scales, the shared one
        step = h * (np.arange(w.scales.size) == i)
        up, down = (solver.value(w.scales + s, w.sigma) for s in (step, -step))
        assert got[i] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)
    up, down = (solver.value(w.scales, w.sigma + s) for s in (h, -h))
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6)


def moments_agree(w, criterion):
    def size(truth):
        return max(np.abs(truth.mean).max(initial=1.0), np.abs(truth.cov).max(initial=1.0))

    agree.moments(w.solver(criterion, Dual), w.scales, w.sigma, known_to(w), size)


@settings(quick, max_examples=30)
@given(wides())
def test_any_problem_has_the_moments_of_the_dense_conditional(w):
    for criterion in CRITERIA:
        moments_agree(w, criterion)


def test_a_large_shared_block_is_read_in_pieces():
    """More than four times as many columns as rows: the ridge's own formula, S = s^2."""
    rng = np.random.default_rng(8)
    w = wide(rng, 6, 0, (), ((53, True),))
    A, s2 = w.blocks[0].Z, w.own[0][0] ** 2
    V = s2 * A @ A.T + w.sigma**2 * np.eye(6)
    got = w.solver("evidence", Dual).condition(w.scales, w.sigma)
    np.testing.assert_allclose(got.effects[0][:, 0], s2 * A.T @ np.linalg.solve(V, w.y))
    told = s2 - s2**2 * np.einsum("ij,ij->j", A, np.linalg.solve(V, A))
    np.testing.assert_allclose(got.effects_cov[0][:, 0, 0], told, rtol=1e-10)


def test_one_scale_for_all_is_equal_scales_for_each():
    w = wide(np.random.default_rng(9), 10, 2, ((4, 2),), ((25, True),), extras=True)
    each = replace(w, blocks=(Columns(w.blocks[0].Z, False),), own=(np.repeat(w.own[0], 25),))
    for criterion in CRITERIA:
        one, J, slope = w.solver(criterion, Dual).score(w.scales, w.sigma)
        two, K, other = each.solver(criterion, Dual).score(each.scales, w.sigma)
        assert two == pytest.approx(one, rel=1e-12)
        assert other == pytest.approx(slope, rel=1e-10)
        assert K[4:].sum() == pytest.approx(J[4], rel=1e-10)


def test_frequency_counts_as_repeated_rows():
    w = wide(np.random.default_rng(10), 8, 2, ((3, 2),), BOTH, extras=True)
    g = w
    again = np.repeat(np.arange(8), g.frequency.astype(int))
    factors = tuple(Factor(f.codes[again], f.levels, f.Z[again]) for f in g.factors)
    rows = {k: getattr(g, k)[again] for k in ("y", "X", "offset", "weights")}
    repeated = replace(g, factors=factors, frequency=np.ones(again.size), **rows)
    blocks = tuple(Columns(b.Z[again], b.shared) for b in w.blocks)
    for criterion in CRITERIA:
        one = w.solver(criterion, Dual).score(w.scales, w.sigma)
        two = replace(repeated, blocks=blocks).solver(criterion, Dual).score(w.scales, w.sigma)
        assert two[0] == pytest.approx(one[0], rel=1e-10)
        np.testing.assert_allclose(two[1], one[1], rtol=1e-8, atol=1e-9)
        assert two[2] == pytest.approx(one[2], rel=1e-8)


def test_an_offset_of_a_hundred_million_costs_no_digits_of_the_residual():
    w = wide(np.random.default_rng(11), 12, 2, ((4, 2),), BOTH)
    X = w.X + np.array([0.0, 1e8])
    far = replace(w, X=X)
    for criterion in ("ml", "reml"):
        here, there = (v.solver(criterion, Dual).value(v.scales, v.sigma) for v in (w, far))
        assert there == pytest.approx(here, rel=1e-7)  # x itself keeps eight digits


def test_another_response_needs_no_new_columns():
    w = wide(np.random.default_rng(12), 10, 2, ((4, 2),), BOTH, extras=True)
    y = np.random.default_rng(13).normal(size=10)
    solver = Dual.of(w.rows, w.beta("reml"))
    other = solver.with_response(y)
    assert other.scaled is solver.scaled
    got = other.value(w.scales, w.sigma)
    truth = replace(w, y=y)
    assert got == pytest.approx(float(value(truth, "reml")), rel=1e-10)
    assert solver.value(w.scales, w.sigma) == w.solver("reml", Dual).value(w.scales, w.sigma)


def test_scratch_memory_is_used_again_without_a_trace():
    w = wide(np.random.default_rng(14), 10, 2, ((4, 2),), BOTH)
    solver = w.solver("reml", Dual)
    work = solver.work()
    solver.score(w.scales * 0.3, 2.0, work)
    assert solver.value(w.scales, w.sigma, work) == solver.value(w.scales, w.sigma)
    one, two = solver.score(w.scales, w.sigma, work), solver.score(w.scales, w.sigma)
    assert one[0] == two[0]
    np.testing.assert_array_equal(one[1], two[1])


def joint_draws(w, criterion, seed, same=True):
    rng = np.random.default_rng(seed)
    scales, sigma = np.tile(w.scales, (DRAWS, 1)), np.full(DRAWS, w.sigma)
    if not same:  # no two neighbours equal: every point is factored anew
        sigma[::2] *= 1.0 + EPS
    beta, effects = w.solver(criterion, Dual).draws(scales, sigma, rng)
    return np.hstack([beta, *(e.reshape(DRAWS, -1) for e in effects)])


@pytest.mark.parametrize("same", [True, False], ids=["one point", "many points"])
@pytest.mark.parametrize("shapes", [(), ((3, 2), (2, 1))], ids=str)
def test_draws_have_the_mean_and_all_covariances_of_the_conditional(shapes, same):
    rng = np.random.default_rng(15)
    sizes = ((7, False), (9, True))
    w = wide(rng, 6, 2, shapes, sizes, zeros=0.3, prior="normal", extras=True)
    for criterion in CRITERIA:
        truth = dense(w, criterion, numbers=FLOAT)
        mean, second = z_scores(joint_draws(w, criterion, 26, same), truth.mean, truth.cov)
        assert mean < LIMIT
        assert second < LIMIT


def test_draws_without_groups_leave_out_only_the_first_factors_effects():
    w = wide(np.random.default_rng(17), 8, 2, ((4, 2), (3, 1)), ((9, False),))
    scales, sigma = np.tile(w.scales, (7, 1)), np.full(7, w.sigma)
    solver = w.solver("reml", Dual)
    beta, effects = solver.draws(scales, sigma, np.random.default_rng(1))
    other, fewer = solver.draws(scales, sigma, np.random.default_rng(1), groups=False)
    assert [e.shape for e in effects] == [(7, 4, 2), (7, 3, 1), (7, 9, 1)]
    assert fewer[0].shape == (7, 0, 2)
    np.testing.assert_array_equal(other, beta)
    for one, two in zip(effects[1:], fewer[1:], strict=True):
        np.testing.assert_array_equal(one, two)


def test_draws_in_batches_and_threads_are_the_same_law(monkeypatch):
    monkeypatch.setattr("bayeslmm.solvers.dual.BATCH", 3000)
    monkeypatch.setattr("bayeslmm.solvers.threads.WORTH", 1)
    w = wide(np.random.default_rng(18), 6, 1, ((3, 1),), ((5, False),))
    truth = dense(w, "reml", numbers=FLOAT)
    for same in (True, False):
        assert max(z_scores(joint_draws(w, "reml", 19, same), truth.mean, truth.cov)) < LIMIT


def test_effects_drawn_again_given_the_rest_have_the_same_joint_law():
    w = wide(
        np.random.default_rng(20), 9, 2, ((3, 2), (2, 1)), ((6, False), (5, True)), extras=True
    )
    scales, sigma = np.tile(w.scales, (DRAWS, 1)), np.full(DRAWS, w.sigma)
    rng = np.random.default_rng(21)
    solver = w.solver("reml", Dual)
    beta, effects = solver.draws(scales, sigma, rng)
    again = solver.redraws(scales, sigma, beta, effects[1:], rng)
    assert np.abs(again - effects[0]).max() > 0.1
    truth = dense(w, "reml", numbers=FLOAT)
    parts = [beta, again.reshape(DRAWS, -1), *(e.reshape(DRAWS, -1) for e in effects[1:])]
    assert max(z_scores(np.hstack(parts), truth.mean, truth.cov)) < LIMIT


def test_averaged_moments_are_moments_averaged_by_hand():
    rng = np.random.default_rng(22)
    w = wide(rng, 9, 2, ((4, 2),), BOTH, prior="joint", extras=True)
    scales = w.scales * np.exp(0.3 * rng.normal(size=(5, 1)))
    scales[1] = scales[0]
    sigma = w.sigma * np.exp(0.3 * np.array([1.0, 1.0, -1.0, 0.0, 0.5]))
    mean, sd = w.solver("evidence", Dual).averaged(scales, sigma)
    means, squares = [], []
    for s, noise in zip(scales, sigma, strict=True):
        truth = dense(w.moved(s, noise), "evidence", numbers=FLOAT)
        means.append(truth.effects[0])
        squares.append(truth.effects[0] ** 2 + np.diagonal(truth.effects_cov[0], axis1=1, axis2=2))
    np.testing.assert_allclose(mean, np.mean(means, axis=0), rtol=1e-9, atol=1e-10)
    truth = np.sqrt(np.mean(squares, axis=0) - np.mean(means, axis=0) ** 2)
    np.testing.assert_allclose(sd, truth, rtol=1e-9)


def test_more_columns_than_rows_by_far_still_draw_their_own_posterior_mean():
    """P = 3,000 of which two matter: the mean of plugged-in draws is the conditional mean."""
    rng = np.random.default_rng(25)
    n, P = 60, 3000
    Z = rng.normal(size=(n, P))
    scales = np.zeros(P)
    scales[:200] = 0.1
    scales[[10, 2000]] = 3.0
    y = 4.0 * Z[:, 10] - 5.0 * Z[:, 2000] + 0.5 * rng.normal(size=n)
    rows = Problem.plain(y, np.ones((n, 1)), (), (Columns(Z, False),))
    solver = Dual.of(rows, FLAT)
    moments = solver.condition(scales, 0.5)
    _, (draws,) = solver.draws(np.tile(scales, (400, 1)), np.full(400, 0.5), rng)
    sd = np.sqrt(moments.effects_cov[0][:, 0, 0])
    assert not draws[:, scales == 0.0].any()
    error = np.abs(draws.mean(axis=0) - moments.effects[0])[scales > 0.0, 0]
    assert (error / sd[scales > 0.0] * 20.0).max() < LIMIT
    assert moments.effects[0][[10, 2000], 0] == pytest.approx([4.0, -5.0], abs=0.6)
