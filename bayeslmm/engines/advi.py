"""Automatic differentiation variational inference (Kucukelbir, Tran, Ranganath et al. 2017).

A Gaussian q on the unconstrained scale, its means and widths chosen to maximise the evidence lower
bound E_q[log p(theta, b, y) - log q]. On the joint graph q covers the coefficients too; on the
marginal graph only theta, and the coefficients are recovered exactly. PyMC makes q, its bound and
Adam; the schedule, when to stop, and the verdict are ours.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..coordinates import unpack_many
from ..densities import log_complete
from ..gaussian.sums import Array
from ..model import Model
from ..recover import Thetas, theta_variables
from . import start
from .approximation import sd_ratios, verdict
from .descent import BLOCK, WINDOW, Schedule, adam, trend
from .mode import posterior_mode
from .protocol import Outcome
from .values import Points, Values

Variables = dict[str, tuple[tuple[str, ...], Array]]


@dataclass(frozen=True)
class ADVI:
    """Variational inference with a Gaussian on the unconstrained scale, mean field by default.

    Parameters
    ----------
    steps : int
        Largest number of steps of Adam; the schedule stops before where the bound stands still.
    draws : int
        Draws from the approximation (one chain); its k-hat is computed from them.
    marginal : bool
        Approximate theta alone and recover the coefficients exactly; by default the approximation
        covers every coefficient, as textbooks do.
    full_rank : bool
        A full covariance in place of independent coordinates.

    Raises
    ------
    ValueError
        Where `steps` or `draws` is too small.

    Notes
    -----
    ``attrs["verdict"]`` says in words whether the result can be trusted: ``attrs["khat"]`` is the
    Pareto k-hat of its importance ratios, ``attrs["sd_ratio"]`` the width of the worst coefficient
    over that of the exact conditional. The trace of the bound is in the group ``elbo``.

    Examples
    --------
    >>> ADVI(marginal=True)
    ADVI(steps=30000, draws=4000, marginal=True, full_rank=False)
    """

    steps: int = 30_000
    draws: int = 4000
    marginal: bool = False
    full_rank: bool = False

    def __post_init__(self) -> None:
        for name, least in (("steps", BLOCK * WINDOW), ("draws", 100)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise ValueError(
                    f"ADVI({name}=...) must be an integer of at least {least:,}, got {value!r}"
                )

    @property
    def name(self) -> str:
        family = "full rank" if self.full_rank else "mean field"
        return f"ADVI ({family}{', marginal' if self.marginal else ''})"

    def run(self, model: Model, rng: np.random.Generator, progress: bool) -> Outcome:
        """Maximise the bound, draw from the approximation, and judge it."""
        _refuse(model, self.marginal)
        graph = model.marginal if self.marginal else model.graph
        ascent = _Ascent(model, graph, self, rng)
        ascent.run(progress)
        v, log_q = ascent.sample(self.draws, rng)
        points = ascent.values.read(v)
        log_weight = _log_target(model, points) - log_q
        h, corr, scales = unpack_many(points.z, model.layout)
        theta = theta_variables(model, h, corr)
        ratios = []
        if not self.marginal:
            ratios = sd_ratios(model, scales, h[:, -1], points.beta, points.effects, rng)
        attrs = {**ascent.attrs, **verdict(model, log_weight, theta, ratios, rng, ascent.unsettled)}
        tables, coords = ascent.trace()
        stats = {"log_weight": log_weight[None]}
        if self.marginal:
            thetas = Thetas.at(model, points.z[None])
            return Outcome(
                thetas=thetas, sample_stats=stats, attrs=attrs, tables=tables, coords=coords
            )
        variables = _variables(model, theta, points)
        return Outcome(
            variables=variables, sample_stats=stats, attrs=attrs, tables=tables, coords=coords
        )


def _refuse(model: Model, marginal: bool) -> None:
    """What has no density, or no variance to approximate."""
    if model.space.size == 0 and marginal:
        raise ValueError(
            "all variances are fixed: nothing is left to approximate, and NUTS() or "
            "EmpiricalBayes() give exact draws at once"
        )
    zero = [s.name for s in model.space.scales if s.fixed is not None and not np.all(s.fixed)]
    if zero and not marginal:
        raise ValueError(
            f"{zero[0]} is fixed at zero, so the coefficients have no density to approximate; use "
            f"ADVI(marginal=True), or drop the term"
        )


class _Ascent:
    """One run of PyMC's variational inference on a graph."""

    def __init__(self, model: Model, graph: Any, options: ADVI, rng: np.random.Generator) -> None:
        import pymc as pm
        import pytensor

        family = pm.FullRankADVI if options.full_rank else pm.ADVI
        self.steps, self.full = options.steps, options.full_rank
        with _quiet():
            self.inference = family(model=graph, random_seed=int(rng.integers(2**31)))
        group = self.inference.approx.groups[0]
        self.values = Values(model, graph, {n: place for n, place, *_ in group.ordering.values()})
        mean, sd = _beginning(model, self.values)
        by_name = {p.name: p for p in self.inference.approx.params}
        params = [by_name["mu"], by_name["L_tril" if self.full else "rho"]]
        params[0].set_value(mean)
        rho = sd + np.log(-np.expm1(-sd))  # sd = log(1 + exp(rho))
        params[1].set_value(_lower(rho) if self.full else rho)
        # d log sd / d rho = (1 - exp(-sd)) / sd: a step of rho is a relative step of the sd.
        relative = sd / -np.expm1(-sd)
        self.units = dict(zip(params, [sd, _lower(relative, sd) if self.full else relative]))
        self.schedule = Schedule(pytensor.shared(np.float64(0.0)), params, sd)

    def run(self, progress: bool) -> None:
        """Ascend; an interrupt keeps what has been reached."""
        try:
            with _quiet():
                self.inference.fit(
                    self.steps,
                    obj_optimizer=adam(self.schedule.rate, self.units),
                    callbacks=[self.schedule],
                    progressbar=progress,
                )
        except FloatingPointError:
            raise ArithmeticError(
                f"the bound is not finite after {len(self.schedule.rates)} steps: rescale y and "
                f"the columns, give tighter priors, or use ADVI(marginal=True)"
            ) from None

    def sample(self, draws: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draws v (draws, D) of the approximation, and their log density."""
        mean, root = self.schedule.average()
        white = rng.standard_normal((draws, mean.size))
        if self.full:
            L = np.zeros((mean.size, mean.size))
            L[np.tril_indices(mean.size)] = root
            sd = np.logaddexp(0.0, np.diag(L))
            np.fill_diagonal(L, sd)
            v = mean + white @ L.T
        else:
            sd = np.logaddexp(0.0, root)
            v = mean + white * sd
        constant = -np.log(sd).sum() - 0.5 * mean.size * np.log(2.0 * np.pi)
        return v, constant - 0.5 * (white**2).sum(axis=1)

    @property
    def elbo(self) -> Array:
        """The bound at every step, each from one draw (PyMC drops that of a step that stops it)."""
        return -self.inference.hist[: len(self.schedule.rates)]

    @property
    def unsettled(self) -> str:
        """What is wrong with the ascent; empty where nothing is."""
        taken = len(self.schedule.rates)
        if self.schedule.done:
            return ""
        if taken < self.steps:
            return f"interrupted after {taken:,} steps"
        return f"the bound had not settled after {taken:,} steps"

    @property
    def attrs(self) -> dict[str, Any]:
        """What the ascent reached."""
        last = self.elbo[-BLOCK * WINDOW :]
        slope, error = trend(last) if last.size > 2 else (np.nan, np.nan)
        return {
            "elbo": float(last.mean()) if last.size else np.nan,
            "elbo_noise": float(last.std()) if last.size else np.nan,
            "elbo_slope": slope,
            "elbo_slope_error": error,
            "drift": self.schedule.drift,
            "steps_taken": self.elbo.size,
            "interrupted": int(not self.schedule.done and len(self.schedule.rates) < self.steps),
        }

    def trace(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The group `elbo`: bound and rate of Adam at every step, and its coordinates."""
        elbo = self.elbo
        rates = np.array(self.schedule.rates[: elbo.size])
        table = {"elbo": (("step",), elbo), "rate": (("step",), rates)}
        return {"elbo": table}, {"step": np.arange(1, elbo.size + 1)}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what PyMC logs (the outcome has its own message) or warns of an installation."""
    log = logging.getLogger("pymc.variational.inference")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="PyTensor could not link to a BLAS")
            yield
    finally:
        log.setLevel(level)


def _beginning(model: Model, values: Values) -> tuple[Array, Array]:
    """Where q starts, mean and sd (D,): the mode of theta, and the exact coefficients there."""
    target = model.target()
    z = posterior_mode(model, target)
    theta = model.space.constrain(z, model.layout)
    exact = model.solver().condition(theta.scales, theta.sigma)
    sds = tuple(np.sqrt(np.diagonal(c, axis1=1, axis2=2)) for c in exact.effects_cov)
    width = start.width(target, z) if z.size else z
    sd = values.spread(width, np.sqrt(np.diag(exact.beta_cov)), sds)
    return values.write(z, exact.beta, exact.effects), np.maximum(sd, 1e-12)


def _lower(diagonal: Array, below: Array | None = None) -> Array:
    """A lower triangle, row by row: this diagonal, and in row i below[i] left of it (or zero)."""
    L = np.diag(diagonal)
    if below is not None:
        L += np.tril(np.broadcast_to(below[:, None], L.shape), -1)
    return L[np.tril_indices(diagonal.size)]


def _log_target(model: Model, points: Points) -> Array:
    """log p(v, y) at the points, on the scale that the approximation lives on."""
    target = model.target()
    if not points.effects and not points.beta.shape[1]:
        return target.many(points.z) + points.log_jacobian
    h, _, scales = unpack_many(points.z, model.layout)
    complete = log_complete(model, scales, h[:, -1], points.beta, points.effects)
    return target.prior_many(points.z) + points.log_jacobian + complete


def _variables(model: Model, theta: Variables, points: Points) -> Variables:
    """The posterior's variables, one chain, from draws of everything."""
    variables = dict(theta)
    if model.design.fixed:
        variables["beta"] = (("fixed",), points.beta)
    for term, u in zip(model.terms, points.effects):
        variables[term.coefficients] = (term.dims, u)
    return {name: (dims, values[None]) for name, (dims, values) in variables.items()}
