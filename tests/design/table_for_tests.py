"""One small table for the tests of designs, its numbers fixed by hand or by a seed."""

import numpy as np
import pandas as pd


def crossed(rows: int = 24) -> pd.DataFrame:
    """Six groups g crossed with four h, a factor f of three levels, numbers x, z, y."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "y": rng.normal(size=rows),
            "x": rng.normal(size=rows),
            "z": rng.normal(size=rows),
            "f": np.resize(list("ABC"), rows),
            "g": np.repeat(list("abcdef"), rows // 6),
            "h": np.resize([10, 2, 30, 4], rows),
            "flag": rng.random(rows) > 0.5,
        }
    )


def dummies(values: pd.Series, levels: list) -> np.ndarray:
    """Indicator columns by hand, one for each level."""
    return np.column_stack([(values == level).to_numpy(float) for level in levels])
