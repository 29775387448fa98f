"""The variances sampled again without one unit, where importance sampling cannot reach.

With l = p(y_I | y_-I, theta), draws of p(theta | y) give E[1 / l] = 1 / p(y_I | y_-I), and draws of
p(theta | y_-I) give E[l] = p(y_I | y_-I). Where y_I lies far out both averages have heavy tails.
The bridge of Meng & Wong (1996, equation 4.1) takes both sets of draws, and its terms are bounded:

    r = E_-I[l / (s l + (1 - s) r)] / E[1 / (s l + (1 - s) r)],    s the share of draws given y.

The priors are those of the model, frozen; a level without rows keeps its place.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..engines.nuts import NUTS
from ..gaussian.sums import Array
from ..model import Model
from .smoothing import log_sum


def without(model: Model, inside: NDArray[np.bool_], once: bool = False) -> Model:
    """The model of the other rows; `once` takes away one of a row's repeats only."""
    d = model.design
    if once and d.frequency[inside].min() > 1.0:
        design, keep = replace(d, frequency=d.frequency - inside), np.ones(inside.size, bool)
    else:
        keep = ~inside
        design = replace(
            d,
            y=d.y[keep],
            X=d.X[keep],
            offset=d.offset[keep],
            weights=d.weights[keep],
            frequency=d.frequency[keep],
            noise_sd=None if d.noise_sd is None else d.noise_sd[keep],
            rows=d.rows[keep],
        )
    terms = []
    for term in model.terms:
        codes, Z = term.grouping.codes[keep], term.grouping.Z[keep]
        terms.append(replace(term, grouping=replace(term.grouping, codes=codes, Z=Z)))
    made = {term.name: term.grouping for term in terms}
    groups = tuple(made[g.name] for g in d.groups)
    return replace(model, design=replace(design, groups=groups), terms=tuple(terms))


def bridge(
    given_all: Array, given_rest: Array, log_weight: Array, r_eff: float
) -> tuple[float, float]:
    """Log of r and its standard error.

    Parameters
    ----------
    given_all, given_rest
        Log densities of the unit at draws given y, and at draws given the other rows.
    log_weight
        Normalised log weights of the draws given y.
    r_eff
        Effective over actual draws.
    """
    n, k = given_all.size, given_rest.size
    share, other = np.log(n / (n + k)), np.log(k / (n + k))
    value = float(np.median(given_rest))
    for _ in range(1000):
        above = given_rest - np.logaddexp(share + given_rest, other + value)
        below = -np.logaddexp(share + given_all, other + value)
        last, value = value, float(log_sum(above) - np.log(k) - log_sum(below + log_weight))
        if abs(value - last) < 1e-8:
            break
    error = 0.0
    for terms in (above, below):
        terms = np.exp(terms - terms.max())
        error += (terms.std() / terms.mean()) ** 2 / (terms.size * r_eff)
    return value, float(np.sqrt(error))


def draws_without(
    model: Model, inside: NDArray[np.bool_], once: bool, rng: np.random.Generator
) -> tuple[Array, Array, bool]:
    """Draws of scales (k, .) and sigma (k,) given the other rows; whether they converged."""
    outcome = NUTS().run(without(model, inside, once), rng, False)
    if outcome.thetas is None:
        raise RuntimeError("the sampler returned no draws of the variances")
    scales, h = outcome.thetas.scales, outcome.thetas.h
    flat = np.ascontiguousarray(scales.reshape(-1, scales.shape[-1]))
    sigma = h.reshape(-1, h.shape[-1])[:, -1].copy()
    return flat, sigma, bool(outcome.attrs.get("converged", 1))
