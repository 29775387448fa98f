"""Small synthetic tables that the tests of models share."""

import numpy as np
import pandas as pd


def crossed_table(rows: int = 48, seed: int = 1) -> pd.DataFrame:
    """Eight groups g crossed with six h; real effects of both, and of x by group."""
    rng = np.random.default_rng(seed)
    g, h = np.arange(rows) % 8, np.arange(rows) // 8 % 6
    x, z = rng.normal(size=rows), rng.normal(size=rows)
    y = 2.0 + x + rng.normal(size=8)[g] + 0.6 * rng.normal(size=8)[g] * x
    y = y + 0.8 * rng.normal(size=6)[h] + rng.normal(size=rows)
    return pd.DataFrame({"y": y, "x": x, "z": z, "g": g, "h": h})
