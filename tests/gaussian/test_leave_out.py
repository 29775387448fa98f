"""Leaving rows out given the variances: the dense normal, and the difference of two densities.

The oracle writes out V, repeats rows by their frequency, and conditions y_I on y_-I by the normal's
own formulas; the package's precision of y is nowhere used.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from bayeslmm.gaussian.leave_out import (
    Groups,
    Refits,
    Rows,
    Table,
    Units,
    levels_out,
    undetermined,
)
from bayeslmm.gaussian.primal import FixedPrior
from bayeslmm.gaussian.sums import Factor

from .dense import dense, problem
from .problems import nested, problems, quick, random_problem

TOLERANCE = 1e-9


def table_of(p, criterion="evidence"):
    prior = p.prior if criterion == "evidence" else FixedPrior.flat(p.X.shape[1])
    return Table(p.y, p.X, p.factors, p.offset, p.weights, p.frequency, prior)


def part(p, keep):
    """The problem without some rows, with every level."""
    factors = tuple(Factor(f.codes[keep], f.levels, f.Z[keep]) for f in p.factors)
    rows = {k: getattr(p, k)[keep] for k in ("y", "X", "offset", "weights", "frequency")}
    return replace(p, factors=factors, **rows)


def difference(p, criterion, keep, frequency=None):
    """log p(y) - log p(y_-I) with 50 digits."""
    less = part(p, keep) if frequency is None else replace(p, frequency=frequency)
    if not less.y.size:
        return float(dense(p, criterion).value)
    return float(dense(p, criterion).value - dense(less, criterion).value)


def one_less(p, i):
    """log density of one of row i's repeats, given all else."""
    if p.frequency[i] == 1:
        return difference(p, "evidence", np.arange(p.y.size) != i)
    return difference(p, "evidence", None, p.frequency - (np.arange(p.y.size) == i))


def close(got, truth, unit=1.0):
    np.testing.assert_allclose(got, truth, rtol=TOLERANCE, atol=TOLERANCE * unit)


def proper(p):
    """The same problem with a proper prior of beta, so that everything can be left out."""
    k = p.X.shape[1]
    return replace(p, prior=FixedPrior(np.eye(k), np.zeros(k), np.full(k, 3.0)))


@quick
@given(problems())
def test_rows_and_levels_of_any_problem_are_the_difference_of_dense_densities(p):
    p = proper(p)
    table, solver = table_of(p), p.solver("evidence")
    rows = Rows(table, solver).at(p.scales, p.sigma)
    close(rows.log_density, [one_less(p, i) for i in range(p.y.size)])
    for number, f in enumerate(p.factors):
        codes = f.codes
        truth = [difference(p, "evidence", codes != level) for level in np.unique(codes)]
        some = np.unique(codes)
        ways = [Units(table, solver, codes, f.levels), Refits(table, solver, codes, f.levels)]
        for way in [Groups(table, solver)] * (number == 0) + ways:
            close(way.at(p.scales, p.sigma).log_density[some], truth)
