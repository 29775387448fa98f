"""NUTS with the coefficients integrated out has Stan's posterior, effects included."""

import json

import numpy as np
import pandas as pd
import pymc as pm
import pytest

import bayeslmm as bl


def distance(values, reference):
    """Difference of two Monte Carlo means in their joint standard error."""
    import arviz as az

    ess = float(az.ess(values))
    error = np.hypot(values.std() / np.sqrt(ess), reference["se_mean"])
    return abs(values.mean() - reference["mean"]) / error


def compare(pairs, reference):
    """Every mean within four standard errors, every sd within 6%."""
    worst = {}
    for name, values in pairs.items():
        row = reference.loc[name]
        worst[name] = distance(values, row)
        assert values.std() == pytest.approx(row["sd"], rel=0.06), name
    assert max(worst.values()) < 4.0, worst


def test_sleepstudy(stan_sleepstudy):
    priors = {
        "Intercept": pm.Normal.dist(250.0, 100.0),
        "Days": pm.Normal.dist(0.0, 50.0),
        "sigma": pm.HalfNormal.dist(50.0),
        "sd_Subject": pm.HalfNormal.dist([50.0, 20.0]),
        "corr_Subject": pm.LKJCorr.dist(2, 2.0),
    }
    table = bl.datasets.load("sleepstudy")
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", table, priors=priors)
    tree = bl.fit(model, bl.NUTS(draws=2000), seed=5)
    p = tree["posterior"]
    pairs = {
        "beta[1]": p["beta"].values[..., 0],
        "beta[2]": p["beta"].values[..., 1],
        "sigma": p["sigma"].values,
        "tau[1]": p["sd_Subject"].values[..., 0],
        "tau[2]": p["sd_Subject"].values[..., 1],
        "rho": p["corr_Subject"].values[..., 0, 1],
    }
    for j in range(18):
        for k in range(2):
            pairs[f"u[{j + 1},{k + 1}]"] = p["u_Subject"].values[..., j, k]
    compare(pairs, stan_sleepstudy)
    assert tree.attrs["rhat_max"] <= 1.01


def read(shared_data, data, truth):
    content = json.loads((shared_data / "posteriordb" / f"{data}.data.json").read_text())
    path = shared_data.parent / "truth" / f"truth_stan_{truth}.csv"
    if not path.exists():
        pytest.skip("the reference posterior is not here")
    reference = pd.read_csv(path)
    return content, reference.set_index(reference.columns[0])


def test_rats(shared_data):
    d, reference = read(shared_data, "rats_data", "rats")
    x = np.array(d["x"]) - d["xbar"]
    table = {"y": d["y"], "x": x, "rat": d["rat"]}
    priors = {"beta": "Normal(0, 100)", "sd_rat": "HalfFlat()", "sigma": "HalfFlat()"}
    model = bl.lmm("y ~ x + (x || rat)", table, priors=priors)
    tree = bl.fit(model, bl.NUTS(draws=2000), seed=5)
    p = tree["posterior"]
    pairs = {
        "mu_alpha": p["beta"].values[..., 0],
        "mu_beta": p["beta"].values[..., 1],
        "sigma_y": p["sigma"].values,
        "sigma_alpha": p["sd_rat"].values[..., 0],
        "sigma_beta": p["sd_rat"].values[..., 1],
    }
    compare(pairs, reference)


@pytest.mark.parametrize(
    ("truth", "formula"),
    [
        ("radon_mn_hier_intercept", "y ~ uranium + floor + (1 | county)"),
        ("radon_mn_var_int_slope", "y ~ floor + (floor || county)"),
    ],
)
def test_radon(shared_data, truth, formula):
    d, reference = read(shared_data, "radon_mn", truth)
    table = {
        "y": d["log_radon"],
        "floor": d["floor_measure"],
        "uranium": d["log_uppm"],
        "county": d["county_idx"],
    }
    priors = {"beta": "Normal(0, 10)", "sd_county": "HalfNormal(1)", "sigma": "HalfNormal(1)"}
    model = bl.lmm(formula, table, priors=priors)
    tree = bl.fit(model, bl.NUTS(draws=2000), seed=5)
    p = tree["posterior"]
    pairs = {"mu_alpha": p["beta"].values[..., 0], "sigma_y": p["sigma"].values}
    pairs["sigma_alpha"] = p["sd_county"].values[..., 0]
    if "uranium" in formula:
        pairs["beta[1]"] = p["beta"].values[..., 1]
        pairs["beta[2]"] = p["beta"].values[..., 2]
        for j in (0, 1, 82, 84):
            level = p["beta"].values[..., 0] + p["u_county"].values[..., j, 0]
            pairs[f"alpha[{j + 1}]"] = level
    else:
        pairs["mu_beta"] = p["beta"].values[..., 1]
        pairs["sigma_beta"] = p["sd_county"].values[..., 1]
    compare(pairs, reference)
