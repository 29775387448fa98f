"""From draws of theta to the whole posterior: exact recovery of the coefficients.

Every draw of (beta, u) given a draw of theta is exact, so what is returned is a draw of the joint
posterior, not an approximation. Blocks of draws that would pass `BUDGET` bytes are kept as their
exact mean and sd, averaged over theta instead of over draws of the block.
"""

from collections.abc import Collection
from functools import partial
from typing import Any

import numpy as np

from ..model.model import Model
from ..model.residual import Independent
from ..model.space import flattened
from ..solvers.beta import integrated
from ..solvers.canonical import facing, principal
from ..solvers.solver import Moments
from ..types import Array, Coefficients, Named, Theta
from .covariances import covariances
from .named import Recovered, passes
from .when_read import WhenRead


def recover(
    model: Model,
    theta: Theta,
    rng: np.random.Generator,
    keep: Collection[str] = (),
    criterion: str = "evidence",
) -> Recovered:
    """All variables of the posterior at draws of theta, name -> (chains, draws, *shape).

    Parameters
    ----------
    keep
        Names of variables whose draws are kept whatever their size.
    criterion
        Under "ml" and "reml" beta is drawn as under a flat prior, else under its own.
    """
    shape = theta["sigma"].shape
    count, once = int(np.prod(shape)), model.axes is not None and plugged(theta)
    theta = {n: v[0, :1] for n, v in theta.items()} if once else flattened(theta)
    theta = canonical(model, theta)
    point, solver = model.roots(theta), model.solver(integrated(criterion))
    large = {t.coefficients for t in model.parts if passes(count, t.columns)} - set(keep)
    first = model.levelled[0] if model.levelled else None
    every = first is None or first.coefficients not in large
    more: dict[str, Any] = {}
    if once:
        more = {"draws": count, "known": theta["mu"][0] if "mu" in theta else None}
    later = first is not None and model.axes is None and every and repeats(theta)
    beta, effects = solver.draws(*point, rng, groups=every and not later, **more)
    drawn: Any = model.coefficients(beta, effects)
    if first is not None and later:
        make = partial(_effects, first, solver, point, (beta, *effects[1:]), rng.spawn(1)[0])
        drawn[first.coefficients] = WhenRead((*shape, *first.shape), make)
    moments = covariances(model, theta, count)
    told = {n: (t.dims, drawn[n]) for t in model.terms if (n := t.coefficients) not in large}
    if once:
        moments |= _exact(model, point, solver, more["known"])
    elif first is not None and not every:
        moments |= _moments(first, *solver.averaged(*point))
    for term in model.parts:
        if term.coefficients in large and term is not first:
            values = drawn[term.coefficients]
            moments |= _moments(term, values.mean(axis=0), values.std(axis=0))
    variables = theta_variables(model, theta)
    if "covariance" in moments:
        variables["covariance"] = moments.pop("covariance")
    if model.scores:  # loadings, means and scores are looked for first
        told = {model.scores.loadings.name: variables[model.scores.loadings.name], **told}
        variables = told | variables
    variables |= told
    shaped = {n: (dims, _spread(values, shape)) for n, (dims, values) in variables.items()}
    return Recovered(shaped, moments)


def repeats(theta: Theta) -> bool:
    """Whether all points (k, *shape), more than one, are the same."""
    return theta["sigma"].size > 1 and all((v == v[:1]).all() for v in theta.values())


def _effects(term: Any, solver: Any, point: Any, others: Any, rng: np.random.Generator) -> Array:
    """The effects of the first factor, drawn given draws of all else."""
    beta, *rest = others
    found: Array = term.told(solver.redraws(*point, beta, tuple(rest), rng))
    return found


def _exact(model: Model, point: Any, solver: Any, known: Array | None) -> Named:
    """Exact moments at one point that stands for all draws."""
    found: Named = {}
    for term in model.levelled:
        found |= _moments(term, *solver.averaged(*point, known=known))
    if known is None and model.fixed is not None:
        mean, sd = solver.beta_moments(*point)
        found |= _moments(model.fixed, model.fixed.told(mean), model.fixed.unit * sd)
    return found


def _moments(term: Any, mean: Array, sd: Array) -> Named:
    name = term.coefficients
    return {f"{name}_mean": (term.dims, mean), f"{name}_sd": (term.dims, sd)}


def _spread(values: Any, shape: tuple[int, ...]) -> Any:
    """Draws (k, ...) by chains; one that stands for all is shown at every draw."""
    if isinstance(values, WhenRead):
        return values
    if values.shape[0] == 1 and int(np.prod(shape)) > 1:
        return np.broadcast_to(values[0], (*shape, *values.shape[1:]))
    return values.reshape(*shape, *values.shape[1:])


def plugged(theta: Theta) -> bool:
    """Whether every draw is the same point."""
    return theta["sigma"].strides == (0, 0)


def canonical(model: Model, theta: Theta) -> Theta:
    """The same points (k, *shape) in the form in which they are told: loadings turned."""
    if model.scores is None or model.axes is None:
        return theta
    return model.scores.canonical(theta, model.axes.reference)


def one_chain(model: Model, told: Named, drawn: Coefficients) -> Named:
    """The posterior's variables from k draws of everything: theta as it is told, coefficients."""
    own = {t.coefficients: (t.dims, drawn[t.coefficients]) for t in model.terms}
    return {name: (dims, values[None]) for name, (dims, values) in (told | own).items()}


def fixed_drawn(model: Model, drawn: Coefficients) -> Named:
    """Draws (k, p) of the fixed effects with their dims, if there are any."""
    fixed = model.fixed
    return {fixed.coefficients: (fixed.dims, drawn[fixed.coefficients])} if fixed else {}


def moments_of(model: Model, exact: Moments) -> tuple[Coefficients, Coefficients]:
    """Means and sds of all coefficients by name, from their law given theta."""
    sds = [np.sqrt(np.diagonal(c, axis1=1, axis2=2)) for c in exact.effects_cov]
    beta = np.sqrt(np.diag(exact.beta_cov))
    return model.coefficients(exact.beta, exact.effects), model.coefficients(beta, sds)


def theta_variables(model: Model, theta: Theta) -> Named:
    """What terms and residual report, and shares of variance, at points (..., *shape)."""
    variables: Named = {}
    for part in model.parts:
        variables |= part.reported(theta)
    variables |= model.residual.reported(theta)
    if not isinstance(model.residual, Independent):
        return variables
    frequency = model.residual.frequency
    shares = {part.share_name: part.share(theta, frequency) for part in model.columns}
    total = model.residual.share(theta) + sum(shares.values())
    return variables | {name: ((), share / total) for name, share in shares.items()}


def theta_points(model: Model, posterior: "object") -> tuple[Array, Array]:
    """Back from a posterior dataset to what solvers take: roots (k, m) and sigma (k,)."""
    return model.roots(points(model, posterior))


def points(model: Model, posterior: "object") -> Theta:
    """Back from a posterior dataset to theta at its draws, name -> (k, *shape)."""
    data = posterior.stack(__draw__=("chain", "draw")).transpose("__draw__", ...)  # type: ignore[attr-defined]
    names = [p.name for p in model.space.parameters if p.name in data]
    reported = {name: np.asarray(data[name].values, dtype=np.float64) for name in names}
    theta = model.residual.read(reported)
    for part in model.parts:
        theta |= part.read(reported)
    return theta


def coordinates(model: Model, posterior: Any) -> Array:
    """Coordinates of theta (k, d) at the draws of a posterior.

    Raises
    ------
    ValueError
        Where loadings have scales of their own: what is kept of them is turned.
    """
    if model.scores and model.scores.loadings.own:
        raise ValueError(
            "with ard=True the columns of the loadings before their rotation to principal axes "
            "are not kept, so the evidence cannot be had from draws; leave ard out"
        )
    return model.space.unconstrain(points(model, posterior))


def canonical_draws(model: Model, variables: Named) -> Named:
    """Drawn variables (chains, draws, ...) in the form in which they are told.

    Loadings and scores are turned to face the reference, and what follows from them is told.
    """
    if model.axes is None or model.fixed is None:
        return variables
    found = dict(variables)
    sigma = found["sigma"][1]
    lead = sigma.shape
    theta: Theta = {"sigma": sigma.reshape(-1)}
    if model.scores:
        scores, name = model.scores, model.scores.loadings.name
        W = found[name][1].reshape(-1, *scores.loadings.shape) / scores.unit[:, None]
        sd = found[scores.sd.name][1]
        theta |= {name: W, scores.sd.name: sd.reshape(-1, *scores.sd.shape)}
        axes, Q = principal(W)
        turn = facing(axes, model.axes.reference)
        theta[name] = axes @ turn
        if scores.coefficients in found:
            dims, z = found[scores.coefficients]
            turned = z.reshape(-1, *z.shape[2:]) @ (Q @ turn)
            found[scores.coefficients] = dims, turned.reshape(z.shape)
    told = theta_variables(model, theta) | covariances(model, theta, 1)
    shaped = {n: (dims, v.reshape(*lead, *v.shape[1:])) for n, (dims, v) in told.items()}
    return found | shaped


def large(model: Model) -> list[str]:
    """Names of variables that may be too large for their draws to be kept."""
    return [*(t.coefficients for t in model.parts), *(["covariance"] if model.axes else [])]
