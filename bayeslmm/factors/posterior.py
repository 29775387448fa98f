"""The posterior of a factor model by the names that the tree has, from draws of theta and back."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from ..gaussian.beta import integrated
from ..laws import log_densities
from ..named import Recovered, passes
from ..target import foreign_log_density
from ..types import Array, Named
from .canonical import covariance, described, facing, principal
from .chart import coordinates as chart_coordinates
from .recover import Loadings, Means, draw_all, score_moments, told

if TYPE_CHECKING:
    from .model import FactorModel

LOG_2PI = float(np.log(2.0 * np.pi))


def theta_variables(model: "FactorModel", thetas: Loadings) -> Named:
    """The variables of theta by name at every draw (chains, draws, ...)."""
    chains, draws = thetas.h.shape[:2]
    found, *_ = told(thetas, model.reference, model.unit, model.scaled)
    found |= _own_scales(model, thetas)
    return {n: (dims, _spread(a, chains, draws)) for n, (dims, a) in found.items()}


def recovered(
    model: "FactorModel",
    thetas: Loadings,
    rng: np.random.Generator,
    keep: Collection[str] = (),
    criterion: str = "evidence",
) -> Recovered:
    """All variables of the posterior at draws of theta, and the moments of what is too large.

    Under "ml" and "reml" mu is drawn as under a flat prior, else under its own.
    """
    chains, draws = thetas.h.shape[:2]
    count = chains * draws
    variables, moments, W, turn, sigma = told(thetas, model.reference, model.unit, model.scaled)
    variables |= _own_scales(model, thetas)
    solver = None
    if thetas.mean is None:
        solver = model.solver(integrated(criterion))
    n, q = model.X.shape[0], model.components
    index = np.zeros(count, np.int64) if thetas.plugged else np.arange(count)
    kept = q > 0 and ("z" in keep or not passes(count, n * q))
    law = Means(solver, W, sigma, thetas.mean, turn)
    mu, z = draw_all(law, model.X, index, rng, scores=kept)
    if q and (thetas.plugged or not kept):
        mean, sd = score_moments(law, model.X)
        moments |= {"z_mean": (("row", "component"), mean), "z_sd": (("row", "component"), sd)}
    if thetas.plugged and thetas.mean is None:
        m, sd = law.moments()
        moments["mu_mean"] = (("feature",), model.shift + model.unit * m)
        moments["mu_sd"] = (("feature",), model.unit * sd)
    shaped = {
        name: (dims, _spread(values, chains, draws)) for name, (dims, values) in variables.items()
    }
    shaped["mu"] = (("feature",), (model.shift + model.unit * mu).reshape(chains, draws, -1))
    if kept:
        shaped["z"] = (("row", "component"), z.reshape(chains, draws, n, q))
    order = ("W", "mu", "z")
    first = {name: shaped[name] for name in order if name in shaped}
    return Recovered(first | shaped, moments)


def _own_scales(model: "FactorModel", thetas: Loadings) -> Named:
    """sd_W by draws; of several, the largest first, as the components are."""
    if not model.components:
        return {}
    h = thetas.flat[1][:, :-1]
    if not model.ard:
        return {"sd_W": ((), h[:, 0])}
    return {"sd_W": (("component",), -np.sort(-h, axis=1))}


def canonical(model: "FactorModel", variables: Named) -> Named:
    """Drawn variables with loadings and scores turned to face the reference."""
    found = dict(variables)
    if "W" not in found:
        return found
    dims, W = found["W"]
    flat = W.reshape(-1, *W.shape[2:]) / model.unit[:, None]
    axes, Q = principal(flat)
    turn = facing(axes, model.reference)
    Q, turned = Q @ turn, axes @ turn
    found["W"] = dims, (turned * model.unit[:, None]).reshape(W.shape)
    if "z" in found:
        dims, z = found["z"]
        found["z"] = dims, (z.reshape(-1, *z.shape[2:]) @ Q).reshape(z.shape)
    sigma = found["sigma"][1]
    for name, values in described(axes, sigma.reshape(-1)).items():
        found[name] = ("component",), values.reshape(*sigma.shape, -1)
    C = covariance(turned, sigma.reshape(-1)) * np.outer(model.unit, model.unit)
    found["covariance"] = ("feature", "feature_2"), C.reshape(*sigma.shape, *C.shape[1:])
    if model.ard:
        dims, values = found["sd_W"]
        found["sd_W"] = dims, -np.sort(-values, axis=-1)
    return found


def with_fixed(model: "FactorModel", drawn: Named) -> Named:
    """Draws of a graph's free variables (chains, draws, ...), and scales that are fixed."""
    shape = drawn["mu"][1].shape[:2]
    found = dict(drawn)
    for scale in model.scales:
        if scale.fixed is not None:
            values = scale.fixed if scale.dim else scale.fixed[0]
            dims = (scale.dim,) if scale.dim else ()
            found[scale.name] = dims, np.broadcast_to(values, (*shape, *np.shape(values)))
    return found


def coordinates(model: "FactorModel", posterior: Any) -> Array:
    """Coordinates of theta (k, D) at the draws of a posterior."""
    if model.ard:
        raise ValueError(
            "with ard=True the columns of the loadings before their rotation to principal axes "
            "are not kept, so the evidence cannot be had from draws; leave ard out"
        )
    data = posterior.stack(__draw__=("chain", "draw")).transpose("__draw__", ...)
    sigma = data["sigma"].values
    h, W = [sigma], np.zeros((sigma.size, model.unit.size, 0))
    if model.components:
        h.insert(0, data["sd_W"].values)
        W = data["W"].transpose("__draw__", "feature", "component").values / model.unit[:, None]
    chart, basis = model.space.chart, model.basis
    each = zip(W, np.column_stack(h))
    return np.array([chart_coordinates(chart, basis, w, own) for w, own in each])


def log_prior(model: "FactorModel", variables: Named) -> Named:
    """Log prior density draw by draw, each parameter on its declared scale."""
    found: Named = {}
    if model.components and not model.ard and {"W", "sd_W"} <= set(variables):
        W, sd = variables["W"][1], variables["sd_W"][1]
        shape = sd.shape
        if W.strides[:2] == (0, 0):  # plugged in: the same draw throughout
            W, sd = W[:1, :1], sd[:1, :1]
        sd = sd[..., None, None] * model.unit[:, None]
        density = -0.5 * (W / sd) ** 2 - np.log(sd) - 0.5 * LOG_2PI
        found["W"] = (), np.broadcast_to(density.sum(axis=(-1, -2)), shape)
    for scale in model.scales:
        if scale.name not in variables or not scale.free:
            continue
        dims, values = variables[scale.name]
        if scale.law is None:
            found[scale.name] = (dims, foreign_log_density(scale, values))
        elif scale.law.proper:
            found[scale.name] = (dims, log_densities(scale.law, values))
    if "mu" in variables and not model.mean_prior.flat:
        x = (variables["mu"][1] - model.shift) / model.unit
        sd = np.sqrt(model.mean_prior.variance)
        density = -0.5 * ((x - model.mean_prior.location) / sd) ** 2
        density -= np.log(sd * model.unit) + 0.5 * np.log(2.0 * np.pi)
        found["mu"] = ((), density.sum(axis=-1))
    return found


def _spread(values: Array, chains: int, draws: int) -> Array:
    """Draws (k, ...) by chains; one that stands for all is shown at every draw."""
    if values.shape[0] == 1 and chains * draws > 1:
        return np.broadcast_to(values[0], (chains, draws, *values.shape[1:]))
    return values.reshape(chains, draws, *values.shape[1:])
