# %% [markdown]
# # Few columns of many, beside correlated random effects
#
# 120 rows: 15 clusters of 8. The response depends on 200 candidate columns, of which three matter,
# and on four random slopes that vary from cluster to cluster and are correlated. Methods for sparse
# regression know nothing of clusters; mixed models want few fixed effects. Here both are terms of
# one sum:
#
#     y = X u_x + Z_cluster u_cluster + noise
#
# and u_x has a law that makes most of it vanish.

# %%
import matplotlib.pyplot as plt
import numpy as np

import bayeslmm as bl

data = bl.datasets.load("sparse_clustered")
X = data[[f"x{j}" for j in range(200)]]
truth = np.zeros(200)
truth[[1, 5, 10]] = 1.0, 5.0, 3.0
FORMULA = "y ~ 0 + (0 + z0 + z1 + z2 + z3 | cluster)"


def error(mean):
    return float(np.linalg.norm(mean - truth))


# %% [markdown]
# ## The best that can be done
#
# Suppose somebody told us which three columns matter and the covariance of the random effects,
# 0.56^|i - j|, and the noise's sd, 0.25. Generalised least squares on the three columns is then the
# best linear unbiased estimate. Everything below must find out all of this by itself.

# %%
Z, cluster = data[["z0", "z1", "z2", "z3"]].to_numpy(), data["cluster"].to_numpy()
psi = 0.56 ** np.abs(np.subtract.outer(range(4), range(4)))
V = (Z @ psi @ Z.T) * (cluster[:, None] == cluster) + 0.25**2 * np.eye(len(data))
A = X.to_numpy()[:, [1, 5, 10]]
told = np.zeros(200)
told[[1, 5, 10]] = np.linalg.solve(A.T @ np.linalg.solve(V, A), A.T @ np.linalg.solve(V, data["y"]))
print(f"least squares on the true columns, true covariance: error {error(told):.3f}")

# %% [markdown]
# ## Empirical Bayes
#
# `ard` gives every column a variance of its own. With 200 columns and 120 rows the marginal
# likelihood alone would keep far too many, so every column must pay log 200 to enter (the default,
# the logarithm of their number; `price=` says otherwise). The search for columns and the maximum
# over all variances, those of the clusters included, take turns.

# %%
sparse = bl.lmm(FORMULA, data, terms=[bl.ard(X, name="x")])
eb = bl.fit(sparse, bl.EmpiricalBayes(), seed=1)
print(eb.attrs["message"])
print(bl.selected(eb, "x").query("included").round(3))
eb_mean = eb["posterior_moments"]["u_x_mean"].values
print(f"error {error(eb_mean):.3f}")
assert set(np.flatnonzero(eb_mean)) == {1, 5, 10}
assert error(eb_mean) < 0.07

# %% [markdown]
# The same fit estimates the random effects' covariance; the truth is 1 for every sd, and 0.56 and
# less for the correlations.

# %%
print(bl.varcorr(eb).filter(like="cluster", axis=0).round(2))

# %% [markdown]
# ## The whole posterior, under the horseshoe
#
# The horseshoe's local scales have heavy tails and much mass near zero, so that large coefficients
# stay and small ones go. Its global scale needs a guess of how many columns matter, `nonzero`; the
# answer depends little on it (1 to 20 give errors between 0.054 and 0.065 here). All 200
# coefficients and 60 random effects are integrated out: NUTS sees the 200 local scales, the global
# one, the clusters' covariance and the noise, and has no divergence where the joint model has many.
#
# The number of draws is modest, for this script's sake: means are settled, R-hat of 200 local
# scales is not. For a paper take `bl.NUTS(draws=1000, tune=400)`.

# %%
model = bl.lmm(FORMULA, data, terms=[bl.horseshoe(X, name="x", nonzero=3)])
nuts = bl.fit(model, bl.NUTS(draws=200, tune=200), seed=1)
print(nuts.attrs["message"])
table = bl.selected(nuts, "x")
print(table.head(6).round(3))
mean = nuts["posterior"]["u_x"].mean(("chain", "draw")).values
print(f"error {error(mean):.3f}, divergences: {nuts.attrs['divergences']}")
assert set(np.argsort(-np.abs(mean))[:3]) == {1, 5, 10}
assert nuts.attrs["divergences"] == 0

# %% [markdown]
# ## What ignoring the clusters costs
#
# The same block without random effects: their variation is taken for noise.

# %%
blind = bl.lmm("y ~ 0", data, terms=[bl.ard(X, name="x")])
alone = bl.fit(blind, bl.EmpiricalBayes(), seed=1)
print(f"error {error(alone['posterior_moments']['u_x_mean'].values):.3f}")
print(f"noise sd {float(alone['posterior']['sigma'][0, 0]):.2f}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
axes[0].axhline(0.0, color="0.8", lw=0.8)
lower, upper = table.loc[X.columns, ["lower", "upper"]].to_numpy().T
axes[0].vlines(np.arange(200), lower, upper, color="C0", lw=1)
axes[0].plot(np.arange(200), mean, ".", color="C0", ms=4, label="posterior mean and 95%")
axes[0].plot([1, 5, 10], truth[[1, 5, 10]], "kx", label="truth")
axes[0].set(xlabel="column", ylabel="coefficient", title="200 coefficients under the horseshoe")
axes[0].legend()
names = ["x1", "x5", "x10"]
for shift, (label, rows) in enumerate({"EB": bl.selected(eb, "x"), "NUTS": table}.items()):
    rows = rows.loc[names]
    error_bars = np.abs(rows[["lower", "upper"]].to_numpy() - rows[["mean"]].to_numpy()).T
    centre = rows["mean"] - truth[[1, 5, 10]]
    place = np.arange(3) + 0.2 * (shift - 1)
    axes[1].errorbar(place, centre, error_bars, fmt="o", ms=4, label=label)
axes[1].plot(np.arange(3) + 0.2, told[[1, 5, 10]] - truth[[1, 5, 10]], "k_", ms=12, label="told")
axes[1].axhline(0.0, color="k", lw=0.8, ls=":")
axes[1].set_xticks(range(3), names)
axes[1].set(ylabel="estimate - truth", title="The three that matter")
axes[1].legend()
fig.savefig("sparse_clusters.png", dpi=120)
