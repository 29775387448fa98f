"""What the regressors share: a model of one block of columns, at new rows.

    mean = (A - centre) E(u) + intercept,    variance = diag(A' cov(u) A) + E(sigma^2)

With plugged-in scales the covariance is exact, (Z'WZ / sigma^2 + S^-2)^-1 over the columns that are
left; else the variance is that of the draws.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from ..engines.evidence import EmpiricalBayes
from ..engines.gibbs import Gibbs
from ..engines.importance_sampling import ImportanceSampling
from ..engines.nuts import NUTS
from ..model.model import Model
from ..model.terms import BlockTerm
from ..posterior.recover import theta_points
from ..posterior.redrawn import pieces
from ..posterior.tree import read_tree
from ..results.estimates import estimates, plugged
from ..types import Array
from .common import infer

ALONE = (
    "every feature of X has one value only (or there is no bias beside them), so that nothing is "
    "left to predict from"
)
NUMBERS = 10_000_000  # (draws, rows) held at a time
ENGINES: dict[str, Callable[[], Any]] = {
    "eb": EmpiricalBayes,
    "gibbs": Gibbs,
    "nuts": NUTS,
    "is": ImportanceSampling,
}


@dataclass(frozen=True, eq=False)
class Given:
    """Coefficients given plugged-in scales, over the columns whose scale is not zero.

    In units of the scales their precision, Q = I + F'F with F = W^1/2 Z S / sigma, is never
    singular.

    Attributes
    ----------
    block : BlockTerm
    active : ndarray of int
    scale : ndarray
        Of the active columns.
    root : ndarray (n,)
        W^1/2 / sigma.
    F : ndarray (n, active)
    lower : ndarray
        Cholesky factor of Q.
    """

    block: BlockTerm
    active: np.ndarray
    scale: Array
    root: Array
    F: Array
    lower: Array

    @staticmethod
    def of(model: Model, posterior: Any) -> "Given":
        """Those of the only values that a posterior holds."""
        block = model.blocks[0]
        scales, sigma = theta_points(model, posterior.isel(chain=[0], draw=[0]))
        scale = np.broadcast_to(scales[0], block.Z.shape[1:])
        active = np.flatnonzero(scale > 0.0)
        root = np.sqrt(model.residual.precision * model.design.frequency) / sigma[0]
        F = root[:, None] * block.Z[:, active] * scale[active]
        lower = np.linalg.cholesky(np.eye(active.size) + F.T @ F)
        return Given(block, active, scale[active], root, F, lower)

    def half(self, columns: Array) -> Array:
        """L^-1 A' (active, m) of columns A as the block takes them: its squares are variances."""
        centre, unit = self.block.centre[self.active], self.block.unit[self.active]
        A = (columns[:, self.active] - centre) / unit * self.scale
        found: Array = solve_triangular(self.lower, A.T, lower=True)
        return found


def infer_rows(estimator: Any, model: Model) -> None:
    """Fit the model: sets model_, tree_ and sigma_."""
    infer(estimator, model, ENGINES)
    estimator.sigma_ = float(estimator.tree_["posterior"]["sigma"].mean())


def predict_rows(model: Model, tree: Any, new: Any, with_std: bool) -> Any:
    """Mean at new rows, and where asked for the sd of an observation there."""
    tree, block = read_tree(model, tree), model.blocks[0]
    columns, held = block.source.encode(new), estimates(tree)
    mean = (columns - block.centre) @ held[block.coefficients].mean
    if model.fixed:
        mean += float(held["beta"].mean[0])
    if not with_std:
        return mean
    posterior = tree["posterior"].dataset
    noise = float((posterior["sigma"] ** 2).mean())
    still = not np.ptp(posterior["sigma"].values) and not model.fixed
    if still and plugged(tree):
        return mean, np.sqrt((Given.of(model, posterior).half(columns) ** 2).sum(axis=0) + noise)
    return mean, np.sqrt(_drawn_variance(model, posterior, columns, mean) + noise)


def _drawn_variance(model: Model, posterior: Any, columns: Array, mean: Array) -> Array:
    block = model.blocks[0]
    square, count = np.zeros(mean.size), 0
    step = max(1, NUMBERS // mean.size)
    for _, each in pieces(model, posterior, np.random.default_rng(0)):
        u = each[block.coefficients]
        for at in range(0, len(u), step):
            drawn = block.at(u[at : at + step], columns) - mean
            if model.fixed:
                drawn += each[model.fixed.coefficients][at : at + step]
            square += (drawn**2).sum(axis=0)
            count += len(drawn)
    return square / count
