"""The benchmark tables: y = X beta + random intercept and slope by group + noise."""

import numpy as np
import pandas as pd

BETA = (1.0, 0.5)
SD = (0.8, 0.4)
CORR = 0.3
SIGMA = 1.0


def random_slopes(rows: int, groups: int, seed: int = 20_240) -> pd.DataFrame:
    """Columns y, x, g; groups of one size; x ~ N(0, 1)."""
    if rows % groups:
        raise ValueError(f"rows should be a multiple of groups but got {rows} and {groups}")
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), rows // groups)
    x = rng.standard_normal(rows)
    covariance = np.outer(SD, SD) * np.array([[1.0, CORR], [CORR, 1.0]])
    u = rng.standard_normal((groups, 2)) @ np.linalg.cholesky(covariance).T
    y = BETA[0] + u[g, 0] + (BETA[1] + u[g, 1]) * x + SIGMA * rng.standard_normal(rows)
    return pd.DataFrame({"y": y, "x": x, "g": g})


# The design of lme4's InstEval: who rates whom, in which department.
STUDENTS, LECTURERS, DEPARTMENTS, RATINGS = 2972, 1128, 14, 73_421
CROSSED_SD = {"s": 0.33, "d": 0.52, "dept": 0.08}
CROSSED_SIGMA = 1.18


def crossed(
    ratings: int = RATINGS,
    students: int = STUDENTS,
    lecturers: int = LECTURERS,
    departments: int = DEPARTMENTS,
    seed: int = 73_421,
) -> pd.DataFrame:
    """Columns y, service, x, s, d, dept: students rate lecturers, of departments.

    Every student has a home department and takes three lectures of four there; some lecturers are
    rated far more often than others; `service` (0, 1) marks a lecture outside the home department.
    Sizes and standard deviations are those of InstEval.
    """
    rng = np.random.default_rng(seed)
    dept_of = np.concatenate(
        [np.arange(departments), rng.integers(departments, size=lecturers - departments)]
    )
    popularity = rng.gamma(1.5, size=lecturers)
    home = rng.integers(departments, size=students)
    s = np.concatenate([np.arange(students), rng.integers(students, size=ratings - students)])
    at_home = rng.random(ratings) < 0.75
    d = rng.choice(lecturers, size=ratings, p=popularity / popularity.sum())
    for dept in range(departments):
        own = np.flatnonzero(dept_of == dept)
        here = np.flatnonzero(at_home & (home[s] == dept))
        d[here] = rng.choice(own, size=here.size, p=popularity[own] / popularity[own].sum())
    d[rng.permutation(ratings)[:lecturers]] = np.arange(lecturers)  # everyone is rated
    dept = dept_of[d]
    service = (dept != home[s]).astype(float)
    x = rng.standard_normal(ratings)
    y = 3.2 - 0.1 * service + 0.05 * x + CROSSED_SIGMA * rng.standard_normal(ratings)
    for name, code, levels in (
        ("s", s, students),
        ("d", d, lecturers),
        ("dept", dept, departments),
    ):
        y += CROSSED_SD[name] * rng.standard_normal(levels)[code]
    return pd.DataFrame({"y": y, "service": service, "x": x, "s": s, "d": d, "dept": dept})
