"""The log evidence with the variances integrated out as well, under proper priors.

Up to three free coordinates: the trapezoid rule in t, z = mode + s sinh(t), on a box that grows
until its faces hold nothing. For a smooth integrand that decays this rule converges exponentially
in the number of points (Trefethen & Weideman 2014, section 5). Above three: importance sampling
from a multivariate t fitted to the posterior, with its Monte Carlo error and the Pareto k-hat of
the weights (Vehtari et al. 2024). Where draws of the posterior are at hand they and the t are
bridged (Meng & Wong 1996; Gronau et al. 2017), which bears what plain weights do not: skewed
correlations.
"""

import warnings
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..host.arithmetic import tiny_is_zero
from ..host.options import shown
from ..host.seeds import generator
from ..model.declared import model_first
from ..model.handed_out import refuse_changed
from ..model.model import Model
from ..posterior.recover import coordinates
from ..posterior.tree import of_posterior, read_tree
from ..stats.weights import KHAT, log_mean, log_sum, normalised, psis, relative_variance
from ..types import Array
from . import start
from .bridge import bridge
from .improper import refuse_improper
from .mode import posterior_modes
from .student import log_student, mixture, square_root, student

DROP = 25.0  # nats below the maximum at which the box ends
MODES = 4  # modes that a proposal starts from
LOW = 8.0  # nats below the highest mode from which another one is left out of a proposal
MOST = 3  # coordinates for quadrature
DIMENSIONS = 40  # coordinates beyond which importance sampling finds next to nothing
BRIDGED = 100  # draws for each coordinate from which a bridge is built
FEWEST = 400  # importance draws, a quarter of which fit the proposal


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


def log_evidence(
    model: Model, tree: Any = None, *, seed: int | None = None, draws: int = 20_000
) -> LogEvidence:
    """Log evidence of a model: coefficients and variances integrated out under their priors.

    Parameters
    ----------
    model : Model
    tree : DataTree, optional
        A fit of this model by NUTS or ImportanceSampling, whose draws are then bridged to a
        multivariate t: more precise and more robust above three free variance parameters.
    seed : int, optional
        Seed of the importance sampler (used above three free variance parameters).
    draws : int
        Size of the importance sample, where one is taken: above three free variance parameters and
        without a tree.

    Returns
    -------
    LogEvidence

    Raises
    ------
    ValueError
        Where a prior is improper, or y is fitted exactly: the evidence is then not defined, or
        infinite; where the tree's draws are not of the posterior, or too few; or where there are
        more than 40 variance parameters and no tree, as with one scale for each of many columns.

    Warns
    -----
    UserWarning
        Where k-hat is above 0.7, the tree's draws have not converged, or a bridge spans more than
        40 variance parameters: its value is then known to some tenths of a nat only.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"),
    ...            priors={"Intercept": "Normal(1500, 500)", "sd_Batch": "HalfNormal(100)",
    ...                    "sigma": "HalfNormal(100)"})
    >>> round(bl.log_evidence(m).value, 3)
    -170.063
    """
    model_first(model, "log_evidence")
    refuse_changed(model)
    check_proper(model)
    if not isinstance(draws, int | np.integer) or draws < FEWEST:
        raise ValueError(f"log_evidence(draws=...) must be at least {FEWEST}, got {shown(draws)}")
    if tree is not None:
        tree = _sampled_tree(model, tree)
    if model.space.size == 0:
        return LogEvidence(model.target()(np.zeros(0))[0], 0.0, "exact: all variances are fixed")
    if model.space.size <= MOST:
        nodes = quadrature(model)
        return LogEvidence(
            nodes.log_evidence, nodes.error, f"quadrature, {nodes.weights.size} points"
        )
    rng = generator(seed)
    if tree is not None:
        return _bridged(model, tree, rng)
    if model.space.size > DIMENSIONS:
        raise ValueError(
            f"importance sampling finds no evidence over {model.space.size} variance parameters, "
            f"more than {DIMENSIONS}: give log_evidence(model, tree) a fit by NUTS() with at least "
            f"{BRIDGED * model.space.size:,} draws, or compare models by loo"
        )
    found = sampled(model, rng, draws)
    if not found.khat <= KHAT:
        warnings.warn(
            f"the log evidence is not to be trusted: the importance weights have k-hat "
            f"{found.khat:.2f}, above {KHAT}; centre the predictors, give tighter priors, or "
            f"raise draws=",
            stacklevel=2,
        )
    return found


def check_proper(model: Model) -> None:
    """The evidence needs every prior to integrate to one, and the posterior to exist."""
    improper = model.improper
    if improper:
        raise ValueError(
            f"the log evidence needs proper priors, but that of {', '.join(improper)} is flat; "
            f"give it one by priors={{{improper[0]!r}: ...}}"
        )
    refuse_improper(model)


@tiny_is_zero
def quadrature(model: Model, tolerance: float = 1e-6) -> Nodes:
    """Nodes and weights over the posterior of theta's coordinates, for at most three of them."""
    target = model.target()
    mode, *others = posterior_modes(model, target)
    width = start.width(target, mode)
    box = _box(target, mode, width, np.array([mode, *others]))
    previous, count = np.inf, 24
    while True:
        axes = [np.linspace(low, high, count) for low, high in box]
        t = np.array(list(product(*axes)))
        z = mode + width * np.sinh(t)
        step = np.prod([a[1] - a[0] for a in axes])
        logs = _many(target, z) + np.log(width * np.cosh(t)).sum(axis=1) + np.log(step)
        if not np.isfinite(logs.max()):
            raise ValueError(
                "the log evidence is not finite anywhere around the posterior's mode; rescale the "
                "columns, or give sigma a prior that keeps off zero"
            )
        value = float(log_sum(logs))
        change = abs(value - previous)
        if change < tolerance or t.shape[0] > 4_000_000:
            return Nodes(z, normalised(logs), value, change)
        previous, count = value, int(count * 1.5)


def _many(target: Any, z: Array) -> Array:
    """Log densities (k,), minus infinity where float64 holds none: far out, as at sigma = 1e-11."""
    logs = target.many(z)
    return np.where(np.isfinite(logs), logs, -np.inf)


def _box(target: Any, mode: Array, width: Array, modes: Array) -> list[tuple[float, float]]:
    """A box in t whose faces lie `DROP` nats below the maximum, the other coordinates free.

    It holds all modes (k, d) that are not lower than that: a valley between them is no face.
    """
    d = mode.size
    t = np.arcsinh((modes[_many(target, modes) > target(mode)[0] - DROP] - mode) / width)
    limits = np.stack([t.min(axis=0) - 3.0, t.max(axis=0) + 3.0], axis=1)
    for _ in range(40):
        axes = [np.linspace(low, high, 25 if d > 2 else 40) for low, high in limits]
        t = np.array(list(product(*axes)))
        logs = _many(target, mode + width * np.sinh(t)) + np.log(np.cosh(t)).sum(axis=1)
        logs = logs.reshape([a.size for a in axes])
        top, grown = logs.max(), False
        for i in range(d):
            for side, index in ((0, 0), (1, -1)):
                face = np.take(logs, index, axis=i).max()
                if face > top - DROP and abs(limits[i, side]) < 12:
                    limits[i, side] += 0.5 if side else -0.5
                    grown = True
        if not grown:
            break
    return [(float(low), float(high)) for low, high in limits]


def high(target: Any, modes: list[Array]) -> list[Array]:
    """The modes that are not much lower than the highest; the others hold next to nothing."""
    top = target(modes[0])[0]
    return [z for z in modes if target(z)[0] > top - LOW]


def curved(target: Any, z: Array) -> Array:
    """A root of the covariance of the Gaussian approximation at a mode."""
    values, vectors = np.linalg.eigh(-start.hessian(target, z))
    return vectors / np.sqrt(np.maximum(values, 0.05))


@tiny_is_zero
def sampled(model: Model, rng: np.random.Generator, draws: int) -> LogEvidence:
    """Importance sampling from a multivariate t, refitted to its own weighted draws.

    The first draws come from a t around every mode, so that the fitted one holds them all.
    """
    target = model.target()
    places = [(z, curved(target, z)) for z in high(target, posterior_modes(model, target))[:MODES]]
    for size in (draws // 4, draws // 4, draws):
        z, log_q = mixture(places, size, rng)
        logs = target.many(z) - log_q
        logs = np.where(np.isfinite(logs), logs, -np.inf)
        share = normalised(logs)
        centre = share @ z
        spread = (z - centre).T @ ((z - centre) * share[:, None])
        places = [(centre, square_root(spread))]
    return by_importance(logs, f"{draws} draws, ")


def by_importance(logs: Array, told: str = "") -> LogEvidence:
    """The mean of importance ratios from their logs (k,), its error, and k-hat."""
    khat, error = psis(logs)[1], float(np.sqrt(relative_variance(logs)))
    method = f"importance sampling, {told}k-hat {khat:.2f}"
    return LogEvidence(float(log_mean(logs)), error, method, khat)


@tiny_is_zero
def bridged(model: Model, z: Array, rng: np.random.Generator) -> LogEvidence:
    """Bridge draws z (k, d) of the posterior to a t: half of them fit it, half are bridged."""
    from arviz_stats.base import array_stats

    fitted, held = z[::2], z[1::2]
    root = square_root(np.atleast_2d(np.cov(fitted.T)))
    centre, target = fitted.mean(axis=0), model.target()
    proposed, log_q = student(centre, root, held.shape[0], rng)
    at_draws = target.many(proposed) - log_q
    at_draws = np.where(np.isfinite(at_draws), at_draws, -np.inf)
    at_posterior = target.many(held) - log_student(held, centre, root)
    sizes = [float(array_stats.ess(c.reshape(1, -1), method="mean")) for c in held.T]
    value, error = bridge(at_posterior, at_draws, r_eff=(min(1.0, min(sizes) / held.shape[0]), 1.0))
    return LogEvidence(value, error, f"bridge sampling, {held.shape[0]} draws of each law")


def _sampled_tree(model: Model, tree: Any) -> Any:
    """The tree, where it holds draws of this model's posterior."""
    tree = read_tree(model, tree)
    if not of_posterior(tree):
        raise ValueError(
            f"log_evidence(model, tree) bridges draws of the posterior, but this tree is by "
            f"{tree.attrs.get('engine')}; give a fit by ImportanceSampling() or NUTS(), or no tree"
        )
    return tree


def _bridged(model: Model, tree: Any, rng: np.random.Generator) -> LogEvidence:
    """Bridge the posterior's draws to a t that is fitted to every other of them."""
    space, z = model.space, coordinates(model, tree["posterior"].dataset)
    if len(z) < BRIDGED * space.size:
        raise ValueError(
            f"log_evidence(model, tree) needs at least {BRIDGED * space.size} draws for "
            f"{space.size} variance parameters, but the tree holds {len(z)}: draw longer"
        )
    if not tree.attrs.get("converged", 1):
        warnings.warn(
            f"the log evidence leans on draws that have not converged: {tree.attrs['message']}",
            stacklevel=3,
        )
    if space.size > DIMENSIONS:
        warnings.warn(
            f"the log evidence is known to some tenths of a nat only, whatever its error says: "
            f"there are {space.size} variance parameters, and no t comes near their posterior",
            stacklevel=3,
        )
    return bridged(model, z, rng)
