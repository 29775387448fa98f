"""lam of the Bayesian lasso by marginal maximum likelihood (Park & Casella 2008, section 3.1).

Coefficients, scales and sigma are integrated out by a Gibbs sampler (`sweeps.rate`); all of them
are then drawn given lam.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from ..model.model import Model
from .engine import Outcome
from .gibbs import blocks_of, noise_of, refuse_unknown, rows_of, told
from .improper import refuse_improper
from .sweeps import maximise_rate, sample


def lam_maximised(model: Model, criterion: str, draws: int, rng: np.random.Generator) -> Outcome:
    """lam by marginal maximum likelihood, all else drawn given it.

    Scales, coefficients and sigma are integrated out; under "reml" beta has a flat prior.
    """
    if criterion == "ml":
        raise ValueError(
            "EmpiricalBayes('ml') maximises over beta, which lam's likelihood integrates out; use "
            "'reml' or 'evidence'"
        )
    if criterion == "reml":
        model = model.with_flat_beta()
    refuse_hidden(model)
    refuse_unknown(model)
    refuse_improper(model)
    data, centre = rows_of(model)
    blocks, sigma = blocks_of(model), noise_of(model)
    free = [i for i, b in enumerate(model.blocks) if b.law.rate and b.law.rate.free]
    attrs: dict[str, Any] = {}
    vague: list[str] = []
    if free:
        names = [b.name for b in model.blocks]
        best = maximise_rate(data, centre, blocks, sigma, free, rng=rng, names=names)
        for i, lam, error, spread in zip(free, best.lam, best.error, best.spread):
            blocks[i] = replace(blocks[i], rate=float(lam) ** 2)
            name = str(model.blocks[i].law.root)
            attrs |= {name: lam, f"{name}_error": error, f"{name}_se": spread}
            if spread > lam:
                vague.append(name)
    options: dict[str, Any] = {"draws": draws, "tune": 200, "chains": 4, "rng": rng}
    rates = [b.law.rate for b in model.blocks]
    fixed = tuple(p.name for p in rates if p is not None and p.free)
    outcome = told(model, data, sample(data, centre, blocks, sigma, **options), fixed)
    attrs = {name: float(value) for name, value in attrs.items()}
    attrs = {**outcome.attrs, **attrs}
    for name in vague:
        attrs["message"] += (
            f"; the data hardly say how large {name} is ({attrs[name]:.3g}, standard error "
            f"{attrs[f'{name}_se']:.2g}): what it shrinks rests on a guess; keep its prior "
            f"(NUTS(), Gibbs())"
        )
    return replace(outcome, attrs=attrs, fixed=fixed)


def refuse_hidden(model: Model) -> None:
    """Scales that are hidden under others, where these cannot be maximised either."""
    for block in model.blocks:
        if block.law.mixes and (block.law.rate is None or block.law.slab is not None):
            raise ValueError(
                f"empirical Bayes cannot maximise over the scales of {block.name} "
                f"({block.law.kind}): they are hidden under other parameters. Use NUTS(); or "
                f"bl.ard(...), whose scales have a maximum that keeps few columns"
            )
    if model.groups or not all(block.law.mixes for block in model.blocks):
        raise ValueError(
            "empirical Bayes finds lam by a Gibbs sampler, which draws neither grouping factors "
            "nor other blocks; use NUTS() with lam free"
        )
