# %% [markdown]
# # Crossed random effects: plates and samples, students and lecturers
#
# In the sleep study every row belongs to one subject. Often a row belongs to several groups at
# once, none of them inside another: a measurement is made on a plate *and* of a sample, a rating is
# given by a student *and* to a lecturer. Such factors are **crossed**:
#
#     rating = b0 + u[student] + v[lecturer] + noise
#
# Given the variances everything is still Gaussian, and the random effects are still integrated out
# exactly. Only the algebra is larger: each student is tied to each lecturer that they rated.

# %%
import time

import numpy as np
import pandas as pd

import bayeslmm as bl

# %% [markdown]
# ## Penicillin: two factors, fully crossed
#
# Six samples of penicillin were each tested on 24 plates (Davies and Goldsmith 1972); the response
# is the diameter of the zone where bacteria did not grow.

# %%
data = bl.datasets.load("Penicillin")
print(pd.crosstab(data["plate"], data["sample"]).iloc[:4])  # every plate holds every sample

model = bl.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", data)
print(model)

# %% [markdown]
# lme4 gives for this model a REML criterion of 330.8606 and standard deviations of 0.847 (plate),
# 1.932 (sample) and 0.550 (noise).

# %%
eb = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
print("REML criterion:", round(-2 * eb.attrs["log_marginal"], 4))
print(bl.varcorr(eb).round(3))

assert abs(-2 * eb.attrs["log_marginal"] - 330.8606) < 1e-3
assert np.allclose(bl.varcorr(eb)["estimate"], [0.847, 1.932, 0.550], atol=0.001)

# %% [markdown]
# There are only six samples, so their standard deviation is poorly known: the posterior says how
# poorly. Its mean is above the REML estimate because the distribution is skewed to the right.

# %%
nuts = bl.fit(model, bl.NUTS(draws=1000, tune=500), seed=1)
print(nuts.attrs["message"])
print(bl.varcorr(nuts).round(2))
print(bl.ranef(nuts)["sample"].round(2))

# %% [markdown]
# ## A larger table: who rates whom
#
# 400 students give 8,000 ratings to 150 lecturers of 10 departments. Every student rates some 20 of
# the lecturers, mostly in one department, so the table of students by lecturers is mostly empty.

# %%
rng = np.random.default_rng(1)
students, lecturers, departments, ratings = 400, 150, 10, 8_000
department_of = rng.integers(departments, size=lecturers)
home = rng.integers(departments, size=students)
student = rng.integers(students, size=ratings)
lecturer = rng.integers(lecturers, size=ratings)
for d in range(departments):  # three ratings of four are given at home
    here = np.flatnonzero((home[student] == d) & (rng.random(ratings) < 0.75))
    lecturer[here] = rng.choice(np.flatnonzero(department_of == d), size=here.size)
truth = {"student": 0.33, "lecturer": 0.52, "department": 0.15, "sigma": 1.18}
table = pd.DataFrame({"student": student, "lecturer": lecturer})
table["department"] = department_of[lecturer]
table["guest"] = (table["department"] != home[student]).astype(float)
rating = 3.2 - 0.1 * table["guest"] + truth["sigma"] * rng.standard_normal(ratings)
for name, levels in (("student", students), ("lecturer", lecturers), ("department", departments)):
    rating += truth[name] * rng.standard_normal(levels)[table[name]]
table["rating"] = rating
print(table.head())

filled = len(table.drop_duplicates(["student", "lecturer"])) / (students * lecturers)
print(f"{filled:.0%} of the pairs of student and lecturer occur")

# %% [markdown]
# The factor with most levels, here the students, is eliminated student by student, each with the
# few lecturers that they rated. What is left is one dense matrix in the lecturers, departments and
# fixed effects, 162 columns in all, whatever the number of ratings.

# %%
rated = bl.lmm("rating ~ guest + (1 | student) + (1 | lecturer) + (1 | department)", table)
start = time.perf_counter()
reml = bl.fit(rated, bl.EmpiricalBayes("reml"), seed=1)
print(f"REML took {time.perf_counter() - start:.1f} s")
print(bl.varcorr(reml).round(3))
print(bl.fixef(reml).round(3))

# %% [markdown]
# The whole posterior, with 560 random effects, is a matter of seconds: NUTS moves in the four
# variance parameters only.

# %%
full = bl.fit(rated, bl.NUTS(draws=250, tune=150, chains=2), seed=1)
print(full.attrs["message"])
print(bl.varcorr(full).iloc[:4].assign(truth=list(truth.values())).round(3))

# %% [markdown]
# Who are the best lecturers? A mean over few ratings is pulled towards zero, and its interval is
# wide: `sd` is what the ratings leave open.

# %%
best = bl.ranef(full)["lecturer"]
best = best.assign(ratings=table.groupby("lecturer").size().reindex(range(lecturers)).values)
print(best.sort_values("mean").tail(5).round(2))
