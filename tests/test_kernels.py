"""Kernels and bases say what their equations say."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

import bayeslmm as bl
from bayeslmm.columns import bases, kernels

RNG = np.random.default_rng(3)
POINTS = RNG.uniform(0.0, 4.0, size=(9, 3))
CENTRES = RNG.uniform(0.0, 4.0, size=(5, 3))
ALL = [kernels.gaussian(1.7), kernels.linear_spline(), kernels.polynomial(3, 0.5)]


def _by_hand(kernel, x, z):
    """One entry, input by input, as the page of the textbook has it."""
    if "gaussian" in repr(kernel):
        return math.exp(-sum((a - b) ** 2 for a, b in zip(x, z)) / 1.7**2)
    if "polynomial" in repr(kernel):
        return (sum(a * b for a, b in zip(x, z)) + 0.5) ** 3
    out = 1.0
    for a, b in zip(x, z):
        low = min(a, b)
        out *= 1 + a * b + a * b * low - (a + b) / 2 * low**2 + low**3 / 3
    return out


@pytest.mark.parametrize("kernel", ALL, ids=repr)
@pytest.mark.parametrize("inputs", [1, 3])
def test_each_entry_is_the_formula(kernel, inputs):
    x, z = POINTS[:, :inputs] - 1.0, CENTRES[:, :inputs] - 1.0  # some inputs below zero
    loop = [[_by_hand(kernel, a, b) for b in z] for a in x]
    np.testing.assert_allclose(kernel(x, z), loop, rtol=1e-12, atol=1e-13)


def test_the_gaussian_is_the_same_across_blocks_of_rows_and_far_from_the_origin():
    x = np.linspace(-10.0, 10.0, 701)[:, None]
    kernel = kernels.gaussian(3.0)
    whole = np.exp(-((x - x.T) ** 2) / 9.0)
    np.testing.assert_allclose(kernel(x, x), whole, rtol=1e-12)
    for inputs in (x, np.hstack([x, x])):
        near, far = kernel(inputs, inputs), kernel(inputs + 2.0**30, inputs + 2.0**30)
        np.testing.assert_allclose(far, near, atol=1e-6)  # of 2^30, 2e-7 is lost in a sum


def test_the_spline_is_the_integral_it_comes_from():
    """1 + x z + int_0^inf (x - t)+ (z - t)+ dt: splines of order one with knots everywhere."""
    for x, z in [(0.3, 2.0), (1.5, 1.5), (4.0, 0.0)]:
        area = quad(lambda t, x=x, z=z: (x - t) * (z - t), 0.0, min(x, z))[0]
        assert kernels.linear_spline()([[x]], [[z]])[0, 0] == pytest.approx(1 + x * z + area)


@pytest.mark.parametrize("kernel", ALL, ids=repr)
def test_kernels_are_positive_semidefinite_where_no_input_is_below_zero(kernel):
    K = kernel(POINTS, POINTS)
    np.testing.assert_array_equal(K, K.T)
    values = np.linalg.eigvalsh(K)
    assert values[0] > -1e-12 * values[-1]


def test_reprs_are_what_one_writes():
    told = [repr(value) for value in ALL]
    assert told == ["gaussian(width=1.7)", "linear_spline()", "polynomial(degree=3, offset=0.5)"]
    assert repr(bases.fourier(2)) == "fourier(order=2, period=range of x)"
    assert kernels.gaussian(3) == kernels.gaussian(3.0)


@pytest.mark.parametrize("width", [0, -1.0, math.nan, math.inf, "3", None, True])
def test_a_width_is_above_zero(width):
    with pytest.raises(ValueError, match=r"width should be a finite number above 0 but got"):
        bl.kernels.gaussian(width)


@pytest.mark.parametrize("degree", [0, -1, 1.5, "2", True])
def test_a_degree_is_a_whole_number(degree):
    for make in (bl.kernels.polynomial, bl.bases.polynomial):
        with pytest.raises(ValueError, match=r"degree should be a whole number, at least 1"):
            make(degree)


def test_other_options_are_checked():
    with pytest.raises(ValueError, match=r"offset should be a finite number at least 0"):
        bl.kernels.polynomial(2, offset=-1.0)
    with pytest.raises(ValueError, match=r"order should be a whole number"):
        bl.bases.fourier(0)
    with pytest.raises(ValueError, match=r"period should be a finite number above 0"):
        bl.bases.fourier(1, period=0.0)


def test_a_kernel_tells_the_shapes_it_takes():
    with pytest.raises(ValueError, match=r"got shapes \(3,\) and \(3,\); write x\[:, None\]"):
        kernels.gaussian(1.0)(np.zeros(3), np.zeros(3))


def test_monomials_of_the_lorenz_system():
    fitted = bases.polynomial(2).fit(POINTS, ("x", "y", "z"))
    x, y, z = POINTS.T
    assert fitted.labels == ("x", "y", "z", "x^2", "x*y", "x*z", "y^2", "y*z", "z^2")
    expected = np.column_stack([x, y, z, x * x, x * y, x * z, y * y, y * z, z * z])
    np.testing.assert_array_equal(fitted(POINTS), expected)


@pytest.mark.parametrize(("degree", "inputs"), [(1, 1), (5, 1), (3, 3), (2, 6)])
def test_the_number_of_monomials_is_known_beforehand(degree, inputs):
    basis = bases.polynomial(degree)
    names = [f"x{j}" for j in range(inputs)]
    fitted = basis.fit(np.ones((1, inputs)), names)
    assert basis.count(inputs) == len(set(fitted.labels)) == fitted(np.ones((1, inputs))).shape[1]
    assert fitted.labels[-1] == (f"{names[-1]}^{degree}" if degree > 1 else names[-1])


def test_monomials_are_powers():
    values = np.array([[-1.5], [0.0], [2.0]])
    fitted = bases.polynomial(4).fit(values, ("t",))
    np.testing.assert_allclose(fitted(values), values ** np.arange(1, 5), rtol=1e-15)


def test_harmonics_are_sines_and_cosines():
    x = RNG.uniform(-5.0, 9.0, size=(40, 2))
    fitted = bases.fourier(2, period=3.5).fit(x, ("a", "b"))
    turn = 2.0 * np.pi * x / 3.5
    expected = [f(k * turn[:, j]) for j in (0, 1) for k in (1, 2) for f in (np.sin, np.cos)]
    np.testing.assert_allclose(fitted(x), np.column_stack(expected), atol=1e-14)
    assert fitted.labels[2:5] == ("sin(4*pi*a/T)", "cos(4*pi*a/T)", "sin(2*pi*b/T)")
    assert bases.fourier(2).count(2) == len(fitted.labels) == 8


def test_the_default_period_is_the_range_of_each_input():
    x = np.column_stack([np.linspace(2.0, 5.0, 7), np.linspace(0.0, 10.0, 7)])
    fitted = bases.fourier(1).fit(x, ("a", "b"))
    assert fitted.periods == (3.0, 10.0)
    np.testing.assert_allclose(fitted(x)[0], fitted(x)[-1], atol=1e-15)


def test_a_sine_that_is_zero_at_every_point_is_exactly_zero():
    x = np.arange(6.0)[:, None]
    assert not bases.fourier(1, period=2.0).fit(x, ("x",))(x)[:, 0].any()


def test_an_input_without_a_range_needs_a_period():
    with pytest.raises(bl.DesignError, match=r"'b' has the value 3 in every row; give period="):
        bases.fourier(1).fit(np.array([[1.0, 3.0], [2.0, 3.0]]), ("a", "b"))


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5, 7, 8, 31, 100])
def test_a_power_by_squaring_is_the_power(degree):
    x = np.linspace(-1.2, 1.1, 7)[:, None]
    found = kernels.polynomial(degree)(x, x)
    np.testing.assert_allclose(found, (x @ x.T + 1.0) ** degree, rtol=1e-13)


def test_a_degree_of_any_size_comes_to_its_end():
    found = kernels.polynomial(10**30)([[0.0], [-1.0]], [[0.5], [1.5]])
    assert found.tolist() == [[1.0, 1.0], [0.0, 0.0]]
