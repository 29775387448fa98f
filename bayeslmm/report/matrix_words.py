"""A model of a whole matrix in words: the laws of its parts, and what its rows and columns are."""

from typing import Any

import numpy as np

from .show import label, number

MOST = 8  # columns that are named


def laws(model: Any) -> list[str]:
    """The laws of what the equation adds up, one line each."""
    scaled = bool((model.residual.unit != 1.0).any())
    noise = "diag(noise_sd²)" if scaled else "sigma² I"
    means = ", noise_sd[j] = sigma times the sd of column j" if scaled else ""
    lines = [f"e[i] ~ N(0, {noise}){means}"]
    if not model.components:
        return lines
    scores = f"z[i] ~ N(0, I), i = 1, ..., {model.design.y.shape[0]:,}"
    return [scores, *lines, f"so that {model.response}[i] ~ N(mu, W W' + {noise})"]


def data_summary(model: Any) -> list[tuple[str, str]]:
    """The data in a few lines."""
    there, (n, d) = model.design.there, model.design.y.shape
    names = ", ".join(label(name, 40) for name in model.design.features[:MOST])
    lines = [
        ("rows", f"{n:,}"),
        ("columns", f"{d:,}: {label(names, 160)}{', ...' if d > MOST else ''}"),
        ("components", f"{model.components:,}"),
        *_spread(model),
    ]
    gone = there.size - int(there.sum())
    if not gone:
        return [*lines, ("missing", "none")]
    whole, empty = int(there.all(axis=1).sum()), int((~there.any(axis=1)).sum())
    lines += [
        ("missing", f"{gone:,} of {there.size:,} entries ({gone / there.size:.1%})"),
        ("complete rows", f"{whole:,}"),
    ]
    return [*lines, ("rows without any entry", f"{empty:,}")] if empty else lines


def _spread(model: Any) -> list[tuple[str, str]]:
    """Sds of the columns, and what they were divided by."""
    sd = np.nanstd(model.design.y, axis=0, ddof=1)
    scaled = bool((model.residual.unit != 1.0).any())
    told = f"{number(float(sd.min()))} to {number(float(sd.max()))}"
    return [("sds of columns", told + ("; each was divided by its own" if scaled else ""))]
