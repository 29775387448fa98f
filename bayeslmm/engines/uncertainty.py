"""Standard errors of the variance parameters, from the curvature of the criterion.

The Hessian is taken in the chart's coordinates, where it exists at a boundary too, and carried to
sd, correlation and sigma by the delta method. What sits at a boundary is held there: its own
standard error is not defined and comes out as NaN. So does that of what the criterion does not
determine (`determined`); directions in which it is flat give nothing to the errors of the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model.model import Model
from ..model.parameters import Correlation
from ..posterior.named import element, elements
from ..types import Array, Theta
from .boundary import free_coordinates
from .maximise import Optimum

FLAT = 0.02  # nats by squared unit, under which a direction is flat: a unit costs 0.01


def labels(model: Model) -> list[str]:
    """Names of the free scalar variance parameters, such as sd_Subject[Days]."""
    names: list[str] = []
    for term in model.groups:
        effects = term.grouping.effects
        if term.sd.free:
            names += [label for label, _ in elements(term.sd.name, [effects])]
        if term.correlation.free:
            for part in term.correlation.parts:
                own = [effects[i] for i in part]
                pairs = elements(term.correlation.name, [own, own], paired=True)
                names += [label for label, _ in pairs]
    for block in model.blocks:
        for p in block.law.parameters:
            if p.free:
                names += [element(p.name, e) for e in block.labels] if p.dim else [p.name]
    return [*names, *(p.name for p in model.residual.parameters if p.free)]


def values(model: Model, theta: Theta) -> Array:
    """The parameters of `labels` at a point; NaN for the correlation with an effect of sd zero."""
    found: list[float] = []
    for term in model.groups:
        if term.sd.free:
            found += list(theta[term.sd.name])
        if term.correlation.free:
            L = term.root(theta)
            sd = np.sqrt((L**2).sum(axis=1))
            with np.errstate(invalid="ignore", divide="ignore"):
                corr = L @ L.T / np.outer(sd, sd)
            for part in term.correlation.parts:
                found += [corr[j, i] for k, i in enumerate(part) for j in part[:k]]
    for block in model.blocks:
        shown = block.reported(theta)
        for p in block.law.parameters:
            found += list(np.ravel(shown[p.name][1])) if p.free else []
    found += [float(theta[p.name]) for p in model.residual.parameters if p.free]
    return np.array(found)


def places(model: Model) -> list[int]:
    """Where in theta's coordinates each parameter of `labels` stands; -1 for correlations."""
    found: list[int] = []
    for p in model.space.parameters:
        if p.free:
            own = model.space.places[p.name]
            found += [-1] * own.size if isinstance(p, Correlation) else own.tolist()
    return found


@dataclass(frozen=True)
class Curvature:
    """The negative criterion around its minimum, along directions that have no unit.

    A unit of a direction is a change of a relative factor by one, or by its own size where it is
    larger than one, or of a log scale by one.

    Attributes
    ----------
    values : (k,)
        Nats by squared unit, smallest first.
    slopes : (m, k)
        Change of the m parameters of `labels` by a unit of each direction.
    """

    values: Array
    slopes: Array

    @property
    def maximum(self) -> bool:
        """Whether the criterion falls in no direction below what rounding could do."""
        return not self.values.size or bool(self.values[0] > -FLAT)


def curvature(best: Optimum) -> Curvature:
    """Eigenvalues of the Hessian, and what the parameters do along its directions."""
    if "curvature" not in best.known:
        best.known["curvature"] = _curvature(best)
    found: Curvature = best.known["curvature"]
    return found


def _curvature(best: Optimum) -> Curvature:
    model, chart, x = best.model, best.chart, best.x
    free = free_coordinates(chart, x)
    slopes = np.zeros((len(labels(model)), free.size))
    for column, i in enumerate(free):
        step = 1e-6 * max(1.0, abs(x[i]))
        ahead, behind = x.copy(), x.copy()
        ahead[i] += step
        behind[i] -= step
        change = values(model, chart.theta(ahead)) - values(model, chart.theta(behind))
        slopes[:, column] = change / (2.0 * step)
    if not free.size:
        return Curvature(np.zeros(0), slopes)
    unit = np.maximum(1.0, np.abs(x[free]))
    found, turns = np.linalg.eigh(best.hessian * np.outer(unit, unit))
    return Curvature(found, (slopes * unit) @ turns)


def relative(best: Optimum, slopes: Array) -> Array:
    """Changes of the parameters in their own size; of correlations, of their atanh."""
    names, centre = labels(best.model), values(best.model, best.theta)
    size = np.where([n.startswith("corr_") for n in names], 1.0 - centre**2, np.abs(centre))
    moves = np.abs(slopes) / np.where(size > 0.0, size, np.inf)[:, None]
    return np.where(np.isfinite(moves), moves, 0.0)


def estimates(
    best: Optimum, why: Mapping[str, str]
) -> tuple[dict[str, tuple[tuple[str, ...], Any]], dict[str, Any]]:
    """Table of estimates and standard errors, with the coordinate `parameter`.

    Parameters
    ----------
    best : Optimum
    why : mapping
        Parameters that have no standard error, and why not.
    """
    names, centre = labels(best.model), values(best.model, best.theta)
    around = curvature(best)
    told = dict(why)
    if not around.maximum:
        told = dict.fromkeys(names, "no maximum was found") | told
    else:
        told |= {n: "undefined at sd zero" for n, v in zip(names, centre) if np.isnan(v)}
    firm = around.values >= FLAT
    errors = np.sqrt((around.slopes[:, firm] ** 2 / around.values[firm]).sum(axis=1))
    errors[[name in told for name in names]] = np.nan
    dims = ("parameter",)
    table: dict[str, tuple[tuple[str, ...], Any]] = {
        "estimate": (dims, centre),
        "se": (dims, errors),
        "why": (dims, np.array([told.get(name, "") for name in names], dtype=str)),
    }
    return table, {"parameter": names}
