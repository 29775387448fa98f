"""Standard errors of the variance parameters, from the curvature of the criterion.

The Hessian is taken in the chart's coordinates, where it exists at a boundary too, and carried to
sd, correlation and sigma by the delta method. What sits at a boundary is held there: its own
standard error is not defined and comes out as NaN.
"""

from typing import Any

import numpy as np

from ..gaussian.sums import Array
from ..model import Model
from ..recover import block_factors
from ..space import Theta
from .maximise import Optimum, free_coordinates


def labels(model: Model) -> list[str]:
    """Names of the free scalar variance parameters, such as sd_Subject[Days]."""
    names: list[str] = []
    for term in model.terms:
        effects = term.grouping.effects
        if term.sd.free:
            names += [
                term.sd.name if len(effects) == 1 else f"{term.sd.name}[{e}]" for e in effects
            ]
        if term.correlation.free:
            for part in term.correlation.parts:
                names += [
                    f"{term.correlation.name}[{effects[j]}, {effects[i]}]"
                    for k, i in enumerate(part)
                    for j in part[:k]
                ]
    for block in model.blocks:
        for p in block.law.parameters:
            names += _called(p.name, block.labels if p.dim else ()) if p.free else []
    return [*names, "sigma"] if model.space.sigma.free else names


def _called(name: str, labels: tuple[str, ...]) -> list[str]:
    return [f"{name}[{label}]" for label in labels] or [name]


def values(model: Model, theta: Theta) -> Array:
    """The parameters of `labels` at a point; NaN for the correlation with an effect of sd zero."""
    found: list[float] = []
    at = base = 0
    for term in model.terms:
        q = term.shape[1]
        L = theta.scales[base : base + q * q].reshape(q, q)
        sd = np.sqrt((L**2).sum(axis=1))
        if term.sd.free:
            found += list(sd)
        if term.correlation.free:
            with np.errstate(invalid="ignore", divide="ignore"):
                corr = L @ L.T / np.outer(sd, sd)
            for part in term.correlation.parts:
                found += [corr[j, i] for k, i in enumerate(part) for j in part[:k]]
        at, base = at + q, base + q * q
    for block in model.blocks:
        size = sum(p.size for p in block.law.parameters)
        own = block_factors(block, theta.h[None], at)
        shown = block.law.reported(own, theta.h[-1:])
        for p in block.law.parameters:
            found += list(np.ravel(shown[p.name][1])) if p.free else []
        at += size
    if model.space.sigma.free:
        found.append(theta.sigma)
    return np.array(found)


def estimates(best: Optimum) -> tuple[dict[str, tuple[tuple[str, ...], Array]], dict[str, Any]]:
    """Table of estimates and standard errors, with the coordinate `parameter`."""
    model, chart = best.model, best.chart
    names, centre = labels(model), values(model, best.theta)
    errors = np.full(centre.size, np.nan)
    free = free_coordinates(chart, best.x)
    if free.size:
        slopes = np.empty((centre.size, free.size))
        for column, i in enumerate(free):
            step = 1e-6 * max(1.0, abs(best.x[i]))
            ahead, behind = best.x.copy(), best.x.copy()
            ahead[i] += step
            behind[i] -= step
            difference_ = values(model, chart.theta(ahead)) - values(model, chart.theta(behind))
            slopes[:, column] = difference_ / (2.0 * step)
        curvature, turns = np.linalg.eigh(best.hessian)
        if curvature[0] > 0.0:
            turned = slopes @ turns
            errors = np.sqrt((turned**2 / curvature).sum(axis=1))
            errors[(centre == 0.0) | (np.abs(np.abs(centre) - 1.0) < 1e-9) & _is_corr(names)] = (
                np.nan
            )
    dims = ("parameter",)
    table: dict[str, tuple[tuple[str, ...], Array]] = {
        "estimate": (dims, centre),
        "se": (dims, errors),
    }
    return table, {"parameter": names}


def _is_corr(names: list[str]) -> np.ndarray:
    return np.array([n.startswith("corr_") for n in names])
