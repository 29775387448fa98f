"""The result of every engine: an `xarray.DataTree` that ArviZ 1.x takes as it is.

Variables, dims and coords are the same whatever the engine. Attributes are flat strings and
numbers, so that netCDF and Zarr take them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any
from weakref import WeakSet

import numpy as np

from .declared import MODELS, Declared
from .handed_out import refuse_changed

Group = Mapping[str, tuple[tuple[str, ...], Any]]
SAMPLED = ("posterior", "prior", "sample_stats", "log_likelihood", "log_prior")
PACKAGES = ("bayeslmm", "numpy", "numba", "nutpie", "pymc", "arviz")

# Models of which this process has made trees, for as long as somebody holds them: a tree that comes
# from a file finds its model here.
_models: "WeakSet[Declared]" = WeakSet()
HELD = "bayeslmm_model"  # where a tree holds its model: what a tree's encoding holds, no file gets


@dataclass(frozen=True, eq=False)
class Held:
    """The model of a tree, which lives as long as any copy or selection of the tree.

    Copies hold the same model; a pickle holds none, and finds it by its digest as a file does.
    """

    model: Declared | None = None

    def __deepcopy__(self, memo: Any) -> "Held":
        return self

    def __reduce__(self) -> tuple[type["Held"], tuple[()]]:
        return Held, ()


def build(model: Declared, groups: Mapping[str, Group], attrs: Mapping[str, Any]) -> Any:
    """A tree of the given groups, with the observed and constant data of the model."""
    import xarray as xr

    refuse_changed(model)
    design = model.design
    datasets = {name: dataset(model, name, group) for name, group in groups.items()}
    observed = {model.response: model.observed}
    datasets["observed_data"] = dataset(model, "observed_data", observed)
    datasets["constant_data"] = dataset(model, "constant_data", model.constants)
    tree = xr.DataTree.from_dict(datasets)
    tree.attrs.update({k: v for k, v in attrs.items() if v is not None})
    for package in PACKAGES:
        tree.attrs[f"version_{package}"] = _version(package)
    _models.add(model)
    tree.encoding[HELD] = Held(model)
    tree.attrs["model_digest"] = model.digest
    tree.attrs["model"] = model.kind
    tree.attrs["formula"] = model.formula
    tree.attrs["response"] = model.response
    tree.attrs["rows_dropped"] = int(design.dropped.size)
    return tree


def check_tree(model: Declared, tree: Any) -> None:
    """Refuse what is no fit, or a fit of another model or other rows.

    Raises
    ------
    TypeError
        Where `model` is no model, or `tree` no tree with a posterior.
    ValueError
        Where the formula, the response, the groups' levels, columns or priors differ, or a graph of
        the model was changed.
    """
    if not isinstance(model, MODELS):
        raise TypeError(f"expected a model, such as bl.lmm(formula, data), not {_kind(model)}")
    refuse_changed(model)
    if "posterior" not in getattr(tree, "children", {}):
        raise TypeError(f"expected what bayeslmm.fit returned, not {_kind(tree)}")
    formula = tree.attrs.get("formula", model.formula)
    told = f"this tree is not a fit of this model ({model.formula})"
    if formula != model.formula:
        raise ValueError(f"{told}: it is of {formula}")
    posterior = tree["posterior"]
    for term in model.terms:
        if term.name in posterior.coords and not np.array_equal(
            posterior[term.name].values, term.grouping.levels
        ):
            raise ValueError(f"{told}: the levels of {term.name} differ")
    if "observed_data" in tree.children and model.response in tree["observed_data"]:
        held = tree["observed_data"][model.response].values
        if not np.array_equal(held, model.design.y, equal_nan=True):
            raise ValueError(f"{told}: it was fitted to other values of {model.design.response}")
    if tree.attrs.get("model_digest", model.digest) != model.digest:
        raise ValueError(
            f"{told}: formula and response are the same, but columns, weights, offset or priors "
            f"are not; use the model that was fitted"
        )


def inherit(other: Any, tree: Any) -> Any:
    """The tree `other`, made of parts of `tree`, with the attributes and the model of `tree`."""
    other.attrs.update(tree.attrs)
    other.encoding.update(tree.encoding)
    return other


def model_of(tree: Any) -> Declared | None:
    """The model that a tree is a fit of: its own, or where it was read, one of this process."""
    wanted = tree.attrs.get("model_digest")
    held = getattr(tree, "encoding", {}).get(HELD, Held()).model
    if held is not None and held.digest == wanted:
        return held
    return next((model for model in _models if model.digest == wanted), None)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def add_group(
    model: Declared, tree: Any, name: str, group: Group, coords: Mapping[str, Any] | None = None
) -> Any:
    """A copy of the tree with one more group."""
    import xarray as xr

    other = tree.copy()
    other[name] = xr.DataTree(dataset(model, name, group, coords))
    return other


def dataset(
    model: Declared, name: str, group: Group, coords: Mapping[str, Any] | None = None
) -> Any:
    """A dataset with the model's coordinates; sampled groups get chain and draw in front."""
    import xarray as xr

    sampled = name in SAMPLED or name.endswith("_predictive")
    known, labels, arrays = {**model.coords, **(coords or {})}, {}, {}
    for variable, (dims, values) in group.items():
        values = np.asarray(values)
        full = ("chain", "draw", *dims) if sampled else tuple(dims)
        arrays[variable] = (full, values)
        for dim, size in zip(full, values.shape):
            labels[dim] = known.get(dim, np.arange(size))
    return xr.Dataset(arrays, labels)


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except Exception:  # not installed, or run from a checkout
        return "unknown"
