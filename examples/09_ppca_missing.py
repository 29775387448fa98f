# %% [markdown]
# # Missing entries: imputation with intervals
#
# Many matrices have holes, and most methods want none. To fill a hole with the mean of its column
# ignores what the rest of the row says; to drop the row throws that away. In probabilistic PCA
#
#     y_i = mu + W z_i + e_i,     z_i ~ N(0, I),     e_i ~ N(0, sigma^2 I)
#
# every row is normal, so the entries that are there say by an exact formula what the others are
# likely to be: a mean, and how far off it may be. Entries that are missing are left out of the
# likelihood, not filled in first.
#
# We take a matrix without holes, make some, and look how well they are filled.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayeslmm as bl

iris = bl.datasets.load("iris").drop(columns="Species")
rng = np.random.default_rng(1)
hidden = rng.random(iris.shape) < 0.2
hidden[75] = True  # one row without any entry
holes = iris.mask(hidden)
print(holes.head())
print(
    f"{hidden.sum()} of {hidden.size} entries are hidden; mean row lacks {hidden.sum(1).mean():.1f}"
)

# %% [markdown]
# ## Fit with the holes
#
# NaN is all that the model needs to know. `EmpiricalBayes("ml")` finds the maximum by EM; `NUTS`
# draws from the posterior. Both use each entry that is there once, and nothing else.

# %%
model = bl.ppca(holes, components=3)
print(model)
eb = bl.fit(model, bl.EmpiricalBayes("ml"), seed=1)
nuts = bl.fit(model, bl.NUTS(), seed=1)
print(eb.attrs["message"], "|", nuts.attrs["message"])
assert nuts.attrs["converged"]

# %% [markdown]
# ## Fill
#
# `impute` lists every missing entry with its mean, sd and interval, and gives the filled matrix.
# The interval is one for the measurement, its noise included.

# %%
found = bl.impute(model, nuts, prob=0.9, seed=2)
truth = iris.to_numpy()[hidden]
entries = found.entries.assign(truth=truth)
print(entries.head(8).round(2))
print(found.filled.head().round(2))

# %% [markdown]
# ## How good is it?
#
# The root mean squared error, beside two others: the means of the columns, and an oracle that knows
# the loadings, means and noise as they are estimated from the matrix without holes. No linear
# method can be expected to do better than the oracle; what is left is what the other entries of a
# flower do not say.

# %%
whole = bl.ppca(iris, components=3)
known = bl.fit(whole, bl.EmpiricalBayes("ml"), seed=1)
means = np.broadcast_to(holes.mean().to_numpy(), iris.shape)[hidden]
guesses = {
    "column means": means,
    "EB": bl.impute(model, eb, seed=2).entries["mean"],
    "NUTS": entries["mean"],
    "oracle": bl.impute(whole, known, holes, seed=2).entries["mean"],
}
columns = entries["column"].to_numpy()
error = pd.DataFrame({name: (np.asarray(g) - truth) ** 2 for name, g in guesses.items()})
table = error.groupby(columns).mean()[list(guesses)].pow(0.5).loc[list(iris.columns)]
table.loc["all"] = np.sqrt(error.mean())
table["sd of column"] = [*iris.std(), np.nan]
print(table.round(2))
assert table.loc["all", "NUTS"] < 0.6 * table.loc["all", "column means"]

# %% [markdown]
# The error is half of that of the column means, and near that of the oracle: the loadings are known
# well enough, and better ones would hardly help. Gains differ. Petals go with each other and with
# the length of the sepal, and are filled well; the width of the sepal is hardly said by the others.
# That EB and NUTS have the same means is no surprise; where they differ is in how sure they are.
#
# ## Do intervals cover?
#
# Of 90% intervals nine of ten should hold the truth. With some 120 entries the count has a standard
# error of 3%, more where entries of one row miss together. Intervals of EB leave the uncertainty of
# the loadings out. With 150 rows that makes little difference; with 20 it would.

# %%
for name, tree in (("EB", eb), ("NUTS", nuts)):
    got = bl.impute(model, tree, prob=0.9, seed=2).entries
    inside = (got["lower"] <= truth) & (truth <= got["upper"])
    width = (got["upper"] - got["lower"]).mean()
    print(
        f"{name}: {inside.sum()} of {inside.size} covered ({inside.mean():.0%}), width {width:.2f}"
    )
    assert 0.82 < inside.mean() < 0.98

# %% [markdown]
# ## A row without any entry
#
# It says nothing, so it has what everything else says of a new flower: the means of the model, and
# the spread of a whole column. Its scores are those of the prior, mean 0 and sd 1.

# %%
print(entries[entries["row"] == 75].round(2))
print(bl.transform(model, nuts).table().loc[[75]].round(2))

# %% [markdown]
# ## New rows with holes
#
# Scores and missing entries of rows that were not fitted, from what each of them has. The fewer
# entries, the larger the sd.

# %%
new = pd.DataFrame(
    [[5.0, 3.4, np.nan, np.nan], [6.5, np.nan, 5.5, 1.9], [np.nan, np.nan, 4.5, np.nan]],
    columns=iris.columns,
    index=["small", "large", "petal only"],
)
print(bl.impute(model, nuts, new, seed=3).entries.round(2))
print(bl.transform(model, nuts, new).table().round(2))

# %% [markdown]
# The first row is instructive. A short and wide sepal belongs to a setosa, with petals of 1.5; the
# mean here is of that size, but the interval is wide. The model has one normal cloud where there
# are three species, and a straight line through all of them.
#
# ## When it fails: entries that are missing because of what they are
#
# To leave missing entries out of the likelihood is right where they are missing at random: whether
# one is missing may depend on entries that are there, but not on the entry itself, given those. A
# gauge that ends at 3.3 cm breaks that rule: it cannot measure the widest sepals.

# %%
gauged = iris.copy()
over = (gauged["Sepal.Width"] > 3.3).to_numpy()
gauged.loc[over, "Sepal.Width"] = np.nan
censored = bl.ppca(gauged, components=3)
got = bl.impute(censored, bl.fit(censored, bl.NUTS(), seed=1), prob=0.9, seed=2).entries
actual = iris.loc[over, "Sepal.Width"].to_numpy()
inside = (got["lower"] <= actual) & (actual <= got["upper"])
low = got["mean"] < actual
print(f"{over.sum()} widths: {actual.mean():.2f} in truth, {got['mean'].mean():.2f} filled")
print(f"{inside.mean():.0%} are covered by their intervals, {low.mean():.0%} are filled too low")
assert inside.mean() < 0.5

# %% [markdown]
# All are filled too low, and most intervals miss: the model saw narrow sepals only, and nothing
# tells it of the gauge. Nothing in the data warns of this either, so ask how the holes came about.

# %%
mean, low, high = (found.entries[name].to_numpy() for name in ("mean", "lower", "upper"))
fig, ax = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
style = {"fmt": "o", "ms": 3, "lw": 0.6}
for place, name in enumerate(iris.columns):
    of = columns == name
    reach = [(mean - low)[of], (high - mean)[of]]
    ax[0].errorbar(truth[of], mean[of], reach, color=f"C{place}", label=name, **style)
reach = [got["mean"] - got["lower"], got["upper"] - got["mean"]]
ax[1].errorbar(actual, got["mean"], reach, color="C1", **style)
for axes, title in zip(ax, ("missing at random", "widths above 3.3 cm missing")):
    ends = axes.get_xlim()
    axes.plot(ends, ends, "k", lw=0.6)
    axes.set(xlabel="truth (cm)", ylabel="filled, 90%", title=title)
ax[0].legend(fontsize="small")
fig.savefig("iris_imputed.png", dpi=120)
