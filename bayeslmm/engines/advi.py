"""Automatic differentiation variational inference (Kucukelbir, Tran, Ranganath et al. 2017).

A Gaussian q on the unconstrained scale, its means and widths chosen to maximise the evidence lower
bound E_q[log p(theta, b, y) - log q]. On the joint graph q covers the coefficients too; on the
marginal graph only theta, and the coefficients are recovered exactly. PyMC makes q, its bound and
Adam; the schedule, when to stop, and the verdict are ours.
"""

from dataclasses import dataclass

import numpy as np

from ..model.model import Model
from .approximation import verdict
from .ascent import Ascent
from .descent import SHORTEST
from .engine import Outcome, check_integers
from .improper import refuse_improper


@dataclass(frozen=True)
class ADVI:
    """Variational inference with a Gaussian on the unconstrained scale, mean field by default.

    Parameters
    ----------
    steps : int
        Largest number of steps of Adam, at least 3,000; the schedule stops before where the bound
        stands still.
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
        check_integers(self, steps=SHORTEST, draws=100)

    @property
    def name(self) -> str:
        family = "full rank" if self.full_rank else "mean field"
        return f"ADVI ({family}{', marginal' if self.marginal else ''})"

    def run(self, model: Model, rng: np.random.Generator, progress: bool) -> Outcome:
        """Maximise the bound, draw from the approximation, and judge it."""
        _refuse(model, self.marginal)
        graph = model.marginal if self.marginal else model.graph
        ascent = Ascent(model, graph, self.steps, self.full_rank, rng)
        ascent.run(progress)
        v, log_q = ascent.sample(self.draws, rng)
        found = ascent.values.reading(v, rng)
        log_weight = found.log_target - log_q
        settled = ascent.unsettled
        judged = verdict(model, log_weight, found.judged, found.ratios, rng, settled)
        tables, coords = ascent.trace()
        return Outcome(
            theta=found.theta,
            variables=found.variables,
            sample_stats={"log_weight": log_weight[None]},
            attrs={**ascent.attrs, **judged},
            tables=tables,
            coords=coords,
        )


def _refuse(model: Model, marginal: bool) -> None:
    """What has no density, or no variance to approximate."""
    refuse_improper(model)
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
    if marginal and model.scores and model.scores.loadings.own:
        raise ValueError(
            "ADVI(marginal=True) is not for ard=True, whose loadings have many modes; use "
            "NUTS(), or leave ard out"
        )
    foreign = [s.name for s in model.space.scales if s.custom is not None]
    if foreign and model.axes is not None:
        raise ValueError(
            f"ADVI of a factor model takes priors that can be written as text, such as "
            f"'HalfNormal(1)'; that of {foreign[0]} is another: change it, or use NUTS()"
        )
