"""The factors of coordinate ascent: what q says of each variance, and their updates.

q(b) is exactly the conditional of the coefficients at the variances E[1/sigma^2]^-1 and
E[Psi^-1]^-1, so one call of the solver is its update. By Fisher's identity the score there holds
what the variances' factors need:

    E[sum_j u_j u_j'] = Psi J Psi + G Psi
    E|y - X beta - Z u|^2 = n sigma^2 + sigma^3 d log p / d sigma
"""

from dataclasses import dataclass, replace

import numpy as np

from ..model.model import Model
from ..model.parameters import Positive
from ..model.space import repeated
from ..model.terms import GroupTerm
from ..posterior.log_densities import log_complete, log_prior
from ..posterior.recover import theta_variables
from ..solvers import at_points
from ..solvers.solver import Solver
from ..types import Array, Coefficients, Named, Theta
from .conjugate import Covariance
from .peaks import rough_maxima


@dataclass(frozen=True, repr=False)
class Part:
    """A covariance of some effects of a term: its law under q, or a fixed matrix."""

    term: int
    members: tuple[int, ...]
    law: Covariance | None
    fixed: Array

    @property
    def effective(self) -> Array:
        return self.fixed if self.law is None else self.law.effective


@dataclass(frozen=True, repr=False)
class MeanFieldState:
    """q of the variances; q of the coefficients is the solver's conditional at its means."""

    model: Model
    solver: Solver
    parts: tuple[Part, ...]
    noise: Part

    @classmethod
    def begin(cls, model: Model) -> "MeanFieldState":
        """Start at the highest mode of the marginal likelihood: few sweeps are left from there."""
        target = model.target("evidence", prior=False)
        theta = model.space.constrain(rough_maxima(model, target, target)[0])
        parts, noise = [], float(theta["sigma"]) ** 2
        for number, term in enumerate(model.groups):
            L = term.root(theta)
            parts += _parts(number, term, np.maximum(np.diag(L @ L.T), 1e-6 * noise))
        n = float(model.design.frequency.sum())
        sigma = model.space.sigma
        guess = np.full((1, 1), noise)
        law = Covariance.begin(*_half_t(sigma, (0,)), n, guess) if sigma.free else None
        residual = Part(-1, (0,), law, guess)
        return cls(model, model.solver(), tuple(parts), residual)

    @property
    def theta(self) -> Theta:
        """The variances at which q of the coefficients is their conditional."""
        roots = [np.zeros(t.root_shape) for t in self.model.groups]
        for part in self.parts:
            roots[part.term][np.ix_(part.members, part.members)] = _root(part.effective)
        return _theta(self.model, roots, np.sqrt(self.noise.effective[0, 0]))

    def sweep(self) -> tuple[float, "MeanFieldState"]:
        """The bound here, and the state after every factor was updated once."""
        scales, sigma = self.model.roots(self.theta)
        value, J, slope = self.solver.score(scales, sigma)
        bound = value + sum(_share(p.law) for p in (*self.parts, self.noise) if p.law)
        each = self.model.entries.split(J)
        parts = []
        for part in self.parts:
            if part.law is None:
                parts.append(part)
                continue
            own = each[part.term][np.ix_(part.members, part.members)]
            psi = part.effective
            squares = psi @ own @ psi + part.law.count * psi
            parts.append(replace(part, law=part.law.update(squares)))
        noise = self.noise
        if noise.law is not None:
            square = np.full((1, 1), sigma**2 * noise.law.count + sigma**3 * slope)
            noise = replace(noise, law=noise.law.update(square))
        return bound, replace(self, parts=tuple(parts), noise=noise)

    def draw(self, draws: int, rng: np.random.Generator) -> "MeanFieldDraws":
        """Draws of everything from q, and their log importance ratios."""
        model, at_mean = self.model, self.theta
        psi = [np.zeros((draws, t.shape[1], t.shape[1])) for t in model.groups]
        log_q = np.zeros(draws)
        for part in self.parts:
            own = np.broadcast_to(part.effective, (draws, *part.effective.shape))
            if part.law is not None:
                own = part.law.draw(draws, rng)
                log_q += part.law.log_density(own)
            psi[part.term][np.ix_(range(draws), part.members, part.members)] = own
        noise = np.full(draws, self.noise.effective[0, 0])
        if self.noise.law is not None:
            own = self.noise.law.draw(draws, rng)
            noise = own[:, 0, 0]
            log_q += self.noise.law.log_density(own)
        theta = _theta(model, [_root(p) for p in psi], np.sqrt(noise))
        many = model.roots(repeated(at_mean, draws))
        drawn = model.coefficients(*self.solver.draws(*many, rng))
        found = theta_variables(model, theta)
        prior = sum(v.reshape(draws, -1).sum(axis=1) for _, v in log_prior(model, found).values())
        # q of the coefficients by Bayes' rule: p(y, b) / p(y) at the variances' means.
        log_b = log_complete(model, repeated(at_mean, 1), drawn)
        log_b -= self.solver.value(*model.roots(at_mean))
        log_p = prior + log_complete(model, theta, drawn)
        log_y = at_points.values(self.solver, *model.roots(theta))
        ratios = log_p - log_q - log_b, prior + log_y - log_q
        return MeanFieldDraws(theta, found, drawn, *ratios)


@dataclass(frozen=True, repr=False)
class MeanFieldDraws:
    """Draws of the variances and coefficients, with their log importance ratios."""

    theta: Theta
    told: Named  # theta as the tree has it
    drawn: Coefficients
    log_weight: Array
    log_weight_theta: Array  # of theta alone, the coefficients integrated out: less noisy


def _parts(number: int, term: GroupTerm, variances: Array) -> list[Part]:
    """The covariances of a term, each with its conjugate law or as it is fixed."""
    levels, q = term.shape
    if term.sd.free != term.correlation.free and term.correlated:
        free, held = (term.sd, term.correlation) if term.sd.free else (term.correlation, term.sd)
        raise ValueError(
            f"CAVI needs {held.name} free where {free.name} is: a covariance that is partly fixed "
            f"has no conjugate law; use ADVI() or NUTS()"
        )
    if not term.sd.free:
        sd = np.broadcast_to(np.asarray(term.sd.fixed), q)
        root = sd[:, None] * term.correlation.start
        return [Part(number, tuple(range(q)), None, root @ root.T)]
    found = []
    for block in term.correlation.blocks:
        nu, width = _half_t(term.sd, block)
        guess = np.diag(variances[list(block)])
        found.append(Part(number, block, Covariance.begin(nu, width, levels, guess), guess))
    return found


def _half_t(scale: Positive, members: tuple[int, ...]) -> tuple[float, Array]:
    """Degrees of freedom and widths of half-t priors."""
    laws = {"HalfStudentT": lambda p: (p[0], p[1]), "HalfCauchy": lambda p: (1.0, p[0])}
    if scale.law is None or scale.law.name not in laws:
        raise ValueError(
            f"CAVI has closed forms for HalfStudentT and HalfCauchy priors only, but {scale.name} "
            f"has {scale.prior}; change its prior, or use ADVI() or NUTS()"
        )
    nu, width = laws[scale.law.name](scale.law.parameters)
    nus = np.broadcast_to(nu, scale.size)[list(members)]
    if np.ptp(nus) > 0.0:
        raise ValueError(
            f"CAVI needs one number of degrees of freedom for correlated effects, but {scale.name} "
            f"has {nus.tolist()}; use ADVI() or NUTS()"
        )
    return float(nus[0]), np.broadcast_to(np.asarray(width, float), scale.size)[list(members)]


def _share(law: Covariance) -> float:
    """What one covariance adds to the log density at the variances' means to make the bound."""
    gap = law.log_det - np.linalg.slogdet(law.effective)[1]
    return law.bound - 0.5 * law.count * float(gap)


def _root(psi: Array) -> Array:
    """Lower triangular factors of covariances (..., q, q); rows of a variance of zero are zero."""
    alive = np.diagonal(psi, axis1=-2, axis2=-1).reshape(-1, psi.shape[-1]).any(axis=0)
    L = np.zeros_like(psi)
    L[..., np.ix_(alive, alive)[0], np.ix_(alive, alive)[1]] = np.linalg.cholesky(
        psi[..., alive, :][..., alive]
    )
    return L


def _theta(model: Model, roots: list[Array], sigma: Array) -> Theta:
    """The variances with these factors of every term's covariance."""
    found: Theta = {"sigma": np.asarray(sigma)}
    for term, L in zip(model.groups, roots):
        found |= term.at_root(L)
    return found
