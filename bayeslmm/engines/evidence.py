"""Empirical Bayes: the variances that maximise a criterion, the coefficients exactly given them.

    "ml"        beta maximised                 "evidence"  beta integrated under its declared prior
    "reml"      beta integrated, density one   "map"       evidence times the prior of theta

(Patterson & Thompson 1971 for REML; MacKay 1992 for the evidence.) The variances are plugged in, so
the coefficients' posterior is too narrow by what theta's uncertainty would add; `laplace` adds it
by the Gaussian approximation of log sd, the correlations' coordinates and log sigma at the maximum,
judged against the declared posterior.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..host.options import one_of, shown
from ..model.model import CRITERIA, Model
from ..model.space import flattened, repeated
from ..posterior.recover import moments_of, theta_variables
from ..solvers.beta import integrated
from ..types import Array, Named, Theta
from .advice import advice
from .approximation import verdict
from .determined import Finding, findings, undetermined, why
from .endings import Ending, Loose, Message, joined
from .engine import Outcome, check_integers
from .exact import refuse_exact
from .identified import refuse_unidentified
from .loadings_maximum import maximum, plugged_in
from .maximise import Optimum, maximise
from .mode import posterior_mode
from .start import hessian
from .uncertainty import estimates


@dataclass(frozen=True)
class EmpiricalBayes:
    """Empirical Bayes by maximising one of four criteria.

    A block with one variance for each column (`ard`, `rvm`) keeps the columns that the maximum
    keeps (`selection`). Of a lasso lam alone is maximised, all else integrated (`lam`).

    Parameters
    ----------
    criterion : {"evidence", "reml", "ml", "map"}
        What is maximised over the variances. ``-2 * attrs["log_marginal"]`` under "reml" is
        lme4's REML criterion.
    draws : int
        Draws of the coefficients (one chain; four of a lasso, whose scales are drawn too).
    laplace : bool
        Draw the variances too, from the Gaussian approximation around the maximum, instead of
        plugging them in. The draws stand for the declared posterior, and are judged against it:
        beta has its declared prior whatever the criterion.
    log_evidence : bool
        Also integrate the variances out under their priors; kept as ``attrs["log_evidence"]``.

    Raises
    ------
    ValueError
        Where the criterion is none of the four, or `draws` is not positive.

    Examples
    --------
    >>> EmpiricalBayes("reml")
    EmpiricalBayes(criterion='reml', draws=1000, laplace=False, log_evidence=False)
    """

    criterion: str = "evidence"
    draws: int = 1000
    laplace: bool = False
    log_evidence: bool = False

    def __post_init__(self) -> None:
        if not one_of(self.criterion, CRITERIA):
            raise ValueError(
                f"EmpiricalBayes(criterion=...) is one of {', '.join(CRITERIA)}; "
                f"got {shown(self.criterion)}"
            )
        check_integers(self, draws=1)
        if self.laplace and self.draws < 100:  # from which an approximation can be judged
            raise ValueError(
                f"EmpiricalBayes(draws=...) must be at least 100 where laplace=True, "
                f"got {self.draws}"
            )

    @property
    def name(self) -> str:
        return f"EB ({self.criterion}{', Laplace' if self.laplace else ''})"

    def run(self, model: Model, rng: np.random.Generator, progress: bool) -> Outcome:
        """Maximise, then draw the coefficients exactly."""
        if model.axes is not None:
            return self._at(model, maximum(model, self.criterion), rng)
        refuse_unidentified(model, self.criterion)
        self._refuse_beside_blocks(model)
        if any(block.law.mixes for block in model.blocks):
            from .lam import lam_maximised

            return lam_maximised(model, self.criterion, self.draws, rng)
        if any(block.law.selects for block in model.blocks):
            from .selection import keep_columns, widened

            small, best, kept = keep_columns(model, self.criterion)
            return widened(model, small, kept, self._around(small, best, rng), rng)
        return self._around(model, maximise(model, self.criterion), rng)

    def _refuse_beside_blocks(self, model: Model) -> None:
        """Options that mean nothing where columns are chosen, or lam is maximised."""
        special = [b for b in model.blocks if b.law.selects or b.law.mixes]
        asked = {"laplace=True": self.laplace, "log_evidence=True": self.log_evidence}
        asked["'map'"] = self.criterion == "map"
        given = [name for name, value in asked.items() if value]
        if special and given:
            raise ValueError(
                f"EmpiricalBayes({given[0]}) has no meaning with the block {special[0].name} "
                f"({special[0].law.kind}), whose scales have no smooth maximum; leave it out, or "
                f"use NUTS()"
            )

    def _at(self, model: Any, best: Any, rng: np.random.Generator) -> Outcome:
        """What a maximum says that the model itself knew."""
        if self.laplace:
            raise ValueError(
                f"EmpiricalBayes(laplace=True) is not for a {model.kind}, whose posterior NUTS() "
                f"draws in seconds; leave it out"
            )
        attrs: dict[str, Any] = {
            "criterion": self.criterion,
            "log_marginal": best.value,
            "converged": int(best.converged),
            "evaluations": best.evaluations,
            "message": joined(*([best.message] if best.message else [])),
        }
        if self.log_evidence:
            attrs |= _evidence(model, rng)
        theta = plugged_in(model, best)
        fixed = (*model.parameters, *(("mu",) if "mu" in theta else ()))
        drawn = repeated(theta, 1, self.draws)
        return Outcome(theta=drawn, attrs=attrs, fixed=fixed, criterion=self.criterion)

    def _around(self, model: Model, best: Optimum, rng: np.random.Generator) -> Outcome:
        """What a maximum says: draws, moments, standard errors."""
        theta = best.theta
        found = findings(best)
        exact = any(finding.kind is Loose.EXACT for finding in found)
        attrs: dict[str, Any] = {
            "criterion": self.criterion,
            "log_marginal": best.value,
            "converged": int(best.converged and not exact),
            "evaluations": best.evaluations,
            "message": message(best, found),
        }
        if self.criterion != "map":  # under which a prior says something of everything
            attrs["undetermined"] = ", ".join(undetermined(found))
        if self.log_evidence:
            attrs |= _evidence(model, rng)
        fixed, stats = tuple(p for p in model.parameters), {}
        if self.laplace:
            draws, log_weight = _laplace(best, found, self.draws, rng)
            fixed, stats = (), {"log_weight": log_weight[None]}
            drawn = theta_variables(model, flattened(draws))
            settled = "" if best.converged else "the maximum was not found"
            judged = verdict(model, log_weight, drawn, [], rng, settled)
            told = joined(attrs["message"], judged["message"])
            attrs |= {**judged, "converged": attrs["converged"], "message": told}
        else:
            draws = repeated(theta, 1, self.draws)
        table, coords = estimates(best, why(found))
        tables = {"variance_parameters": table}
        if not self.laplace:
            tables["posterior_moments"] = moments(model, self, theta)
        return Outcome(
            theta=draws,
            sample_stats=stats,
            attrs=attrs,
            fixed=fixed,
            # Laplace draws stand for the declared posterior, so beta has its own prior there.
            criterion="evidence" if self.laplace else self.criterion,
            tables=tables,
            coords=coords,
        )


def _evidence(model: Model, rng: np.random.Generator) -> dict[str, float]:
    from .integral import log_evidence

    found = log_evidence(model, seed=int(rng.integers(2**31)))
    return {"log_evidence": found.value, "log_evidence_error": found.error}


def message(best: Optimum, found: tuple[Finding, ...]) -> Message:
    """What happened, and what to do about it."""
    parts = [str(finding) for finding in found]
    if any(finding.kind is Loose.EXACT for finding in found):
        return joined(*parts)
    if not best.converged:
        parts = [*parts, *advice(best.model), Ending.FLAT]
    elif best.rounding > 1e-4:
        parts = [_few_digits(best), *parts]
    return joined(*parts)


def _few_digits(best: Optimum) -> str:
    """Why float64 holds few digits of the criterion, and what to do."""
    design, sigma = best.model.design, float(best.theta["sigma"])
    y = design.y - design.offset
    spread = float(np.std(y))
    told = f"the log likelihood is known to {best.rounding:.0e} only"
    if len(best.model.groups) > 1:
        why = "the noise is tiny beside crossed random effects"
    elif abs(float(np.mean(y))) > 100.0 * spread:
        why = (
            f"y lies {abs(float(np.mean(y))) / spread:,.0f} of its sds from zero, so take a "
            f"constant off it"
        )
    else:
        why = f"sigma is {sigma / spread:.0e} of y's sd"
    return f"{told}: {why}; the variances have few digits"


def moments(model: Model, engine: EmpiricalBayes, theta: Theta) -> Named:
    """Exact means and sds of the coefficients at the maximum (BLUE and BLUP are the means)."""
    solver = model.solver(integrated(engine.criterion))
    exact = solver.condition(*model.roots(theta))
    means, sds = moments_of(model, exact)
    found: Named = {}
    for term in model.terms:
        name = term.coefficients
        found |= {f"{name}_mean": (term.dims, means[name]), f"{name}_sd": (term.dims, sds[name])}
    if model.fixed:
        dims = model.fixed.dims[0], f"{model.fixed.dims[0]}_2"
        found[f"{model.fixed.coefficients}_cov"] = (dims, exact.beta_cov)
    return found


def _laplace(
    best: Optimum, found: tuple[Finding, ...], draws: int, rng: np.random.Generator
) -> tuple[Theta, Array]:
    """Draws of theta from the Gaussian around the maximum, and their log importance ratios.

    Under "map" it is the maximum in the coordinates of the Gaussian, its Jacobian included. The
    ratios are to the posterior of theta that the model declares, priors included.
    """
    with_prior = best.criterion == "map"
    refuse_exact(best.model)
    for finding in found if not with_prior else ():
        if finding.kind is Loose.BOUNDARY:
            raise ValueError(
                f"EmpiricalBayes(laplace=True) needs a maximum inside the parameter space, but "
                f"{', '.join(finding.names)} is at the boundary; use NUTS, or laplace=False"
            )
        raise ValueError(
            f"EmpiricalBayes(laplace=True) needs a maximum with curvature in every direction, but "
            f"{finding.words}; use NUTS, or laplace=False"
        )
    model = best.model
    target = model.target(best.criterion, prior=with_prior)
    z = posterior_mode(model, target) if with_prior else model.space.unconstrain(best.theta)
    values, vectors = np.linalg.eigh(-hessian(target, z))
    if z.size and values[0] <= 0.0:
        raise ValueError(
            "EmpiricalBayes(laplace=True): the criterion has no curvature along some direction, "
            "so it has no Gaussian approximation; use NUTS"
        )
    white = rng.standard_normal((z.size, draws))
    points = np.ascontiguousarray((z[:, None] + (vectors / np.sqrt(values)) @ white).T)
    log_q = 0.5 * np.log(values / (2.0 * np.pi)).sum() - 0.5 * (white**2).sum(axis=0)
    return model.space.constrain(points[None]), model.target().many(points) - log_q
