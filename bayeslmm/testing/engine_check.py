"""Is an engine's result the one that all others read?"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..posterior.covariances import COVARIANCE


def check_engine(engine: Any, model: Any, *, seed: int = 0) -> Any:
    """Check that an engine's result is the one that all others read.

    Parameters
    ----------
    engine : Engine
    model : Model
    seed : int

    Returns
    -------
    DataTree
        The fit, for further checks.

    Raises
    ------
    AssertionError
        Telling what is missing or differs.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> from bayeslmm.testing import check_engine
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> check_engine(bl.EmpiricalBayes("reml", draws=100), m).attrs["engine"]
    'EB (reml)'
    """
    from ..fit import fit

    tree = fit(model, engine, seed=seed, progress=False)
    _names(tree, model)
    for key, value in {**tree.attrs, **tree["posterior"].attrs}.items():
        if not isinstance(value, str | int | float):
            raise AssertionError(
                f"attrs[{key!r}] is a {type(value).__name__}: neither text nor number"
            )
    for key in ("engine", "seed", "seconds", "message", "converged"):
        if key not in tree.attrs:
            raise AssertionError(f"attrs lacks {key!r}")
    again = fit(model, engine, seed=seed, progress=False)
    for name, array in tree["posterior"].data_vars.items():
        if not np.isfinite(array.values).all():
            raise AssertionError(f"{name} holds values that are not finite")
        if not np.array_equal(array.values, again["posterior"][name].values):
            raise AssertionError(f"{name} differs between two fits with the same seed")
    _survives_saving(tree)
    return tree


def _names(tree: Any, model: Any) -> None:
    posterior = tree["posterior"]
    wanted: dict[str, tuple[str, ...]] = {
        p.name: p.dims for p in model.space.ordered if p.coordinates
    }
    wanted |= {term.coefficients: term.dims for term in model.terms}
    wanted |= {part.share_name: () for part in model.columns}
    if model.axes is not None:
        wanted |= COVARIANCE
    for name, dims in wanted.items():
        if name not in posterior:
            raise AssertionError(f"the posterior lacks {name}")
        if posterior[name].dims != ("chain", "draw", *dims):
            raise AssertionError(f"{name} has dims {posterior[name].dims}, not {dims}")
        for dim in dims:
            if list(posterior[dim].values) != list(model.coords[dim]):
                raise AssertionError(f"the labels of {dim} are not the model's")
    for group in ("observed_data", "constant_data", "log_prior"):
        if group not in tree:
            raise AssertionError(f"the tree lacks the group {group}")


def _survives_saving(tree: Any) -> None:
    import xarray as xr

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit.nc"
        tree.to_netcdf(path, engine="h5netcdf")
        with xr.open_datatree(path, engine="h5netcdf") as back:
            for group in tree.children:
                if not back[group].dataset.equals(tree[group].dataset):
                    raise AssertionError(f"the group {group} does not survive to_netcdf")
