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


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(8)
    g, x = np.repeat(np.arange(8), 5), rng.normal(size=40)
    table = {"y": rng.normal(size=40), "x": x, "g": g}
    return bl.lmm("y ~ x + (x | g)", table, priors=PRIORS)


@pytest.mark.slow
def test_nuts_is_calibrated(model):
    simulated, ranks = 300, {}
    for i in range(simulated):
        prior = bl.prior_predictive(model, draws=1, seed=i)
        y = prior["prior_predictive"]["y"].values[0, 0]
        engine = bl.NUTS(draws=495, tune=500, chains=1, target_accept=0.9)
        tree = bl.fit(model.with_data(y), engine, seed=i)
        posterior, truth = tree["posterior"].isel(draw=slice(0, None, 5)), prior["prior"]
        for name in ("beta", "sd_g", "sigma", "u_g", "icc_g"):
            draws = posterior[name].values[0].reshape(99, -1)
            found = (draws < truth[name].values[0, 0].ravel()).sum(axis=0)
            ranks.setdefault(name, []).append(found[: min(found.size, 2)])
        rho = posterior["corr_g"].values[0, :, 0, 1]
        ranks.setdefault("corr_g", []).append([(rho < float(truth["corr_g"][0, 0, 0, 1])).sum()])
    for name, found in ranks.items():
        for column in np.array(found).T:
            counts = np.histogram(column, bins=20, range=(0, 100))[0]
            assert stats.chisquare(counts).pvalue > 1e-4, name
