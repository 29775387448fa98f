# %% [markdown]
# # Engines compared: when is an approximation good enough?
#
# One model, one table, five algorithms. Sampling (NUTS) is the reference: it is exact up to Monte
# Carlo error. The others are approximations, each wrong in a way that theory predicts:
#
# - **mean-field ADVI** makes all parameters independent. Where the posterior correlates them, its
#   standard deviations are too small;
# - **CAVI**, coordinate ascent in closed form, keeps all correlations of the coefficients and gives
#   up only those between coefficients and variances;
# - **empirical Bayes** plugs one value of the variances in: the coefficients' standard deviations
#   leave out what is not known of the variances;
# - **Laplace** puts a Gaussian around that value.
#
# The question is not which of them is right, but whether each can be seen to be wrong without
# running the sampler.

# %%
import warnings

import numpy as np

import bayeslmm as bl

# %% [markdown]
# ## A table that is hard for mean field
#
# Eight groups of 15 rows, intercepts and slopes that vary much and together, little noise. The
# population's line and the groups' lines are then almost the same thing twice: moving the one up
# and the other down changes nothing, so they are strongly correlated in the posterior.

# %%
rng = np.random.default_rng(3)
g = np.repeat(np.arange(8), 15)
x = rng.normal(size=g.size)
L = np.linalg.cholesky([[1.0, 0.56], [0.56, 0.49]])
u = rng.normal(size=(8, 2)) @ L.T
y = 1.0 + 0.5 * x + u[g, 0] + u[g, 1] * x + 0.5 * rng.normal(size=g.size)
table = {"y": y, "x": x, "g": g}

model = bl.lmm("y ~ x + (x | g)", table)
print(model)

# %% [markdown]
# ## Five fits
#
# An engine is a value and `fit` the one verb, so a loop over engines is a dict comprehension. The
# first run of ADVI compiles PyMC's graph, which takes longer than the fit itself.

# %%
engines = {
    "NUTS": bl.NUTS(),
    "ADVI": bl.ADVI(),
    "CAVI": bl.CAVI(),
    "EB": bl.EmpiricalBayes("reml"),
    "Laplace": bl.EmpiricalBayes("reml", laplace=True, draws=4000),
}
fits = {name: bl.fit(model, engine, seed=1) for name, engine in engines.items()}
for name, tree in fits.items():
    print(f"{name:8} {tree.attrs['message']}")

# %% [markdown]
# ## Side by side
#
# The sd ratio compares each posterior's width with that of NUTS; the distance is how far its mean
# lies away, in standard deviations of NUTS.

# %%
compared = bl.compare_engines(fits)
print(compared)

# %% [markdown]
# Mean field's intercept and slope claim a fraction of their true uncertainty. Empirical Bayes is
# close, a little too narrow, as plugging in must be. Their means agree: a picture of the means
# alone would have shown nothing.

# %%
ratio = compared.parameters["sd ratio"].unstack("engine")
print(ratio.loc[["Intercept", "x", "u_g[Intercept]", "u_g[x]"], ["ADVI", "CAVI", "EB"]].round(2))
assert ratio.loc["Intercept", "ADVI"] < 0.5 < ratio.loc["x", "EB"] < 1.0

# %% [markdown]
# ## Would we have known without NUTS?
#
# `check` judges a fit by itself. For an approximation q it looks at the Pareto k-hat of the ratios
# posterior / q (above 0.7 no number of draws of q describes the posterior), at the width of each
# coefficient against the exact conditional (at q's own draws of the variances the coefficients are
# Gaussian, so their true width is known), and, where the priors are proper, at the share of the
# posterior that q's draws find.

# %%
print(bl.check(fits["ADVI"]))
assert fits["ADVI"].attrs["verdict"] == "not to be trusted"

# %% [markdown]
# It says so itself, and why. So do the Laplace draws: with eight groups the correlation's posterior
# is skewed, and a Gaussian does not reach all of it.
#
# ## Mending an approximation
#
# Where k-hat is small and only widths are off, weights mend them. Coordinate ascent on uncorrelated
# effects has the declared priors in closed form; its variances come out too narrow, because it
# treats them as independent of the coefficients.

# %%
sleep = bl.lmm("Reaction ~ Days + (Days || Subject)", bl.datasets.load("sleepstudy"))
cavi, nuts = bl.fit(sleep, bl.CAVI(), seed=5), bl.fit(sleep, bl.NUTS(), seed=1)
print(bl.check(cavi))
better = bl.importance_resample(cavi, seed=2)
rows = {"NUTS": nuts, "CAVI": cavi, "resampled": better}
print(bl.compare_engines(rows).parameters["sd ratio"].unstack("engine").round(2))

# %% [markdown]
# ## The same engines where the posterior nearly factorises
#
# Without groups, with many rows and a centred predictor, intercept, slope and noise are almost
# independent. Now mean field is right, and says so.

# %%
x = rng.normal(size=1000)
wide = {"x": x, "y": 1.0 + 0.5 * x + 0.5 * rng.normal(size=1000)}
plain = bl.lmm("y ~ center(x)", wide)
honest = bl.fit(plain, bl.ADVI(), seed=1)
print(bl.check(honest))
assert honest.attrs["verdict"] == "to be trusted"

# %% [markdown]
# ## And the models?
#
# Engines answer for one model. Whether the groups are needed at all is another question, answered
# by the log evidence and by predicting what was left out, rows or whole groups.

# %%
intercepts = bl.lmm("y ~ x + (1 | g)", table)
others = {"slopes": fits["NUTS"], "intercepts": bl.fit(intercepts, bl.NUTS(), seed=1)}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    print(bl.compare_models(others))
