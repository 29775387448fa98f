"""The No-U-Turn sampler (Hoffman & Gelman 2014), on theta with the coefficients integrated out.

The marginal posterior has a handful of smooth coordinates whatever the number of groups; each
draw of theta then gives an exact draw of all coefficients. nutpie samples; PyMC's own sampler is
the fallback, and the sampler of the joint graph where nutpie cannot be imported.
"""

import importlib.util
import os
import time
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from ..host.interrupts import held
from ..host.options import shown
from ..model.model import Model
from ..model.target import Target, repeated
from ..types import Array
from . import start
from .advice import advice
from .convergence import compared, judge
from .engine import Outcome, check_integers, exact_draws, interrupted_words, most_draws
from .improper import refuse_improper
from .joint import sample_graph, sample_marginal
from .mode import posterior_modes

NEAR = 3.0  # nats below the highest mode from which another is no place to start
APART = 0.5  # log scales within which two modes are one
STATS = ("diverging", "energy", "step_size", "n_steps", "depth", "mean_tree_accept")


class Recoverable(ArithmeticError):
    """A point outside float64: the sampler rejects it and goes on."""

    is_recoverable = True


@dataclass(frozen=True)
class NUTS:
    """Full Bayes by the No-U-Turn sampler.

    Parameters
    ----------
    draws, tune, chains : int
        Draws kept per chain, draws of adaptation before them, number of chains.
    target_accept : float
        Mean acceptance that the step size aims at, in (0, 1).
    cores : int, optional
        Chains run at once; by default one where the model is small, else all processors.
    marginal : bool
        Sample theta alone and recover the coefficients exactly (default), or sample every
        coefficient on the joint graph.

    Raises
    ------
    ValueError
        Where an option is out of range.

    Examples
    --------
    >>> NUTS(draws=500, tune=500, chains=2)
    NUTS(draws=500, tune=500, chains=2, target_accept=0.8, cores=None, marginal=True)
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.8
    cores: int | None = None
    marginal: bool = True

    def __post_init__(self) -> None:
        check_integers(self, draws=1, tune=1, chains=1)  # nutpie stops Python where tune is 0
        if self.cores is not None:
            check_integers(self, cores=1)
        number = isinstance(self.target_accept, int | float | np.number)
        if not (number and 0.0 < self.target_accept < 1.0):
            raise ValueError(
                f"NUTS(target_accept=...) must lie in (0, 1), got {shown(self.target_accept)}"
            )

    @property
    def name(self) -> str:
        return "NUTS" if self.marginal else "NUTS (joint)"

    @property
    def settings(self) -> dict[str, Any]:
        """What every sampler is told."""
        names = ("draws", "tune", "chains", "cores", "target_accept")
        return {name: getattr(self, name) for name in names}

    def run(self, model: Model, rng: np.random.Generator, progress: bool) -> Outcome:
        """Sample; an interrupt keeps the draws made so far."""
        refuse_improper(model)
        if not self.marginal:
            return sample_graph(model, self.settings, rng, progress)
        if model.space.size == 0:
            return exact_draws(model, self.chains, self.draws)
        if importlib.util.find_spec("nutpie") is None:
            return sample_marginal(model, self.settings, rng, progress)
        target = model.target()
        begins = _around(model, target)
        z, stats, attrs = _sample(repeated(target), self, begins, rng, progress)
        with held():
            thetas = model.space.constrain(z)
            judged = judge(compared(model, thetas, z), stats, ("z", *model.moving))
        judged["message"] += "".join(f"; {advice}" for advice in advice(model))
        if "message" in attrs:  # interrupted
            judged |= {"converged": 0, "message": f"{attrs['message']}; {judged['message']}"}
        return Outcome(theta=thetas, sample_stats=stats, attrs={**attrs, **judged})


type Begins = list[tuple[Array, Array]]


def _around(model: Model, target: Target) -> Begins:
    """Modes and widths: chains start about twice as wide as the posterior.

    Where several modes are nearly as high, each chain starts at one of them at random: chains that
    do not get from one to another then disagree, which is told, where all at one would agree.
    """
    modes = posterior_modes(model, target)
    top = target(modes[0])[0]
    near = [z for z in modes if target(z)[0] > top - NEAR]
    apart = [z for i, z in enumerate(near) if all(np.abs(z - o).max() > APART for o in near[:i])]
    return [(z, 2.0 * start.width(target, z)) for z in apart]


def _sample(
    target: Target,
    options: NUTS,
    begins: Begins,
    rng: np.random.Generator,
    progress: bool,
) -> tuple[Array, dict[str, Array], dict[str, Any]]:
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    def make_logp() -> Any:
        own = target.fresh()

        def logp(z: Array) -> tuple[float, Array]:
            value, grad = own(z)
            if not isfinite(value):
                raise Recoverable("the log density is not finite here")
            return value, grad

        return logp

    def make_expand(*seeds: int) -> Any:
        return lambda z: {"z": z}

    def make_start(seed: int) -> Array:
        own = np.random.default_rng(seed)
        mode, width = begins[own.integers(len(begins))] if len(begins) > 1 else begins[0]
        return mode + width * own.standard_normal(mode.size)

    compiled = from_pyfunc(
        target.dimension,
        make_logp,
        make_expand,
        [np.dtype(np.float64)],
        [(target.dimension,)],
        ["z"],
        make_initial_point_fn=make_start,
    )
    sampler = nutpie.sample(
        compiled,
        draws=options.draws,
        tune=options.tune,
        chains=options.chains,
        cores=options.cores or _cores(target, begins[0][0], options.chains),
        seed=int(rng.integers(2**31)),
        save_warmup=False,
        progress_bar=progress,
        target_accept=options.target_accept,
        blocking=False,
    )
    try:
        tree, whole = sampler.wait(), True
    except KeyboardInterrupt:
        tree, whole = sampler.abort(), False
    return _read(tree, whole)


def _cores(target: Target, z: Array, chains: int) -> int:
    """Processors to use: one where an evaluation is shorter than handing over the interpreter."""
    start_time = time.perf_counter()
    for _ in range(5):
        target(z)
    short = (time.perf_counter() - start_time) / 5 < 1e-4
    return 1 if short else min(chains, os.cpu_count() or 1)


def _read(tree: Any, whole: bool) -> tuple[Array, dict[str, Array], dict[str, Any]]:
    """Draws and statistics; after an interrupt, what most chains have."""
    z = tree["posterior"]["z"].values
    stats = tree["sample_stats"]
    names = {"depth": "tree_depth", "mean_tree_accept": "acceptance_rate"}
    found = {names.get(n, n): stats[n].values for n in STATS if n in stats}
    attrs: dict[str, Any] = {"interrupted": int(not whole)}
    if not whole:
        chains, count = most_draws(np.isfinite(z).all(axis=2).sum(axis=1))
        z = z[chains, :count]
        found = {n: v[chains, :count] for n, v in found.items()}
        attrs["message"] = interrupted_words(len(chains), count)
    return z, found, attrs
