# %% [markdown]
# # Basis functions: from a curve to the equations behind it
#
# A linear model is linear in its coefficients; its columns may be any functions of the inputs. If
# every column has a variance of its own, we may offer many functions and let the marginal
# likelihood say which are needed. First for curves; then for the equations of motion of a chaotic
# system.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.integrate import cumulative_trapezoid, solve_ivp

import bayeslmm as bl

rng = np.random.default_rng(1)

# %% [markdown]
# ## Polynomials
#
# A cubic with noise, offered all powers up to nine. Least squares would use them all. First the
# marginal likelihood alone, without a price for the columns that it keeps.

# %%
x = np.sort(rng.uniform(-1.0, 1.0, 80))
y = 1.0 - 2.0 * x + 3.0 * x**3 + 0.2 * rng.standard_normal(x.size)
model = bl.rvm(pd.DataFrame({"x": x}), y, kernel=bl.bases.polynomial(9), price=0.0)
cubic = bl.fit(model, bl.EmpiricalBayes(), seed=1)
print(cubic.attrs["message"])
print(bl.selected(cubic).query("included").round(2))

# %% [markdown]
# ## Fourier series
#
# Two harmonics of a known period among ten, of which each has a sine and a cosine. Above, the
# marginal likelihood also kept a power that hardly helps: by chance it lets some columns in, with
# small coefficients. A price for every column kept, here log 20 as if each of 20 were as likely to
# be the next (about the default, log P for P columns), keeps them out.

# %%
t = np.sort(rng.uniform(0.0, 3.0, 120))
signal = 2.0 + 1.5 * np.sin(2.0 * np.pi * t) - 0.7 * np.cos(6.0 * np.pi * t)
table = pd.DataFrame({"t": t})
y = signal + 0.3 * rng.standard_normal(t.size)
for price in (0.0, np.log(20)):
    waves = bl.rvm(table, y, kernel=bl.bases.fourier(10, period=1.0), price=price)
    kept = bl.selected(bl.fit(waves, bl.EmpiricalBayes(), seed=1)).query("included")
    print(f"price {price:.1f}:")
    print(kept.round(2))
assert set(kept.index) == {"bias", "sin(2*pi*t/T)", "cos(6*pi*t/T)"}

# %% [markdown]
# ## The equations of a chaotic system
#
# Lorenz's system (1963) has three equations with seven terms:
#
#     x' = -10 x + 10 y,     y' = 28 x - y - x z,     z' = -8/3 z + x y
#
# Suppose that we only see x, y, z every 5 ms for ten seconds, with noise of sd 0.05 (x has a range
# of 35), and offer the 19 monomials up to degree three for each equation (the idea of Brunton,
# Proctor & Kutz 2016; here with posterior uncertainty).

# %%
STEP, SD = 0.005, 0.05


def lorenz(_, s):
    x, y, z = s
    return [10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z]


times = np.arange(2001) * STEP
path = solve_ivp(lorenz, (0.0, 10.0), [-8.0, 7.0, 27.0], t_eval=times, rtol=1e-9, atol=1e-9).y.T
seen = path + SD * rng.standard_normal(path.shape)

basis = bl.bases.polynomial(3).fit(seen, ("x", "y", "z"))
library = basis(seen)
TRUTH = {
    "x": {"x": -10.0, "y": 10.0},
    "y": {"x": 28.0, "y": -1.0, "x*z": -1.0},
    "z": {"z": -8.0 / 3.0, "x*y": 1.0},
}

# %% [markdown]
# ### Derivatives or integrals?
#
# Nobody has measured x'. Differences of neighbouring values divide the noise by the time step: here
# noise of 0.05 becomes noise of 7. Integrated over a window of length h the same equations say
#
#     (x(t + h) - x(t)) / h = sum_j w_j (1 / h) integral of phi_j from t to t + h
#
# The left side has noise sqrt(2) 0.05 / h, and on the right the noise of the state is averaged.
#
# The longest window is not the best. The columns are made of noisy values too, and a linear model
# takes its columns as exact. Their error is shared by all rows that an integral runs over, which
# the model's independent noise does not know; from 0.1 s on, intervals turn out too narrow and tiny
# terms are "found". In simulations windows of 25 ms halved the error of the derivatives, with
# intervals that are, like those of the derivatives, rather too wide: noise at the end of one window
# enters the next with the other sign. Better too wide than too narrow, so we take 25 ms.

# %%
EVERY = 5  # steps in a window
h = EVERY * STEP
integral = cumulative_trapezoid(library, dx=STEP, axis=0, initial=0.0)
averages = pd.DataFrame(np.diff(integral[::EVERY], axis=0) / h, columns=basis.labels)
rates = np.diff(seen[::EVERY], axis=0) / h
print(f"{len(averages)} windows, {averages.shape[1]} candidate terms")

# %%
derivative = (seen[2:] - seen[:-2]) / (2.0 * STEP)
plain = pd.DataFrame(library[1:-1], columns=basis.labels)
rows = {}
for name, columns, left in (("derivatives", plain, derivative), ("windows", averages, rates)):
    for k, state in enumerate("xyz"):
        block = bl.ard(columns, name="term")
        equation = bl.lmm("rate ~ 1", {"rate": left[:, k]}, terms=[block])
        table = bl.selected(bl.fit(equation, bl.EmpiricalBayes(), seed=1))
        kept = table.query("included")
        truth = pd.Series(TRUTH[state])
        error = (table["mean"].reindex(truth.index) - truth).abs()
        rows[name, state + "'"] = {
            "kept": " ".join(sorted(kept.index)),
            "largest error": error.max(),
            "largest sd": kept["sd"].max(),
        }
print(pd.DataFrame(rows).T.to_string())

# %% [markdown]
# ### With posterior uncertainty
#
# Empirical Bayes says which terms it keeps, and is silent about the others. The horseshoe's
# posterior has an interval for all 19 terms: also for those that are absent. `selected` includes a
# term where its 95% interval excludes zero.

# %%
posterior = {}
for k, state in enumerate("xyz"):
    block = bl.horseshoe(averages, name="term", nonzero=2)
    equation = bl.lmm("rate ~ 1", {"rate": rates[:, k]}, terms=[block])
    fit = bl.fit(equation, bl.NUTS(draws=500, tune=500), seed=1)
    print(f"{state}': {fit.attrs['message']}")
    posterior[state] = bl.selected(fit)
    posterior[state].insert(0, "truth", pd.Series(TRUTH[state]))
    posterior[state]["truth"] = posterior[state]["truth"].fillna(0.0)
    print(posterior[state].drop(columns="median").head(5).round(3))

# %% [markdown]
# The picture counts posterior standard deviations, so that all terms fit on one axis.

# %%
fig, axes = plt.subplots(1, 3, figsize=(11, 4.5), sharey=True, layout="constrained")
for ax, state in zip(axes, "xyz", strict=True):
    table = posterior[state].reindex(basis.labels)
    size = np.abs(table["mean"]) / table["sd"]
    true = table["truth"] != 0.0
    ax.barh(np.arange(len(table)), size, color=np.where(true, "C0", "0.75"))
    ax.axvline(2.0, color="k", lw=0.8, ls=":")
    ax.set_xscale("log")
    ax.set(title=f"{state}'", xlabel="posterior mean / sd", xlim=(0.01, 1e4))
axes[0].set_yticks(np.arange(len(basis.labels)), basis.labels)
axes[0].invert_yaxis()
fig.suptitle("Lorenz's terms (blue) among 19 candidates")
fig.savefig("lorenz_terms.png", dpi=120)

# %% [markdown]
# ### Does the recovered system move like the true one?
#
# Every nearby system with these equations has the same attractor, though chaos separates single
# paths after a few seconds. We integrate the posterior means of the included terms.

# %%
weights = np.zeros((3, len(basis.labels)))
for k, state in enumerate("xyz"):
    kept = posterior[state].query("included")
    weights[k, [basis.labels.index(term) for term in kept.index]] = kept["mean"]
    assert set(TRUTH[state]) <= set(kept.index)

found = solve_ivp(
    lambda _, s: weights @ basis(np.asarray(s)[None])[0], (0.0, 10.0), path[0], t_eval=times
).y.T

fig, ax = plt.subplots(figsize=(9, 3), layout="constrained")
ax.plot(times, path[:, 0], "k", lw=1, label="true system")
ax.plot(times, found[:, 0], "C1--", lw=1, label="recovered system")
ax.set(xlabel="t", ylabel="x")
ax.legend(loc="lower right")
fig.savefig("lorenz_paths.png", dpi=120)
apart = np.flatnonzero(np.abs(found[:, 0] - path[:, 0]) > 2.0)
print(f"paths are less than 2 apart for {times[apart[0]] if apart.size else 10.0:.1f} s")
