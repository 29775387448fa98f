"""One set of assertions for every solver: what it says is what the dense oracle says."""

import numpy as np

from bayeslmm.solvers.problem import MatrixProblem
from bayeslmm.testing import dense as oracle
from bayeslmm.testing.dense import Dense, covariances

from .dense import FINE, mp

STEP = mp.mpf(10) ** -18  # with 50 digits a central difference is exact to float64


def law(solver, scales, sigma, numbers=FINE) -> Dense:
    """What the oracle says; given its loadings a matrix is a mixed model."""
    problem = solver.problem
    if isinstance(problem, MatrixProblem):
        W = np.reshape(scales, (problem.Y.shape[1], -1))
        problem, psi = problem.given(W), [numbers.of(np.eye(W.shape[1]))]
    else:
        psi = covariances(problem, scales, numbers)
    return oracle.dense(problem, psi, numbers.of(sigma)[()], solver.beta, numbers)


def ways(solver):
    """The solver; and where it works on whole arrays, its compiled twin."""
    yield solver
    if getattr(solver, "light", False):
        yield solver.compiled


def observations(problem) -> float:
    return problem.there.sum() if isinstance(problem, MatrixProblem) else problem.frequency.sum()


def density(solver, scales, sigma, tolerance=1e-10, numbers=FINE) -> None:
    """Relative to the density, or to the number of observations where that is more."""
    truth = float(law(solver, scales, sigma, numbers).value)
    size = max(abs(truth), observations(solver.problem))
    for each in ways(solver):
        got = each.value(scales, sigma)
        assert abs(got - truth) <= tolerance * size, (solver.beta, got, truth)


def moments(solver, scales, sigma, tolerance=1e-10, size=None) -> None:
    """Means and covariances of all coefficients, relative to the largest (at least one)."""
    truth = law(solver, scales, sigma)
    for each in ways(solver):
        _moments(each.condition(scales, sigma), truth, tolerance, size)


def _moments(got, truth, tolerance, size) -> None:
    def close(one, other):
        room = np.abs(other).max(initial=1.0) if size is None else size(truth)
        np.testing.assert_allclose(one, other, rtol=0.0, atol=tolerance * room)

    np.testing.assert_allclose(got.log_density, float(truth.value), rtol=tolerance, atol=tolerance)
    close(got.beta, truth.beta)
    close(got.beta_cov, truth.beta_cov)
    first = len(got.effects) - len(truth.effects)  # without groups there may be an empty factor
    for name in ("effects", "effects_cov"):
        for one, other in zip(getattr(got, name)[first:], getattr(truth, name), strict=True):
            close(one, other)
    assert all((np.diagonal(c, axis1=1, axis2=2) >= 0.0).all() for c in got.effects_cov)


def differences(solver, scales, sigma) -> tuple[np.ndarray, float]:
    """Slopes of the oracle's density in the scales (m,), and in sigma; zero above a diagonal."""
    fine, free, at = FINE.of(scales), np.ones(scales.size, bool), 0
    for f in solver.problem.factors:
        q = f.effects
        free[at : at + q * q] = np.tril(np.ones((q, q), bool)).ravel()
        at += q * q

    def value(place, step):
        moved = fine.copy()
        moved[place] += step
        return law(solver, moved, sigma).value

    found = np.zeros(scales.size)
    for i in np.flatnonzero(free):
        found[i] = float((value(i, STEP) - value(i, -STEP)) / (2 * STEP))
    up, down = (law(solver, scales, mp.mpf(sigma) + step).value for step in (STEP, -STEP))
    return found, float((up - down) / (2 * STEP))
