"""Leaving rows out given the variances: the dense normal, and the difference of two densities.

The first oracle writes out the covariance of y, beta's prior included, repeats rows by their
frequency, and conditions y_I on y_-I. The second is log p(y) - log p(y_-I) with 50 digits.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from bayeslmm.solvers.beta import FixedPrior
from bayeslmm.solvers.leave_out import Groups, LeftRows, Refits, Units, left_out, undetermined
from bayeslmm.solvers.problem import Factor

from .dense import dense, problem
from .problems import nested, problems, quick, random_problem

TOLERANCE = 1e-9
LOG_2PI = np.log(2.0 * np.pi)


def proper(p):
    """The same problem with a proper prior of beta, so that everything can be left out."""
    k = p.X.shape[1]
    return replace(p, prior=FixedPrior(np.eye(k), np.ones(k), np.full(k, 3.0)))


def ways(p, number, criterion="evidence"):
    """Every way to leave out the levels of one factor."""
    solver, f = p.solver(criterion), p.factors[number]
    units = Units.levels(f.codes, f.levels)
    return [W(solver, units) for W in (Groups, LeftRows, Refits)[number > 0 :]]


def by_row(p, criterion="evidence"):
    return LeftRows(p.solver(criterion), Units.rows(p.frequency))


class Joint:
    """Mean and covariance of the repeated rows, (n, n), from the prior alone; and their y."""

    def __init__(self, p):
        self.row = np.repeat(np.arange(p.y.size), p.frequency.astype(int))
        X, scale = p.X[self.row], p.prior.scale
        self.V = (X * scale**2) @ X.T
        for f, L in zip(p.factors, p.L, strict=True):
            ZL, codes = f.Z[self.row] @ L, f.codes[self.row]
            self.V += (ZL @ ZL.T) * (codes[:, None] == codes)
        self.r = (p.y - p.offset)[self.row] - X @ p.prior.location
        self.noise = p.sigma**2 / p.weights[self.row]

    def given(self, at, known):
        """Log density of new responses, as observed, at the rows `at` given rows `known`."""
        K = self.V[np.ix_(known, known)] + np.diag(self.noise[known])
        cross = self.V[np.ix_(at, known)]
        mean = cross @ np.linalg.solve(K, self.r[known])
        S = self.V[np.ix_(at, at)] - cross @ np.linalg.solve(K, cross.T) + np.diag(self.noise[at])
        d = self.r[at] - mean
        quad = d @ np.linalg.solve(S, d)
        value = -0.5 * (np.linalg.slogdet(S)[1] + quad + at.size * LOG_2PI)
        return value, d[0] / np.sqrt(S[0, 0])

    def condition(self):
        return np.linalg.cond(self.V + np.diag(self.noise))


def agree(p):
    """Rows and the levels of every factor, left out and in sample, every way."""
    joint, everything = Joint(p), np.arange(int(p.frequency.sum()))
    limit = max(TOLERANCE, 50.0 * np.finfo(float).eps * joint.condition())

    def close(got, truth):
        np.testing.assert_allclose(got, truth, rtol=limit, atol=limit)

    rows = by_row(p).at(p.scales, p.sigma)
    for i in range(p.y.size):
        copy = np.flatnonzero(joint.row == i)[:1]
        value, z = joint.given(copy, np.setdiff1d(everything, copy))
        close([rows.log_density[i], rows.z[i]], [value, z])
        close(rows.in_sample[i], joint.given(copy, everything)[0])
    for number, f in enumerate(p.factors):
        for way in ways(p, number):
            left = way.at(p.scales, p.sigma)
            for level in np.unique(f.codes):
                unit = np.flatnonzero(f.codes[joint.row] == level)
                rest = np.setdiff1d(everything, unit)
                close(left.log_density[level], joint.given(unit, rest)[0])
                close(left.in_sample[level], joint.given(unit, everything)[0])


@quick
@given(problems())
def test_any_problem_has_the_densities_of_the_dense_normal(p):
    agree(proper(p))


@pytest.mark.parametrize("kind", ["plain", "zero", "singular", "one effect"])
def test_densities_exist_at_a_zero_variance(kind):
    rng = np.random.default_rng(1)
    agree(proper(random_problem(rng, 14, 2, ((5, 2), (3, 2)), (kind, kind), extras=True)))


def test_a_level_of_a_nested_factor_is_a_union_of_groups():
    agree(proper(nested(np.random.default_rng(2))))


def test_a_model_without_groups_leaves_out_rows_of_a_regression():
    agree(proper(random_problem(np.random.default_rng(3), 9, 3, (), extras=True)))


def part(p, keep):
    """The problem without some rows, with every level."""
    factors = tuple(Factor(f.codes[keep], f.levels, f.Z[keep]) for f in p.factors)
    rows = {k: getattr(p, k)[keep] for k in ("y", "X", "offset", "weights", "frequency")}
    return replace(p, factors=factors, **rows)


def difference(p, criterion, inside):
    """log p(y) - log p(y_-I) with 50 digits."""
    return float(dense(p, criterion).value - dense(part(p, ~inside), criterion).value)


@pytest.mark.parametrize("criterion", ["reml", "evidence"])
def test_densities_under_a_flat_prior_are_differences_of_the_criterion(criterion):
    rng = np.random.default_rng(4)
    p = random_problem(rng, 12, 2, ((4, 2), (3, 1)), prior="partly flat")
    rows = by_row(p, criterion).at(p.scales, p.sigma)
    each = np.arange(p.y.size)
    truth = [difference(p, criterion, each == i) for i in each]
    np.testing.assert_allclose(rows.log_density, truth, rtol=TOLERANCE)
    for number, f in enumerate(p.factors):
        truth = [difference(p, criterion, f.codes == level) for level in range(f.levels)]
        for way in ways(p, number, criterion):
            got = way.at(p.scales, p.sigma).log_density
            np.testing.assert_allclose(got, truth, rtol=TOLERANCE)


@pytest.mark.parametrize("sigma", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("rows", [1, 2])
def test_leverage_near_one_keeps_its_digits(rows, sigma):
    """One or two rows per group, and noise of a millionth of the groups' spread."""
    rng = np.random.default_rng(5)
    codes, x = np.arange(8) // rows, rng.normal(size=8)
    X = np.column_stack([np.ones(8), x])
    y = 3.0 + x + rng.normal(size=8)[codes] + sigma * rng.normal(size=8)
    p = problem(y, X, [(codes, codes.max() + 1, np.ones((8, 1)))], [[[1.0]]], sigma)
    rows_out = by_row(p).at(p.scales, p.sigma)
    each = np.arange(8)
    truth = [difference(p, "evidence", each == i) for i in each]
    np.testing.assert_allclose(rows_out.log_density, truth, rtol=TOLERANCE)
    truth = [difference(p, "evidence", codes == level) for level in range(codes.max() + 1)]
    groups = ways(p, 0)[0].at(p.scales, p.sigma)
    np.testing.assert_allclose(groups.log_density, truth, rtol=TOLERANCE)


def test_a_crossed_level_with_one_row_loses_digits_and_says_so():
    """They go with (sd / sigma)^4: the remainder's condition, over what is left of the leverage."""
    codes, sole = np.arange(8) // 2, np.arange(8)
    y = np.random.default_rng(6).normal(size=8)
    factors = [(codes, 10, np.ones((8, 1))), (sole, 8, np.ones((8, 1)))]
    for sigma, limit in ((1e-1, 1e-10), (1e-2, 1e-7)):
        p = proper(problem(y, np.ones((8, 1)), factors, ([[0.5]], [[1.0]]), sigma))
        got = by_row(p).at(p.scales, p.sigma).log_density
        truth = [difference(p, "evidence", sole == i) for i in sole]
        np.testing.assert_allclose(got, truth, rtol=limit)
    p = replace(p, sigma=1e-4)
    with np.errstate(invalid="ignore"):
        got = by_row(p).at(p.scales, p.sigma).log_density
    assert np.isnan(got).any()


def test_units_without_which_a_flat_coefficient_is_free_are_named():
    codes = np.repeat([0, 1, 2], 4)
    X = np.column_stack([np.ones(12), codes == 1, np.arange(12) == 11]).astype(float)
    flat = FixedPrior.flat(3)
    assert undetermined(X, flat, codes, 3).tolist() == [1, 2]
    assert undetermined(X, flat, np.arange(12), 12).tolist() == [11]
    assert undetermined(X, FixedPrior(np.eye(3), np.zeros(3), np.ones(3)), codes, 3).size == 0
    known = FixedPrior(np.eye(3)[1:2], np.zeros(1), np.ones(1))
    assert undetermined(X, known, codes, 3).tolist() == [2]
    assert undetermined(X * [1.0, 1e8, 1e-8], flat, codes, 3).tolist() == [1, 2]


def test_units_that_are_a_large_part_are_left_out_by_refits():
    rng = np.random.default_rng(7)
    for levels, kind in ((2, Refits), (400, LeftRows)):
        p = proper(random_problem(rng, 1200, 1, ((500, 1), (levels, 1))))
        f = p.factors[1]
        way = left_out(p.solver("evidence"), Units.levels(f.codes, f.levels))
        assert type(way) is kind


def test_refits_that_cannot_be_kept_are_made_again(monkeypatch):
    monkeypatch.setattr("bayeslmm.solvers.leave_out.solvers.KEPT", 0.0)
    agree(proper(random_problem(np.random.default_rng(8), 10, 1, ((4, 1), (2, 1)))))
