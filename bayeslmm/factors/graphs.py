"""Both PyMC graphs of a factor model, from its one declaration.

The joint graph is the textbook's: loadings, means and scores are random variables. The marginal
graph has theta alone, in the coordinates in which chains agree (`chart`): the squares of the
triangle's diagonal, s^2 chi^2(q - k), and its lower entries, N(0, s^2); W is what they make.
Entries that are missing are left out of both.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from ..gaussian.beta import prior_of
from ..gaussian.op import OfMatrix, log_density
from ..gaussian.patterns import Patterns
from ..handed_out import made
from ..host.precision import check_double
from ..scale_graph import positive_variable
from .model import FactorModel

SHOWN = 100  # columns up to which a graph keeps the covariance


def joint_graph(model: FactorModel) -> pm.Model:
    """Loadings, means, every row's scores, and Y given all of them."""
    unit = model.unit
    check_double()
    with pm.Model(coords=_coords(model)) as graph:
        scales = [positive_variable(s) for s in model.scales]
        W = None
        if model.components:
            sd = scales[0] * unit[:, None]
            W = pm.Normal("W", 0.0, sd, dims=("feature", "component"))
        mu = _means(model)
        if W is not None:
            z = pm.Normal("z", 0.0, 1.0, dims=("row", "component"))
            mean = mu + z @ W.T
        else:
            mean = pt.broadcast_to(mu, model.design.y.shape)
        noise = scales[-1] * unit
        _describe(model, W, scales[-1])
        row, column, observed, dims = _entries(model)
        if dims == ("entry",):
            pm.Normal(
                model.response, mean[row, column], noise[column], observed=observed, dims=dims
            )
        else:
            pm.Normal(model.response, mean, noise, observed=observed, dims=dims)
    return made(graph)


def marginal_graph(model: FactorModel) -> pm.Model:
    """Theta alone; rows y_i ~ N(mu, C) with mu integrated out."""
    row, column, observed, dims = _entries(model)
    check_double()
    with pm.Model(coords=_coords(model)) as graph:
        scales = [positive_variable(s) for s in model.scales]
        W = _loadings(model, scales[0]) if model.components else None
        _describe(model, W, scales[-1])
        known = pt.zeros((model.unit.size, 0)) if W is None else W
        shape = "n,f" if len(dims) == 2 else "e"
        pm.CustomDist(
            model.response,
            known,
            scales[-1],
            np.zeros(observed.shape),  # carries the size
            logp=_logp(model, row, column),
            random=_random(model, row, column),
            signature=f"(f,c),(),({shape})->({shape})",
            observed=observed,
            dims=dims,
        )
    return made(graph)


def _coords(model: FactorModel) -> dict[str, list]:
    coords = model.coords
    if not model.design.complete:
        coords["entry"] = list(range(int(model.design.there.sum())))
    return coords


def _entries(model: FactorModel) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Rows and columns of the entries that are there, their values, and their dims."""
    design = model.design
    row, column = np.nonzero(design.there)
    if design.complete:
        return row, column, design.y, ("row", "feature")
    return row, column, design.y[row, column], ("entry",)


def _means(model: FactorModel) -> Any:
    prior, unit = model.mean_prior, model.unit
    if prior.flat:
        return pm.Flat("mu", dims="feature")
    location = model.shift + unit * prior.location
    return pm.Normal("mu", location, unit * np.sqrt(prior.variance), dims="feature")


def _loadings(model: FactorModel, sd: Any) -> Any:
    """W on the user's scale, from variables in which its posterior has one mode."""
    d, q = model.unit.size, model.components
    if model.ard:
        return pm.Normal("W", 0.0, sd * model.unit[:, None], dims=("feature", "component"))
    degrees = np.arange(q, 0, -1, dtype=np.float64)
    square = pm.Gamma("W_square", 0.5 * degrees, 0.5 / sd**2, dims="component")
    columns, rows = np.nonzero(np.tri(d, q, -1, dtype=bool).T)
    T: Any = pt.zeros((d, q))
    T = pt.set_subtensor(T[np.arange(q), np.arange(q)], pt.sqrt(square))
    if rows.size:
        lower = pm.Normal("W_lower", 0.0, sd, shape=rows.size)
        T = pt.set_subtensor(T[rows, columns], lower)
    W = (model.basis * model.unit[:, None]) @ T
    return pm.Deterministic("W", W, dims=("feature", "component"))


def _describe(model: FactorModel, W: Any, sigma: Any) -> None:
    """What does not depend on rotation, as named deterministics."""
    noise = sigma * model.unit
    if model.scaled:
        pm.Deterministic("noise_sd", noise, dims="feature")
    inside = None if W is None else W / model.unit[:, None]
    if inside is not None:
        along = pt.linalg.eigvalsh(inside.T @ inside)[::-1] + sigma**2  # type: ignore[index]
        total = (inside**2).sum() + model.unit.size * sigma**2
        pm.Deterministic("explained_variance", along, dims="component")
        pm.Deterministic("explained_ratio", along / total, dims="component")
    if model.unit.size <= SHOWN:
        C = pt.diag(noise**2) + (0.0 if W is None else W @ W.T)
        pm.Deterministic("covariance", C, dims=("feature", "feature_2"))


def _logp(model: FactorModel, row: np.ndarray, column: np.ndarray) -> Any:
    problem, unit = model.problem, model.unit
    solver = Patterns.of(problem, model.mean_prior.beta)
    prior = prior_of(solver.beta, 0)
    known = (np.float64(problem.constant), np.float64(problem.log_det_T))
    arrays = [row, column, model.shift, unit, np.int64(problem.Y.shape[0]), *known]
    arrays += [prior.location, prior.scale]

    def logp(value: Any, W: Any, sigma: Any, size: Any) -> Any:
        inside = (W / unit[:, None]).flatten()
        return log_density(solver, OfMatrix(), value, arrays, inside, sigma)

    return logp


def _random(model: FactorModel, row: np.ndarray, column: np.ndarray) -> Any:
    def random(
        W: np.ndarray,
        sigma: np.ndarray,
        shape: np.ndarray,
        rng: np.random.Generator | None = None,
        size: tuple[int, ...] | None = None,
    ) -> np.ndarray:
        rng = rng or np.random.default_rng()
        many = tuple(size) if size is not None else np.shape(sigma)
        noise = np.broadcast_to(sigma, many).reshape(-1)
        each_shape = np.shape(W)[-2:]
        loadings = np.broadcast_to(W, (*many, *each_shape)).reshape(noise.size, *each_shape)
        each = [model.simulate_at(w, float(s), rng) for w, s in zip(loadings, noise)]
        inner = np.shape(shape)[-2 if model.design.complete else -1 :]
        if not model.design.complete:
            each = [Y[row, column] for Y in each]
        return np.array(each).reshape(*many, *inner)

    return random
