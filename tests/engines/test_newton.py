"""Searches side by side: a quadratic in one step, several hills, a dear gradient, a cliff."""

import numpy as np
import pytest

from bayeslmm.engines.newton import ascend

A = np.array([[3.0, 1.0], [1.0, 2.0]])
TOP = np.array([1.0, -2.0])


def quadratic(X):
    d = X - TOP
    return -0.5 * np.einsum("ki,ij,kj->k", d, A, d), -d @ A


def two_hills(X):
    """Log of a mixture of two normals at -3 and 3, the second one higher."""
    x = X[:, 0]
    logs = np.stack([-0.5 * (x + 3.0) ** 2, np.log(2.0) - 0.5 * (x - 3.0) ** 2])
    value = np.logaddexp(*logs)
    share = np.exp(logs - value)
    return value, (-(x + 3.0) * share[0] - (x - 3.0) * share[1])[:, None]


class Counted:
    def __init__(self, function):
        self.function, self.points = function, 0

    def __call__(self, X):
        self.points += len(X)
        return self.function(X)


@pytest.mark.parametrize("dear", [False, True])
def test_a_quadratic_is_climbed(dear):
    (peak,) = ascend(quadratic, np.array([[0.5, 0.0]]), dear=dear)
    np.testing.assert_allclose(peak.x, TOP, atol=1e-6)
    assert peak.value == pytest.approx(0.0, abs=1e-10)
    np.testing.assert_allclose(peak.hessian, -A, rtol=1e-4)


def test_searches_that_meet_go_on_as_one_and_every_hill_is_told():
    found = ascend(two_hills, np.array([[-6.0], [-2.0], [1.0], [4.0]]))
    assert [round(float(p.x[0]), 2) for p in found] == [3.0, -3.0]
    assert found[0].value > found[1].value


def test_a_search_starts_uphill_where_the_ground_is_not_concave():
    """Between the hills a Newton step would go down to the saddle."""
    found = ascend(two_hills, np.array([[0.3]]))
    assert found[0].x[0] == pytest.approx(3.0, abs=1e-2)


def test_a_slope_without_an_end_is_followed_as_far_as_steps_go():
    found = ascend(lambda X: (X[:, 0], np.ones_like(X)), np.array([[0.0]]))
    assert found[0].x[0] > 1e6


def test_updates_take_fewer_gradients_than_differences():
    def bent(X):
        value, grad = quadratic(np.sinh(X))
        return value, grad * np.cosh(X)

    exact, updated = Counted(bent), Counted(bent)
    start = np.array([[0.1, -0.2]])
    one, two = ascend(exact, start)[0], ascend(updated, start, dear=True)[0]
    np.testing.assert_allclose(one.x, two.x, atol=1e-5)
    assert updated.points < exact.points


def test_what_cannot_be_evaluated_is_left_out_and_stepped_back_from():
    def cliff(X):
        value, grad = quadratic(X)
        gone = X[:, 0] > 1.2
        return np.where(gone, np.nan, value), np.where(gone[:, None], np.nan, grad)

    found = ascend(cliff, np.array([[9.0, 9.0], [-3.0, 4.0]]))
    assert len(found) == 1
    np.testing.assert_allclose(found[0].x, TOP, atol=1e-5)
