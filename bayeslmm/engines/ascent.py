"""One run of PyMC's variational inference: where it starts, how it ascends, what it reached.

PyMC makes the Gaussian q on a graph's unconstrained scale, its evidence lower bound, and Adam;
`descent` says how fast and how long. It starts at the mode of theta, with the exact conditional of
the coefficients there, so that the ascent has little left to do.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..host.warned import ignored
from ..model.model import Model
from ..stats.normal import LOG_2PI
from ..types import Array
from .descent import BLOCK, WINDOW, Schedule, adam, trend
from .values import Values

LARGEST = 1000  # coordinates whose full covariance can be estimated in reasonable time


class Ascent:
    """One run of PyMC's variational inference on a graph."""

    def __init__(
        self, model: Model, graph: Any, steps: int, full_rank: bool, rng: np.random.Generator
    ) -> None:
        import pymc as pm
        import pytensor

        family = pm.FullRankADVI if full_rank else pm.ADVI
        self.steps, self.full = steps, full_rank
        with _quiet():
            self.inference = family(model=graph, random_seed=int(rng.integers(2**31)))
        group = self.inference.approx.groups[0]
        places = {n: place for n, place, *_ in group.ordering.values()}
        self.values = Values(model, graph, places)
        if full_rank and self.values.size > LARGEST:
            raise ValueError(
                f"full_rank=True would estimate the covariance of {self.values.size:,} "
                f"coordinates, {self.values.size**2 / 2:,.0f} numbers; use marginal=True, which "
                f"approximates {model.space.size} and keeps the coefficients exact"
            )
        mean, sd = self.values.beginning()
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
        constant = -np.log(sd).sum() - 0.5 * mean.size * LOG_2PI
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

    def grave(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING

    log.addFilter(grave)
    try:
        with ignored("PyTensor could not link to a BLAS"):
            yield
    finally:
        log.removeFilter(grave)


def _lower(diagonal: Array, below: Array | None = None) -> Array:
    """A lower triangle, row by row: this diagonal, and in row i below[i] left of it (or zero)."""
    L = np.diag(diagonal)
    if below is not None:
        L += np.tril(np.broadcast_to(below[:, None], L.shape), -1)
    return L[np.tril_indices(diagonal.size)]
