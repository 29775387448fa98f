"""Models that are compiled once for the tests of graphs, and coordinates in PyMC's own order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm

import bayeslmm as bl

from .solvers.dense import Problem
from .tables import crossed_table


def table():
    rng = np.random.default_rng(5)
    extra = {"v": rng.normal(size=48), "w": np.exp(rng.normal(size=48))}
    return crossed_table().assign(**extra, f=rng.integers(1, 4, 48), o=rng.normal(size=48))


def slopes():
    """One factor, two correlated effects, all priors at their default."""
    return bl.lmm("y ~ x + (x | g)", table())


def merged():
    """Three correlated effects and one alone, a crossed factor, weights, frequency, offset."""
    priors = {"x": "flat", "sd_h": "Exponential(2)", "sigma": "InverseGamma(3, 2)"}
    formula = "y ~ x + (x + z | g) + (0 + v | g) + (1 | h)"
    return bl.lmm(formula, table(), weights="w", frequency="f", offset="o", priors=priors)


def blocks():
    """Two correlated blocks in one factor, a jointly normal beta, a foreign law, a fixed sd."""
    cov = np.array([[4.0, 1.0], [1.0, 2.0]])
    priors = {
        "beta": pm.MvNormal.dist([1.0, 0.5], cov),
        "sigma": pm.Weibull.dist(1.5, 2.0),
        "sd_h": 0.7,
        "corr_g": "LKJ(1.5)",
    }
    return bl.lmm("y ~ x + (x | g) + (0 + z + v | g) + (1 | h)", table(), priors=priors)


def order(model) -> dict[str, np.ndarray]:
    """Name of a value variable -> the coordinates of z that it holds, in its order.

    PyMC fills the triangle below the diagonal of a Cholesky factor in a spiral (its
    CholeskyCorrTransform, after TensorFlow Probability).
    """
    found, z = {}, 0
    for s in model.space.scales:
        if s.free:
            found[f"{s.name}_log__"] = np.arange(z, z + s.size) if s.dim else np.array(z)
            z += s.size
    for c in model.space.correlations:
        for number, part in enumerate(c.parts if c.free else ()):
            n = len(part)
            x = np.arange(n * (n - 1) // 2)
            spiral = np.concatenate([x[n - 1 :], x[::-1]]).reshape(n - 1, n - 1)
            name = f"chol_{c.name}" + (f"_{number}" if len(c.parts) > 1 else "")
            index = np.empty(x.size, int)
            index[spiral[np.tril_indices(n - 1)]] = z + x
            found[f"{name}_cholesky_corr__"] = index
            z += x.size
    return found


@dataclass(frozen=True)
class Compiled:
    """A model with its graphs' densities compiled."""

    model: Any
    marginal: Any
    slope: Any
    joint: Any

    @classmethod
    def of(cls, model, mode: str | None = None) -> "Compiled":
        """The marginal graph as samplers have it, or sooner ready for a handful of points."""
        return cls(
            model,
            model.marginal.compile_logp(mode=mode),
            model.marginal.compile_dlogp(mode=mode),
            model.graph.compile_logp(mode="FAST_COMPILE"),
        )


def dense_problem(model, z) -> Problem:
    """The model's rows and a point, as the dense oracle takes them."""
    d, theta = model.design, model.space.constrain(z)
    factors = tuple(t.factor() for t in model.groups)
    L = [theta[t.sd.name][:, None] * theta[t.correlation.name] for t in model.groups]
    return Problem(
        d.y,
        d.X,
        factors,
        tuple(L),
        float(theta["sigma"]),
        d.offset,
        model.residual.precision,
        d.frequency,
        model.beta,
    )
