"""The same Gaussian model by dense algebra: an independent route, for small tables.

Log p(y | theta) is the joint density of y and all coefficients over their conditional density, at
the conditional mean (Besag 1989, the candidate's formula).
"""

from typing import Any

import numpy as np

from ..gaussian.beta import prior_of
from ..model import Model
from ..normal import LOG_2PI, log_normal
from ..types import Array, Theta


def coefficient_columns(model: Model, theta: Theta) -> tuple[Array, Array]:
    """All columns C (n, k) of (beta, u...), and their coefficients' prior precision (k, k)."""
    design, prior = model.design, prior_of(model.beta, model.design.X.shape[1])
    root = prior.H / prior.scale[:, None]
    columns: list[Array] = [design.X]
    blocks: list[Array] = [root.T @ root]
    for term in model.groups:
        levels, q = term.shape
        L = term.root(theta)
        Z = np.zeros((design.y.size, levels * q))
        for j in range(q):
            Z[np.arange(design.y.size), term.grouping.codes * q + j] = term.grouping.Z[:, j]
        columns.append(Z)
        blocks.append(np.asarray(np.kron(np.eye(levels), np.linalg.inv(L @ L.T)), float))
    for block in model.blocks:
        s = block.root(theta) / block.unit
        columns.append(block.Z * block.unit)
        blocks.append(np.diag(1.0 / s**2))
    size = sum(b.shape[0] for b in blocks)
    precision, at = np.zeros((size, size)), 0
    for b in blocks:
        precision[at : at + b.shape[0], at : at + b.shape[0]] = b
        at += b.shape[0]
    return np.hstack(columns), precision


def conditional(model: Model, theta: Theta) -> tuple[Array, Array]:
    """Mean (k,) and precision (k, k) of all coefficients given theta, by dense algebra."""
    C, precision = coefficient_columns(model, theta)
    design, prior = model.design, prior_of(model.beta, model.design.X.shape[1])
    weight = model.residual.precision * design.frequency / float(theta["sigma"]) ** 2
    total = C.T @ (C * weight[:, None]) + precision
    known = np.zeros(C.shape[1])
    known[: design.X.shape[1]] = prior.H.T @ (prior.location / prior.scale**2)
    return np.linalg.solve(total, C.T @ (weight * (design.y - design.offset)) + known), total


def dense_evidence(model: Model, theta: Theta) -> float:
    """Log p(y | theta) from the joint density at the conditional mean: an independent route."""
    C, precision = coefficient_columns(model, theta)
    mean, total = conditional(model, theta)
    design, prior = model.design, prior_of(model.beta, model.design.X.shape[1])
    p, r = design.X.shape[1], prior.H.shape[0]
    rest = (prior.H @ mean[:p] - prior.location) / prior.scale
    random = precision[p:, p:]
    log_prior = -0.5 * (rest @ rest + mean[p:] @ random @ mean[p:])
    log_prior += prior.log_det - np.log(prior.scale).sum() + 0.5 * np.linalg.slogdet(random)[1]
    log_prior -= 0.5 * (r + random.shape[0]) * LOG_2PI
    error = design.y - design.offset - C @ mean
    sd = float(theta["sigma"]) / np.sqrt(model.residual.precision)
    rows = log_normal(error, sd)
    log_conditional = 0.5 * np.linalg.slogdet(total)[1] - 0.5 * mean.size * LOG_2PI
    return float(log_prior + rows @ design.frequency - log_conditional)


def check_gradient(model: Any, z: Array) -> None:
    """Hold the gradient of the target at z to differences of its value."""
    target = model.target()
    grad = target(z)[1]
    for i in range(z.size):
        e = np.zeros_like(z)
        e[i] = 1e-5
        slope = (target(z + e)[0] - target(z - e)[0]) / 2e-5
        close(grad[i], slope, 1e-5 * max(1.0, abs(slope), abs(target(z)[0])), f"gradient {i}")


def close(ours: float, truth: float, allowed: float, what: str) -> None:
    """Fail, telling by how much, where two numbers differ by more than is allowed."""
    if not abs(ours - truth) <= allowed:
        raise AssertionError(
            f"{what} differ: {ours!r} against {truth!r}, by {abs(ours - truth):.3g} "
            f"where {allowed:.3g} is allowed"
        )
