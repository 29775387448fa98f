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
