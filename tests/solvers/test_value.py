"""The log density of the solver is the log density of the dense normal, judged with 50 digits."""

import numpy as np
import pytest
from hypothesis import given

from bayeslmm.solvers.beta import FixedPrior

from . import agree
from .dense import CRITERIA, FLOAT, at, dense, problem
from .problems import nested, problems, quick, random_problem

TOLERANCE = 1e-10  # algebra; relative to the density, or to the number of rows where that is more


def agrees(p, criterion, tolerance=TOLERANCE):
    agree.density(p.solver(criterion), p.scales, p.sigma, tolerance)


@quick
@given(problems())
def test_any_problem_has_the_density_of_the_dense_normal(p):
    for criterion in CRITERIA:
        agrees(p, criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize(
    "shapes",
    [
        (),
        ((4, 1),),
        ((4, 2),),
        ((4, 4),),
        ((6, 1), (4, 1)),
        ((6, 2), (4, 1)),
        ((6, 2), (4, 3)),
        ((6, 1), (4, 2), (3, 1)),
    ],
    ids=str,
)
def test_no_one_two_and_three_factors(shapes, criterion):
    rng = np.random.default_rng(1)
    agrees(random_problem(rng, 16, 2, shapes, extras=True), criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("n", [7, 8, 9, 12])
def test_rows_fewer_than_as_many_as_and_more_than_random_columns(n, criterion):
    agrees(random_problem(np.random.default_rng(n), n, 2, ((4, 2),)), criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_nested_factors(criterion):
    agrees(nested(np.random.default_rng(2)), criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("q", [1, 3])
def test_one_row_for_every_group(q, criterion):
    agrees(random_problem(np.random.default_rng(q), 10, 2, ((10, q),)), criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("kind", ["zero", "singular", "one effect"])
@pytest.mark.parametrize("second", [(), ((3, 2),)], ids=["one factor", "crossed"])
def test_a_zero_variance_and_a_correlation_of_one(kind, second, criterion):
    shapes = ((5, 2), *second)
    p = random_problem(np.random.default_rng(3), 15, 2, shapes, (kind,) * len(shapes))
    agrees(p, criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_without_fixed_effects(criterion):
    agrees(random_problem(np.random.default_rng(4), 12, 0, ((4, 2), (3, 1))), criterion)


def test_as_many_fixed_effects_as_rows():
    p = random_problem(np.random.default_rng(5), 4, 4, ((2, 1),), prior="normal")
    for criterion in CRITERIA:
        agrees(p, criterion)


def test_frequency_counts_as_repeated_rows():
    p = random_problem(np.random.default_rng(6), 10, 2, ((4, 2), (3, 1)), extras=True)
    rows = np.repeat(np.arange(10), p.frequency.astype(int))
    factors = [(f.codes[rows], f.levels, f.Z[rows]) for f in p.factors]
    written_out = problem(
        p.y[rows],
        p.X[rows],
        factors,
        p.L,
        p.sigma,
        offset=p.offset[rows],
        weights=p.weights[rows],
    )
    for criterion in CRITERIA:
        truth = written_out.solver(criterion).value(p.scales, p.sigma)
        assert p.solver(criterion).value(p.scales, p.sigma) == pytest.approx(truth, rel=TOLERANCE)


def test_a_proper_prior_adds_its_covariance_to_the_rows():
    p = random_problem(np.random.default_rng(7), 12, 2, ((4, 2),), prior="joint")
    root = np.linalg.solve(p.prior.H, np.diag(p.prior.scale))
    mean = p.X @ np.linalg.solve(p.prior.H, p.prior.location)
    G = p.L[0] @ p.L[0].T
    f = p.factors[0]
    same = f.codes[:, None] == f.codes[None, :]
    V = p.X @ root @ root.T @ p.X.T + same * (f.Z @ G @ f.Z.T) + p.sigma**2 * np.eye(12)
    r = p.y - mean
    truth = -0.5 * (12 * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + r @ np.linalg.solve(V, r))
    assert p.solver("evidence").value(p.scales, p.sigma) == pytest.approx(truth, rel=TOLERANCE)


def test_a_wide_prior_is_flat_up_to_its_constant():
    p = random_problem(np.random.default_rng(8), 12, 2, ((4, 2),))
    wide = at(p, prior=FixedPrior(np.eye(2), np.zeros(2), np.full(2, 1e9)))
    constant = -2 * np.log(1e9) - np.log(2 * np.pi)
    flat = p.solver("reml").value(p.scales, p.sigma)
    assert wide.solver("evidence").value(p.scales, p.sigma) - constant == pytest.approx(flat)


def test_the_order_of_the_factors_does_not_matter():
    p = random_problem(np.random.default_rng(9), 16, 2, ((6, 2), (4, 1), (3, 2)), extras=True)
    other = at(p, factors=p.factors[::-1], L=p.L[::-1])
    for criterion in CRITERIA:
        truth = p.solver(criterion).value(p.scales, p.sigma)
        got = other.solver(criterion).value(other.scales, p.sigma)
        assert got == pytest.approx(truth, rel=TOLERANCE)


def test_the_oracle_in_float64_is_the_oracle_with_50_digits():
    p = random_problem(
        np.random.default_rng(10), 12, 2, ((4, 2), (3, 1)), prior="joint", extras=True
    )
    plain, fine = dense(p, "evidence", numbers=FLOAT), dense(p, "evidence")
    assert plain.value == pytest.approx(float(fine.value), rel=1e-12)
    np.testing.assert_allclose(plain.cov, fine.cov, atol=1e-12)
