"""How far an approximation q can be trusted: it is compared with the posterior that it stands for.

* Pareto k-hat of the importance ratios p(theta, b, y) / q(theta, b) (Yao, Vehtari, Simpson & Gelman
  2018; Vehtari, Simpson, Gelman, Yao & Gabry 2024): above 0.7 no number of draws of q describes p.
* The sds of the coefficients against the exact law: at q's own draws of theta the coefficients are
  Gaussian, so what the posterior would say of them is known without another sampler.
* The share of the posterior that the draws find, and the divergence from q, by the evidence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model.model import Model
from ..model.space import at_draw
from ..stats.weights import KHAT, limit, log_mean, psis
from ..types import Array, Coefficients, Named, Theta
from .endings import Message, Verdict
from .integral import DIMENSIONS, FEWEST, check_proper, sampled
from .size import operations

SHARE = 0.9  # of the posterior that an approximation's draws have to find
NARROW, WIDE = 0.8, 1.25  # sd ratios between which widths are called right
SHIFT = 0.25  # sds that a mean may be off
COMPARED = 1000  # draws that sds are compared over
SPEED = 2e9  # multiplications a second


@dataclass(frozen=True)
class Ratio:
    """A parameter or a kind of coefficient, and how q's width or place compares with the right."""

    name: str
    value: float


def sd_ratios(
    model: Model,
    theta: Theta,
    drawn: Coefficients,
    rng: np.random.Generator,
) -> list[Ratio]:
    """sd under q over the sd of the exact conditional at q's draws of theta, name -> (k, ...).

    One ratio for each fixed effect, and one for each effect of a factor, its levels pooled.
    """
    some = slice(None, None, -(-theta["sigma"].size // COMPARED))
    exact = model.coefficients(*model.solver().draws(*model.roots(at_draw(theta, some)), rng))
    theirs, ours = (_variances(model, each) for each in (exact, drawn))
    return [
        Ratio(name, float(np.sqrt(own / true)))
        for (name, own), (_, true) in zip(ours, theirs)
        if true > 0.0
    ]


def _variances(model: Model, drawn: Coefficients) -> Iterator[tuple[str, float]]:
    for term in model.terms:
        yield from term.variances(drawn[term.coefficients])


def weighted(variables: Named, weights: Array) -> tuple[list[Ratio], list[Ratio]]:
    """Width and place of each parameter under q against the importance-weighted ones.

    The sd over the weighted sd, and the distance of the means in weighted sds. Numbers that every
    column of a block has for itself (its scale) are compared by their logarithm: laws such as the
    horseshoe's have tails so heavy that no sd exists.

    Parameters
    ----------
    variables : dict
        Name -> (dims, draws (k, ...)); elements that do not vary are left out.
    weights : (k,)
        Normalised.
    """
    widths, shifts = [], []
    for name, (dims, draws) in variables.items():
        flat = draws.reshape(draws.shape[0], -1)
        if dims and dims[-1].endswith("_column") and (flat > 0.0).all():
            flat = np.log(flat)
        mean = weights @ flat
        true = np.sqrt(weights @ (flat - mean) ** 2)
        moving = (true > 0.0) & (np.ptp(flat, axis=0) > 0.0)
        if not moving.any():
            continue
        values = flat.std(axis=0)[moving] / true[moving]
        gaps = np.abs(flat.mean(axis=0) - mean)[moving] / true[moving]
        widths.append(Ratio(name, float(values[np.argmax(np.abs(np.log(values)))])))
        shifts.append(Ratio(name, float(gaps.max())))
    return widths, shifts


def covered(model: Model, log_weights: Array, rng: np.random.Generator) -> dict[str, float]:
    """How much of the posterior q covers, by the log evidence from theta's own side.

    E_q[p / q] is p(y) whatever q, but draws of q cannot find what q never visits: their estimate
    over the evidence is the share that they found. The same evidence turns the mean log ratio into
    the Kullback-Leibler divergence from q to the posterior, in nats.

    Returns
    -------
    dict
        kl and share; empty where a prior is improper, or the evidence too slow to compute.
    """
    draws = affordable(model)
    try:
        check_proper(model)
    except ValueError:
        return {}
    if draws < FEWEST:
        return {}
    evidence = sampled(model, np.random.default_rng(rng.integers(2**63)), draws)
    if not evidence.khat <= KHAT:
        return {}
    share = float(np.exp(min(log_mean(log_weights) - evidence.value, 0.0)))
    return {"kl": max(evidence.value - float(log_weights.mean()), 0.0), "share": share}


def affordable(model: Model) -> int:
    """Evaluations of the log posterior that cost about a second, at most 4,000.

    None above 40 variance parameters, where draws by the thousand find no evidence.
    """
    if model.space.size == 0:
        return 0
    if model.space.size > DIMENSIONS:
        return 0
    return int(min(4000, SPEED / operations(model)))


def verdict(
    model: Model,
    log_weights: Array,
    variables: Named,
    ratios: list[Ratio],
    rng: np.random.Generator,
    settled: str = "",
) -> dict[str, Any]:
    """Attributes that say in words whether an approximation can be trusted.

    Parameters
    ----------
    log_weights : (k,)
        Log importance ratios of the draws.
    variables
        Draws (k, ...) of the parameters to be weighted: the variances', and beta if q drew it.
    ratios
        Widths of the coefficients, see `sd_ratios`; empty where they are exact given theta.
    settled
        What is wrong with the optimisation; empty where nothing is.
    """
    smooth, k = psis(log_weights)
    most = limit(log_weights.size)
    found: dict[str, Any] = {"khat": k, "khat_limit": most, "converged": int(not settled)}
    fatal = [settled] if settled else []
    if not k <= most:
        fatal.append(f"k-hat is {k:.2f}, above {most:.2f}")
        width, narrow = _widths(ratios)
        return found | width | _words(fatal, narrow, bool(settled))
    found |= covered(model, log_weights, rng)
    if found.get("share", 1.0) < SHARE:
        fatal.append(f"its draws find {found['share']:.0%} of the posterior, under {SHARE:.0%}")
    widths, shifts = weighted(variables, np.exp(smooth))
    (width, narrow), (place, off) = _widths(ratios + widths), _places(shifts)
    return found | width | place | _words(fatal, narrow + off, bool(settled))


def _widths(ratios: list[Ratio]) -> tuple[dict[str, Any], list[str]]:
    """The worst sd ratio, and what is wrong with it."""
    if not ratios:
        return {}, []
    worst = max(ratios, key=lambda r: abs(np.log(r.value)))
    found = {"sd_ratio": worst.value, "sd_ratio_of": worst.name}
    if NARROW <= worst.value <= WIDE:
        return found, []
    kind = "narrow" if worst.value < 1.0 else "wide"
    return found, [f"the sd of {worst.name} is too {kind}, {worst.value:.2f} times the right"]


def _places(shifts: list[Ratio]) -> tuple[dict[str, Any], list[str]]:
    """The farthest mean, and what is wrong with it."""
    if not shifts:
        return {}, []
    far = max(shifts, key=lambda r: r.value)
    found = {"shift": far.value, "shift_of": far.name}
    if far.value <= SHIFT:
        return found, []
    return found, [f"the mean of {far.name} is {far.value:.2f} sds from where it should be"]


def _words(fatal: list[str], mendable: list[str], unsettled: bool) -> dict[str, Any]:
    """The verdict, and a message that gives its reasons and the cure."""
    if fatal:
        more = unsettled and len(fatal) == 1
        words, cure = Verdict.UNTRUSTED, "raise steps=" if more else "use NUTS()"
    elif mendable:
        words, cure = Verdict.CORRECTABLE, "importance_resample(tree)"
    else:
        return {"verdict": Verdict.TRUSTED.value, "message": Message(Verdict.TRUSTED)}
    reasons = "; ".join([*fatal, *mendable, cure])
    return {"verdict": words.value, "message": f"{words}: {reasons}"}
