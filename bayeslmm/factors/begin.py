"""From where searches over theta start, and whether the posterior has a pole.

Sampling needs a point near the posterior's mass, not the maximum of the likelihood. That maximum
is the point where it exists. Where the components can follow all rows without noise it does not,
and the likeliest loadings at some noise are taken.

The posterior may exist all the same. Of n complete rows whose centred matrix has rank r <= q the
likelihood grows as sigma^-((n - 1)(d - q)) as sigma goes to zero along loadings that span the rows,
but loadings that do so within sigma have prior mass sigma^(r (d - q)) only. With a prior of sigma
that goes as sigma^(a - 1) the posterior is proper if and only if

    (n - 1 - r)(d - q) < a:

always where the rows are in general position, r = n - 1, never where there are repeats or columns
made of others, unless the prior keeps off zero. Where entries are missing, what is known beyond
the unknowns is counted instead: sum_i (o_i - q)+ - (d - q)(q + 1), of the o_i that row i has.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..gaussian.expectation import NoNoise
from ..laws import Law
from ..parameters import Positive
from ..target import foreign_log_density
from ..types import Array
from .chart import coordinates
from .maximum import NOTHING, Maximum

if TYPE_CHECKING:
    from .model import FactorModel

TINY = 1e-3  # of the spread: a loading from which a search for the maximum can rise
LEAST = 0.03  # of the spread: noise under which no search for a mode goes, where there is none
HELD = 0.1  # of the spread: noise at which loadings are likeliest, where less is always likelier
RANK = 1e3 * NOTHING  # share of the scatter from which a direction counts


def begun(model: "FactorModel") -> Maximum:
    """The maximum of the likelihood, or where it has none the likeliest loadings at some noise."""
    try:
        return model.likeliest
    except NoNoise:
        return model.likeliest_at(HELD * model.spread)


def centres(model: "FactorModel") -> list[Array]:
    """Coordinates from which searches start, the best first: maxima of the likelihood.

    A component of length zero has no slope and, in the triangle, no coordinate: it is started
    at a little more, along the basis vector of its place.
    """
    best, basis, q = model.begun, model.basis, model.components
    found = []
    for W, sigma in ((best.W, best.sigma), *best.others):
        zero = (W**2).sum(axis=0) < (TINY * model.spread) ** 2
        W = np.where(zero, TINY * model.spread * basis[:, :q], W)
        found.append(coordinates(model.space.chart, basis, W, model.scales_at(W, sigma)))
    return found


def lowest(model: "FactorModel") -> Array | None:
    """Coordinates (D,) that a search for the mode is kept above; None where there is a mode.

    Where the components can follow all rows the density is without bound at sigma = 0, though the
    mass there may be next to nothing.
    """
    scale = model.space.sigma
    if _bounded(model) or order_at_zero(scale, model.spread) == np.inf:
        return None
    low = np.full(model.space.size, -np.inf)
    low[model.space.chart.at[-1]] = np.log(LEAST * model.spread)
    return low


def _bounded(model: "FactorModel") -> bool:
    """Whether the likelihood is."""
    if model.space.sigma.fixed is not None:
        return True
    try:
        return model.likeliest.bounded
    except NoNoise:
        return False


def pole(model: "FactorModel") -> str:
    """Why the posterior has no mass that could be drawn from; empty where it has.

    The likelihood is without bound as sigma goes to zero, and the prior does not make up for it.
    """
    q = model.components
    if _bounded(model) or _excess(model) < order_at_zero(model.space.sigma, model.spread):
        return ""
    more = "" if q == 0 else f"ask for fewer components than {q}, or "
    return (
        f"{q} components follow all {model.design.y.shape[0]:,} rows exactly and with rows to "
        f"spare (repeated rows, or columns made of others), so that the posterior has a pole where "
        f"sigma goes to zero, and no draws; {more}give sigma a prior that keeps off zero, such as "
        f"priors={{'sigma': 'InverseGamma(3, {0.3 * model.spread:.2g})'}}"
    )


def _excess(model: "FactorModel") -> float:
    """The power of 1 / sigma with which the posterior rises, its prior aside."""
    d, q = model.unit.size, model.components
    if model.design.complete:
        rows = model.rows
        rank = int((rows.leading(q)[0] > RANK * rows.total).sum())
        return (rows.n - 1.0 - rank) * (d - q)
    lengths = model.design.there.sum(axis=1)
    return float(np.maximum(lengths - q, 0).sum()) - (d - q) * (q + 1.0)


def order_at_zero(scale: Positive, unit: float) -> float:
    """a of a prior that goes as sigma^(a - 1) near zero; infinite where it keeps off."""
    law: Law | None = scale.law
    if law is None:
        low, high = foreign_log_density(scale, unit * np.array([[1e-8], [1e-6]])).ravel()
        return float((high - low) / np.log(100.0)) + 1.0 if np.isfinite(low) else np.inf
    if law.name in ("InverseGamma", "LogNormal"):
        return np.inf
    if law.name == "Gamma":
        return float(np.min(law.parameters[0]))
    return 2.0 if law.name == "Rayleigh" else 1.0
