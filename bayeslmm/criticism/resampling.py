"""Importance resampling: draws of an approximation become draws of the posterior, where they can.

Draws are taken again in proportion to Pareto-smoothed weights p / q (Vehtari, Simpson, Gelman, Yao
& Gabry 2024). That needs a k-hat below its limit: above it no weighting of these draws will do.
"""

from typing import Any

import numpy as np

from ..engines.approximation import SHARE
from ..engines.convergence import ESS_PER_CHAIN
from ..engines.endings import Verdict
from ..host.arithmetic import tiny_is_zero
from ..host.seeds import generator, given_or_drawn, stored
from ..posterior.tree import any_tree, inherit
from ..stats.weights import limit, psis
from ..types import Array

STALE = ("khat", "khat_limit", "kl", "share", "sd_ratio", "sd_ratio_of", "shift", "shift_of")


@tiny_is_zero
def importance_resample(tree: Any, *, seed: int | None = None) -> Any:
    """Correct an approximation by resampling its draws by their importance.

    Parameters
    ----------
    tree : DataTree
        A fit by ADVI, CAVI or ``EmpiricalBayes(..., laplace=True)``.
    seed : int, optional
        Drawn and stored as ``attrs["resample_seed"]`` where it is not given.

    Returns
    -------
    DataTree
        As many draws, some of them repeated; ``attrs["effective_draws"]`` is how many independent
        ones they are worth.

    Raises
    ------
    ValueError
        Where the tree has no importance ratios, or weights cannot mend it: k-hat above its limit,
        a part of the posterior that no draw finds, an ascent that has not settled, draws of
        random effects that were not kept.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Reaction ~ Days + (Days || Subject)", bl.datasets.load("sleepstudy"))
    >>> cavi = bl.fit(m, bl.CAVI(), seed=5)
    >>> better = bl.importance_resample(cavi, seed=2)
    >>> width = [float(t["posterior"]["sd_Subject"].std("draw").mean()) for t in (cavi, better)]
    >>> width[1] > 1.2 * width[0]
    True
    """
    tree = any_tree(tree)
    posterior = tree["posterior"].dataset
    logs = log_weights(tree)
    if "effective_draws" in tree.attrs:
        raise ValueError(
            "the draws of this fit were resampled by importance already: there is nothing to "
            "correct"
        )
    if logs is None:
        raise ValueError(
            f"{tree.attrs.get('engine', 'this fit')} keeps no importance ratios: its draws are not "
            f"from an approximation, or theta was plugged in; there is nothing to correct"
        )
    smooth, k = psis(logs)
    weights = np.exp(smooth)
    if not k <= limit(logs.size):
        raise ValueError(
            f"k-hat is {k:.2f}, above {limit(logs.size):.2f}: no weighting of these draws gives "
            f"the posterior; use NUTS()"
        )
    _refuse(tree, posterior)
    seed = given_or_drawn(seed)
    # Systematic resampling: one random number, so that little noise is added.
    steps = (np.arange(logs.size) + generator(seed).uniform()) / logs.size
    taken = np.minimum(np.searchsorted(np.cumsum(weights), steps), logs.size - 1)
    chain, draw = np.unravel_index(taken, (posterior.sizes["chain"], posterior.sizes["draw"]))
    other = _taken(tree, chain, draw)
    return _told(other, 1.0 / float(weights @ weights), seed)


def _refuse(tree: Any, posterior: Any) -> None:
    """What weights cannot mend."""
    attrs = tree.attrs
    if not attrs.get("converged", 1):
        raise ValueError(f"this fit has not settled ({attrs.get('message')}): mend that first")
    if float(attrs.get("share", 1.0)) < SHARE:
        raise ValueError(
            f"its draws find {float(attrs['share']):.0%} of the posterior, and weights cannot "
            f"restore what was never drawn; use NUTS()"
        )
    moments = tree["posterior_moments"].dataset.data_vars if "posterior_moments" in tree else ()
    names = [str(n).removesuffix("_mean") for n in moments if str(n).endswith("_mean")]
    for name in names:
        if name not in posterior:
            raise ValueError(
                f"the draws of {name} were not kept, so they cannot be weighted; fit again with "
                f"keep=[{name!r}]"
            )


def log_weights(tree: Any) -> Array | None:
    """Log importance ratios (draws,) of an approximation, chain after chain; None for others."""
    if "sample_stats" not in tree or "log_weight" not in tree["sample_stats"]:
        return None
    return tree["sample_stats"]["log_weight"].values.ravel()


def _taken(tree: Any, chain: np.ndarray, draw: np.ndarray) -> Any:
    """The tree with these draws in place of its own, as one chain."""
    import xarray as xr

    where = {"chain": ("draw", chain), "draw": ("draw", draw)}
    index = {name: xr.DataArray(v, dims=dims) for name, (dims, v) in where.items()}
    found = {}
    for name, group in tree.children.items():
        data = group.dataset
        if name == "posterior_moments":
            continue
        if "draw" in data.dims:
            data = data.isel(index).drop_vars("chain").expand_dims(chain=[0])
            data = data.assign_coords(draw=np.arange(draw.size))
            order = ("chain", "draw", ...)
            data = data.transpose(*order)
        found[name] = data.drop_vars(["log_weight", "log_weight_theta"], errors="ignore")
    other = inherit(xr.DataTree.from_dict({n: d for n, d in found.items() if d.data_vars}), tree)
    own = other["posterior"].attrs
    own.update(tree["posterior"].attrs)
    own["groups"] = ", ".join(n for n in own.get("groups", "").split(", ") if n in other)
    return other


def _told(tree: Any, effective: float, seed: int) -> Any:
    """The tree with attributes of its own: what judged the approximation is over."""
    for name in STALE:
        tree.attrs.pop(name, None)
    words = Verdict.TRUSTED if effective >= ESS_PER_CHAIN else Verdict.UNTRUSTED
    tree.attrs |= {
        "verdict": words.value,
        "message": f"{words}: resampled by importance, worth {effective:.0f} independent draws",
        "effective_draws": effective,
        "resample_seed": stored(seed),
        "engine": f"{tree.attrs.get('engine', 'fit')}, resampled",
    }
    return tree
