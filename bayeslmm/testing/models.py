"""Is a model the same in its solver, its graphs and its recovery?

* the candidate's identity (Besag 1989; Chib 1995), at random theta and random coefficients b,
  log joint(theta, b, y) = log p(theta) + log p(y | theta) + log N(b; conditional),
  which ties both graphs and the recovery together without sampling;
* the Gaussian of y by dense algebra;
* derivatives by finite differences.
"""

from typing import Any

import numpy as np

from ..engines.start import centre
from ..model import Model
from ..normal import LOG_2PI
from ..recover import moments_of
from ..types import Array, Theta
from .dense import check_gradient, close, conditional, dense_evidence
from .matrix import check_matrix_model


def check_model(model: Any, *, seed: int = 0, points: int = 3, graphs: bool = True) -> None:
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
    if model.axes is not None:
        check_matrix_model(model, seed, points, graphs)
        return
    rng = np.random.default_rng(seed)
    if model.design.y.size > 2000:
        raise ValueError("check_model writes out an n x n matrix: give it at most 2,000 rows")
    start = centre(model)
    compiled = _Graphs(model) if graphs else None
    for _ in range(points):
        z = start + 0.7 * rng.standard_normal(start.size)
        theta = model.space.constrain(z)
        _dense(model, theta)
        check_gradient(model, z)
        _moments(model, theta)
        if compiled is not None:
            compiled.check(z, theta, rng)
    _refit(model, rng)


def _dense(model: Model, theta: Theta) -> None:
    ours = model.solver().value(*model.roots(theta))
    truth = dense_evidence(model, theta)
    condition = np.linalg.cond(conditional(model, theta)[1])
    allowed = max(1e-9, 10.0 * np.finfo(float).eps * condition) * max(1.0, abs(truth))
    close(ours, truth, allowed, "log p(y | theta) and the dense normal")


def _moments(model: Model, theta: Theta) -> None:
    exact = model.solver().condition(*model.roots(theta))
    mean, precision = conditional(model, theta)
    cov = np.linalg.inv(precision)
    p = len(model.design.fixed)
    means, sds = moments_of(model, exact)
    ours = np.concatenate([means[t.coefficients].ravel() for t in model.terms])
    sd = np.sqrt(np.diag(cov))
    worst = float(np.abs((ours - mean) / sd).max())
    close(worst, 0.0, 1e-6, "conditional mean, in conditional sds")
    variances = [sds[t.coefficients].ravel() ** 2 for t in model.terms]
    ratio = float(np.abs(np.concatenate(variances) / sd**2 - 1.0).max())
    close(ratio, 0.0, 1e-6, f"conditional variance of {p} fixed and all random effects, relative")


def _refit(model: Model, rng: np.random.Generator) -> None:
    y = model.design.y + np.std(model.design.y) * rng.standard_normal(model.design.y.size)
    other = model.with_data(y)
    if other.space is not model.space or other.terms is not model.terms:
        raise AssertionError("with_data must keep the priors")
    back = other.with_data(model.design.y)
    theta = model.space.constrain(centre(model))
    values = [m.solver().value(*m.roots(theta)) for m in (model, back)]
    close(values[0], values[1], 1e-9 * max(1.0, abs(values[0])), "with_data and back")


class _Graphs:
    """Both PyMC graphs, compiled once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        # Python instead of machine code: a handful of evaluations does not pay for compiling.
        self.joint = model.graph.compile_logp(mode="FAST_COMPILE")
        self.marginal = model.marginal.compile_logp(mode="FAST_COMPILE")

    def check(self, z: Array, theta: Theta, rng: np.random.Generator) -> None:
        model = self.model
        value = model.target()(z)[0]
        point = self.point(model.marginal, theta)
        allowed = 1e-7 * max(1.0, abs(value))  # PyMC keeps some constants in float32
        close(float(self.marginal(point)), value, allowed, "marginal graph and compiled kernel")
        mean, precision = conditional(model, theta)
        root = np.linalg.cholesky(precision)
        white = rng.standard_normal(mean.size)
        b = mean + np.linalg.solve(root.T, white)
        log_normal = np.log(np.diag(root)).sum() - 0.5 * (white @ white + mean.size * LOG_2PI)
        point = self.point(model.graph, theta, b)
        joint = float(self.joint(point))
        close(joint, value + float(log_normal), allowed, "the candidate's identity")

    def point(self, graph: Any, theta: Theta, b: Array | None = None) -> dict[str, Array]:
        """Values of the graph's free variables at theta (and coefficients b)."""
        model = self.model
        natural: dict[str, Any] = {s.variable: theta[s.name] for s in model.space.scales}
        for c in model.space.correlations:
            for name, part in zip(c.variables, c.parts):
                natural[name] = theta[c.name][np.ix_(part, part)]
        if b is not None:
            at = 0
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
