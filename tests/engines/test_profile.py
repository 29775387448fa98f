"""Profiles of criteria with several maxima: a higher one is taken and told, a near one too."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

import bayeslmm as bl
from bayeslmm.engines.maximise import maximise
from bayeslmm.engines.profile import _intervals

from .dense_search import Dense, Term


def crossing_lines(noise):
    """Lines by group that cross at x = 4: with a noise of 1.4 two maxima lie 0.6 nats apart."""
    rng = np.random.default_rng(12)
    g = np.repeat(np.arange(10), 6)
    x = np.round(4.0 + rng.normal(size=60), 3)
    b = rng.normal(0, 3, 10)
    y = np.round(1 + b[g] * (x - 4) + noise * rng.normal(size=60), 3)
    return pd.DataFrame({"y": y, "x": x, "g": g})


def test_a_profile_that_passes_a_higher_maximum_starts_again_from_it():
    model = bl.lmm("y ~ x + (x || g)", crossing_lines(1.0))
    z = np.log([0.7, 0.45, 2.1])
    lower = maximise(model, "reml", begin=model.space.constrain(z))
    assert -2 * lower.value == pytest.approx(275.520, abs=1e-3)
    higher = _intervals(lower, [2], float(norm.ppf(0.975)))
    assert -2 * higher.value == pytest.approx(254.870, abs=1e-3)


def test_intervals_of_a_fit_that_stopped_short_say_so():
    model = bl.lmm("y ~ x + (x || g)", crossing_lines(1.0))
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=1), seed=1)
    plain = bl.confint(model, tree, parameters="sigma")
    short = tree.copy()
    short.attrs["log_marginal"] -= 10.3249  # as one start from the usual magnitudes gave it
    with pytest.warns(UserWarning, match="higher maximum, by 10.32 nats"):
        pd.testing.assert_frame_equal(bl.confint(model, short, parameters="sigma"), plain)


def test_an_interval_reaches_around_a_maximum_that_is_nearly_as_high():
    """At its ends the dense criterion, maximised over all else, has dropped by 1.92 nats."""
    table = crossing_lines(1.4)
    model = bl.lmm("y ~ x + (x || g)", table)
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=1), seed=1)
    found = bl.confint(model, tree, parameters="sigma").loc["sigma"]
    X = np.column_stack([np.ones(60), table.x])
    dense = Dense(table.y.to_numpy(), X, (Term(X, table.g.to_numpy()),), "reml")
    rng = np.random.default_rng(0)

    def profile(sigma):
        def negative(x):
            value, slope = dense(np.append(x, np.log(sigma)))
            return -value, -slope[:-1]

        begins = rng.uniform(0.1, 40.0, (8, 2))
        return -min(minimize(negative, x, jac=True, method="BFGS").fun for x in begins)

    top = tree.attrs["log_marginal"]
    assert profile(2.274) > top - 0.6  # the other maximum, to the right of this one's own interval
    assert found["estimate"] == pytest.approx(1.374, abs=1e-3)
    for end in (found["lower"], found["upper"]):
        assert top - profile(end) == pytest.approx(0.5 * norm.ppf(0.975) ** 2, abs=1e-3)
    assert found["upper"] > 2.274
