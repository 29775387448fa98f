"""Whole arrays at many points say what compiled code says point by point."""

import numpy as np
import pytest

from bayeslmm.solvers import at_points, small_primal
from bayeslmm.solvers.small import is_small

from .problems import random_problem


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
@pytest.mark.parametrize("shapes", [(), ((5, 3),), ((6, 2), (4, 2), (3, 1))], ids=str)
def test_many_points_at_once_are_compiled_codes_one_by_one(monkeypatch, shapes, criterion):
    rng = np.random.default_rng(3)
    p = random_problem(rng, 20, 2, shapes, prior="joint", extras=True)
    scales = p.scales * np.exp(rng.normal(size=(9, 1)))
    scales[4] = 0.0
    sigma = p.sigma * np.exp(0.5 * rng.normal(size=9))
    solver = p.solver(criterion)
    twin = solver.compiled
    monkeypatch.setattr(small_primal, "PIECE", 50)  # several pieces
    values, J, slopes = at_points.scores(solver, scales, sigma, None)
    truth = at_points.scores(twin, scales, sigma, twin.work())
    np.testing.assert_allclose(values, truth[0], rtol=1e-11)
    np.testing.assert_allclose(J, truth[1], atol=1e-9 * np.abs(truth[1]).max(initial=1.0))
    np.testing.assert_allclose(slopes, truth[2], atol=1e-9 * np.abs(truth[2]).max())
    np.testing.assert_allclose(at_points.values(solver, scales, sigma, None), values, rtol=1e-14)


def test_a_point_that_float64_cannot_hold_leaves_the_others_alone():
    p = random_problem(np.random.default_rng(4), 20, 2, ((6, 2), (4, 1)))
    scales, sigma = np.tile(p.scales, (3, 1)), np.array([1.0, 1e-200, 1.0])
    values = at_points.values(p.solver("reml"), scales, sigma, None)
    assert np.isfinite(values[[0, 2]]).all()
    assert not np.isfinite(values[1])


def test_the_mean_and_sd_over_points_are_those_of_compiled_code():
    rng = np.random.default_rng(5)
    for shapes in (((7, 2),), ((6, 1), (4, 2))):  # two effects alone have code of their own
        p = random_problem(rng, 22, 2, shapes, prior="joint", extras=True)
        scales = p.scales * np.exp(0.3 * rng.normal(size=(5, 1)))
        sigma = p.sigma * np.exp(0.3 * rng.normal(size=5))
        solver = p.solver("evidence")
        ours, theirs = (
            solver.averaged(scales, sigma),
            solver.compiled.averaged(scales, sigma),
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-10 * np.abs(theirs).max())


def test_the_sums_by_stacked_factorisations_are_those_of_compiled_reflections(monkeypatch):
    """Groups of one row up to many, rows with weights, a column that only groups tell apart."""
    rng = np.random.default_rng(6)
    p = random_problem(rng, 40, 3, ((9, 2), (4, 1)), extras=True)
    few = p.solver("reml")
    monkeypatch.setattr("bayeslmm.solvers.sums.FEW", 0)
    many = type(few).of(few.problem, few.beta)
    assert few.sums.rows.few
    assert not many.sums.rows.few
    for criterion in ("ml", "reml"):
        one, two = (s.under(p.solver(criterion).beta) for s in (few, many))
        assert one.value(p.scales, p.sigma) == pytest.approx(
            two.value(p.scales, p.sigma), rel=1e-12
        )
    np.testing.assert_allclose(few.sums.rss, many.sums.rss, rtol=1e-10)
    y = rng.normal(size=40)
    again, anew = few.with_response(y), type(many).of(many.with_response(y).problem, many.beta)
    assert again.value(p.scales, p.sigma) == pytest.approx(anew.value(p.scales, p.sigma), rel=1e-12)


def test_what_is_small_depends_on_the_numbers_alone():
    assert is_small(18, 2, 2)
    assert not is_small(5000, 2, 2)
    assert not is_small(18, 2, 200)
