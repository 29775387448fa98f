"""The Bayesian lasso on diabetes, by NUTS of a model written out by hand: makes truth_lasso.json.

    y ~ N(mu + A b, sigma^2),   b_j ~ Laplace(0, sigma / lam),   p(mu, sigma) = 1 / sigma

A are the ten columns of Efron et al. (2004), of mean zero and length one; lam = 0.237, as Park &
Casella (2008, section 3.1) report. Nothing of this package but the table is used: no mixture of
normals, no conditional is drawn.

    python tests/references/truth_lasso.py > tests/references/truth_lasso.json
"""

import json
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm

LAM, SEED = 0.237, 20261127
TABLE = Path(__file__).parents[2] / "bayeslmm" / "data" / "diabetes.csv"


def sampled(A, y):
    """Chains of NUTS."""
    with pm.Model():
        mu = pm.Flat("mu", initval=y.mean())
        log_sigma = pm.Flat("log_sigma", initval=np.log(y.std()))  # density 1 is 1 / sigma
        sigma = pm.Deterministic("sigma", pm.math.exp(log_sigma))
        b = pm.Laplace("b", 0.0, sigma / LAM, shape=A.shape[1], initval=np.zeros(A.shape[1]))
        pm.Normal("y", mu + A @ b, sigma, observed=y)
        return pm.sample(
            20_000, tune=3000, chains=4, random_seed=SEED, nuts_sampler="nutpie", progressbar=False
        )


def told():
    table = pd.read_csv(TABLE).astype(float)
    A, y = table.drop(columns="y"), table["y"].to_numpy()
    A = A - A.mean()
    A = A / np.sqrt((A**2).sum())
    posterior = sampled(A.to_numpy(), y)["posterior"].dataset
    draws = posterior[["b", "mu", "sigma"]].assign(sigma2=posterior["sigma"] ** 2)
    error = az.mcse(draws, method="median")
    rhat, ess = az.rhat(draws), az.ess(draws, method="median")
    names = {"lam": LAM, "seed": SEED, "pymc": pm.__version__, "columns": list(A)}
    names |= {"rhat": max(float(v.max()) for v in rhat.values())}
    names |= {"ess_of_medians": min(float(v.min()) for v in ess.values())}
    for name in ("b", "mu", "sigma2"):
        names[f"{name}_median"] = draws[name].median(("chain", "draw")).values.round(4).tolist()
        names[f"{name}_error"] = error[name].values.round(5).tolist()
    return names


if __name__ == "__main__":
    print(json.dumps(told(), indent=1))
