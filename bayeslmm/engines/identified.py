"""Variances that data cannot tell from the noise: refused before they are maximised."""

import numpy as np

from ..model.model import Model
from ..types import Array

SQUARE = 2_000  # rows up to which a matrix of the rows is formed to see what a block means


def refuse_unidentified(model: Model, criterion: str) -> None:
    """One row per group: the effect and the noise are the same number twice; and so for a block."""
    if criterion == "map" or not model.space.sigma.free:
        return
    n = float(model.design.frequency.sum())
    for term in model.groups:
        noise = (
            term.grouping.Z[:, 0] ** 2 * model.residual.precision
        )  # what tells u from e, row by row
        alike = term.shape[1] == 1 and np.ptp(noise) <= 1e-8 * np.abs(noise).max()
        if term.shape[0] >= n and term.sd.free and (alike or term.shape[1] > 1):
            raise ValueError(
                f"{term.name} has one row per group ({term.shape[0]} groups, {n:g} rows): its "
                f"variance and sigma cannot be told apart by the data. Fix sigma "
                f"(priors={{'sigma': ...}}), give noise_sd=, use EmpiricalBayes('map') or NUTS "
                f"with informative priors, or drop (... | {term.name})"
            )
    for block in model.blocks:
        sd = block.law.common
        if block.law.shared and sd is not None and sd.free and is_noise(model, block.Z):
            raise ValueError(
                f"{block.name} gives the rows the covariance of the noise itself (Z Z' is a "
                f"multiple of the identity): {sd.name} and sigma cannot be told apart by the data. "
                f"Fix sigma (priors={{'sigma': ...}}), give noise_sd=, use EmpiricalBayes('map') "
                f"or NUTS with informative priors, or drop the block"
            )


def is_noise(model: Model, Z: Array) -> bool:
    """Whether Z Z' is a multiple of the noise's covariance, fixed effects projected out.

    A row that counts f times has one effect and f errors, which do differ.
    """
    d = model.design
    n, p = d.X.shape
    if (d.frequency != 1.0).any() or Z.shape[1] < n - p or not p < n <= SQUARE:
        return False
    root = np.sqrt(model.residual.precision)[:, None]
    basis = np.linalg.qr(root * d.X, mode="complete")[0][:, p:]
    white = basis.T @ (root * Z)
    gram = white @ white.T
    level = float(np.trace(gram)) / (n - p)
    return bool(np.abs(gram - level * np.eye(n - p)).max() <= 1e-8 * level)
