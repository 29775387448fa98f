"""Both PyMC graphs of a model, from its one declaration: a fold over its terms.

The joint graph has every coefficient as a random variable, as in a textbook. The marginal graph has
theta only: its observed variable is the Gaussian with the coefficients integrated out, with a
log density by the exact solver and a `random` method, so that prior predictive works on both.
Entries of a matrix that are missing are left out of both.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from ..host.precision import check_double
from ..solvers.op import density_of_entries, density_of_rows
from ..types import Array
from .handed_out import made
from .parameters import Correlation
from .scale_graph import positive_variable
from .simulate import simulate_rows

SHOWN = 100  # columns up to which a graph keeps the covariance of a matrix

type Values = dict[str, Any]  # name of a parameter -> its variable


def joint_graph(model: Any) -> pm.Model:
    """The textbook graph: theta, beta, every u, and y given all of them."""
    y: Array = model.design.y
    rows: Any = slice(None)
    if y.ndim == 1:
        rows = np.repeat(np.arange(y.size), model.design.frequency.astype(int))
    check_double()
    with pm.Model(coords=_coords(model, rows)) as graph:
        values = _theta(model)
        if model.scores:
            values[model.scores.loadings.name] = model.scores.declare(values)
        mean = pt.as_tensor_variable(getattr(model.design, "offset", np.zeros(y.shape))[rows])
        for term in model.terms:
            mean = mean + term.graph(values, rows)
        _describe(model, values)
        model.residual.graph(model.response, mean, values, y, rows)
        _shares(model, values)
    return made(graph)


def marginal_graph(model: Any) -> pm.Model:
    """Theta alone; y ~ N(its mean, C) with all coefficients integrated out."""
    y = model.design.y
    there = ~np.isnan(y)
    dims = model.observed[0] if there.all() else ("entry",)
    observed = y if there.all() else y[there]
    check_double()
    with pm.Model(coords=_coords(model, slice(None))) as graph:
        values = _theta(model)
        if model.scores:
            values[model.scores.loadings.name] = model.scores.declare_triangle(
                values, model.axes.basis
            )
        _describe(model, values)
        flat = [part.root(values).flatten() for part in model.rooted]
        shape = ",".join("nf"[: observed.ndim])
        pm.CustomDist(
            model.response,
            pt.concatenate(flat) if flat else pt.zeros(0),
            model.residual.scale(values),
            np.zeros(observed.shape),  # carries the size
            logp=_logp(model),
            random=_random(model, there),
            signature=f"(s),(),({shape})->({shape})",
            observed=observed,
            dims=dims,
        )
        _shares(model, values)
    return made(graph)


def _coords(model: Any, rows: Any) -> dict[str, Any]:
    coords, gaps = model.coords, np.isnan(model.design.y)
    if not isinstance(rows, slice):
        coords["row"] = [coords["row"][i] for i in rows]
    return coords | ({"entry": list(range(int((~gaps).sum())))} if gaps.any() else {})


def _theta(model: Any) -> Values:
    """Declare all scales and correlations."""
    values: Values = {s.name: positive_variable(s) for s in model.space.scales}
    return values | {c.name: _correlation(c) for c in model.space.correlations}


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


def _describe(model: Any, values: Values) -> None:
    """What is reported of theta beside its parameters, as named deterministics."""
    for block in model.blocks:
        drawn = {p.name for p in block.law.parameters if not p.raw}
        for name, (dims, value) in block.law.reported(values).items():
            if name not in drawn:
                pm.Deterministic(name, value, dims=dims or None)
    if model.axes is None:
        return
    unit, sigma = model.fixed.unit, model.residual.scale(values)
    if model.fixed.scaled:
        pm.Deterministic("noise_sd", sigma * unit, dims="feature")
    C: Any = pt.diag((sigma * unit) ** 2)
    if model.scores:
        W = model.scores.root(values)
        along = pt.linalg.eigvalsh(W.T @ W)[::-1] + sigma**2  # type: ignore[index]
        total = (W**2).sum() + unit.size * sigma**2
        pm.Deterministic("explained_variance", along, dims="component")
        pm.Deterministic("explained_ratio", along / total, dims="component")
        told = W * unit[:, None]
        C = C + told @ told.T
    if unit.size <= SHOWN:
        pm.Deterministic("covariance", C, dims=("feature", "feature_2"))


def _shares(model: Any, values: Values) -> None:
    """icc_<group>, h2_<block>: each term's share of the variance of a row."""
    if not model.columns:
        return
    frequency = model.residual.frequency
    named = {part.share_name: part.share_graph(values, frequency) for part in model.columns}
    total = model.residual.share(values) + sum(named.values())
    for name, part in named.items():
        pm.Deterministic(name, part / total)


def _logp(model: Any) -> Any:
    def logp(value: Any, scales: Any, sigma: Any, size: Any) -> Any:
        if model.axes is None:
            return density_of_rows(model.solver(), value, scales, sigma)
        means = model.fixed
        given = model.problem, model.beta, means.shift, means.unit
        return density_of_entries(*given, value, scales, sigma)

    return logp


def _random(model: Any, there: np.ndarray) -> Any:
    def random(
        scales: np.ndarray,
        sigma: np.ndarray,
        shape: np.ndarray,
        rng: np.random.Generator | None = None,
        size: tuple[int, ...] | None = None,
    ) -> Array:
        rng = rng or np.random.default_rng()
        many = tuple(size) if size is not None else np.shape(sigma)
        entries = np.shape(scales)[-1]
        each = np.broadcast_to(scales, (*many, entries)).reshape(-1, entries)
        noise = np.broadcast_to(sigma, many).reshape(-1)
        draws = [simulate_rows(model, s, float(e), rng) for s, e in zip(each, noise)]
        if not there.all():
            draws = [Y[there] for Y in draws]
        return np.array(draws).reshape(*many, *draws[0].shape if draws else ())

    return random
