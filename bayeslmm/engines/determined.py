"""Which parameters a maximum does not determine, and why: one answer for whoever reports a maximum.

* A variance at zero, or a singular covariance: the maximum lies at the boundary.
* A direction in which the criterion is flat to FLAT nats over a unit of its coordinates (a tripling
  of a scale). A scale that can shrink without loss is at its boundary although its logarithm has
  none: sigma where columns follow every row (h2 = 1).
* What the design itself cannot tell (`spans`), whatever the response.
* No maximum at all: y is followed exactly (`exact`).

What is named here has no standard error, and a fit of which anything is named is not to be trusted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..types import Array
from .endings import Loose
from .exact import ADVICE, exact_fit
from .maximise import Optimum
from .spans import dependences
from .start import centre
from .uncertainty import FLAT, curvature, labels, places, relative, values

LOSS = 0.01  # nats that a thousandfold change of a scale may cost where it is not determined
FAR = 1e3
TINY = 1e-6  # noise under this share of y's spread may be no noise
ONE = 1e-6  # a correlation this near one is at it


@dataclass(frozen=True)
class Finding:
    """Some parameters that are not determined.

    Attributes
    ----------
    names : tuple of str
        As in the table of variance parameters; they have no standard error.
    words, advice : str
        What is wrong, and what to do.
    kind : Loose
    """

    names: tuple[str, ...]
    words: str
    advice: str
    kind: Loose = Loose.FLAT

    def __str__(self) -> str:
        return f"{self.words}; {self.advice}"


def findings(best: Optimum) -> tuple[Finding, ...]:
    """Everything that a maximum does not determine."""
    followed = _followed(best)
    if followed:
        return followed
    design = _by_design(best)
    told = {name for finding in design for name in finding.names}
    edges = (*_zeros(best), *_noiseless(best), *_singular(best))
    edges = tuple(f for f in edges if not told.issuperset(f.names))
    told |= {name for finding in edges for name in finding.names}
    return (*design, *edges, *(f for f in _flat(best) if not told.issuperset(f.names)))


def why(found: tuple[Finding, ...]) -> dict[str, str]:
    """Parameters that have no standard error, and why not, in few words."""
    return {name: finding.kind.value for finding in found for name in finding.names}


def undetermined(found: tuple[Finding, ...]) -> list[str]:
    """Names of what is not determined, apart from boundaries."""
    return list(dict.fromkeys(n for f in found if f.kind is not Loose.BOUNDARY for n in f.names))


def _followed(best: Optimum) -> tuple[Finding, ...]:
    """A likelihood without a maximum: where noise is next to nothing, or columns span the rows."""
    model, design = best.model, best.model.design
    spread = float(np.std(design.y - design.offset))
    wide = sum(p.columns for p in model.parts) >= design.y.size - len(design.fixed)
    looked = _sigma(best) <= TINY * spread or (wide and best.criterion == "ml")
    if not model.space.sigma.free or not looked:
        return ()
    exact = exact_fit(model, integrated=best.criterion != "ml")
    return (Finding(tuple(labels(model)), exact.words, ADVICE, Loose.EXACT),) if exact else ()


def _by_design(best: Optimum) -> tuple[Finding, ...]:
    """What no response could tell; under "map" the prior does, and a standard error exists."""
    if best.criterion == "map":
        return ()
    return tuple(Finding(d.names, d.words, d.advice) for d in dependences(best.model))


def _zeros(best: Optimum) -> list[Finding]:
    """Standard deviations that are estimated at exactly zero."""
    found = zip(labels(best.model), values(best.model, best.theta))
    return [_at_zero(best, n) for n, v in found if v == 0.0 and not n.startswith("corr_")]


def _at_zero(best: Optimum, name: str) -> Finding:
    if name == "sigma":
        followed = " and ".join(part.name for part in best.model.parts)
        return Finding(
            (name,),
            f"sigma is at zero: the criterion loses nothing as it goes there, since {followed} can "
            f"follow every row",
            "confint tells how large it may be; give more rows, fix sigma, or keep a prior (use "
            "NUTS or EmpiricalBayes('map'))",
            Loose.BOUNDARY,
        )
    columns = {p.name for block in best.model.blocks for p in block.law.parameters}
    what = "block" if name.split("[")[0] in columns else "random effect"
    keep = "use NUTS" if best.criterion != "map" else "give it a Gamma or LogNormal prior"
    words = f"{name} is at zero: the data do not support this {what}"
    return Finding((name,), words, f"drop it or keep a prior ({keep})", Loose.BOUNDARY)


def _sigma(best: Optimum) -> float:
    return float(best.theta["sigma"])


def _noiseless(best: Optimum) -> list[Finding]:
    """Sigma so small that a far larger one is as good: its logarithm ran away."""
    space, design = best.model.space, best.model.design
    end = float(np.std(design.y - design.offset)) / FAR
    if not space.sigma.free or _sigma(best) >= end:
        return []
    z = space.unconstrain(best.theta)
    at = int(space.places["sigma"][0])
    return [_at_zero(best, "sigma")] if _loss(best, z, at, np.log(end)) < LOSS else []


def _singular(best: Optimum) -> list[Finding]:
    """Correlations of a covariance that is singular though all its variances are positive."""
    found, theta = [], best.theta
    names = dict(zip(labels(best.model), values(best.model, theta)))
    for term in best.model.groups:
        L, alive = term.root(theta), theta[term.sd.name] > 0.0
        own = {n: v for n, v in names.items() if n.startswith(f"{term.correlation.name}[")}
        if (term.correlation.free and (np.diag(L)[alive] == 0.0).any()) or _at_one(own):
            found.append(
                Finding(
                    _at_one(own) or tuple(own),
                    f"{term.correlation.name} is at the boundary (the covariance is singular)",
                    "drop an effect, write (x || g), or keep a prior (EmpiricalBayes('map'), NUTS)",
                    Loose.BOUNDARY,
                )
            )
    return found


def _at_one(correlations: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(name for name, value in correlations.items() if abs(value) > 1.0 - ONE)


def _flat(best: Optimum) -> list[Finding]:
    """Directions in which the criterion hardly changes: each parameter by itself, or a mixture."""
    around = curvature(best)
    if not around.maximum:
        return []
    flat = around.values < FLAT
    moved = np.linalg.norm(relative(best, around.slopes[:, flat]), axis=1)
    names = labels(best.model)
    moving = [i for i in range(len(names)) if moved[i] > 0.1 * moved.max(initial=0.0)]
    alone = {i: _sides(best, i) for i in moving}
    found = [_at_zero(best, names[i]) for i, sides in alone.items() if sides == (True, False)]
    rest = tuple(names[i] for i, sides in alone.items() if sides != (True, False))
    if not rest:
        return found
    one = len(rest) == 1
    words = (
        f"{' and '.join(rest)} {'is' if one else 'are'} not determined: the criterion is flat "
        f"along {'it' if one else 'a combination of them'}"
    )
    advice = "drop a term, or keep a prior (use NUTS or EmpiricalBayes('map'))"
    return [*found, Finding(rest, words, advice)]


def _sides(best: Optimum, index: int) -> tuple[bool, bool]:
    """Whether a scale can be far smaller, and far larger, than it and usual scales are."""
    coordinate = places(best.model)[index]
    if coordinate < 0:
        return False, False
    z = best.model.space.unconstrain(best.theta)
    both = z[coordinate], centre(best.model)[coordinate]
    ends = min(both) - np.log(FAR), max(both) + np.log(FAR)
    down, up = (_loss(best, z, coordinate, end) < LOSS for end in ends)
    return down, up


def _loss(best: Optimum, z: Array, coordinate: int, end: float) -> float:
    """What the criterion loses where one coordinate of the space goes to `end`, no other moves."""
    z = z.copy()
    z[coordinate] = end
    if np.isnan(z).any() or (z == np.inf).any():
        return np.inf
    theta = best.model.space.constrain(z)
    value = best.chart.value(best.chart.coordinates(theta))[0]
    return best.value - value if np.isfinite(value) else np.inf
