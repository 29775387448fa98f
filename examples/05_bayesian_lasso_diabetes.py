# %% [markdown]
# # The Bayesian lasso: Park and Casella's table
#
# The lasso is the mode of a posterior with Laplace priors. Park & Casella (2008) look at the whole
# posterior instead, with sigma in the prior so that it has one mode:
#
#     y = mu + X beta + e,    beta_j ~ N(0, sigma^2 tau_j^2),    tau_j^2 ~ Exponential(lambda^2 / 2)
#
# Their example are the 442 diabetes patients of Efron et al. (2004): ten predictors, and how the
# disease has progressed after a year. Columns are centred and have length one.

# %%
import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayeslmm as bl

data = bl.datasets.load("diabetes_unitnorm")
JEFFREYS = {"sigma": "Jeffreys()"}  # 1 / sigma^2 for the variance, as in the paper
model = bl.lasso("y ~ .", data, priors=JEFFREYS)
print(model)

# %% [markdown]
# ## lambda by marginal maximum likelihood
#
# Empirical Bayes integrates coefficients, scales and sigma out and maximises over lambda alone. The
# paper reports 0.237; the Monte Carlo error of ours is in `lam_error`, and how well the data
# determine lambda in `lam_se`.

# %%
eb = bl.fit(model, bl.EmpiricalBayes(), seed=1)
print(f"lambda {eb.attrs['lam']:.4f} +- {eb.attrs['lam_error']:.4f} (Monte Carlo)")
print(f"standard error {eb.attrs['lam_se']:.3f}, from {eb.attrs['cpu_seconds']:.1f} CPU seconds")
assert abs(eb.attrs["lam"] - 0.2364) < 0.0008

# %% [markdown]
# ## Posterior medians and intervals at this lambda
#
# For few columns nothing is faster than the Gibbs sampler, which is an engine here. The medians
# beside ours are from an independent Gibbs sampler in another program (60,000 draws, lambda =
# 0.237).

# %%
fixed = bl.lasso("y ~ .", data, lam=0.237, priors=JEFFREYS)
gibbs = bl.fit(fixed, bl.Gibbs(draws=5000), seed=1)
print(gibbs.attrs["message"])
names = ["age", "sex", "bmi", "map", "tc", "ldl", "hdl", "tch", "ltg", "glu"]
reference = [-3.3, -214.5, 523.7, 307.5, -170.8, -3.1, -152.5, 93.1, 521.0, 63.0]
table = bl.selected(gibbs).loc[data.columns.drop("y")]
table.insert(0, "predictor", names)
table["reference"] = reference
columns = ["predictor", "median", "lower", "upper", "reference", "sign", "included"]
print(table[columns].round({"median": 1, "lower": 1, "upper": 1, "sign": 3}).to_string())
sigma2 = float((gibbs["posterior"]["sigma"] ** 2).median())
print(f"median of sigma^2: {sigma2:.0f}")
assert (np.abs(table["median"] - table["reference"]) < 0.06 * table["sd"]).all()

# %% [markdown]
# Four of ten intervals exclude zero. The lasso's own solution, the mode, would set some
# coefficients to zero exactly; the posterior medians are close to zero, and the table says how sure
# that is: the signs of age and ldl are open.

# %% [markdown]
# ## lambda unknown
#
# With a Gamma(1, 1.78) prior on lambda^2 (section 3.2 of the paper) lambda is one more unknown.
# Intervals hardly change: ten coefficients say little about lambda, but lambda matters little too.

# %%
free = bl.fit(model, bl.Gibbs(), seed=1)
lam = free["posterior"]["lam"]
print(f"lambda: median {float(lam.median()):.3f}, 95% {np.quantile(lam, [0.025, 0.975]).round(3)}")
wider = bl.selected(free).loc[table.index]
ratio = (wider["upper"] - wider["lower"]) / (table["upper"] - table["lower"])
print("width of the intervals, lambda unknown / known:", ratio.round(2).to_numpy())

# %% [markdown]
# `NUTS` has the same posterior from another algorithm: it samples lambda, sigma and the scales,
# with the coefficients integrated out.

# %%
nuts = bl.fit(model, bl.NUTS(), seed=1)
print(f"divergences {nuts.attrs['divergences']}, ESS at least {nuts.attrs['ess_min']:.0f}")
both = {"Gibbs": free, "NUTS": nuts}
errors = {name: az.mcse(tree["posterior"]["u_beta_"].to_dataset()) for name, tree in both.items()}
distance = pd.Series(
    np.abs(
        free["posterior"]["u_beta_"].mean(("chain", "draw"))
        - nuts["posterior"]["u_beta_"].mean(("chain", "draw"))
    )
    / np.hypot(*(e["u_beta_"].values for e in errors.values())),
    index=table.index,
)
print("means apart, in Monte Carlo standard errors:", distance.round(1).to_numpy())
assert distance.max() < 4.5

# %% [markdown]
# ## The path
#
# A frequentist's picture shows the lasso's coefficients as the penalty grows. The Bayesian's shows
# medians and intervals; none of them is ever exactly zero.

# %%
grid = np.geomspace(0.03, 20.0, 13)
medians, lowers, uppers = [], [], []
for value in grid:
    tree = bl.fit(bl.lasso("y ~ .", data, lam=value, priors=JEFFREYS), bl.Gibbs(500, 200), seed=1)
    rows = bl.selected(tree).loc[table.index]
    medians.append(rows["median"].to_numpy())
    lowers.append(rows["lower"].to_numpy())
    uppers.append(rows["upper"].to_numpy())

fig, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for j, name in enumerate(names):
    axes[0].plot(grid, np.array(medians)[:, j], color=f"C{j}", label=name)
    if name in ("bmi", "hdl"):
        band = np.array(lowers)[:, j], np.array(uppers)[:, j]
        axes[0].fill_between(grid, *band, color=f"C{j}", alpha=0.15, lw=0)
axes[0].axvline(eb.attrs["lam"], color="k", lw=0.8, ls=":")
axes[0].set(xscale="log", xlabel="lambda", ylabel="posterior median", title="95% for bmi and hdl")
axes[0].legend(ncols=2, fontsize="small")
place = np.arange(10)
axes[1].axvline(0.0, color="0.8")
axes[1].hlines(place, table["lower"], table["upper"], color="C0")
axes[1].plot(table["median"], place, "o", color="C0", label="lambda 0.237: median, 95%")
axes[1].plot(table["reference"], place, "k|", ms=14, label="reference median")
axes[1].set_yticks(place, names)
axes[1].invert_yaxis()
axes[1].set(xlabel="coefficient", title="Diabetes")
axes[1].legend(fontsize="small", loc="upper right")
fig.savefig("lasso_diabetes.png", dpi=120)
