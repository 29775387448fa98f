"""Columns on one scale: by exact arithmetic, whatever their offset."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from bayeslmm.columns import standardise

RNG = np.random.default_rng(8)
N = 24
FREQUENCY = RNG.integers(1, 5, size=N)
SHARE = FREQUENCY / FREQUENCY.sum()


def exact(column, centred):
    """Mean and variance, weighted by frequency, in fractions; then the sd to fifty digits."""
    values = [Fraction(float(v)) for v in column]
    count = int(FREQUENCY.sum())
    mean = sum(int(f) * v for f, v in zip(FREQUENCY, values)) / count if centred else Fraction(0)
    variance = sum(int(f) * (v - mean) ** 2 for f, v in zip(FREQUENCY, values)) / count
    with mpmath.workdps(50):
        sd = mpmath.sqrt(mpmath.mpf(variance.numerator) / variance.denominator)
        return float(mean), float(sd), float(sd * mpmath.sqrt(count))


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("offset", [0.0, -3.0, 1e8])
@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_centre_and_unit_are_exact(centred, offset, size):
    matrix = (RNG.normal(size=(N, 4)) + offset) * size
    for rule, place in (("sd", 1), ("norm", 2)):
        scaled, centre, unit = standardise(matrix, SHARE, centred, rule, FREQUENCY.sum())
        for j, column in enumerate(matrix.T):
            truth = exact(column, centred)
            rounding = 4.0 * np.finfo(float).eps * np.abs(column).max()
            assert abs(centre[j] - truth[0]) <= rounding
            # About a mean that is off by `rounding`, the sd is off by its square: nothing.
            assert unit[j] == pytest.approx(truth[place], rel=1e-14)
        np.testing.assert_array_equal(scaled, (matrix - centre) / unit)


def test_a_row_counted_twice_is_two_rows():
    matrix = RNG.normal(size=(N, 3)) + 10.0
    repeated = np.repeat(matrix, FREQUENCY, axis=0)
    n = len(repeated)
    for rule in ("sd", "norm"):
        counted = standardise(matrix, SHARE, True, rule, n)
        plain = standardise(repeated, np.full(n, 1.0 / n), True, rule)
        for a, b in zip(counted[1:], plain[1:]):
            np.testing.assert_allclose(a, b, rtol=1e-14)


def test_a_unit_norm_column_has_a_sum_of_squares_of_one():
    scaled, _, _ = standardise(RNG.normal(size=(N, 3)) + 5.0, np.full(N, 1 / N), True, "norm")
    np.testing.assert_allclose((scaled**2).sum(axis=0), 1.0, rtol=1e-13)
    np.testing.assert_allclose(scaled.sum(axis=0), 0.0, atol=1e-13)


def test_without_a_rule_nothing_is_scaled():
    matrix = RNG.normal(size=(N, 3))
    kept = matrix.copy()
    scaled, centre, unit = standardise(matrix, SHARE, False, None)
    np.testing.assert_array_equal(scaled, matrix)
    assert (centre == 0).all()
    assert (unit == 1).all()
    centred = standardise(matrix, SHARE, True, None)
    np.testing.assert_allclose(centred[1], SHARE @ matrix, rtol=1e-14)
    centred[0][:] = 0.0
    np.testing.assert_array_equal(matrix, kept)  # what was given is not changed


def test_a_column_without_spread_has_no_scale():
    matrix = np.column_stack([np.arange(4.0), np.ones(4)])
    with pytest.raises(ValueError, match=r"1 columns have no spread .*number 1, from 0"):
        standardise(matrix, np.full(4, 0.25), True, "sd")
    assert standardise(matrix, np.full(4, 0.25), False, "sd")[2][1] == 1.0


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match=r"'sd', 'norm' or None but got 'max'"):
        standardise(np.eye(2), np.full(2, 0.5), True, "max")
