"""The draws of the variances that a tree holds, as leave-one-out needs them.

They are thinned where the densities of all units at all draws would not fit into a limit, and where
the columns of blocks make a single draw expensive.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...model.model import Model
from ...posterior.recover import theta_points
from ...types import Array
from ..plugged import plugged_in
from .smoothing import relative_efficiency

LIMIT = 400e6  # bytes of densities held at a time
FEW = 400  # draws that are kept however many units there are
WORK = 1e11  # multiplications that a pass over the draws of a model with blocks may take
LEAST = 100  # draws that are kept however much one of them takes


@dataclass(frozen=True, eq=False, repr=False)
class ThetaDraws:
    """Points of the variances: scales (k, .), sigma (k,)."""

    scales: Array
    sigma: Array
    log_weight: Array  # (k,) log p / q where drawn from q: of theta, or of (theta, coefficients)
    r_eff: float = 1.0  # effective over actual draws
    note: str = ""
    posterior: bool = True  # of y, so that what is left out has to be weighted away
    criterion: str | None = None  # of the plug-in fit that they belong to, if to any

    @property
    def size(self) -> int:
        return self.sigma.size


def draws_of(model: Model, tree: Any, columns: int) -> ThetaDraws:
    """Draws of the variances, thinned where (draws, columns) numbers would pass the limit."""
    posterior = tree["posterior"].dataset[list(model.parameters)]
    chains, length = posterior.sizes["chain"], posterior.sizes["draw"]
    if chains * length == 0:
        raise ValueError("the posterior of this tree holds no draws; fit again with draws=...")
    scales, sigma = theta_points(model, posterior)
    if np.ptp(sigma) == 0.0 and not np.ptp(scales, axis=0).any():
        one, criterion = (scales[:1], sigma[:1], np.zeros(1)), tree.attrs.get("criterion")
        if plugged_in(tree) is not None:
            criterion = str(tree["posterior"].attrs["criterion"])
        return ThetaDraws(*one, note=_one_point(tree), posterior=False, criterion=criterion)
    most, notes = max(FEW, int(LIMIT / (8.0 * columns))), []
    if (given := plugged_in(tree)) is not None:
        notes.append(f"{given.names} was plugged in, from all rows: {given}.")
    reason = "for memory"
    if model.blocks and (cheap := max(LEAST, int(WORK / cost(model)))) < most:
        most, reason = cheap, "as each takes long"
    keep = np.arange(length)
    if chains * length > most:
        keep = np.linspace(0, length - 1, max(1, most // chains)).round().astype(int)
        count = f"{keep.size * chains} of {length * chains} draws were used"
        notes.append(f"{count}, evenly thinned {reason}.")
    posterior = posterior.isel(draw=keep)
    scales, sigma = theta_points(model, posterior)
    log_weight = np.zeros(sigma.size)
    r_eff = relative_efficiency(posterior)
    if "sample_stats" in tree.children and "log_weight" in tree["sample_stats"]:
        # These weights are to the posterior that the model declares, whatever was maximised.
        stats = tree["sample_stats"]
        name = "log_weight_theta" if "log_weight_theta" in stats else "log_weight"
        found = stats[name].isel(draw=keep).values.ravel()
        log_weight = np.where(np.isnan(found), -np.inf, found)
        notes.append("The draws are of an approximation: k-hat judges it too.")
    elif "effective_draws" in tree.attrs:  # resampled by importance: some are repeated
        r_eff = min(r_eff, float(tree.attrs["effective_draws"]) / (length * chains))
    return ThetaDraws(scales, sigma, log_weight, r_eff, "\n".join(notes))


def cost(model: Model) -> float:
    """Multiplications to leave out every unit at one draw, to an order of magnitude.

    Those of LAPACK count a quarter of those of plain loops.
    """
    n, wide = model.design.y.size, sum(b.columns for b in model.blocks if not b.law.shared)
    if not model.solver().fused:
        return 0.25 * (2.0 * n**3 + n**2 * wide)
    m = sum(t.columns for t in model.groups[1:]) + sum(b.columns for b in model.blocks)
    m += len(model.design.fixed)
    return float(m**3 + 2 * n * m**2)


def without_absent(model: Model, draws: ThetaDraws) -> tuple[Model, ThetaDraws]:
    """The same without columns of blocks whose scale is zero at every draw: they say nothing.

    So it is with columns that empirical Bayes did not keep.
    """
    roots = model.entries.split(draws.scales)
    kept = {}
    for i, block in enumerate(model.blocks, len(model.groups)):
        own = roots[i].any(axis=0)
        if not own.all():
            kept[block.name] = np.flatnonzero(own)
            roots[i] = roots[i][:, own]
    if not kept:
        return model, draws
    scales = model.entries.join(roots, (draws.sigma.size,))
    return model.restricted(kept), replace(draws, scales=scales)


def _one_point(tree: Any) -> str:
    given = plugged_in(tree)
    if given is None:
        return "All variances are fixed by the model: the values are exact."
    return (
        f"{given.names} were plugged in ({given}), estimated from all rows, those left out "
        f"included, and their uncertainty is ignored: elpd is too high, by about {given.count} "
        f"nats where the model is right."
    )
