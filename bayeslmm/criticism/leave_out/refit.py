"""The model without some units; its variances sampled again, where importance cannot reach.

With l = p(y_I | y_-I, theta), draws of p(theta | y) give E[1 / l] = 1 / p(y_I | y_-I), and draws of
p(theta | y_-I) give E[l] = p(y_I | y_-I). Where y_I lies far out both averages have heavy tails.
The bridge between both sets of draws (`engines.bridge`) has bounded terms.

The priors are those of the model, frozen; a level without rows keeps its place.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engines.importance_sampling import ImportanceSampling
from ...model.model import Model
from ...model.space import flattened
from ...model.terms import GroupTerm
from ...solvers.leave_out import Left
from ...types import Array, Index
from .theta_draws import ThetaDraws, draws_of, without_absent
from .units_of import UnitsOf


def without(model: Model, inside: NDArray[np.bool_], once: bool = False) -> Model:
    """The model of the other rows; `once` takes away one of each row's repeats only."""
    d = model.design
    left = np.where(inside, d.frequency - 1.0 if once else 0.0, d.frequency)
    keep = left > 0.0
    design = replace(
        d,
        y=d.y[keep],
        X=d.X[keep],
        offset=d.offset[keep],
        weights=d.weights[keep],
        frequency=left[keep],
        noise_sd=None if d.noise_sd is None else d.noise_sd[keep],
        rows=d.rows[keep],
    )
    terms = tuple(term.at_rows(keep) for term in model.terms)
    made = {t.name: t.grouping for t in terms if isinstance(t, GroupTerm)}
    design = replace(design, groups=tuple(made[g.name] for g in d.groups))
    return replace(model, design=design, terms=terms, residual=model.residual.at(design))


@dataclass(frozen=True)
class OtherRows:
    """A model without some of its units."""

    model: Model
    units: UnitsOf
    criterion: str
    draws: int = 1

    def undetermined(self, turns: Index) -> Index:
        """Turns that leave a coefficient undetermined."""
        return self.units.undetermined(self.model, self.criterion, turns)

    def without(self, out: NDArray[np.bool_]) -> Model:
        """The model of the other units."""
        return without(self.model, out[self.units.codes], self.units.by_row)

    def densities(
        self, rest: Model, tree: Any, out: NDArray[np.bool_]
    ) -> tuple[Array, Array | float]:
        """At the one estimate of the others."""
        left = self.left(draws_of(self.model, tree, 1))
        return left.log_density[out], left.z[out]

    def left(self, draws: ThetaDraws) -> Left:
        """What is left out at one point."""
        model, one = without_absent(self.model, draws)
        return self.units.way(model, self.criterion).at(one.scales[0], float(one.sigma[0]))


def draws_without(
    model: Model, inside: NDArray[np.bool_], once: bool, rng: np.random.Generator
) -> tuple[Array, Array, float, bool]:
    """Draws of scales (k, .) and sigma (k,) given the other rows.

    Also their effective over actual number, and whether they converged.
    """
    outcome = ImportanceSampling().run(without(model, inside, once), rng, False)
    if outcome.theta is None:
        raise RuntimeError("the sampler returned no draws of the variances")
    scales, sigma = model.roots(flattened(outcome.theta))
    attrs = outcome.attrs
    r_eff = min(1.0, float(attrs.get("ess_min", sigma.size)) / sigma.size)
    return scales, sigma, r_eff, bool(attrs.get("converged", 1))
