"""The log evidence with the variances integrated out as well, under proper priors.

Up to three free coordinates: the trapezoid rule in t, z = mode + s sinh(t), on a box that grows
until
its faces hold nothing. For a smooth integrand that decays this rule converges exponentially in
the number of points (Trefethen & Weideman 2014, section 5). Above three: importance sampling from
a multivariate t fitted to the posterior, with its Monte Carlo error and the Pareto k-hat of the
weights (Vehtari et al. 2024).
"""

import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..gaussian.sums import Array
from ..model import Model
from ..target import Target
from . import start
from .mode import posterior_mode

DROP = 25.0  # nats below the maximum at which the box ends
TRUSTED = 0.7  # largest k-hat of weights that can be averaged
MOST = 3  # coordinates for quadrature


@dataclass(frozen=True)
class LogEvidence:
    """Log p(y), everything integrated out.

    Attributes
    ----------
    value : float
        The log evidence, in nats.
    error : float
        Standard error of the value (Monte Carlo), or the last refinement's change (quadrature).
    method : str
        How it was computed.
    khat : float
        Pareto k-hat of the importance weights; NaN where nothing was sampled.
    """

    value: float
    error: float
    method: str
    khat: float = float("nan")


@dataclass(frozen=True)
class Nodes:
    """Points z (k, d) and normalised weights (k,) that integrate over the posterior of theta."""

    z: Array
    weights: Array
    log_evidence: float
    error: float


def log_evidence(model: Model, *, seed: int | None = None, draws: int = 20_000) -> LogEvidence:
    """Log evidence of a model: coefficients and variances integrated out under their priors.

    Parameters
    ----------
    model : Model
    seed : int, optional
        Seed of the importance sampler (used above three free variance parameters).
    draws : int
        Size of the importance sample.

    Returns
    -------
    LogEvidence

    Raises
    ------
    ValueError
        Where a prior is improper: the evidence is then not defined.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"),
    ...            priors={"Intercept": "Normal(1500, 500)", "sd_Batch": "HalfNormal(100)",
    ...                    "sigma": "HalfNormal(100)"})
    >>> round(bl.log_evidence(m).value, 3)
    -170.063
    """
    check_proper(model)
    if model.space.size == 0:
        return LogEvidence(model.target()(np.zeros(0))[0], 0.0, "exact: all variances are fixed")
    if model.space.size <= MOST:
        nodes = quadrature(model)
        return LogEvidence(
            nodes.log_evidence, nodes.error, f"quadrature, {nodes.weights.size} points"
        )
    found = sampled(model, np.random.default_rng(seed), draws)
    if found.khat > TRUSTED:
        warnings.warn(
            f"the log evidence is not to be trusted: the importance weights have k-hat "
            f"{found.khat:.2f}, above {TRUSTED}; centre the predictors, give tighter priors, or "
            f"raise draws=",
            stacklevel=2,
        )
    return found


def check_proper(model: Model) -> None:
    """The evidence needs every prior to integrate to one."""
    improper = [s.name for s in model.space.scales if s.law is not None and not s.law.proper]
    if model.fixed_prior.H.shape[0] < len(model.design.fixed):
        improper.append("beta")
    if improper:
        raise ValueError(
            f"the log evidence needs proper priors, but that of {', '.join(improper)} is flat; "
            f"give it one by priors={{{improper[0]!r}: ...}}"
        )


def quadrature(model: Model, tolerance: float = 1e-6) -> Nodes:
    """Nodes and weights over the posterior of theta's coordinates, for at most three of them."""
    target = model.target()
    mode = posterior_mode(model, target)
    width = start.width(target, mode)
    box = _box(target, mode, width)
    previous, count = np.inf, 24
    while True:
        axes = [np.linspace(low, high, count) for low, high in box]
        t = np.array(list(product(*axes)))
        z = mode + width * np.sinh(t)
        step = np.prod([a[1] - a[0] for a in axes])
        logs = target.many(z) + np.log(width * np.cosh(t)).sum(axis=1) + np.log(step)
        top = logs.max()
        weights = np.exp(logs - top)
        value = float(top + np.log(weights.sum()))
        change = abs(value - previous)
        if change < tolerance or t.shape[0] > 4_000_000:
            return Nodes(z, weights / weights.sum(), value, change)
        previous, count = value, int(count * 1.5)


def _box(target: Target, mode: Array, width: Array) -> list[tuple[float, float]]:
    """A box in t whose faces lie `DROP` nats below the maximum, the other coordinates free."""
    d = mode.size
    limits = np.tile([-3.0, 3.0], (d, 1))
    for _ in range(40):
        axes = [np.linspace(low, high, 25 if d > 2 else 40) for low, high in limits]
        t = np.array(list(product(*axes)))
        logs = target.many(mode + width * np.sinh(t)) + np.log(np.cosh(t)).sum(axis=1)
        logs = logs.reshape([a.size for a in axes])
        top, grown = np.nanmax(logs), False
        for i in range(d):
            for side, index in ((0, 0), (1, -1)):
                if (
                    np.nanmax(np.take(logs, index, axis=i)) > top - DROP
                    and abs(limits[i, side]) < 12
                ):
                    limits[i, side] += 0.5 if side else -0.5
                    grown = True
        if not grown:
            break
    return [(float(low), float(high)) for low, high in limits]


def sampled(model: Model, rng: np.random.Generator, draws: int) -> LogEvidence:
    """Importance sampling from a multivariate t, refitted once to its own weighted draws."""
    from arviz_stats.base import array_stats

    target = model.target()
    centre = posterior_mode(model, target)
    values, vectors = np.linalg.eigh(-start.hessian(target, centre))
    root = vectors / np.sqrt(np.maximum(values, 0.05))
    for size in (draws // 4, draws // 4, draws):
        z, log_q = _student(centre, root, size, rng)
        logs = target.many(z) - log_q
        logs = np.where(np.isfinite(logs), logs, -np.inf)
        top = logs.max()
        weights = np.exp(logs - top)
        share = weights / weights.sum()
        centre = share @ z
        spread = (z - centre).T @ ((z - centre) * share[:, None])
        values, vectors = np.linalg.eigh(spread)
        root = vectors * np.sqrt(np.maximum(values, 1e-12))
    value = float(top + np.log(weights.mean()))
    error = float(weights.std() / weights.mean() / np.sqrt(weights.size))
    khat = float(array_stats.psislw(-logs)[1])  # it takes minus the log weights
    method = f"importance sampling, {draws} draws, k-hat {khat:.2f}"
    return LogEvidence(value, error, method, khat)


def _student(
    centre: Array, root: Array, size: int, rng: np.random.Generator, df: float = 6.0
) -> tuple[Array, Array]:
    """Draws of a multivariate t (size, d) and their log density."""
    from scipy.special import gammaln

    d = centre.size
    white = rng.standard_normal((size, d)) / np.sqrt(rng.chisquare(df, (size, 1)) / df)
    log_det = np.linalg.slogdet(root)[1]
    constant = gammaln(0.5 * (df + d)) - gammaln(0.5 * df) - 0.5 * d * np.log(df * np.pi) - log_det
    log_q = constant - 0.5 * (df + d) * np.log1p((white**2).sum(axis=1) / df)
    return centre + white @ root.T, log_q
