"""Conformance: call `check_model` on a new model, `check_engine` on a new engine, and it is tested.

The truths are identities and dense algebra, not stored numbers:

* the candidate's identity (Besag 1989; Chib 1995), at random theta and random coefficients b,
  log joint(theta, b, y) = log p(theta) + log p(y | theta) + log N(b; conditional),
  which ties both graphs and the recovery together without sampling;
* the multivariate normal of y, written out as an n x n matrix;
* derivatives by finite differences.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .engines.start import centre
from .gaussian.sums import Array
from .model import Model
from .space import Theta


def check_model(model: Model, *, seed: int = 0, points: int = 3, graphs: bool = True) -> None:
    """Check that a model's declaration, solver and graphs say the same.

    Parameters
    ----------
    model : Model
        On a small table: the truth is an n x n matrix (n at most 2,000).
    seed : int
        Seed of the random points.
    points : int
        How many points are tried.
    graphs : bool
        Compile and compare both PyMC graphs too (seconds).

    Raises
    ------
    AssertionError
        Telling what differs, where, and by how much.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> from bayeslmm.testing import check_model
    >>> check_model(bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff")), graphs=False)
    """
    rng = np.random.default_rng(seed)
    if model.design.y.size > 2000:
        raise ValueError("check_model writes out an n x n matrix: give it at most 2,000 rows")
    start = centre(model)
    compiled = _Graphs(model) if graphs else None
    for _ in range(points):
        z = start + 0.7 * rng.standard_normal(start.size)
        theta = model.space.constrain(z)
        _dense(model, theta)
        _gradient(model, z)
        _moments(model, theta)
        if compiled is not None:
            compiled.check(z, theta, rng)
    _refit(model, rng)


def coefficient_columns(model: Model, theta: Theta) -> tuple[Array, Array]:
    """All columns C (n, k) of (beta, u...), and their coefficients' prior precision (k, k)."""
    design, prior = model.design, model.fixed_prior
    root = prior.H / prior.scale[:, None]
    columns: list[Array] = [design.X]
    blocks: list[Array] = [root.T @ root]
    at = 0
    for term in model.terms:
        levels, q = term.shape
        L = theta.scales[at : at + q * q].reshape(q, q)
        Z = np.zeros((design.y.size, levels * q))
        for j in range(q):
            Z[np.arange(design.y.size), term.grouping.codes * q + j] = term.grouping.Z[:, j]
        columns.append(Z)
        blocks.append(np.asarray(np.kron(np.eye(levels), np.linalg.inv(L @ L.T)), float))
        at += q * q
    size = sum(b.shape[0] for b in blocks)
    precision, at = np.zeros((size, size)), 0
    for b in blocks:
        precision[at : at + b.shape[0], at : at + b.shape[0]] = b
        at += b.shape[0]
    return np.hstack(columns), precision


def conditional(model: Model, theta: Theta) -> tuple[Array, Array]:
    """Mean (k,) and precision (k, k) of all coefficients given theta, by dense algebra."""
    C, precision = coefficient_columns(model, theta)
    design, prior = model.design, model.fixed_prior
    weight = model.precision * design.frequency / theta.sigma**2
    total = C.T @ (C * weight[:, None]) + precision
    known = np.zeros(C.shape[1])
    known[: design.X.shape[1]] = prior.H.T @ (prior.location / prior.scale**2)
    return np.linalg.solve(total, C.T @ (weight * (design.y - design.offset)) + known), total


def dense_evidence(model: Model, theta: Theta) -> float:
    """Log p(y | theta) from the joint density at the conditional mean: an independent route."""
    C, precision = coefficient_columns(model, theta)
    mean, total = conditional(model, theta)
    design, prior = model.design, model.fixed_prior
    p, r = design.X.shape[1], prior.H.shape[0]
    rest = (prior.H @ mean[:p] - prior.location) / prior.scale
    random = precision[p:, p:]
    log_prior = -0.5 * (rest @ rest + mean[p:] @ random @ mean[p:])
    log_prior += prior.log_det - np.log(prior.scale).sum() + 0.5 * np.linalg.slogdet(random)[1]
    log_prior -= 0.5 * (r + random.shape[0]) * np.log(2.0 * np.pi)
    error = design.y - design.offset - C @ mean
    sd = theta.sigma / np.sqrt(model.precision)
    rows = -0.5 * (error / sd) ** 2 - np.log(sd) - 0.5 * np.log(2.0 * np.pi)
    log_conditional = 0.5 * np.linalg.slogdet(total)[1] - 0.5 * mean.size * np.log(2.0 * np.pi)
    return float(log_prior + rows @ design.frequency - log_conditional)


def _dense(model: Model, theta: Theta) -> None:
    ours = model.solver().value(theta.scales, theta.sigma)
    truth = dense_evidence(model, theta)
    condition = np.linalg.cond(conditional(model, theta)[1])
    allowed = max(1e-9, 10.0 * np.finfo(float).eps * condition) * max(1.0, abs(truth))
    _close(ours, truth, allowed, "log p(y | theta) and the dense normal")


def _gradient(model: Model, z: Array) -> None:
    target = model.target()
    grad = target(z)[1]
    for i in range(z.size):
        e = np.zeros_like(z)
        e[i] = 1e-5
        slope = (target(z + e)[0] - target(z - e)[0]) / 2e-5
        _close(grad[i], slope, 1e-5 * max(1.0, abs(slope), abs(target(z)[0])), f"gradient {i}")


def _moments(model: Model, theta: Theta) -> None:
    exact = model.solver().condition(theta.scales, theta.sigma)
    mean, precision = conditional(model, theta)
    cov = np.linalg.inv(precision)
    p = len(model.design.fixed)
    ours = np.concatenate([exact.beta, *(u.ravel() for u in exact.effects)])
    sd = np.sqrt(np.diag(cov))
    worst = float(np.abs((ours - mean) / sd).max())
    _close(worst, 0.0, 1e-6, "conditional mean, in conditional sds")
    variances = [np.diag(exact.beta_cov)]
    variances += [np.diagonal(c, axis1=1, axis2=2).ravel() for c in exact.effects_cov]
    ratio = float(np.abs(np.concatenate(variances) / sd**2 - 1.0).max())
    _close(ratio, 0.0, 1e-6, f"conditional variance of {p} fixed and all random effects, relative")


def _refit(model: Model, rng: np.random.Generator) -> None:
    y = model.design.y + np.std(model.design.y) * rng.standard_normal(model.design.y.size)
    other = model.with_data(y)
    if other.space is not model.space or other.fixed_prior is not model.fixed_prior:
        raise AssertionError("with_data must keep the priors")
    back = other.with_data(model.design.y)
    theta = model.space.constrain(centre(model))
    values = [m.solver().value(theta.scales, theta.sigma) for m in (model, back)]
    _close(values[0], values[1], 1e-9 * max(1.0, abs(values[0])), "with_data and back")


class _Graphs:
    """Both PyMC graphs, compiled once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.joint = model.graph.compile_logp()
        self.marginal = model.marginal.compile_logp()

    def check(self, z: Array, theta: Theta, rng: np.random.Generator) -> None:
        model = self.model
        value = model.target()(z)[0]
        point = self.point(model.marginal, theta)
        allowed = 1e-7 * max(1.0, abs(value))  # PyMC keeps some constants in float32
        _close(float(self.marginal(point)), value, allowed, "marginal graph and compiled kernel")
        mean, precision = conditional(model, theta)
        root = np.linalg.cholesky(precision)
        white = rng.standard_normal(mean.size)
        b = mean + np.linalg.solve(root.T, white)
        log_normal = np.log(np.diag(root)).sum() - 0.5 * (
            white @ white + mean.size * np.log(2.0 * np.pi)
        )
        point = self.point(model.graph, theta, b)
        joint = float(self.joint(point))
        _close(joint, value + float(log_normal), allowed, "the candidate's identity")

    def point(self, graph: Any, theta: Theta, b: Array | None = None) -> dict[str, Array]:
        """Values of the graph's free variables at theta (and coefficients b)."""
        model, at, base = self.model, 0, 0
        natural: dict[str, Any] = {}
        for term in model.terms:
            q = term.shape[1]
            natural[term.sd.name] = theta.h[at : at + q]
            K = theta.corr[base : base + q * q].reshape(q, q)
            parts = term.correlation.parts
            for number, part in enumerate(parts):
                suffix = f"_{number}" if len(parts) > 1 else ""
                natural[f"chol_{term.correlation.name}{suffix}"] = K[np.ix_(part, part)]
            at, base = at + q, base + q * q
        natural["sigma"] = np.float64(theta.sigma)
        if b is not None:
            p = len(model.design.fixed)
            natural["beta"], at = b[:p], p
            for term in model.terms:
                natural[term.coefficients] = b[at : at + term.columns].reshape(term.shape)
                at += term.columns
        point = {}
        for rv in graph.free_RVs:
            value, transform = natural[rv.name], graph.rvs_to_transforms[rv]
            if transform is not None:
                value = transform.forward(value, *rv.owner.inputs).eval()
            point[graph.rvs_to_values[rv].name] = np.asarray(value)
        return point


def check_engine(engine: Any, model: Model, *, seed: int = 0) -> Any:
    """Check that an engine's result is the one that all others read.

    Parameters
    ----------
    engine : Engine
    model : Model
    seed : int

    Returns
    -------
    DataTree
        The fit, for further checks.

    Raises
    ------
    AssertionError
        Telling what is missing or differs.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> from bayeslmm.testing import check_engine
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> check_engine(bl.EmpiricalBayes("reml", draws=100), m).attrs["engine"]
    'EB (reml)'
    """
    from .fit import fit

    tree = fit(model, engine, seed=seed, progress=False)
    _names(tree, model)
    for key, value in {**tree.attrs, **tree["posterior"].attrs}.items():
        if not isinstance(value, str | int | float):
            raise AssertionError(
                f"attrs[{key!r}] is a {type(value).__name__}: neither text nor number"
            )
    for key in ("engine", "seed", "seconds", "message", "converged"):
        if key not in tree.attrs:
            raise AssertionError(f"attrs lacks {key!r}")
    again = fit(model, engine, seed=seed, progress=False)
    for name, array in tree["posterior"].data_vars.items():
        if not np.isfinite(array.values).all():
            raise AssertionError(f"{name} holds values that are not finite")
        if not np.array_equal(array.values, again["posterior"][name].values):
            raise AssertionError(f"{name} differs between two fits with the same seed")
    _survives_saving(tree)
    return tree


def _names(tree: Any, model: Model) -> None:
    posterior = tree["posterior"]
    wanted: dict[str, tuple[str, ...]] = {"sigma": ()}
    if model.design.fixed:
        wanted["beta"] = ("fixed",)
    for term in model.terms:
        wanted[term.sd.name] = (f"{term.name}_effect",)
        wanted[term.coefficients] = term.dims
        wanted[f"icc_{term.name}"] = ()
        if term.correlated:
            wanted[term.correlation.name] = (f"{term.name}_effect", f"{term.name}_effect_2")
    for name, dims in wanted.items():
        if name not in posterior:
            raise AssertionError(f"the posterior lacks {name}")
        if posterior[name].dims != ("chain", "draw", *dims):
            raise AssertionError(f"{name} has dims {posterior[name].dims}, not {dims}")
        for dim in dims:
            if list(posterior[dim].values) != list(model.coords[dim]):
                raise AssertionError(f"the labels of {dim} are not the model's")
    for group in ("observed_data", "constant_data", "log_prior"):
        if group not in tree:
            raise AssertionError(f"the tree lacks the group {group}")


def _survives_saving(tree: Any) -> None:
    import xarray as xr

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit.nc"
        tree.to_netcdf(path, engine="h5netcdf")
        with xr.open_datatree(path, engine="h5netcdf") as back:
            for group in tree.children:
                if not back[group].dataset.equals(tree[group].dataset):
                    raise AssertionError(f"the group {group} does not survive to_netcdf")


def _close(ours: float, truth: float, allowed: float, what: str) -> None:
    if not abs(ours - truth) <= allowed:
        raise AssertionError(
            f"{what} differ: {ours!r} against {truth!r}, by {abs(ours - truth):.3g} "
            f"where {allowed:.3g} is allowed"
        )
