"""Coordinate ascent variational inference in closed form (Bishop 2006, section 10.1).

    q(b) q(sigma^2) prod_t q(Psi_t) q(a),    b = (beta, u)

(Ormerod & Wand 2010; Wand et al. 2011 for mixed models). One sweep updates every factor once, and
the bound rises in each; `meanfield` has the updates.
"""

from dataclasses import dataclass

import numpy as np

from ..host.options import shown
from ..model.model import Model
from ..posterior.recover import fixed_drawn, one_chain
from .approximation import sd_ratios, verdict
from .engine import Outcome, check_integers, refuse_unknown_columns
from .improper import refuse_improper
from .meanfield import MeanFieldState


@dataclass(frozen=True)
class CAVI:
    """Mean-field variational inference by coordinate ascent in closed form.

    The coefficients keep all their correlations; what is given up is the dependence between
    coefficients and variances, and between the variances. Scales need half-t (or half-Cauchy)
    priors, the default ones. Correlated effects have the prior of Huang & Wand (2013) on their
    covariance in place of LKJ: the same law of each sd, correlations spread nearly uniformly.
    ``attrs["khat"]`` judges the result against the model as it was declared.

    Parameters
    ----------
    steps : int
        Largest number of sweeps.
    draws : int
        Draws from the approximation (one chain); its k-hat is computed from them.
    tolerance : float
        The ascent ends where a sweep raises the bound by less than this, in nats.

    Raises
    ------
    ValueError
        Where an option is out of range.

    Examples
    --------
    >>> CAVI()
    CAVI(steps=20000, draws=4000, tolerance=1e-08)
    """

    steps: int = 20_000
    draws: int = 4000
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        check_integers(self, steps=1, draws=100)
        if not isinstance(self.tolerance, int | float) or not self.tolerance > 0.0:
            raise ValueError(
                f"CAVI(tolerance=...) must be a positive number, got {shown(self.tolerance)}"
            )

    @property
    def name(self) -> str:
        return "CAVI"

    def run(self, model: Model, rng: np.random.Generator, progress: bool) -> Outcome:
        """Ascend, draw from the approximation, and judge it."""
        refuse_unknown_columns(self, model)
        if model.blocks:
            raise ValueError(
                f"CAVI knows conjugate laws of grouping factors only, and "
                f"{model.blocks[0].name} is a block of columns ({model.blocks[0].law.kind}); use "
                f"ADVI(marginal=True) or NUTS()"
            )
        refuse_improper(model)
        state = MeanFieldState.begin(model)
        trace: list[float] = []
        settled, interrupted = f"the bound still rises after {self.steps:,} sweeps", False
        try:
            for _ in range(self.steps):
                bound, state = state.sweep()
                trace.append(bound)
                if len(trace) > 1 and trace[-1] - trace[-2] < self.tolerance:
                    settled = ""
                    break
        except KeyboardInterrupt:
            settled, interrupted = f"interrupted after {len(trace)} sweeps", True
        draws = state.draw(self.draws, rng)
        ratios = sd_ratios(model, draws.theta, draws.drawn, rng)
        drawn = draws.told | fixed_drawn(model, draws.drawn)
        attrs = {
            "elbo": trace[-1] if trace else float("nan"),
            "steps_taken": len(trace),
            "interrupted": int(interrupted),
            **verdict(model, draws.log_weight, drawn, ratios, rng, settled),
        }
        return Outcome(
            variables=one_chain(model, draws.told, draws.drawn),
            sample_stats={
                "log_weight": draws.log_weight[None],
                "log_weight_theta": draws.log_weight_theta[None],
            },
            attrs=attrs,
            tables={"elbo": {"elbo": (("step",), np.array(trace))}},
            coords={"step": np.arange(1, len(trace) + 1)},
        )
