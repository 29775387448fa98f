# %% [markdown]
# # Sleepstudy: a linear mixed model, from the table to a prediction
#
# Belenky et al. (2003) kept 18 people short of sleep and measured their reaction time (ms) on each
# of ten days. Everyone gets slower, but not everyone starts at the same level, and not everyone
# slows down by the same amount. A linear mixed model says just that:
#
#     Reaction = (b0 + u0[subject]) + (b1 + u1[subject]) Days + noise
#
# `b0`, `b1` are the **fixed effects**: the line of the population. `u0`, `u1` are the **random
# effects**: how far each subject's own line is from it. They are thought of as drawn from a normal
# distribution with standard deviations `sd_Subject` and correlation `corr_Subject`, and the noise
# has standard deviation `sigma`. These last numbers are the **variance parameters**, here called
# theta.
#
# Given theta, everything else in the model is Gaussian, so the fixed and random effects can be
# integrated out exactly. Only theta (here four numbers) is left to optimise or to sample.

# %%
import warnings

import arviz as az
import numpy as np

import bayeslmm as bl

data = bl.datasets.load("sleepstudy")
print(data.head())
print(f"{len(data)} rows, {data['Subject'].nunique()} subjects")

# %% [markdown]
# ## Declare
#
# The formula is that of lme4: `(Days | Subject)` gives every subject an intercept and a slope, and
# lets them correlate. Printing the model shows every prior. The defaults are scaled from the data
# once and are wide: they hardly say more than "the numbers are of the size of this table".

# %%
model = bl.lmm("Reaction ~ Days + (Days | Subject)", data)
print(model)

# %% [markdown]
# ## What do the priors say about the data?
#
# The prior predictive distribution draws parameters from the prior and data from the parameters.
# Are such data conceivable? Reaction times are positive, and below a second; the defaults also
# produce negative ones, so they are weaker than what we know. With 180 rows this will matter
# little.

# %%
prior = bl.prior_predictive(model, seed=1)
y_prior = prior["prior_predictive"]["Reaction"].values
print("prior predictive, 5%, 50%, 95%:", np.quantile(y_prior, [0.05, 0.5, 0.95]).round())
print(f"below zero: {np.mean(y_prior < 0):.0%} of the draws; observed: 0%")

# %% [markdown]
# Any prior can be replaced by its name in the table above, as a text or a PyMC distribution:

# %%
informed = bl.lmm(
    "Reaction ~ Days + (Days | Subject)",
    data,
    priors={
        "Intercept": "Normal(250, 50)",
        "Days": "Normal(0, 10)",
        "sd_Subject": "HalfNormal(20)",
        "sigma": "HalfNormal(50)",
    },
)
y_informed = bl.prior_predictive(informed, seed=1)["prior_predictive"]["Reaction"].values
print("with these priors:", np.quantile(y_informed, [0.05, 0.5, 0.95]).round())

# %% [markdown]
# ## A point estimate: REML
#
# `EmpiricalBayes` maximises a criterion over theta and then gives the exact distribution of the
# coefficients at that theta. With `"reml"` the criterion is that of lme4, which publishes for this
# model a REML criterion of 1743.6283, standard deviations of 24.74 (intercept) and 5.92 (slope), a
# correlation of 0.07 and a residual standard deviation of 25.59.

# %%
eb = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
print("REML criterion:", round(-2 * eb.attrs["log_marginal"], 4))
print("advice of the engine:", eb.attrs["message"])
print(bl.varcorr(eb).round(3))
print(bl.fixef(eb).round(3))

assert abs(-2 * eb.attrs["log_marginal"] - 1743.6283) < 1e-3
assert np.allclose(bl.varcorr(eb)["estimate"], [24.74, 5.92, 0.07, 25.59], atol=0.006)

# %% [markdown]
# A standard error suggests a symmetric interval, but a standard deviation cannot be negative and
# its likelihood is skewed. Profile-likelihood intervals follow the criterion itself. Note how
# little 18 subjects say about the correlation.

# %%
print(bl.confint(model, eb).round(2))

# %% [markdown]
# Do subjects differ in their slopes at all? A likelihood-ratio test compares two nested fits. The
# null hypothesis puts a variance on its boundary, zero, so the p-value from the chi-square
# distribution (`p_value`) is too large; here it does not matter.

# %%
smaller = bl.lmm("Reaction ~ Days + (1 | Subject)", data)
ml = [bl.fit(m, bl.EmpiricalBayes("ml"), seed=1) for m in (smaller, model)]
print(bl.lr_test(*ml))

# %% [markdown]
# ### When the best estimate of a variance is zero
#
# Dyestuff2 was made up so that its batches do not differ more than chance would have it. The
# estimate is exactly zero, and the fit says so, and what one could do.

# %%
batches = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff2"))
zero = bl.fit(batches, bl.EmpiricalBayes("reml"), seed=1)
print(zero.attrs["message"])
print(bl.varcorr(zero).round(3))  # no standard error at a boundary
print(bl.confint(batches, zero).round(3))  # but an upper end: that much the data leave open

# %% [markdown]
# ## The whole posterior: NUTS
#
# REML plugs in one value of theta, as if it were known. `NUTS` samples theta's posterior; for each
# draw of theta the coefficients are then drawn exactly. The same verb gives the same kind of
# result.

# %%
nuts = bl.fit(model, bl.NUTS(), seed=1, log_likelihood=True, posterior_predictive=True)
print(nuts.attrs["engine"], "->", nuts.attrs["message"])
print(f"R-hat at most {nuts.attrs['rhat_max']:.4f}, ESS at least {nuts.attrs['ess_min']:.0f}")
print(bl.fixef(nuts).round(2))
print(bl.varcorr(nuts).round(2))

# %% [markdown]
# Compare the sd of the fixed effects with that of REML: the posterior is wider, because it does not
# pretend to know theta. With 18 groups the difference is visible; with thousands it would not be.

# %%
ratio = bl.fixef(nuts)["sd"] / bl.fixef(eb)["sd"]
print(ratio.round(2).rename("sd, NUTS / REML"))

# %% [markdown]
# The random effects, subject by subject, and how much of the variance the model explains: by the
# fixed effects alone (marginal R^2) and with the subjects known (conditional R^2).

# %%
print(bl.ranef(nuts)["Subject"].head(6).round(1))
print(bl.r2(model, nuts).round(2))

# %% [markdown]
# ## Criticise, with ArviZ
#
# The result is an `xarray.DataTree` that ArviZ takes as it is. ArviZ shows 89% intervals by
# default (the columns `eti89_lb`, `eti89_ub`); the tables of bayeslmm show 95% unless `prob=` says
# otherwise.

# %%
print(az.summary(nuts, var_names=["beta", "sd_Subject", "sigma", "icc_Subject"]))
az.plot_ppc_dist(nuts, num_samples=50)  # do data that the model makes look like the data?
az.plot_forest(nuts, var_names=["u_Subject"], combined=True)

# %% [markdown]
# Leave-one-out cross-validation asks how well a row is predicted from all others. A Pareto k above
# 0.7 marks rows for which the approximation cannot be trusted: here, measurements that are far
# from their subject's line (look at subjects 308 and 332).

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the warning about k is what we look at in the next lines
    loo = az.loo(nuts, pointwise=True)
print(loo)
worst = np.argsort(loo.pareto_k.values)[-3:][::-1]
print(data.iloc[worst].assign(pareto_k=loo.pareto_k.values[worst].round(2)))

# %% [markdown]
# ## Predict
#
# Subject 308 was in the study and keeps its own line. Subject 999 is new: all we know is that its
# line is drawn from the population's distribution of lines, so its prediction is much wider.

# %%
new = {"Days": [0, 9, 0, 9], "Subject": [308, 308, 999, 999]}
print(bl.predict(model, nuts, new, seed=2))  # the mean of y
print(bl.predict(model, nuts, new, seed=2, noise=True))  # one new measurement
print(bl.predict(model, nuts, new, seed=2, groups="none"))  # the line of the population

# %% [markdown]
# ## Save, and report
#
# xarray saves and loads the tree; nothing is pickled. The report is one HTML file with the model,
# its priors, both engines side by side and the plots.

# %%
nuts.to_netcdf("sleepstudy.nc", engine="h5netcdf")
bl.report(model, {"NUTS": nuts, "EB": eb}, "sleepstudy.html")
