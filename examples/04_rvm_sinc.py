# %% [markdown]
# # The relevance vector machine: a function from noisy points
#
# One hundred noisy values of sin(x) / x. Tipping's relevance vector machine (2001) writes the
# function as a sum of bumps, one at every observed point, and a bias:
#
#     y = w_0 + sum_m w_m exp(-(x - x_m)^2 / width^2) + noise,     w_m ~ N(0, 1 / alpha_m)
#
# 101 coefficients for 100 rows. What makes this work is that every coefficient has a variance of
# its own, and that most of these variances are best set to zero.

# %%
import matplotlib.pyplot as plt
import numpy as np

import bayeslmm as bl

data = bl.datasets.load("sinc_gauss01")  # x, t = f + noise of sd 0.1, and f itself
x, y = data["x"].to_numpy(), data["t"].to_numpy()
model = bl.rvm(x, y, kernel=bl.kernels.gaussian(width=3.0))
print(model)

# %% [markdown]
# ## Empirical Bayes: the evidence chooses
#
# `EmpiricalBayes` maximises the marginal likelihood over all 101 variances and the noise. The
# coefficients are integrated out, so that a bump that only follows noise does not pay. The search
# adds, changes and removes bumps one at a time (Tipping & Faul 2003), from several starts, because
# the evidence has many maxima.

# %%
eb = bl.fit(model, bl.EmpiricalBayes(), seed=1)
print(eb.attrs["message"])
print(f"log marginal likelihood {eb.attrs['log_marginal']:.3f}")
print(f"noise sd {float(eb['posterior']['sigma'][0, 0]):.4f}, in truth 0.1")
assert eb.attrs["log_marginal"] > 64.1

# %% [markdown]
# Columns are named by the row whose point is the bump's centre. Those with a variance above zero
# are the relevance vectors.

# %%
kept = bl.selected(eb).query("included")
print(kept.round(3))
relevant = [int(row) for row in kept.index if row != "bias"]
print(data.iloc[relevant].round(3))

# %% [markdown]
# ## The price of plugging in
#
# The prediction has a mean and an sd everywhere. But the five columns and their variances are taken
# as if they were known.

# %%
grid = np.linspace(-14.0, 14.0, 200)
plugged = bl.predict(model, eb, grid, seed=2)

# %% [markdown]
# `NUTS` asks instead what all the variances might be. A flat prior on log alpha, which the search
# uses in effect, has no proper posterior; the sampler gives each scale alpha^(-1/2) a half-t prior
# (it is printed with the model). The coefficients are still integrated out: only scales and noise
# are sampled. Neighbouring bumps are almost the same column, so single coefficients trade places
# and the chains are slow for them; the function, which is what we want, is not. We keep this short;
# for a table to be printed draw longer, as the message says.

# %%
nuts = bl.fit(model, bl.NUTS(draws=300, tune=300), seed=1)
print(nuts.attrs["message"])
print("divergences:", nuts.attrs["divergences"])
full = bl.predict(model, nuts, grid, seed=2)

# %% [markdown]
# No column is certain any more: many different handfuls of bumps make the same curve. A sparse
# answer is one choice among them.

# %%
print(bl.selected(nuts).head(6).round(3))
share = (np.abs(nuts["posterior"]["u_w"]) > 0.1).sum("w_column")
print(f"coefficients above 0.1 in a draw: {float(share.mean()):.1f} on average")

# %% [markdown]
# ## Side by side
#
# Where there are data both agree, and NUTS is a little wider. Outside of the data they do not: the
# plugged-in machine has no bumps there and so it returns to its bias, sure of itself; the posterior
# leaves open which of many bumps continue.

# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
parts = {f"EB: {len(relevant)} relevance vectors and a bias": plugged, "NUTS: all 101": full}
for ax, (name, found) in zip(axes, parts.items(), strict=True):
    lower, upper = found.interval(0.95).T
    ax.plot(x, y, ".", color="0.6", label="data")
    ax.plot(grid, np.sinc(grid / np.pi), "k--", lw=1, label="sin(x) / x")
    ax.plot(grid, found.mean, color="C0", label="mean")
    ax.fill_between(grid, lower, upper, color="C0", alpha=0.25, lw=0, label="95% of the function")
    ax.set(title=name, xlabel="x")
axes[0].plot(x[relevant], y[relevant], "o", mfc="none", color="C3", label="relevance vectors")
axes[0].set_ylabel("y")
axes[0].legend(fontsize="small")
fig.savefig("rvm_sinc.png", dpi=120)

# %%
truth = np.sinc(grid / np.pi)
inside = np.abs(grid) <= 10.0
for name, found in parts.items():
    lower, upper = found.interval(0.95).T
    covered = (lower <= truth) & (truth <= upper)
    error = np.sqrt(np.mean((found.mean - truth)[inside] ** 2))
    print(f"{name}: root mean square error {error:.3f}, mean sd {found.sd[inside].mean():.3f}")
    print(
        f"    95% intervals hold the truth at {covered[inside].mean():.0%} of points in [-10, 10]"
    )
    print(f"    and at {covered[~inside].mean():.0%} beyond")

# %% [markdown]
# ## Another basis
#
# The kernel is a value, and need not have a width: the linear spline is cubic between the points.
# The two marginal likelihoods can be compared, for the data are the same: the Gaussian kernel suits
# this function better.

# %%
spline = bl.rvm(x, y, kernel=bl.kernels.linear_spline())
other = bl.fit(spline, bl.EmpiricalBayes(), seed=1)
print(f"linear spline: {other.attrs['log_marginal']:.2f}, {other.attrs['message']}")
assert other.attrs["log_marginal"] < eb.attrs["log_marginal"]
