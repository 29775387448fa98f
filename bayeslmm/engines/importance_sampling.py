"""Independent draws of theta by importance sampling, certified by k-hat; NUTS where it is not.

    theta_i ~ q,   w_i = p(theta_i, y) / q(theta_i),   draws taken again in proportion to w

With the coefficients integrated out the posterior has a handful of smooth coordinates, for which q
can be fitted so well that weights are nearly equal (`adaptation`, `bent`). Pareto-smoothed, their
k-hat says whether they are (Vehtari, Simpson, Gelman, Yao & Gabry 2024). The draws are then those
of the posterior itself, independent of each other, and the mean weight is the evidence.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..model.model import Model
from ..stats.weights import limit
from ..types import Array
from .adaptation import adapted
from .advice import advice
from .convergence import ESS_PER_CHAIN
from .endings import Verdict, joined
from .engine import Outcome, check_integers, exact_draws
from .improper import refuse_improper
from .integral import MODES, curved, high
from .many_points import values, watched
from .mode import posterior_modes
from .nuts import APART, NUTS
from .proposal import Pilot, even
from .replicates import DISTINCT, FEWEST_POINTS, Plan, Replicates, agreed, replicates
from .size import operations

LARGEST = 25  # coordinates above which NUTS is the faster one (benchmarks/coordinates.py)
ROUND, EACH = 1024, 128  # points of a round of the adaptation: in all, and for each coordinate
WORTH = 0.5  # share of the draws that they have to be worth
TIMES = 2.0  # points for each draw
BUDGET = 1e12  # multiplications of all points; beyond, there are fewer of them
LEAST = 128  # points of a round, and of a replicate, whatever they cost
TRIES = 3  # samples that are taken, each from a proposal fitted to all points before it


@dataclass(frozen=True)
class ImportanceSampling:
    """Full Bayes by independent draws, in a fraction of the time of Markov chains.

    Parameters
    ----------
    draws, chains : int
        Draws kept per replicate, and number of independent replicates, shown as chains.

    Raises
    ------
    ValueError
        Where an option is out of range.

    Notes
    -----
    ``attrs["khat"]`` is the certificate. Above 0.7, or with more than 25 coordinates, NUTS draws in
    its place: ``attrs["engine"]`` is then ``"NUTS"``, and ``attrs["fallback"]`` and the message
    say why. ``attrs["effective_draws"]`` is how many independent draws the draws are worth, some of
    them being repeated; ``sample_stats["log_ratio"]`` holds log p / q of each, which has been
    spent: draws have equal weight. Under proper priors ``attrs["log_evidence"]`` comes with it.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    >>> tree = bl.fit(m, ImportanceSampling(), seed=1)
    >>> tree.attrs["engine"], tree.attrs["khat"] < 0.7
    ('importance sampling', True)
    """

    draws: int = 1000
    chains: int = 4

    def __post_init__(self) -> None:
        check_integers(self, draws=1, chains=1)

    @property
    def name(self) -> str:
        return "importance sampling"

    def run(self, model: Model, rng: np.random.Generator, progress: bool) -> Outcome:
        """Fit a proposal, sample, and resample; or leave it to NUTS."""
        refuse_improper(model)
        if model.space.size == 0:
            return exact_draws(model, self.chains, self.draws)
        why = unfit(model)
        if not why:
            found, why = _sampled(model, (self.chains, self.draws), rng, progress)
            if not why:
                return _outcome(model, found)
        return self._by_nuts(model, rng, progress, why)

    def _by_nuts(self, model: Model, rng: np.random.Generator, progress: bool, why: str) -> Outcome:
        """As many draws by NUTS, and why."""
        engine = NUTS(draws=self.draws, chains=self.chains)
        outcome = engine.run(model, rng, progress)
        told = joined(f"drawn by {engine.name}: {why}", outcome.attrs["message"])
        said = {"engine": engine.name, "options": repr(engine), "fallback": why, "message": told}
        attrs = {**outcome.attrs, **said}
        return replace(outcome, attrs=attrs)


def unfit(model: Model) -> str:
    """Why no proposal is looked for; empty where one is."""
    if model.space.size > LARGEST:
        return (
            f"theta has {model.space.size} coordinates, and above {LARGEST} importance sampling "
            f"takes longer"
        )
    if model.scores and model.scores.loadings.own:
        return "components with scales of their own have many modes"
    return ""


def _sampled(
    model: Model, shape: tuple[int, int], rng: np.random.Generator, progress: bool
) -> tuple[Replicates, str]:
    """Replicates from the first proposal that k-hat certifies; or from the last, and what fails."""
    target = model.target()
    modes: list[Array] = []
    for z in high(target, posterior_modes(model, target)):
        if all(np.abs(z - other).max() > APART for other in modes):
            modes.append(z)
    pilot = Pilot([(z, curved(target, z)) for z in modes[:MODES]])
    size, plan = _plan(model, shape)
    with watched(values(model, target), operations(model), progress) as value:
        cloud = adapted(value, pilot, size, rng)
        for _ in range(TRIES):
            law = cloud.fit(pilot).guarded()
            found, z, logs = replicates(value, law, shape, plan, rng)
            why = _failed(found, shape, plan)
            if not why:
                break
            cloud = cloud.joined(law, z, logs)
    return found, why


def _plan(model: Model, shape: tuple[int, int]) -> tuple[int, Plan]:
    """Points of a round of the adaptation, and of the sample.

    Where all that one would like pass the budget, draws repeat, as long as they are worth what a
    sampler's draws have to be.
    """
    chains, draws = shape
    wanted = max(FEWEST_POINTS, even(TIMES * draws))
    afford = BUDGET / operations(model) / chains
    if wanted <= afford:
        size = even(max(ROUND, EACH * model.space.size))
        return size, Plan(wanted, DISTINCT * chains * draws)
    points = LEAST * 2 ** int(np.log2(max(1.0, afford / LEAST)))
    enough = min(DISTINCT * draws, ESS_PER_CHAIN) * chains
    return even(max(LEAST, EACH // 2 * model.space.size)), Plan(min(points, wanted), enough)


def _failed(found: Replicates, shape: tuple[int, int], plan: Plan) -> str:
    """Why draws cannot be had from weights like these; empty where they can."""
    most = limit(found.points)
    if not found.khat <= most:
        return f"importance weights have k-hat {found.khat:.2f}, above {most:.2f}"
    asked = shape[0] * shape[1]
    if found.effective < min(WORTH * asked, plan.enough):
        return f"importance weights leave {found.effective:.0f} independent draws of {asked:,}"
    return ""


def _outcome(model: Model, found: Replicates) -> Outcome:
    """Draws of theta and what judges them."""
    thetas = model.space.constrain(found.z)
    stats = {"log_ratio": found.log_ratio}
    judged = agreed(found)
    verdict = Verdict.TRUSTED if judged["converged"] else Verdict.UNTRUSTED
    attrs: dict[str, Any] = {
        **judged,
        "message": joined(judged["message"], *advice(model)),
        "verdict": verdict.value,
        "khat": found.khat,
        "khat_limit": limit(found.points),
        "effective_draws": found.effective,
        "points": found.points,
        "efficiency": found.efficiency,
    }
    if not model.improper:
        attrs |= {"log_evidence": found.log_evidence, "log_evidence_error": found.error}
    return Outcome(theta=thetas, sample_stats=stats, attrs=attrs)
