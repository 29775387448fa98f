"""Simulation-based calibration (Talts et al. 2018): ranks of the truth among draws are uniform."""

import numpy as np
import pytest
from scipy import stats

import bayeslmm as bl

PRIORS = {
    "Intercept": "Normal(0, 2)",
    "x": "Normal(0, 1)",
    "sd_g": "HalfNormal(1)",
    "corr_g": "LKJ(2)",
    "sigma": "HalfNormal(1)",
}


def table():
    rng = np.random.default_rng(8)
    g, x = np.repeat(np.arange(8), 5), rng.normal(size=40)
    return {"y": rng.normal(size=40), "x": x, "g": g, "h": rng.integers(0, 4, 40)}


@pytest.fixture(scope="module")
def model():
    return bl.lmm("y ~ x + (x | g)", table(), priors=PRIORS)


def few_groups():
    """A factor of four levels beside one of eight: variances near zero are common."""
    own = {name: PRIORS[name] for name in ("Intercept", "sd_g", "sigma")}
    return bl.lmm("y ~ 1 + (1 | g) + (1 | h)", table(), priors=own | {"sd_h": "HalfNormal(1)"})


def columns():
    """A block of columns under one variance."""
    X = np.random.default_rng(9).normal(size=(40, 6))
    own = {"Intercept": "Normal(0, 2)", "sd_x": "HalfNormal(1)", "sigma": "HalfNormal(1)"}
    return bl.lmm("y ~ 1", table(), terms=[bl.ridge(X, "x")], priors=own)


def calibrated(model, engine, names, simulated, step=1):
    """Asserts that ranks of the truth among 99 draws are uniform; how many fits had k-hat."""
    ranks, certified = {}, 0
    for i in range(simulated):
        prior = bl.prior_predictive(model, draws=1, seed=i)
        y = prior["prior_predictive"]["y"].values[0, 0]
        tree = bl.fit(model.with_data(y), engine, seed=i)
        certified += "khat" in tree.attrs
        posterior, truth = tree["posterior"].isel(draw=slice(0, None, step)), prior["prior"]
        for name in names:
            draws = posterior[name].values[0].reshape(99, -1)
            found = (draws < truth[name].values[0, 0].ravel()).sum(axis=0)
            ranks.setdefault(name, []).append(found[: min(found.size, 2)])
        if "corr_g" in posterior and posterior["corr_g"].shape[-1] == 2:
            rho = posterior["corr_g"].values[0, :, 0, 1]
            ranks.setdefault("corr_g", []).append(
                [(rho < float(truth["corr_g"][0, 0, 0, 1])).sum()]
            )
    for name, found in ranks.items():
        for column in np.array(found).T:
            counts = np.histogram(column, bins=20, range=(0, 100))[0]
            assert stats.chisquare(counts).pvalue > 1e-4, name
    return certified


@pytest.mark.slow
def test_nuts_is_calibrated(model):
    engine = bl.NUTS(draws=495, tune=500, chains=1, target_accept=0.9)
    calibrated(model, engine, ("beta", "sd_g", "sigma", "u_g", "icc_g"), 300, step=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: bl.lmm("y ~ x + (x | g)", table(), priors=PRIORS), ("sd_g", "u_g", "icc_g")),
        (few_groups, ("sd_g", "sd_h", "u_h")),
        (columns, ("sd_x", "u_x")),
    ],
    ids=["correlated slopes", "two factors of few levels", "a block of columns"],
)
def test_importance_sampling_is_calibrated(make, names):
    """Nearly all of the data sets are certified, so that it is not NUTS that is."""
    engine = bl.ImportanceSampling(draws=99, chains=1)
    assert calibrated(make(), engine, ("beta", "sigma", *names), 600) > 580
