"""Both PyMC graphs of a model, from its one declaration.

The joint graph has every coefficient as a random variable, as in a textbook. The marginal graph has
theta only: its observed variable is the Gaussian with the coefficients integrated out, with a
log density by the exact solver and a `random` method, so that prior predictive works on both.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from .gaussian.beta import FixedPrior
from .gaussian.op import OfRows, log_density
from .handed_out import made
from .host.precision import check_double
from .model import Model
from .normal import LOG_2PI
from .parameters import Correlation
from .scale_graph import positive_variable
from .shrinkage import power
from .terms import BlockTerm


def joint_graph(model: Model) -> pm.Model:
    """The textbook graph: theta, beta, every u, and y given all of them."""
    d = model.design
    repeat = np.repeat(np.arange(d.y.size), d.frequency.astype(int))
    check_double()
    with pm.Model(coords=_coords(model, repeat)) as graph:
        factors, scales, sigma = _theta(model)
        mean = pt.as_tensor_variable(d.offset[repeat])
        if d.fixed:
            mean = mean + d.X[repeat] @ _beta(model.fixed_prior)
        for term, L in zip(model.groups, factors):
            u = _effects(term.coefficients, L, term.shape, term.dims)
            columns = u[term.grouping.codes[repeat]] * term.grouping.Z[repeat]
            mean = mean + columns.sum(axis=1)
        for block, s in zip(model.blocks, scales):
            u = pm.Normal(block.coefficients, 0.0, s / block.unit, dims=block.dims)
            mean = mean + (block.Z * block.unit)[repeat] @ u
        sd = sigma / np.sqrt(model.precision[repeat])
        pm.Normal(model.response, mean, sd, observed=d.y[repeat], dims="row")
        _shares(model, scales)
    return made(graph)


def marginal_graph(model: Model) -> pm.Model:
    """Theta alone; y ~ N(offset + X m, X S X' + sum Z G Z' + sigma^2 / W)."""
    d = model.design
    check_double()
    with pm.Model(coords=_coords(model, np.arange(d.y.size))) as graph:
        factors, blocks, sigma = _theta(model)
        flat = [v.flatten() for v in (*factors, *blocks)]
        scales = pt.concatenate(flat) if flat else pt.zeros(0)
        pm.CustomDist(
            model.response,
            scales,
            sigma,
            d.offset.astype(np.float64),
            logp=_marginal_logp(model),
            random=_marginal_random(model),
            signature="(s),(),(n)->(n)",
            observed=d.y,
            dims="row",
        )
        _shares(model, blocks)
    return made(graph)


def _coords(model: Model, repeat: np.ndarray) -> dict[str, list]:
    coords = model.coords
    coords["row"] = [coords["row"][i] for i in repeat]
    return coords


def _theta(model: Model) -> tuple[list[Any], list[Any], Any]:
    """Declare all variance parameters; triangular factors, scales of the blocks, and sigma."""
    values = {s.name: positive_variable(s) for s in model.space.scales}
    factors = []
    for term in model.groups:
        factors.append(values[term.sd.name][:, None] * _correlation(term.correlation))
    return factors, [_columns(b, values) for b in model.blocks], values["sigma"]


def _columns(block: BlockTerm, values: dict[str, Any]) -> Any:
    """Scales (1 or P,) of a block's columns; records what is reported of them."""
    law = block.law
    drawn = {p.name for p in law.parameters if not p.raw}
    for name, monomial in law.reports.items():
        if name not in drawn:
            dims = law.dims(name) or None
            pm.Deterministic(name, power(values, monomial), dims=dims)
    total = pt.atleast_1d(power(values, law.monomial))
    if law.slab is not None:
        total = total / pt.sqrt(1.0 + total**2 / values[law.slab.name])
    return total * values["sigma"] if law.noise else total


def _correlation(c: Correlation) -> Any:
    """Cholesky factor of the correlations; also records corr_<group>."""
    K = pt.constant(c.start)
    if c.free:
        for name, block in zip(c.variables, c.parts):
            part = pm.LKJCorr(name, n=len(block), eta=np.float64(c.eta))
            K = pt.set_subtensor(K[np.ix_(block, block)], part)
    if c.parts:
        pm.Deterministic(c.name, K @ K.T, dims=c.dims)
    return K


def _beta(prior: FixedPrior) -> Any:
    """Fixed effects under their prior: flat, independent normal, or jointly normal."""
    r, p = prior.H.shape
    if r < p:
        beta = pm.Flat("beta", dims="fixed")
        if r:
            distance = (prior.H @ beta - prior.location) / prior.scale
            constant = prior.log_det - np.log(prior.scale).sum() - 0.5 * r * LOG_2PI
            pm.Potential("beta_prior", constant - 0.5 * (distance**2).sum())
        return beta
    if np.array_equal(prior.H, np.eye(p)):
        return pm.Normal("beta", prior.location, prior.scale, dims="fixed")
    mean = np.linalg.solve(prior.H, prior.location)
    root = np.linalg.solve(prior.H, np.diag(prior.scale)).T
    upper = np.linalg.qr(root, mode="r")  # root'root = covariance; nothing is squared
    chol = (upper * np.sign(np.diag(upper))[:, None]).T
    return pm.MvNormal("beta", mean, chol=chol, dims="fixed")


def _effects(name: str, L: Any, shape: tuple[int, int], dims: tuple[str, str]) -> Any:
    if shape[1] == 1:
        return pm.Normal(name, 0.0, L[0, 0], dims=dims)
    return pm.MvNormal(name, np.zeros(shape), chol=L, dims=dims)


def _shares(model: Model, scales: list[Any]) -> None:
    """icc_<group>, h2_<block>: each term's share of the variance of a row."""
    graph = pm.modelcontext(None)
    parts = {}
    for term, c in zip(model.groups, model.space.correlations):
        sd = graph[term.sd.name]
        moment = term.second_moment(model.design.frequency)
        corr = graph[c.name] if c.parts else np.eye(term.shape[1])
        parts[term.name] = (sd[:, None] * corr * sd[None, :] * moment).sum()
    named = {f"icc_{name}": part for name, part in parts.items()}
    for block, s in zip(model.blocks, scales):
        spread = block.spread(model.design.frequency)
        named[f"h2_{block.name}"] = (s**2 * spread).sum()
    total = graph["sigma"] ** 2 * model.residual.mean_variance + sum(named.values())
    for name, part in named.items():
        pm.Deterministic(name, part / total)


def _marginal_logp(model: Model) -> Any:
    prior, solver, recipe = model.fixed_prior, model.solver(), OfRows(len(model.groups))
    arrays = [prior.H, prior.location, prior.scale, np.float64(prior.log_det)]
    arrays += solver.problem.arrays

    def logp(value: Any, scales: Any, sigma: Any, offset: Any) -> Any:
        return log_density(solver, recipe, value, arrays, scales, sigma)

    return logp


def _marginal_random(model: Model) -> Any:
    def random(
        scales: np.ndarray,
        sigma: np.ndarray,
        offset: np.ndarray,
        rng: np.random.Generator | None = None,
        size: tuple[int, ...] | None = None,
    ) -> np.ndarray:
        from .predictive import simulate_rows

        rng = rng or np.random.default_rng()
        shape = tuple(size) if size is not None else np.shape(sigma)
        scales = np.broadcast_to(scales, (*shape, np.shape(scales)[-1])).reshape(
            -1, np.shape(scales)[-1]
        )
        sigma = np.broadcast_to(sigma, shape).reshape(-1)
        draws = [simulate_rows(model, s, float(n), rng) for s, n in zip(scales, sigma)]
        return np.array(draws).reshape(*shape, -1)

    return random
