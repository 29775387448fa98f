"""Leaving rows out of models with blocks: the dense normal, below, at and above n columns."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given

from bayeslmm.solvers.dual import Dual
from bayeslmm.solvers.leave_out import LeftRows, Precision, Refits, Units, left_out
from bayeslmm.solvers.primal import Primal

from .blocks import wide, wides, written_out
from .problems import quick
from .test_leave_out import Joint, proper

EPS = np.finfo(float).eps


def few(w):
    """Whether the sums are the way that a model takes: fewer columns than rows."""
    columns = sum(f.columns for f in w.factors[1:]) + sum(b.Z.shape[1] for b in w.blocks)
    return columns + w.X.shape[1] < w.y.size


def by_row(w):
    """From the precision of the rows, and from the sums."""
    units = Units.rows(w.frequency)
    yield Precision(w.solver("evidence", Dual), units)
    if few(w):
        yield LeftRows(w.solver("evidence", Primal), units)


def by_level(w, number):
    """Every way to leave out the levels of one factor."""
    f = w.factors[number]
    units = Units.levels(f.codes, f.levels)
    yield Precision(w.solver("evidence", Dual), units)
    if few(w):
        solver = w.solver("evidence", Primal)
        for way in (left_out, LeftRows, Refits):
            yield way(solver, units)


def signal(w):
    """The largest eigenvalue, at most, of what the sums invert: L'Z'Z L / sigma^2 + 1."""
    p = written_out(w)
    root = np.sqrt(p.weights * p.frequency)[:, None]
    return 1.0 + sum(((f.Z * root @ L) ** 2).sum() for f, L in zip(p.factors, p.L)) / p.sigma**2


def agree(w):
    """LeftRows and the levels of every factor, left out and in sample, every way."""
    w = proper(w)
    joint, everything = Joint(written_out(w)), np.arange(int(w.frequency.sum()))
    limit = max(1e-9, 50.0 * EPS * max(joint.condition(), signal(w)))

    def close(got, truth):
        np.testing.assert_allclose(got, truth, rtol=limit, atol=limit)

    found = [way.at(w.scales, w.sigma) for way in by_row(w)]
    for i in range(w.y.size):
        copy = np.flatnonzero(joint.row == i)[:1]
        value, z = joint.given(copy, np.setdiff1d(everything, copy))
        again = joint.given(copy, everything)[0]
        for left in found:
            close([left.log_density[i], left.z[i], left.in_sample[i]], [value, z, again])
    for number, f in enumerate(w.factors):
        for way in by_level(w, number):
            left = way.at(w.scales, w.sigma)
            for level in np.unique(f.codes):
                unit = np.flatnonzero(f.codes[joint.row] == level)
                rest = np.setdiff1d(everything, unit)
                close(left.log_density[level], joint.given(unit, rest)[0])
                close(left.in_sample[level], joint.given(unit, everything)[0])


@quick
@given(wides())
def test_any_problem_with_blocks_has_the_densities_of_the_dense_normal(w):
    agree(w)


@pytest.mark.parametrize("columns", [4, 12, 40], ids=["n > P", "n = P", "n < P"])
@pytest.mark.parametrize("shared", [True, False], ids=["one scale", "one each"])
@pytest.mark.parametrize("shapes", [(), ((4, 2), (3, 1))], ids=str)
def test_rows_and_levels_left_out_beside_blocks(shapes, shared, columns):
    sizes = ((columns, shared), (2, not shared))
    agree(wide(np.random.default_rng(1), 12, 2, shapes, sizes, extras=True))


def test_a_block_whose_scales_are_all_zero_says_nothing():
    """Left out with and without such a block, nothing differs."""
    w = wide(np.random.default_rng(2), 14, 1, ((4, 1),), ((5, False), (6, True)), zeros=1.0)
    bare = replace(w, blocks=(), own=())
    w, bare = (proper(v) for v in (w, bare))
    for one, other in zip(by_row(w), by_row(bare), strict=True):
        with_block, without = one.at(w.scales, w.sigma), other.at(bare.scales, w.sigma)
        np.testing.assert_allclose(with_block.log_density, without.log_density, rtol=1e-10)


def test_noise_that_float64_cannot_hold_gives_no_density():
    """Six columns for twelve rows and noise at 1e-10 of the signal: the precision is lost."""
    w = wide(np.random.default_rng(3), 12, 2, ((4, 1),), ((6, False),))
    solver, f = w.solver("evidence", Dual), w.factors[0]
    for units in (Units.rows(w.frequency), Units.levels(f.codes, f.levels)):
        assert np.isnan(Precision(solver, units).at(w.scales, 1e-10).log_density).all()


def test_a_solver_of_another_kind_leaves_out_by_the_precision_of_the_rows():
    """All that is asked of it are its rows, and what it does with beta."""
    w = wide(np.random.default_rng(4), 9, 2, ((3, 1),), ((4, True),), prior="normal")
    units, known = Units.rows(w.frequency), w.solver("evidence", Primal)
    other = left_out(SimpleNamespace(problem=known.problem, beta=known.beta), units)
    one, two = (way.at(w.scales, w.sigma) for way in (other, left_out(known, units)))
    np.testing.assert_allclose(one.log_density, two.log_density, rtol=1e-9)
