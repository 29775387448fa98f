"""Leave-one-out probability integral transforms: the dense normal, and uniform where right."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

import bayeslmm as bl


def test_pit_is_the_dense_conditional_normal():
    data = bl.datasets.load("Dyestuff")
    priors = {"Intercept": "Normal(1500, 500)", "sd_Batch": 40.0, "sigma": 50.0}
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", data, priors=priors)
    found = bl.loo_pit(model, bl.fit(model, bl.NUTS(draws=5, tune=5, chains=1), seed=1))
    batch = data["Batch"].to_numpy()
    V = 500.0**2 + 40.0**2 * (batch[:, None] == batch) + 50.0**2 * np.eye(30)
    r = data["Yield"].to_numpy() - 1500.0
    for i in range(30):
        o = np.arange(30) != i
        k = np.linalg.solve(V[np.ix_(o, o)], V[o, i])
        truth = norm.cdf((r[i] - k @ r[o]) / np.sqrt(V[i, i] - k @ V[o, i]))
        assert found.iloc[i] == pytest.approx(truth, abs=1e-10)
    assert found.index.tolist() == model.design.rows.tolist()


def test_pits_are_uniform_where_the_model_is_right():
    rng = np.random.default_rng(11)
    g, x = np.repeat(np.arange(60), 8), rng.normal(size=480)
    y = 1.0 + x + rng.normal(size=60)[g] + 0.7 * rng.normal(size=60)[g] * x
    y += rng.normal(size=480)
    model = bl.lmm("y ~ x + (x | g)", {"y": y, "x": x, "g": g})
    pit = bl.loo_pit(model, bl.fit(model, bl.NUTS(draws=300, tune=300), seed=1))
    assert kstest(pit, "uniform").pvalue > 0.05
    wrong = bl.fit(bl.lmm("y ~ x + (1 | g)", {"y": y**3, "x": x, "g": g}), bl.EmpiricalBayes())
    other = bl.lmm("y ~ x + (1 | g)", {"y": y**3, "x": x, "g": g})
    assert kstest(bl.loo_pit(other, wrong), "uniform").pvalue < 1e-6
