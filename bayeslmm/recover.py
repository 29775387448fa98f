"""From draws of theta to the whole posterior: exact recovery of the coefficients.

Every draw of (beta, u) given a draw of theta is exact, so what is returned is a draw of the joint
posterior, not an approximation. Blocks of draws that would pass `BUDGET` bytes are kept as their
exact mean and sd, averaged over theta instead of over draws of the block.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from .coordinates import unpack_many
from .model import Model
from .named import Recovered, passes
from .space import Theta
from .terms import BlockTerm
from .types import Array, Named


@dataclass(frozen=True, repr=False)
class Thetas:
    """Draws of the variances: scales h, correlation factors, L; leading axes (chains, draws)."""

    h: Array
    corr: Array
    scales: Array

    @classmethod
    def at(cls, model: Model, z: Array) -> "Thetas":
        """From coordinates z (chains, draws, d)."""
        points = np.ascontiguousarray(z.reshape(z.shape[0] * z.shape[1], z.shape[2]))
        flat = unpack_many(points, model.layout)
        return cls(*(a.reshape(*z.shape[:2], a.shape[1]) for a in flat))

    @classmethod
    def repeat(cls, theta: Theta, chains: int, draws: int) -> "Thetas":
        """The same point for every draw."""
        parts = (theta.h, theta.corr, theta.scales)
        return cls(*(np.broadcast_to(a, (chains, draws, a.size)) for a in parts))


def recover(
    model: Model,
    thetas: Thetas,
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
    chains, draws = thetas.h.shape[:2]
    h, corr, scales = (
        np.ascontiguousarray(a.reshape(chains * draws, a.shape[-1]))
        for a in (thetas.h, thetas.corr, thetas.scales)
    )
    sigma = np.ascontiguousarray(h[:, -1])
    variables = theta_variables(model, h, corr)
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


def theta_variables(model: Model, h: Array, corr: Array) -> Named:
    """sd_<g>, corr_<g>, sigma and icc_<g> at k points, from scales h and factors corr (k, .)."""
    variables: Named = {}
    shares, at, flat = {}, 0, 0
    for term in model.terms:
        q = term.shape[1]
        sd = h[:, at : at + q]
        K = corr[:, flat : flat + q * q].reshape(-1, q, q)
        matrix = K @ K.transpose(0, 2, 1)
        matrix[:, range(q), range(q)] = 1.0  # exactly, not to rounding
        effect = f"{term.name}_effect"
        variables[term.sd.name] = ((effect,), sd)
        if term.correlated:
            variables[term.correlation.name] = ((effect, f"{effect}_2"), matrix)
        moment = term.second_moment(model.design.frequency)
        shares[f"icc_{term.name}"] = np.einsum("ki,kij,kj,ij->k", sd, matrix, sd, moment)
        at, flat = at + q, flat + q * q
    for block in model.blocks:
        own = block_factors(block, h, at)
        variables |= block.law.reported(own, h[:, -1])
        scales = block.law.scales(own, h[:, -1])
        shares[f"h2_{block.name}"] = block.share(scales, model.design.frequency)
        at += sum(p.size for p in block.law.parameters)
    variables["sigma"] = ((), h[:, -1])
    total = h[:, -1] ** 2 * model.noise_share + sum(shares.values())
    for name, share in shares.items():
        variables[name] = ((), share / total)
    return variables


def block_factors(block: BlockTerm, h: Array, at: int) -> dict[str, Array]:
    """The factors of one block's scales by name, (k, size), from scales h that begin at `at`."""
    found = {}
    for parameter in block.law.parameters:
        found[parameter.name] = h[:, at : at + parameter.size]
        at += parameter.size
    return found


def theta_points(model: Model, posterior: "object") -> tuple[Array, Array]:
    """Back from a posterior dataset to the solver's scales (k, .) and sigma (k,)."""
    h, _, scales = points(model, posterior)
    return scales, np.ascontiguousarray(h[:, -1])


def points(model: Model, posterior: "object") -> tuple[Array, Array, Array]:
    """Back from a posterior dataset to scales h, correlation factors and L, each (k, .)."""
    data = posterior.stack(__draw__=("chain", "draw")).transpose("__draw__", ...)  # type: ignore[attr-defined]
    sigma = np.ascontiguousarray(data["sigma"].values, dtype=np.float64)
    none = np.zeros((sigma.size, 0))
    h, corr, scales = [none], [none], [none]
    for term in model.terms:
        sd = data[term.sd.name].values
        K = np.broadcast_to(np.eye(term.shape[1]), (sigma.size, term.shape[1], term.shape[1]))
        if term.correlated:
            K = _factor(data[term.correlation.name].values)
        h.append(sd)
        corr.append(K.reshape(sigma.size, -1))
        scales.append((sd[:, :, None] * K).reshape(sigma.size, -1))
    for block in model.blocks:
        values = {p.name: data[p.name].values for p in block.law.parameters}
        own = block.law.factors(values, sigma)
        h += [own[p.name] for p in block.law.parameters]
        scales.append(block.law.scales(own, sigma))
    return np.hstack([*h, sigma[:, None]]), np.hstack(corr), np.hstack(scales)


def _factor(matrix: Array) -> Array:
    """Cholesky factors of correlation matrices that may be singular to rounding."""
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        upper = np.linalg.qr(root.transpose(0, 2, 1), mode="r")
        return upper.transpose(0, 2, 1)
