"""From draws of theta to the whole posterior: exact recovery of the coefficients.

Every draw of (beta, u) given a draw of theta is exact, so what is returned is a draw of the joint
posterior, not an approximation. Blocks of draws that would pass `BUDGET` bytes are kept as their
exact mean and sd, averaged over theta instead of over draws of the block.
"""

from collections.abc import Collection

import numpy as np

from .gaussian.beta import integrated
from .gaussian.protocol import Moments
from .model import Model
from .named import Recovered, passes
from .space import flattened
from .types import Array, Coefficients, Named, Theta


def recover(
    model: Model,
    theta: Theta,
    rng: np.random.Generator,
    keep: Collection[str] = (),
    criterion: str = "evidence",
) -> Recovered:
    """All variables of the posterior at draws of the variances.

    Parameters
    ----------
    keep
        Names of variables whose draws are kept whatever their size.
    criterion
        Under "ml" and "reml" beta is drawn as under a flat prior, else under its own.
    """
    shape = theta["sigma"].shape
    count, theta = int(np.prod(shape)), flattened(theta)
    point = model.roots(theta)
    variables = theta_variables(model, theta)
    solver = model.solver(integrated(criterion))
    large = {t.coefficients for t in model.parts if passes(count, t.columns)} - set(keep)
    first = model.groups[0].coefficients if model.groups else ""
    drawn = model.coefficients(*solver.draws(*point, rng, groups=first not in large))
    moments: Named = {}
    for term in model.terms:
        name = term.coefficients
        if name not in large:
            variables[name] = (term.dims, drawn[name])
            continue
        if name in drawn:
            mean, sd = drawn[name].mean(axis=0), drawn[name].std(axis=0)
        else:
            mean, sd = solver.averaged(*point)
        moments |= {f"{name}_mean": (term.dims, mean), f"{name}_sd": (term.dims, sd)}
    shaped = {
        name: (dims, values.reshape(*shape, *values.shape[1:]))
        for name, (dims, values) in variables.items()
    }
    return Recovered(shaped, moments)


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
    """sd_<g>, corr_<g>, what blocks report, sigma, and shares of variance at points (..., *)."""
    variables: Named = {}
    for part in model.parts:
        variables |= part.reported(theta)
    variables |= model.residual.reported(theta)
    frequency = model.design.frequency
    shares = {part.share_name: part.share(theta, frequency) for part in model.parts}
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
