# %% [markdown]
# # Probabilistic PCA: iris, from the table to a report
#
# Principal component analysis turns many correlated columns into a few. It is also a model, and
# then it has a likelihood (Tipping & Bishop 1999): every row has q scores z, the scores are
# independent standard normal numbers, and the columns are
#
#     y_i = mu + W z_i + e_i,     z_i ~ N(0, I),     e_i ~ N(0, sigma^2 I)
#
# so that the covariance of a row is C = W W' + sigma^2 I. The maximum of the likelihood is the
# classical solution. What the model adds: how sure one is of loadings and scores, how many
# components the data support, which rows do not fit, and what to do about missing entries (the
# next example).

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayeslmm as bl

iris = bl.datasets.load("iris")
flowers = iris.drop(columns="Species")  # four measurements of 150 flowers, in cm
print(flowers.describe().loc[["mean", "std"]].round(2))

# %% [markdown]
# ## How many components?
#
# The evidence is the probability of the data with loadings, means and noise integrated out. Too few
# components put structure into the noise, too many spread the prior over loadings that are not
# there. The scree shows the eigenvalues and, dashed, the noise that the chosen model leaves.
#
# The noise has one variance for all columns: all four are lengths in cm, so they are taken as they
# are. Columns in different units need `scale="sd"`.

# %%
number = bl.choose_components(flowers, seed=1)
print(number)
assert number.best == 3
number.plot().figure.savefig("iris_scree.png", dpi=120)

# %% [markdown]
# Three is the most that four columns allow, for one direction has to be left for the noise. The
# first component alone holds 92% of the variance, and a picture in two dimensions shows 98%. But
# 98% of the variance is not all of the structure: with two components, the third direction, whose
# variance is three times that of the fourth, would have to pass as noise.

# %%
model = bl.ppca(flowers, components=number.best)
print(model)

# %% [markdown]
# ## The maximum of the likelihood
#
# Empirical Bayes under `"ml"` plugs in the maximum, which has a closed form: the eigenvectors of
# the covariance, each scaled by the square root of its eigenvalue less the noise. Classical PCA
# (scikit-learn's, R's `prcomp`) finds the same axes, and divides by n - 1 where the likelihood has
# n.

# %%
eb = bl.fit(model, bl.EmpiricalBayes("ml"), seed=1)
n = len(flowers)
values, axes = np.linalg.eigh(np.cov(flowers.to_numpy().T))
values, axes = values[::-1], axes[:, ::-1]
found = eb["posterior"]["explained_variance"][0, 0].to_numpy()
W = eb["posterior"]["W"][0, 0].to_numpy()
print("variance along the axes, ours and of classical PCA:", found.round(4), values[:3].round(4))
print(f"noise variance {float(eb['posterior']['sigma'][0, 0]) ** 2:.5f}")
assert np.allclose(found, values[:3] * (n - 1) / n)
assert np.allclose(np.abs(W / np.linalg.norm(W, axis=0)), np.abs(axes[:, :3]))

# %% [markdown]
# ## The whole posterior
#
# The maximum says nothing about its own uncertainty. `NUTS` draws loadings and noise from their
# posterior, with the means and all 150 x 3 scores integrated out; both then come back by exact
# draws.

# %%
nuts = bl.fit(model, bl.NUTS(), seed=1)
print(bl.check(nuts))
assert nuts.attrs["converged"]

# %% [markdown]
# ### Why all draws face one way
#
# W and its rotation W Q give the same covariance: the data cannot tell them apart, and a sampler
# that roams over all rotations has no posterior mean of W worth telling. So each draw is turned as
# near as it comes to the principal axes at the maximum of the likelihood, signs included. Without
# the signs alone, the mean over draws would be near zero:

# %%
draws = nuts["posterior"]["W"].stack(s=("chain", "draw")).transpose("s", "feature", "component")
flips = np.random.default_rng(1).choice([-1.0, 1.0], size=(draws.shape[0], 1, 3))
print("mean of PC1, aligned:     ", draws.mean("s").to_numpy()[:, 0].round(2))
print("mean of PC1, signs tossed:", (draws.to_numpy() * flips).mean(axis=0)[:, 0].round(2))

# %% [markdown]
# ## Loadings with intervals
#
# A loading is what one unit of a score adds to a column, in cm. PC1 is size: flowers with longer
# petals have wider petals and longer sepals. PC2 is the sepals', at a given size. PC3 sets the
# widths against the length of the sepal; its loading on petal length is small, and its interval
# nearly reaches zero.

# %%
lower, upper = (draws.quantile(p, "s").to_numpy() for p in (0.025, 0.975))
labels = pd.MultiIndex.from_product([model.coords["component"], flowers.columns])
table = pd.DataFrame(
    {
        "ml": W.T.ravel(),
        "mean": draws.mean("s").to_numpy().T.ravel(),
        "lower": lower.T.ravel(),
        "upper": upper.T.ravel(),
    },
    index=labels,
)
print(table.round(3))

# %% [markdown]
# Axes mean something only where their variances differ: if two were equal, any rotation between
# them would do, and the intervals of their loadings would be wide. Here they are far apart.

# %%
variance = nuts["posterior"]["explained_variance"]
print(variance.quantile([0.025, 0.5, 0.975], ("chain", "draw")).to_pandas().round(3))

# %% [markdown]
# ## Covariance
#
# The covariance does not depend on any rotation, so it is the safest thing to look at. Its
# posterior mean is close to the sample's; with 150 rows an sd of 10% is still there.

# %%
covariance = nuts["posterior"]["covariance"]
print("posterior mean\n", covariance.mean(("chain", "draw")).to_pandas().round(3))
print("posterior sd\n", covariance.std(("chain", "draw")).to_pandas().round(3))
print("sample\n", flowers.cov().round(3))

# %% [markdown]
# ## Engines compared
#
# The maximum and the posterior agree on where things are. The maximum gives scores a little too
# sure (the sd ratios of z), since it takes the loadings as known, and a noise that is a little too
# small.

# %%
print(bl.compare_engines({"NUTS": nuts, "EB": eb}))

# %% [markdown]
# ## Scores with their uncertainty
#
# Scores have unit variance in the prior, unlike the projections of classical PCA, and they are
# shrunk towards zero: an axis with little variance above the noise says little about a single
# flower. PC1 is known to a tenth of its spread, PC3 to half of it. Colours were not given to the
# model.

# %%
scores = bl.transform(model, nuts)
print(scores.table().head(3).round(2))
print("sd of the scores, mean over rows:", scores.sd.mean(axis=0).round(2))

fig, ax = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for species, rows in iris.groupby("Species").groups.items():
    place, sd = scores.mean[rows], scores.sd[rows]
    ax[0].errorbar(
        place[:, 0], place[:, 1], 2 * sd[:, 1], 2 * sd[:, 0], ".", lw=0.4, alpha=0.6, label=species
    )
ax[0].set(xlabel="PC1", ylabel="PC2", title="scores, two sds")
ax[0].legend(fontsize="small")
place = np.arange(len(table))[::-1]
ax[1].axvline(0.0, color="0.8")
ax[1].hlines(place, table["lower"], table["upper"], color="C0")
ax[1].plot(table["mean"], place, "o", color="C0", label="posterior mean, 95%")
ax[1].plot(table["ml"], place, "k|", ms=12, label="maximum of the likelihood")
ax[1].set_yticks(place, [f"{k} {feature}" for k, feature in table.index], fontsize="small")
ax[1].set(xlabel="loading (cm)", title="loadings")
ax[1].legend(fontsize="small")
fig.savefig("iris_scores.png", dpi=120)

# %% [markdown]
# ## Flowers that do not fit
#
# The log density of a row, averaged over the posterior, is low where a row is unlike the others. Is
# it too low? Compare with the least likely of 150 rows in matrices that the model itself makes up.

# %%
density = bl.log_density(model, nuts)
print(iris.assign(log_density=density).nsmallest(4, "log_density").round(2).to_string())
made_up = [bl.log_density(model, nuts, bl.simulate(model, nuts, seed=s)).min() for s in range(40)]
print(f"the lowest: {density.min():.1f}")
print("in made-up matrices, 5% to 95%:", np.quantile(made_up, [0.05, 0.95]).round(1))

# %% [markdown]
# The lowest are virginica flowers, but most matrices that the model makes up have a row that is
# less likely still: no flower is an outlier. (What the model calls one normal cloud is three
# species. That shows in the scores, not in the density of single rows.)
#
# ## Report
#
# One HTML file with the model, its priors, the scree, loadings, scores and both engines.

# %%
bl.report(model, {"NUTS": nuts, "EB": eb}, "iris.html")
