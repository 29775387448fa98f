"""Is a model the same in its solver, its graphs and its recovery?

* the candidate's identity (Besag 1989; Chib 1995), at random theta and random coefficients b,
  log joint(theta, b, y) = log p(theta) + log p(y | theta) + log N(b; conditional),
  which ties both graphs and the recovery together without sampling;
* the Gaussian of y by dense algebra;
* derivatives by finite differences.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from ..engines.start import centre
from ..engines.values import Values
from ..model.model import Model
from ..types import Array, Coefficients, Theta
from .close import check_gradient, close
from .dense import Dense, covariances, dense


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
    rng = np.random.default_rng(seed)
    if model.design.y.size > 2000:
        raise ValueError("check_model writes out an n x n matrix: give it at most 2,000 entries")
    start, width = centre(model), 0.7 if model.axes is None else 0.2
    compiled = _Graphs(model) if graphs else None
    for _ in range(points):
        z = start + width * rng.standard_normal(start.size)
        theta = model.space.constrain(z)
        law = law_of(model, theta)
        _dense(model, theta, law)
        check_gradient(model, z)
        _moments(model, theta, law)
        if compiled is not None:
            compiled.check(z, theta, law, rng)
    _refit(model, rng)


def law_of(model: Model, theta: Theta) -> Dense:
    """Log p(y | theta), and the law of all coefficients, by dense algebra.

    Given its loadings a matrix is a mixed model: entries are rows, and rows are groups.
    """
    (scales, sigma), problem = model.roots(theta), model.problem
    if model.axes is None:
        return dense(problem, covariances(problem, scales), sigma, model.beta)
    known = problem.given(scales.reshape(problem.Y.shape[1], -1))
    law = dense(known, [np.eye(model.components)], sigma, model.beta)
    return replace(law, value=law.value + problem.added(model.beta))


def _dense(model: Model, theta: Theta, law: Dense) -> None:
    ours, condition = model.solver().value(*model.roots(theta)), np.linalg.cond(law.cov)
    allowed = max(1e-9, 10.0 * np.finfo(float).eps * condition) * max(1.0, abs(law.value))
    close(ours, law.value, allowed, "log p(y | theta) and the dense normal")


def _moments(model: Model, theta: Theta, law: Dense) -> None:
    exact = model.solver().condition(*model.roots(theta))
    ours = np.concatenate([exact.beta, *(u.ravel() for u in exact.effects)])
    worst = float(np.abs((ours - law.mean) / law.sd).max())
    close(worst, 0.0, 1e-6, "conditional mean, in conditional sds")
    variances = [np.diag(exact.beta_cov)]
    variances += [np.diagonal(c, axis1=1, axis2=2).ravel() for c in exact.effects_cov]
    ratio = float(np.abs(np.concatenate(variances) / law.sd**2 - 1.0).max())
    close(ratio, 0.0, 1e-6, "conditional variance of fixed and all random effects, relative")


def _by_name(model: Model, b: Array) -> Coefficients:
    """Coefficients in one vector, as solvers have them, by name and on the user's columns."""
    sizes = [model.fixed.columns if model.fixed else 0, *(p.columns for p in model.parts)]
    beta, *effects = np.split(b, np.cumsum(sizes)[:-1])
    shaped = [
        u.reshape(*p.shape[:2], *[1] * (2 - len(p.shape))) for p, u in zip(model.parts, effects)
    ]
    return model.coefficients(beta, shaped)


def _refit(model: Model, rng: np.random.Generator) -> None:
    y = model.design.y + np.nanstd(model.design.y) * rng.standard_normal(model.design.y.shape)
    other = model.with_data(y)
    if other.terms is not model.terms or other.residual is not model.residual:
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

    def check(self, z: Array, theta: Theta, law: Dense, rng: np.random.Generator) -> None:
        model = self.model
        value = model.solver().value(*model.roots(theta))
        b, log_normal = law.draw(rng)
        drawn, zero = _by_name(model, b), _by_name(model, np.zeros_like(b))
        ones = _by_name(model, np.ones_like(b))
        for name in drawn:  # of the coefficients on the user's columns
            log_normal -= float(np.log(np.abs(ones[name] - zero[name])).sum())
        found, expected = self._at(model.marginal, self.marginal, z, {})
        allowed = 1e-7 * max(1.0, abs(value))  # PyMC keeps some constants in float32
        close(found, value + expected, allowed, "marginal graph and compiled kernel")
        found, expected = self._at(model.graph, self.joint, z, drawn)
        close(found, value + expected + log_normal, allowed, "the candidate's identity")

    def _at(self, graph: Any, logp: Any, z: Array, drawn: Coefficients) -> tuple[float, float]:
        """A graph's log density at z and coefficients, and the log prior of theta there."""
        shapes, places, at = graph.initial_point(), {}, 0
        for name, value in shapes.items():
            places[name] = slice(at, at + np.size(value))
            at += np.size(value)
        values = Values(self.model, graph, places)
        v = values.write(z, drawn)
        point = {name: v[place].reshape(np.shape(shapes[name])) for name, place in places.items()}
        return float(logp(point)), float(values.read(v[None]).log_prior[0])
