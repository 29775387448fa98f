"""Designs where float64 runs short of digits: the judge has 50, and takes the floats as exact.

Each tolerance is that of algebra, 1e-10, or eps times the condition number that the test states.
"""

import numpy as np
import pytest

from . import agree
from .dense import CRITERIA, FLOAT, at, dense, problem, value
from .problems import triangular
from .test_gradient import derivatives

EPS = np.finfo(float).eps
ONE = np.ones((30, 1))
G, H = np.arange(30) % 6, np.arange(30) // 6


def numbers(seed=0):
    """x, effects of 6 groups and of 5 others, and noise."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=30), rng.normal(size=(6, 2)), rng.normal(size=5), rng.normal(size=30)


def errors(p, criterion):
    """Relative errors of the value, of the derivatives in every L, and in sigma."""
    truth = float(value(p, criterion))
    got = p.solver(criterion).value(p.scales, p.sigma)
    slopes, _, slope = derivatives(p, criterion)
    truths, true = agree.differences(p.solver(criterion), p.scales, p.sigma)
    found, at = [abs(got - truth) / max(abs(truth), p.y.size)], 0
    for block in slopes:
        own = truths[at : at + block.size].reshape(block.shape)
        found.append(np.abs(block - own).max() / np.abs(own).max())
        at += block.size
    return np.array([*found, abs(slope - true) / abs(true)])


def check(p, condition=1.0, criteria=CRITERIA):
    """Value, derivatives, and the moments measured in posterior sds."""
    tolerance = max(1e-10, EPS * condition)
    for criterion in criteria:
        found = errors(p, criterion)
        assert (found <= tolerance).all(), (criterion, found)
    truth = dense(p, "reml")
    got = p.solver("reml").condition(p.scales, p.sigma)
    mean = np.concatenate([got.beta, *(e.ravel() for e in got.effects)])
    sd = np.sqrt(np.diag(truth.cov))
    np.testing.assert_allclose((mean - truth.mean) / sd, 0.0, atol=max(1e-9, EPS * condition))
    sd = sd[: got.beta.size]
    error = (got.beta_cov - truth.beta_cov) / np.outer(sd, sd)
    np.testing.assert_allclose(error, 0.0, atol=tolerance)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("crossed", [False, True])
def test_a_column_with_an_offset_of_1e8(crossed, weighted):
    x, b, c, e = numbers()
    X = np.column_stack([np.ones(30), 1e8 + x])
    y = 2.0 + 0.5 * (X[:, 1] - 1e8) + b[G, 0] + crossed * c[H] + e
    factors, L = [(G, 6, ONE)], [[[0.8]]]
    if crossed:
        factors, L = [*factors, (H, 5, ONE)], [*L, [[0.5]]]
    more = {"weights": np.exp(numbers(1)[0])} if weighted else {}
    check(problem(y, X, factors, L, 0.9, **more))


def test_a_column_with_an_offset_beside_cell_means():
    """No column of ones to centre by: the condition number of the columns, 1e8, is paid."""
    x, b, _, e = numbers()
    X = np.column_stack([np.eye(3)[np.arange(30) % 3], 1e8 + x])
    check(problem(2.0 + 0.5 * x + b[G, 0] + e, X, [(G, 6, ONE)], [[[0.8]]], 0.9), condition=1e9)


def test_a_random_slope_with_an_offset_of_1e8():
    """sd of the intercept 5e7, of the slope 0.6, correlation near -1: sd 1 at the mean of x.

    Whatever is computed from L's own floats has the condition number 1e8.
    """
    x, b, _, e = numbers()
    X = np.column_stack([np.ones(30), 1e8 + x])
    y = 2.0 + 0.5 * x + (b[G] * np.column_stack([np.ones(30), x])).sum(axis=1) + e
    check(problem(y, X, [(G, 6, X)], [[[5e7, 0.0], [-0.5, 0.3]]], 0.9), condition=1e9)


@pytest.mark.parametrize("factor", [1e-8, 1e8])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_another_unit_of_y_shifts_the_criterion_by_its_logarithm(factor, criterion):
    x, b, c, e = numbers()
    X = np.column_stack([np.ones(30), x])
    factors = [(G, 6, X), (H, 5, ONE)]
    y = 1.0 + x + b[G, 0] + c[H] + e
    L = (triangular(np.random.default_rng(2), 2), np.array([[0.7]]))
    p = problem(y, X, factors, L, 0.9)
    other = problem(y * factor, X, factors, [block * factor for block in L], 0.9 * factor)
    lost = 0 if criterion == "ml" else 2
    shift = -(30 - lost) * np.log(factor)
    truth = p.solver(criterion).value(p.scales, p.sigma) + shift
    got = other.solver(criterion).value(other.scales, other.sigma)
    assert got == pytest.approx(truth, rel=1e-12)
    assert errors(other, criterion).max() < 1e-10


@pytest.mark.parametrize("slope", [False, True])
def test_noise_at_a_millionth_of_the_signal(slope):
    """One factor: the groups' own directions are split off, so (sd/sigma)^2 = 1e12 is not paid.

    The quadratic form is: y carries eps |y| / sigma = 2e-10 x 5 of rounding, so 1e-9 in all.
    """
    x, b, _, e = numbers()
    X = np.column_stack([np.ones(30), x])
    Z = X if slope else ONE
    y = 3.0 + 2.0 * x + (b[G, : Z.shape[1]] * Z).sum(axis=1) + 1e-6 * e
    p = problem(y, X, [(G, 6, Z)], [np.eye(Z.shape[1])], 1e-6)
    for criterion in CRITERIA:
        found = errors(p, criterion)
        assert found[0] < 1e-10
        assert found[1:].max() < 1e-8
    truth = dense(p, "reml")
    got = p.solver("reml").condition(p.scales, p.sigma)
    np.testing.assert_allclose(got.beta, truth.beta, rtol=1e-8)
    np.testing.assert_allclose(got.effects[0], truth.effects[0], rtol=1e-7)


@pytest.mark.parametrize("noise", [1e-3, 1e-5, 1e-6])
def test_crossed_factors_pay_the_ratio_of_the_variances(noise):
    """The normal equations hold n/sigma^2 beside 1: the condition number is n (sd/sigma)^2."""
    x, b, c, e = numbers()
    X = np.column_stack([np.ones(30), x])
    y = 3.0 + 2.0 * x + b[G, 0] + c[H] + noise * e
    p = problem(y, X, [(G, 6, ONE), (H, 5, ONE)], [np.eye(1), np.eye(1)], noise)
    check(p, condition=30.0 / noise**2)


def test_where_no_digit_is_left_the_value_is_nan_and_not_a_wrong_number():
    x, b, c, e = numbers()
    X = np.column_stack([np.ones(30), x])
    y = 3.0 + 2.0 * x + b[G, 0] + c[H] + 1e-10 * e
    p = problem(y, X, [(G, 6, ONE), (H, 5, ONE)], [np.eye(1), np.eye(1)], 1e-10)
    for criterion in CRITERIA:
        assert np.isnan(p.solver(criterion).value(p.scales, p.sigma))
        assert np.isnan(p.solver(criterion).score(p.scales, p.sigma)[0])


def test_many_levels_that_cannot_be_told_apart_are_nan_too():
    """More columns than small loops handle: LAPACK's failure must not come out as an error."""
    rng = np.random.default_rng(3)
    g, h = np.arange(400) % 80, rng.permutation(np.arange(400) % 70)
    ones = np.ones((400, 1))
    p = problem(rng.normal(size=400), ones, [(g, 80, ones), (h, 70, ones)], [[[1.0]], [[1.0]]], 1.0)
    solver = p.solver("reml")
    truth = float(value(p, "reml", numbers=FLOAT))
    assert solver.value(p.scales, 1.0) == pytest.approx(truth, rel=1e-10)
    assert np.isnan(solver.value(np.ones(2), 1e-12))
    assert np.isnan(solver.value(np.array([1.0, np.nan]), 1.0))


def test_variances_that_are_nearly_zero():
    x, b, c, e = numbers()
    X = np.column_stack([np.ones(30), x])
    y = 3.0 + 2.0 * x + b[G, 0] + c[H] + e
    L = [1e-9 * np.eye(2), [[1e-9]]]
    check(problem(y, X, [(G, 6, X), (H, 5, ONE)], L, 1.0))


@pytest.mark.parametrize("noise", [1.0, 1e-2])
def test_a_correlation_of_nearly_one_and_perfectly_confounded_factors(noise):
    """The second factor has the groups and columns of the first: only its prior tells it apart."""
    x, b, _, e = numbers()
    X = np.column_stack([np.ones(30), x])
    r = 1.0 - 1e-9
    L = np.array([[1.0, 0.0], [r, np.sqrt(1.0 - r * r)]])
    y = 3.0 + (b[G] * X).sum(axis=1) + noise * e
    p = problem(y, X, [(G, 6, X), (G, 6, X)], [L, np.eye(2)], noise)
    check(p, condition=30.0 / noise**2)
    check(at(p, factors=p.factors[:1], L=p.L[:1]))


@pytest.mark.parametrize("crossed", [False, True])
def test_one_row_for_every_group(crossed):
    x, _, c, e = numbers()
    X = np.column_stack([np.ones(30), x])
    factors, L = [(np.arange(30), 30, ONE)], [[[0.7]]]
    if crossed:
        factors, L = [*factors, (H, 5, X)], [*L, [[1.0, 0.0], [0.5, 0.1]]]
    check(problem(1.0 + x + c[H] + e, X, factors, L, 0.4))


def test_twenty_random_effects_in_every_group():
    rng = np.random.default_rng(4)
    X = np.column_stack([np.ones(30), rng.normal(size=30)])
    Z = np.column_stack([np.ones(30), rng.normal(size=(30, 19))])
    p = problem(rng.normal(size=30), X, [(G % 2, 2, Z)], [triangular(rng, 20, size=0.3)], 0.7)
    for criterion in CRITERIA:
        truth = float(value(p, criterion))
        assert p.solver(criterion).value(p.scales, p.sigma) == pytest.approx(truth, rel=1e-10)
    truth, got = dense(p, "reml"), p.solver("reml").condition(p.scales, p.sigma)
    np.testing.assert_allclose(got.effects[0], truth.effects[0], atol=1e-10)
    np.testing.assert_allclose(got.effects_cov[0], truth.effects_cov[0], atol=1e-10)
