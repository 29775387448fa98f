"""The derivatives of the solver are those of the dense normal, differenced with 50 digits.

A central difference with step 1e-18 in 50 digits is exact to float64, so the tolerance is that of
algebra.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from bayeslmm.solvers.score import lower_product

from . import agree
from .dense import CRITERIA, FINE, Problem, exact, value
from .problems import problems, quick, random_problem

TOLERANCE = 1e-9  # relative to the largest term of the derivative


def slope_in_psi(p: Problem, criterion: str, factor: int, direction: np.ndarray) -> float:
    """Along Psi + t direction; twice it is trace(J direction)."""

    def moved(step):
        psi = p.psi(FINE)
        psi[factor] = psi[factor] + exact(direction) * step
        return value(p, criterion, psi=psi)

    return float((moved(agree.STEP) - moved(-agree.STEP)) / (2 * agree.STEP))


def derivatives(
    p: Problem, criterion: str, solver=None
) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """(d/dL, J) of every factor, and d/d sigma, from the solver."""
    _, J, slope = (solver or p.solver(criterion)).score(p.scales, p.sigma)
    flat, ends = np.zeros_like(J), [0]
    for L in p.L:
        ends.append(lower_product(p.scales, J, flat, ends[-1], len(L)))
    cut = [slice(a, b) for a, b in pairwise(ends)]
    slopes = [flat[c].reshape(L.shape) for c, L in zip(cut, p.L, strict=True)]
    return slopes, [J[c].reshape(L.shape) for c, L in zip(cut, p.L, strict=True)], slope


def agrees(p: Problem, criterion: str, tolerance: float = TOLERANCE) -> None:
    truths, truth = agree.differences(p.solver(criterion), p.scales, p.sigma)
    for solver in agree.ways(p.solver(criterion)):
        agree_at(p, derivatives(p, criterion, solver), truths, truth, tolerance)


def agree_at(p: Problem, found, truths, truth: float, tolerance: float) -> None:
    slopes, _, slope = found
    size, at = 1.0 + float(np.abs(p.scales) @ np.abs(truths)), 0
    for got in slopes:
        block = truths[at : at + got.size].reshape(got.shape)
        room = tolerance * max(1.0, np.abs(block).max())
        np.testing.assert_allclose(got, block, rtol=0.0, atol=room)
        assert not got[np.triu_indices(len(got), 1)].any()
        at += got.size
    # Euler's identity makes this slope a sum of n, the quadratic form and <L, dL>, over sigma.
    size = (size + p.frequency.sum()) / p.sigma + abs(truth)
    assert abs(slope - truth) <= tolerance * size, (slope, truth)


@settings(quick, max_examples=25)
@given(problems())
def test_any_problem_has_the_derivatives_of_the_dense_normal(p):
    if p.y.size * sum(L.size for L in p.L) > 120:
        return  # the differences with 50 digits would take too long
    for criterion in CRITERIA:
        agrees(p, criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize(
    "shapes", [((4, 1),), ((4, 3),), ((6, 2), (4, 2)), ((5, 1), (4, 2), (3, 1))]
)
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_every_entry_of_every_factor_and_the_noise(shapes, size, criterion):
    rng = np.random.default_rng(1)
    agrees(random_problem(rng, 14, 2, shapes, prior="joint", extras=True, size=size), criterion)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("kind", ["zero", "singular", "one effect"])
def test_at_a_singular_covariance(kind, criterion):
    p = random_problem(np.random.default_rng(2), 12, 2, ((5, 2), (3, 2)), (kind, kind))
    agrees(p, criterion)
    if kind == "zero":  # whatever the data say: this is why an optimiser never starts there
        assert not any(block.any() for block in derivatives(p, criterion)[0])


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("kind", ["plain", "zero", "singular"])
@pytest.mark.parametrize("factor", [0, 1])
def test_the_derivative_in_the_covariance_exists_at_zero_too(kind, factor, criterion):
    p = random_problem(np.random.default_rng(3), 12, 2, ((5, 2), (3, 2)), (kind, kind), extras=True)
    J = derivatives(p, criterion)[1][factor]
    np.testing.assert_allclose(J, J.T)
    for direction in (np.diag([1.0, 0.0]), np.diag([0.0, 1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])):
        truth = 2.0 * slope_in_psi(p, criterion, factor, direction)
        assert (J * direction).sum() == pytest.approx(truth, rel=TOLERANCE, abs=TOLERANCE)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_density_is_homogeneous_in_all_scales(criterion):
    """d/dt of log p(t y | t theta) = -(n - p): Euler's identity, read off the solver's values."""
    p = random_problem(np.random.default_rng(4), 12, 2, ((5, 2), (3, 1)))
    lost = p.X.shape[1] if criterion != "ml" else 0
    slopes, _, slope = derivatives(p, criterion)
    along = slope * p.sigma + sum((L * d).sum() for L, d in zip(p.L, slopes, strict=True))
    zero = replace(p, y=np.zeros_like(p.y))
    quad = 2.0 * float(value(zero, criterion) - value(p, criterion))
    assert along == pytest.approx(quad - (p.y.size - lost), rel=TOLERANCE)
