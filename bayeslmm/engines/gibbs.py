"""The Gibbs sampler (Park & Casella 2008, section 2; Makalic & Schmidt 2016) for blocks of columns.

Without grouping factors (beside them: `collapsed`) all coefficients are drawn at once from their
normal law, each scale from its own law given its coefficients (inverse Gaussian under the lasso, a
slice step under any other), and sigma with the coefficients integrated out where it can be. For few
columns a sweep costs microseconds, so that it yields more independent draws a second than any other
engine; for many the scales move slowly.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model.laws import Law
from ..model.model import Model
from ..model.parameters import Positive
from ..posterior.recover import one_chain, theta_variables
from ..solvers.beta import prior_of
from ..types import Array, Named
from .collapsed import sampled
from .convergence import compared, judge
from .endings import joined
from .engine import Outcome, check_integers, exact_draws, interrupted_words, refuse_unknown_columns
from .improper import refuse_improper
from .sweeps import SweepDraws, SweptBlock, advice, reduce_rows, sample
from .sweeps.coefficients import SweepData


@dataclass(frozen=True)
class Gibbs:
    """Full Bayes by the Gibbs sampler, for blocks of columns, and for these beside random effects.

    Without grouping factors a sweep is compiled and costs microseconds. Beside them what groups
    share (their sds and correlations, and sigma) is drawn with every coefficient integrated out.

    Parameters
    ----------
    draws, tune, chains : int
        SweepDraws kept per chain, sweeps before them, number of chains.

    Raises
    ------
    ValueError
        Where an option is out of range.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lasso("y ~ .", bl.datasets.load("diabetes"), lam=0.237)
    >>> bl.fit(m, bl.Gibbs(draws=500), seed=1).attrs["engine"]
    'Gibbs'
    """

    draws: int = 2000
    tune: int = 500
    chains: int = 4

    def __post_init__(self) -> None:
        check_integers(self, draws=1, tune=0, chains=1)

    @property
    def name(self) -> str:
        return "Gibbs"

    def run(self, model: Model, rng: np.random.Generator, progress: bool) -> Outcome:
        """Sweep; nothing is tuned, the first sweeps are thrown away."""
        refuse_unknown_columns(self, model)
        refuse_unknown(model)
        refuse_improper(model)
        if model.groups:
            return self._beside(model, rng)
        data, centre = rows_of(model)
        options: dict[str, Any] = {"draws": self.draws, "tune": self.tune, "chains": self.chains}
        options |= {"rng": rng, "partial": True}
        found = sample(data, centre, blocks_of(model), noise_of(model), **options)
        return told(model, data, found)

    def _beside(self, model: Model, rng: np.random.Generator) -> Outcome:
        """Beside random effects: what terms share is drawn with all coefficients integrated out."""
        if model.space.size == 0:
            return exact_draws(model, self.chains, self.draws)
        z, whole = sampled(model, blocks_of(model), self.draws, self.tune, self.chains, rng)
        theta = model.space.constrain(z)
        judged = judge(compared(model, theta, z), {}, ("z", *model.moving))
        del judged["divergences"]
        columns, rows = sum(b.columns for b in model.blocks), float(model.design.frequency.sum())
        spread = float(model.design.y.std())
        more = advice(columns, rows, spread, theta["sigma"]) if model.space.sigma.free else ()
        return Outcome(theta=theta, attrs=_attrs(judged, more, z.shape[:2], whole))


def _attrs(
    judged: dict[str, Any], more: Sequence[str], shape: tuple[int, ...], whole: bool
) -> dict[str, Any]:
    """What is said of the draws, with what a wide design or an interrupt adds."""
    if more:
        judged |= {"converged": 0, "message": joined(judged["message"], *more)}
    if not whole:
        kept = interrupted_words(*shape)
        judged |= {"converged": 0, "message": f"{kept}; {judged['message']}"}
    return {"markov_chains": shape[0], "interrupted": int(not whole), **judged}


def told(model: Model, data: SweepData, found: SweepDraws, held: Collection[str] = ()) -> Outcome:
    """The draws by name, and whether they can be used; what is held need not move."""
    variables = variables_of(model, found)
    shown = {name: values for name, (_, values) in variables.items()}
    judged = judge(shown, {}, [name for name in model.moving if name not in held])
    del judged["divergences"]
    spread = float(np.sqrt(data.z @ data.z / data.size))
    more = advice(data.A.shape[1] + data.X.shape[1], data.size, spread, found.sigma)
    attrs = _attrs(judged, more, found.sigma.shape, found.whole)
    return Outcome(variables=variables, attrs=attrs)


def refuse_unknown(model: Model) -> None:
    """What the sampler has no draw for."""
    if not model.parts:
        raise ValueError(
            "Gibbs draws the scales of grouping factors and of blocks of columns, and this model "
            "has no factor and no block of columns; use NUTS()"
        )
    own = [p for b in model.blocks for p in b.law.parameters]
    for p in own if model.groups else model.space.scales:
        if p.custom is not None:
            raise ValueError(
                f"Gibbs knows laws by name, and the prior of {p.name} is another one; use NUTS()"
            )


def rows_of(model: Model) -> tuple[SweepData, Array]:
    """What the sampler works on: rows scaled by their weights, and the prior of beta."""
    d, prior = model.design, prior_of(model.beta, model.design.X.shape[1])
    root = np.sqrt(model.residual.precision * d.frequency)
    K = prior.H / prior.scale[:, None]
    columns = np.hstack([b.Z for b in model.blocks])
    return reduce_rows(
        d.X * root[:, None],
        columns * root[:, None],
        (d.y - d.offset) * root,
        K.T @ K,
        K.T @ (prior.location / prior.scale),
        float(d.frequency.sum()),
    )


def blocks_of(model: Model) -> list[SweptBlock]:
    """The laws of the blocks' scales, as the sampler takes them."""
    return [
        SweptBlock(
            b.columns,
            _law(b.law.local, 1.0),
            _law(b.law.common, 1.0),
            _law(b.law.rate, 1.0),
            _law(b.law.slab, np.inf),
            int(b.law.noise),
        )
        for b in model.blocks
    ]


def noise_of(model: Model) -> Law | float:
    """The law of sigma, or its value."""
    return _law(model.space.sigma, 1.0)


def _law(p: Positive | None, absent: float) -> Any:
    if p is None:
        return absent
    if p.fixed is not None:
        return p.fixed if p.size > 1 else float(p.fixed[0])
    return p.law


def variables_of(model: Model, found: SweepDraws) -> Named:
    """The posterior's variables from the sampler's draws, (chains, draws, ...)."""
    shape = found.sigma.shape
    theta, at = {"sigma": found.sigma.ravel()}, 0
    for number, block in enumerate(model.blocks):
        heads = found.heads[:, :, number]
        own = (found.local[:, :, at : at + block.columns], heads[..., 0])
        factors = (*own, heads[..., 1], heads[..., 2])
        law = block.law
        given = zip((law.local, law.common, law.rate, law.slab), factors)
        theta |= {
            p.name: values.reshape(found.sigma.size, *p.shape)
            for p, values in given
            if p is not None
        }
        at += block.columns
    variables = theta_variables(model, theta)
    ends = np.cumsum([b.columns for b in model.blocks])
    u = np.split(found.u.reshape(found.sigma.size, -1), ends[:-1], axis=1)
    beta = found.beta.reshape(found.sigma.size, -1)
    every = one_chain(model, variables, model.coefficients(beta, [v[..., None] for v in u]))
    return {n: (dims, v[0].reshape(*shape, *v.shape[2:])) for n, (dims, v) in every.items()}
