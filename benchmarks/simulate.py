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


def ratings(
    rows: int = 1_000_000, users: int = 6_040, items: int = 3_706, seed: int = 1998
) -> pd.DataFrame:
    """Columns y, u, i: users rate items, as many as in MovieLens 1M; a pair may come twice."""
    rng = np.random.default_rng(seed)
    u = rng.choice(users, size=rows, p=_shares(rng, users))
    i = rng.choice(items, size=rows, p=_shares(rng, items))
    u[:users], i[-items:] = np.arange(users), np.arange(items)
    y = 3.6 + 0.45 * rng.standard_normal(users)[u] + 0.6 * rng.standard_normal(items)[i]
    return pd.DataFrame({"y": y + 0.9 * rng.standard_normal(rows), "u": u, "i": i})


def _shares(rng: np.random.Generator, count: int) -> np.ndarray:
    often = rng.gamma(1.0, size=count) + 0.05
    return often / often.sum()


def sinc(rows: int, seed: int, sd: float = 0.1) -> pd.DataFrame:
    """Columns x, y: sin(x) / x at uniform points of [-10, 10], with normal noise (Tipping 2001)."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-10.0, 10.0, rows)
    return pd.DataFrame({"x": x, "y": np.sin(x) / x + sd * rng.standard_normal(rows)})


def sparse_columns(rows: int, columns: int, true: int, seed: int = 2003) -> pd.DataFrame:
    """Columns y, x0, x1, ...: independent normal predictors, of which the first `true` matter.

    Their coefficients are 1, -1.5, 2, -2.5, ...; the noise has sd 1.
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    size = (1.0 + 0.5 * np.arange(true)) * (-1.0) ** np.arange(true)
    y = X[:, :true] @ size + rng.standard_normal(rows)
    return pd.DataFrame(np.column_stack([y, X]), columns=["y", *_names("x", columns)])


CLUSTERS, EACH, WIDE, EFFECTS = 15, 8, 200, 4
TRUE = {1: 1.0, 5: 5.0, 10: 3.0}


def sparse_clusters(seed: int) -> pd.DataFrame:
    """Another draw of the law of the data set sparse_clustered.

    x0 to x199 and z0 to z3 are standard normal, but for cov(x_i, z_j) = 0.2^abs(i - j), i < 4. That
    is no covariance (its smallest eigenvalue is -0.36); the eigenvalues' absolute values make it
    one. Found from the table itself: of all a^abs(i - j), over the first 4 or all i, this is the
    most likely, by 3.8 nats against a = 0.25.
    """
    rng = np.random.default_rng(seed)
    cross = np.zeros((WIDE, EFFECTS))
    cross[:EFFECTS] = 0.2 ** np.abs(np.subtract.outer(range(EFFECTS), range(EFFECTS)))
    indefinite = np.block([[np.eye(WIDE), cross], [cross.T, np.eye(EFFECTS)]])
    values, vectors = np.linalg.eigh(indefinite)
    n = CLUSTERS * EACH
    both = rng.standard_normal((n, WIDE + EFFECTS)) * np.sqrt(np.abs(values)) @ vectors.T
    X, Z = both[:, :WIDE], both[:, WIDE:]
    cluster = np.repeat(np.arange(CLUSTERS), EACH)
    psi = 0.56 ** np.abs(np.subtract.outer(range(EFFECTS), range(EFFECTS)))
    u = rng.standard_normal((CLUSTERS, EFFECTS)) @ np.linalg.cholesky(psi).T
    y = X[:, list(TRUE)] @ list(TRUE.values()) + (Z * u[cluster]).sum(axis=1)
    y += 0.25 * rng.standard_normal(n)
    names = ["y", "cluster", *_names("z", EFFECTS), *_names("x", WIDE)]
    return pd.DataFrame(np.column_stack([y, cluster, Z, X]), columns=names).astype({"cluster": int})


def _names(letter: str, count: int) -> list[str]:
    return [f"{letter}{j}" for j in range(count)]
