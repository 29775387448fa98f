"""Where the columns are the unknown: starts, poles and maxima of a matrix's loadings.

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

from dataclasses import replace

import numpy as np

from ..model.laws import Law
from ..model.model import Model
from ..model.parameters import Positive
from ..model.target import Target, foreign_log_density, hessian
from ..posterior.matrix_rows import means_of
from ..solvers.axes import Axes
from ..solvers.beta import FLAT
from ..solvers.canonical import principal
from ..solvers.complete import Complete
from ..solvers.expectation import NoNoise
from ..solvers.likeliest import NOTHING, UNBOUNDED, UNSETTLED, Maximum, closed_form
from ..solvers.matrix_scores import Means, score_moments
from ..types import Array, Theta

TINY = 1e-3  # of the spread: a loading from which a search for the maximum can rise
LEAST = 0.03  # of the spread: noise under which no search for a mode goes, where there is none
RANK = 1e3 * NOTHING  # share of the scatter from which a direction counts
NONE_LEFT = 1e-9  # of the spread: noise that is none
NEWTON = 20  # steps
COSTLY = 2e10  # operations beyond which the law of mu is not asked for
MANY = 500  # coordinates up to which curvature is asked for


def centres(model: Model) -> list[Array]:
    """Coordinates from which searches start, the best first: maxima of the likelihood.

    A component of length zero has no slope and, in the triangle, no coordinate: it is started
    at a little more, along the basis vector of its place.
    """
    axes = axes_of(model)
    best, found = axes.begun, []
    for W, sigma in ((best.W, best.sigma), *best.others):
        zero = (W**2).sum(axis=0) < (TINY * axes.spread) ** 2
        W = np.where(zero, TINY * axes.spread * axes.basis[:, : axes.components], W)
        found.append(model.space.unconstrain(at_loadings(model, W, sigma)))
    return found


def likely_centre(model: Model) -> Array:
    """Coordinates from which searches start: of the likelihood's maxima the most probable."""
    starts = centres(model)
    if len(starts) == 1:
        return starts[0]
    return starts[int(np.argmax(model.target().many(np.array(starts))))]


def axes_of(model: Model) -> Axes:
    """What the rows alone say of the loadings."""
    if model.axes is None:
        raise ValueError("the columns of this model are known")
    return model.axes


def at_loadings(model: Model, W: Array, sigma: float) -> Theta:
    """The point with these loadings, and the scales of W that make it most probable."""
    found: Theta = {"sigma": np.asarray(sigma)}
    if model.scores is None:
        return found
    scale = model.scores.sd
    square = (W**2).mean(axis=0) if model.scores.loadings.own else np.atleast_1d((W**2).mean())
    own = np.sqrt(np.maximum(square, 1e-12 * axes_of(model).spread ** 2))
    if scale.fixed is not None:
        own = np.broadcast_to(np.asarray(scale.fixed), scale.size)
    return {model.scores.loadings.name: W, scale.name: own.reshape(scale.shape), **found}


def plugged_in(model: Model, best: Maximum) -> Theta:
    """The point of a maximum; the means too, inside, where their law is too costly to have."""
    (n, d), q = model.design.y.shape, model.components
    costly = best.mean is not None and float(n) * d * d * max(q, 1) > COSTLY
    theta = at_loadings(model, best.W, best.sigma)
    return {**theta, "mu": best.mean} if costly and best.mean is not None else theta


def likeliest(model: Model) -> Theta:
    """The point from which searches start."""
    best = axes_of(model).begun
    return at_loadings(model, best.W, best.sigma)


def beginning(model: Model) -> dict[str, tuple[Array, Array]]:
    """Means and widths of loadings, means and scores at that point, by name, as they are told."""
    best, means, n = axes_of(model).begun, means_of(model), len(model.design.y)
    law = Means.of(model.solver("reml"), best.W.reshape(1, -1), np.array([best.sigma]))
    m, V = law.at(0)
    found = {means.coefficients: (means.told(m), means.unit * np.sqrt(np.diag(V)))}
    if model.scores:
        width = np.repeat((best.sigma * means.unit / np.sqrt(n))[:, None], best.W.shape[1], axis=1)
        found[model.scores.loadings.name] = (best.W * means.unit[:, None], width)
        found[model.scores.coefficients] = score_moments(law, axes_of(model).problem.Y)
    return found


def lowest(model: Model) -> Array | None:
    """Coordinates (D,) that a search for the mode is kept above; None where there is a mode.

    Where the components can follow all rows the density is without bound at sigma = 0, though the
    mass there may be next to nothing.
    """
    spread = axes_of(model).spread
    if _bounded(model) or order_at_zero(model.space.sigma, spread) == np.inf:
        return None
    low = np.full(model.space.size, -np.inf)
    low[model.space.places["sigma"]] = np.log(LEAST * spread)
    return low


def _bounded(model: Model) -> bool:
    """Whether the likelihood is."""
    if model.space.sigma.fixed is not None:
        return True
    try:
        return axes_of(model).likeliest.bounded
    except NoNoise:
        return False


def refuse_pole(model: Model) -> None:
    """Refuse a posterior without mass that could be drawn from.

    The likelihood is without bound as sigma goes to zero, and the prior does not make up for it.
    """
    axes = axes_of(model)
    q = axes.components
    if _bounded(model) or _excess(axes) < order_at_zero(model.space.sigma, axes.spread):
        return
    more = "" if q == 0 else f"ask for fewer components than {q}, or "
    raise ValueError(
        f"{q} components follow all {model.design.y.shape[0]:,} rows exactly and with rows to "
        f"spare (repeated rows, or columns made of others), so that the posterior has a pole where "
        f"sigma goes to zero, and no draws; {more}give sigma a prior that keeps off zero, such as "
        f"priors={{'sigma': 'InverseGamma(3, {0.3 * axes.spread:.2g})'}}"
    )


def _excess(axes: Axes) -> float:
    """The power of 1 / sigma with which the posterior rises, its prior aside."""
    d, q = axes.problem.Y.shape[1], axes.components
    if axes.problem.complete:
        rows = axes.problem.scatter
        rank = int((rows.leading(q)[0] > RANK * rows.total).sum())
        return (rows.n - 1.0 - rank) * (d - q)
    lengths = axes.problem.there.sum(axis=1)
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


def maximum(model: Model, criterion: str) -> Maximum:
    """Where the criterion is largest over W and sigma.

    Raises
    ------
    ValueError
        Where it has no maximum: no noise is left, or a prior has a pole.
    """
    axes, scores = axes_of(model), model.scores
    if scores is not None and scores.loadings.own:
        raise ValueError(
            "EmpiricalBayes has nothing to maximise under ard=True: the density of a component "
            "and its own sd_W grows without bound where both go to zero. Use NUTS(), or leave "
            "ard out and ask choose_components"
        )
    if criterion == "ml":
        return axes.likeliest
    solver = model.solver(criterion)
    if solver.spectral and solver.beta is FLAT and criterion != "map":
        return closed_form(Complete(axes.problem, solver.beta), axes.components, axes.sigma)
    if criterion == "map" and scores is not None and scores.sd.free:
        raise ValueError(
            "EmpiricalBayes('map') has no maximum while sd_W is free: the density of W and "
            "sd_W grows without bound where both go to zero. Fix it (priors={'sd_W': ...}), or "
            "use NUTS()"
        )
    target = model.target(criterion, prior=criterion == "map")
    if criterion == "map":
        return ascended(model, replace(target, natural=True))
    bounded = axes.likeliest.bounded  # or there is no maximum
    best = ascended(model, target)
    return best if bounded else replace(best, message=UNBOUNDED, bounded=False)


def ascended(model: Model, target: Target) -> Maximum:
    """The highest end of a climb from each start.

    Raises
    ------
    NoNoise
        Where every climb runs to where no noise is left.
    """
    ends = [_climbed(target, begin) for begin in centres(model)]
    inside = [end for end in ends if end.sigma > NONE_LEFT * axes_of(model).spread]
    if not inside:
        raise NoNoise(
            "sigma runs to zero: the components follow the rows exactly and the criterion has no "
            "maximum; ask for fewer components, give sigma a prior that keeps off zero, such as "
            "'InverseGamma(3, 1)', or fix it"
        )
    best = max(inside, key=lambda end: end.value)
    return replace(best, evaluations=sum(end.evaluations for end in ends))


def _climbed(target: Target, begin: Array) -> Maximum:
    """Up along the exact gradient: L-BFGS-B, then Newton's method on its differences."""
    from scipy.optimize import minimize

    evaluations = 0

    def negative(z: Array) -> tuple[float, Array]:
        nonlocal evaluations
        evaluations += 1
        value, grad = target(z)
        if not np.isfinite(value):
            return 1e300, np.zeros_like(z)
        return -value, -grad

    options = {"ftol": 1e-13, "gtol": 1e-6, "maxiter": 2000}
    z = minimize(negative, begin, jac=True, method="L-BFGS-B", options=options).x
    settled = False
    for _ in range(NEWTON if z.size <= MANY else 0):
        value, grad = target(z)
        settled = float(np.abs(grad).max(initial=0.0)) < 1e-5
        if settled:
            break
        values, vectors = np.linalg.eigh(-hessian(target, z))
        evaluations += 2 * z.size
        step = vectors @ ((vectors.T @ grad) / np.maximum(np.abs(values), 1e-8))
        while not target(z + step)[0] >= value and np.abs(step).max() > 1e-12:
            step = 0.5 * step
        z = z + step
    value, grad = target(z)
    settled = settled or float(np.abs(grad).max(initial=0.0)) < 1e-3
    theta, message = target.space.constrain(z), "" if settled else UNSETTLED
    d = target.solver.problem.Y.shape[1]
    W = principal(theta["W"])[0] if "W" in theta else np.zeros((d, 0))
    return Maximum(W, float(theta["sigma"]), value, evaluations, message)
