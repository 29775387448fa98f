"""Importance resampling: draws of an approximation become draws of the posterior, where they can.

Draws are taken again in proportion to Pareto-smoothed weights p / q (Vehtari, Simpson, Gelman, Yao
& Gabry 2024). That needs a k-hat below its limit: above it no weighting of these draws will do.
"""

from typing import Any

import numpy as np

from ..engines.approximation import TRUSTED, limit, psis
from ..gaussian.sums import Array
from ..reading import groups


def importance_resample(tree: Any, *, seed: int | None = None) -> Any:
    """Correct an approximation by resampling its draws by their importance.

    Parameters
    ----------
    tree : DataTree
        A fit by ADVI, CAVI or ``EmpiricalBayes(..., laplace=True)``.
    seed : int, optional

    Returns
    -------
    DataTree
        As many draws, some of them repeated; ``attrs["effective_draws"]`` is how many independent
        ones they are worth. Moments that were kept in place of draws are left out.

    Raises
    ------
    ValueError
        Where the tree has no importance ratios, or their k-hat is above its limit.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> cavi = bl.fit(m, bl.CAVI(), seed=1)
    >>> better = bl.importance_resample(cavi, seed=2)
    >>> bool(better["posterior"]["sd_Batch"].std() > 1.2 * cavi["posterior"]["sd_Batch"].std())
    True
    """
    posterior, _ = groups(tree)
    logs = log_weights(tree)
    if logs is None:
        raise ValueError(
            f"{tree.attrs.get('engine', 'this fit')} keeps no importance ratios: its draws are not "
            f"from an approximation, or theta was plugged in; there is nothing to correct"
        )
    smooth, k = psis(logs)
    weights = np.exp(smooth)
    if k > limit(logs.size):
        raise ValueError(
            f"k-hat is {k:.2f}, above {limit(logs.size):.2f}: no weighting of these draws gives "
            f"the posterior; use NUTS()"
        )
    # Systematic resampling: one random number, so that little noise is added.
    steps = (np.arange(logs.size) + np.random.default_rng(seed).uniform()) / logs.size
    taken = np.minimum(np.searchsorted(np.cumsum(weights), steps), logs.size - 1)
    chain, draw = np.unravel_index(taken, (posterior.sizes["chain"], posterior.sizes["draw"]))
    return _taken(tree, chain, draw, 1.0 / float(weights @ weights))


def log_weights(tree: Any) -> Array | None:
    """Log importance ratios (draws,) of an approximation, chain after chain; None for others."""
    if "sample_stats" not in tree or "log_weight" not in tree["sample_stats"]:
        return None
    return tree["sample_stats"]["log_weight"].values.ravel()


def _taken(tree: Any, chain: np.ndarray, draw: np.ndarray, effective: float) -> Any:
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
        found[name] = data.drop_vars("log_weight", errors="ignore")
    other = xr.DataTree.from_dict({n: d for n, d in found.items() if d.data_vars})
    other.attrs.update(tree.attrs)
    told = f"{TRUSTED}: resampled by importance, worth {effective:.0f} independent draws"
    other.attrs |= {"verdict": TRUSTED, "message": told, "effective_draws": effective}
    other["posterior"].attrs.update(tree["posterior"].attrs)
    return other
