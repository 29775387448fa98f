"""From draws of theta to the whole posterior: exact recovery of the coefficients.

Every draw of (beta, u) given a draw of theta is exact, so what is returned is a draw of the joint
posterior, not an approximation. Blocks of draws that would pass `BUDGET` bytes are kept as their
exact mean and sd, averaged over theta instead of over draws of the block.
"""

from collections.abc import Collection, Sequence

import numpy as np

from .model import Model
from .named import Recovered, passes
from .space import flattened
from .types import Array, Named, Theta


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
    chains, draws = theta["sigma"].shape
    theta = flattened(theta)
    scales, sigma = model.roots(theta)
    variables = theta_variables(model, theta)
    solver = model.solver("reml" if criterion in ("ml", "reml") else criterion)
    big = bool(model.terms) and passes(chains * draws, model.terms[0].columns)
    big = big and model.terms[0].coefficients not in keep
    beta, drawn = solver.draws(scales, sigma, rng, groups=not big)
    effects = model.in_units(drawn)
    if model.design.fixed:
        variables["beta"] = (("fixed",), beta)
    moments: Named = {}
    for number, (term, u) in enumerate(zip(model.terms, effects)):
        if number == 0 and big:
            mean, sd = solver.averaged(scales, sigma)
        elif passes(chains * draws, term.columns) and term.coefficients not in keep:
            mean, sd = u.mean(axis=0), u.std(axis=0)
        else:
            variables[term.coefficients] = (term.dims, u)
            continue
        moments[f"{term.coefficients}_mean"] = (term.dims, mean)
        moments[f"{term.coefficients}_sd"] = (term.dims, sd)
    for block, u in zip(model.blocks, effects[len(model.terms) :]):
        if passes(chains * draws, block.columns) and block.coefficients not in keep:
            moments[f"{block.coefficients}_mean"] = (block.dims, u.mean(axis=0))
            moments[f"{block.coefficients}_sd"] = (block.dims, u.std(axis=0))
        else:
            variables[block.coefficients] = (block.dims, u)
    shaped = {
        name: (dims, values.reshape(chains, draws, *values.shape[1:]))
        for name, (dims, values) in variables.items()
    }
    return Recovered(shaped, moments)


def one_chain(
    model: Model,
    theta: Named,
    beta: Array,
    effects: Sequence[Array],
) -> Named:
    """The posterior's variables from k draws of everything: theta by name, beta, u by term."""
    variables = dict(theta)
    if model.design.fixed:
        variables["beta"] = (("fixed",), beta)
    for term, u in zip(model.parts, effects):
        variables[term.coefficients] = (term.dims, u)
    return {name: (dims, values[None]) for name, (dims, values) in variables.items()}


def theta_variables(model: Model, theta: Theta) -> Named:
    """sd_<g>, corr_<g>, what blocks report, sigma, and shares of variance at points (..., *)."""
    variables: Named = {}
    for part in model.parts:
        variables |= part.reported(theta)
    sigma = theta["sigma"]
    variables["sigma"] = ((), sigma)
    frequency = model.design.frequency
    shares = {part.share_name: part.share(theta, frequency) for part in model.parts}
    total = sigma**2 * model.noise_share + sum(shares.values())
    return variables | {name: ((), share / total) for name, share in shares.items()}


def theta_points(model: Model, posterior: "object") -> tuple[Array, Array]:
    """Back from a posterior dataset to what solvers take: roots (k, m) and sigma (k,)."""
    return model.roots(points(model, posterior))


def points(model: Model, posterior: "object") -> Theta:
    """Back from a posterior dataset to theta at its draws, name -> (k, *shape)."""
    data = posterior.stack(__draw__=("chain", "draw")).transpose("__draw__", ...)  # type: ignore[attr-defined]
    names = [p.name for p in model.space.parameters if p.name in data]
    reported = {name: np.asarray(data[name].values, dtype=np.float64) for name in names}
    theta: Theta = {"sigma": np.ascontiguousarray(reported["sigma"])}
    for part in model.parts:
        theta |= part.read(reported)
    return theta
