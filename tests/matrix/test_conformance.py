"""Every declaration of probabilistic PCA passes the tests that any model passes."""

import numpy as np
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.testing import check_engine, check_model


def table(missing):
    rng = np.random.default_rng(3)
    Y = rng.standard_normal((12, 2)) @ rng.standard_normal((2, 4)) + 0.4 * rng.standard_normal(
        (12, 4)
    )
    Y = 5.0 + Y * np.array([1.0, 2.0, 0.5, 1.0])
    Y[rng.random(Y.shape) < missing] = np.nan
    return Y


CASES = {
    "two components": {"components": 2},
    "three, as many as may be": {"components": 3},
    "none": {"components": 0},
    "columns divided by their sds": {"components": 2, "scale": "sd"},
    "a scale for each component": {"components": 2, "ard": True},
    "means near a number": {"components": 1, "priors": {"mu": "Normal(4, 2)"}},
    "means of their own and a foreign law": {
        "components": 2,
        "scale": "sd",
        "priors": {
            "mu": pm.Normal.dist([4.0, 5.0, 6.0, 5.0], [1.0, 2.0, 3.0, 4.0]),
            "sigma": pm.Weibull.dist(alpha=3.0, beta=1.1),
        },
    },
    "flat means": {"components": 2, "priors": {"mu": "flat"}},
    "scales known": {"components": 2, "priors": {"sd_W": 1.5, "sigma": 0.5}},
}


@pytest.mark.parametrize("missing", [0.0, 0.25], ids=["complete", "gaps"])
@pytest.mark.parametrize("case", CASES)
def test_solver_graphs_and_recovery_say_the_same(case, missing):
    check_model(bl.ppca(table(missing), **CASES[case]))


@pytest.mark.parametrize("missing", [0.0, 0.25], ids=["complete", "gaps"])
def test_results_of_engines_are_alike(missing):
    model = bl.ppca(table(missing), 2)
    check_engine(bl.NUTS(draws=50, tune=100, chains=2), model)
    check_engine(bl.ImportanceSampling(draws=50, chains=2), model)
    for criterion in ("ml", "reml", "evidence"):
        check_engine(bl.EmpiricalBayes(criterion, draws=50), model)
    fixed = bl.ppca(table(missing), 2, priors={"sd_W": 1.0})
    check_engine(bl.EmpiricalBayes("map", draws=50), fixed)
