"""The result of every engine: an `xarray.DataTree` that ArviZ 1.x takes as it is.

Variables, dims and coords are the same whatever the engine. Attributes are flat strings and
numbers, so that netCDF and Zarr take them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any
from weakref import WeakSet

import numpy as np

from ..model.handed_out import refuse_changed
from ..model.model import Model
from ..types import Group
from .covariances import COVARIANCE
from .labelled import READ, Wanted, in_order
from .recover import large
from .when_read import WhenRead, unread

SAMPLED = ("posterior", "prior", "sample_stats", "log_likelihood", "log_prior")
PACKAGES = ("bayeslmm", "numpy", "numba", "nutpie", "pymc", "arviz")

# Models of which this process has made trees, for as long as somebody holds them: a tree that comes
# from a file finds its model here.
_models: "WeakSet[Model]" = WeakSet()
VARIABLES = "variables"  # attribute of a posterior: what it must hold
HOLES = "this tree is not whole: its posterior"
HELD = "bayeslmm_model"  # where a tree holds its model: what a tree's encoding holds, no file gets


@dataclass(frozen=True, eq=False)
class Held:
    """The model of a tree, which lives as long as any copy or selection of the tree.

    Copies hold the same model; a pickle holds none, and finds it by its digest as a file does.
    """

    model: Model | None = None

    def __deepcopy__(self, memo: Any) -> "Held":
        return self

    def __reduce__(self) -> tuple[type["Held"], tuple[()]]:
        return Held, ()


def build(
    model: Model,
    groups: Mapping[str, Group],
    attrs: Mapping[str, Any],
    coords: Mapping[str, Any] | None = None,
) -> Any:
    """A tree of the given groups, with the observed and constant data of the model.

    `coords` are labels of dimensions that the model does not know.
    """
    import xarray as xr

    refuse_changed(model)
    design, labels = model.design, TreeLabels({**model.coords, **(coords or {})})
    observed = {model.response: model.observed}
    every = {**groups, "observed_data": observed, "constant_data": model.constants}
    datasets = {name: _dataset(name, group, labels) for name, group in every.items()}
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


def any_tree(tree: Any, *, whole: bool = False, usable: bool = True) -> Any:
    """A fit of whatever model, read by its labels, in the model's order where it is known.

    Parameters
    ----------
    whole : bool
        Whether all rows, levels and columns of a known model must be there.
    usable : bool
        Whether there must be draws, and finite ones.

    Raises
    ------
    TypeError
        Where `tree` is no tree with a posterior.
    ValueError
        Where labels are doubled, groups disagree, or something that was fitted is gone.
    """
    _refuse_no_fit(tree)
    model = model_of(tree)
    coords = {} if model is None else model.coords
    tree = in_order(tree, Wanted(coords, whole, "this tree cannot be read"))
    posterior = tree["posterior"].dataset
    names = _recorded(posterior)
    _refuse_absent(names, posterior)
    _refuse_shapes(names, posterior, {} if model is None else _shapes(model))
    if usable:
        _refuse_unusable(names, posterior)
    return tree


def alike(tree: Any, other: Any) -> Any:
    """A tree in the order of another of the same model, where there is one."""
    groups = [] if other is None else [other[n].dataset for n in ("posterior", *READ) if n in other]
    coords = {dim: index for group in groups for dim, index in group.indexes.items()}
    labels = {dim: index for dim, index in coords.items() if dim not in ("chain", "draw")}
    return in_order(tree, Wanted(labels, True, "the fits differ")) if labels else tree


def read_tree(model: Model, tree: Any) -> Any:
    """A fit of this model, read by its labels: in the model's order, with all that is needed.

    Raises
    ------
    TypeError
        Where `model` is no model, or `tree` no tree with a posterior.
    ValueError
        Where the formula, the response, the groups' levels, columns or priors differ, or a graph of
        the model was changed; where labels, variables or draws are missing or not finite.
    """
    if not isinstance(model, Model):
        raise TypeError(f"expected a model, such as bl.lmm(formula, data), not {_kind(model)}")
    refuse_changed(model)
    _refuse_no_fit(tree)
    told = f"this tree is not a fit of this model ({model.formula})"
    formula = tree.attrs.get("formula", model.formula)
    if formula != model.formula:
        raise ValueError(f"{told}: it is of {formula}")
    digest = tree.attrs.get("model_digest")
    known = "this tree is not whole" if digest == model.digest else told
    tree = in_order(tree, Wanted(model.coords, True, known))
    _refuse_other_values(model, tree, told)
    if digest is not None and digest != model.digest:
        raise ValueError(
            f"{told}: formula and response are the same, but columns, weights, offset or priors "
            f"are not; use the model that was fitted"
        )
    posterior = tree["posterior"].dataset
    names = list(dict.fromkeys([*needed(model, posterior), *_recorded(posterior)]))
    _refuse_absent(names, posterior)
    _refuse_shapes(names, posterior, _shapes(model))
    _refuse_unusable(names, posterior)
    return tree


def _refuse_no_fit(tree: Any) -> None:
    if "posterior" not in getattr(tree, "children", {}):
        advice = ""
        if hasattr(tree, "children"):
            advice = " without a group posterior; give the whole tree, not one of its groups"
        elif hasattr(tree, "data_vars"):
            advice = "; give the whole tree, not one of its groups"
        elif isinstance(tree, Mapping):
            advice = "; give one fit, not a dict of them"
        raise TypeError(f"expected what bayeslmm.fit returned, got {type(tree).__name__}{advice}")


def _refuse_other_values(model: Model, tree: Any, told: str) -> None:
    """The response is compared in the precision in which the tree holds it."""
    if "observed_data" in tree.children and model.response in tree["observed_data"]:
        held = tree["observed_data"][model.response].values
        ours = model.observed[1]
        if held.dtype.kind == "f":
            ours = ours.astype(held.dtype)
        if not np.array_equal(held, ours, equal_nan=held.dtype.kind == "f"):
            raise ValueError(f"{told}: it was fitted to other values of {model.design.response}")


def _recorded(posterior: Any) -> list[str]:
    """Variables without which a fit cannot be read, as `fit` wrote them down."""
    return [name for name in str(posterior.attrs.get(VARIABLES, "")).split(", ") if name]


def needed(model: Model, posterior: Any) -> list[str]:
    """Variables that every posterior of this model has; beta may be drawn again with all others."""
    drawn = [part for part in model.parts if part.coefficients not in posterior]
    lost = drawn and model.axes is None  # else beta is drawn again with them
    return [*model.parameters, *([model.fixed.coefficients] if model.fixed and not lost else [])]


def recorded(model: Model, posterior: Any) -> str:
    """What `fit` writes down of a posterior, so that a loss is seen."""
    names = (*model.parameters, *large(model), "beta", "mu")
    return ", ".join(name for name in names if name in posterior)


def _refuse_absent(names: Iterable[str], posterior: Any) -> None:
    absent = [name for name in names if name not in posterior]
    if absent:
        raise ValueError(f"{HOLES} lacks {', '.join(absent)}; give all that bayeslmm.fit returned")


def _refuse_shapes(
    names: Iterable[str], posterior: Any, shapes: Mapping[str, tuple[str, ...]]
) -> None:
    for name in names:
        held = posterior[name].dims
        lost = [dim for dim in ("chain", "draw") if dim not in held]
        if lost:
            raise ValueError(f"{HOLES} has no dimension {' and no '.join(lost)} of {name}")
        dims = ("chain", "draw", *shapes.get(name, held[2:]))
        if held != dims:
            told = ", ".join(map(str, held))
            raise ValueError(f"{HOLES} holds {name} by {told}, not by {', '.join(dims)}")


def _refuse_unusable(names: Iterable[str], posterior: Any) -> None:
    """Refuse a posterior that has no draws, or draws that are not finite."""
    if 0 in (posterior.sizes.get("chain", 1), posterior.sizes.get("draw", 1)):
        raise ValueError("the posterior of this tree holds no draws; fit again with draws=...")
    for name in names:
        if unread(posterior[name]):
            continue
        good = np.isfinite(posterior[name].values)
        if not good.all():
            each = good.reshape(*good.shape[:2], -1).all(axis=2)
            raise ValueError(
                f"{HOLES} holds {name} that is not finite in {int((~each).sum())} of {each.size} "
                f"draws; leave these out, by tree.isel(draw=...), or fit again"
            )


def _shapes(model: Model) -> dict[str, tuple[str, ...]]:
    """Dimensions of the variables after (chain, draw)."""
    found: dict[str, tuple[str, ...]] = {p.name: p.dims for p in model.space.ordered}
    found |= {term.coefficients: term.dims for term in model.terms}
    return found | (COVARIANCE if model.axes is not None else {})


def inherit(other: Any, tree: Any) -> Any:
    """The tree `other`, made of parts of `tree`, with the attributes and the model of `tree`."""
    other.attrs.update(tree.attrs)
    other.encoding.update(tree.encoding)
    return other


def of_posterior(tree: Any) -> bool:
    """Whether theta's draws have the posterior's own law.

    They come from a Markov chain that told of its divergences, or were taken by weights that were
    spent on it.
    """
    stats = tree.get("sample_stats", {})
    return any(name in stats for name in ("diverging", "log_ratio"))


def model_of(tree: Any) -> Model | None:
    """The model that a tree is a fit of: its own, or where it was read, one of this process."""
    wanted = tree.attrs.get("model_digest")
    held = getattr(tree, "encoding", {}).get(HELD, Held()).model
    if held is not None and held.digest == wanted:
        return held
    return next((model for model in _models if model.digest == wanted), None)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def add_group(
    model: Model, tree: Any, name: str, group: Group, coords: Mapping[str, Any] | None = None
) -> Any:
    """A copy of the tree with one more group."""
    import xarray as xr

    other = tree.copy()
    index = tree["posterior"].dataset.indexes
    drawn = {dim: index[dim] for dim in ("chain", "draw") if dim in index}
    other[name] = xr.DataTree(dataset(model, name, group, {**drawn, **(coords or {})}))
    return other


def dataset(model: Model, name: str, group: Group, coords: Mapping[str, Any] | None = None) -> Any:
    """A dataset with the model's coordinates; sampled groups get chain and draw in front."""
    return _dataset(name, group, TreeLabels({**model.coords, **(coords or {})}))


class TreeLabels:
    """The labels of dimensions as xarray takes them, made once for all groups of a tree."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known
        self._made: dict[tuple[str, int], Any] = {}

    def of(self, dim: str, size: int) -> Any:
        """The labels of a dimension; numbers where none are known."""
        import xarray as xr

        if (dim, size) not in self._made:
            values = self.known.get(dim)
            made = xr.IndexVariable(dim, np.arange(size) if values is None else values)
            self._made[dim, size] = made
        return self._made[dim, size]


def _dataset(name: str, group: Group, labels: TreeLabels) -> Any:
    import xarray as xr

    sampled = name in SAMPLED or name.endswith("_predictive")
    arrays, own = {}, {}
    for variable, (dims, values) in group.items():
        values = values if isinstance(values, WhenRead) else np.asarray(values)
        full = ("chain", "draw", *dims) if sampled else tuple(dims)
        arrays[variable] = full, values.for_xarray() if isinstance(values, WhenRead) else values
        for dim, size in zip(full, values.shape):
            own[dim] = labels.of(dim, size)
    return xr.Dataset(arrays, own)


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except Exception:  # not installed, or run from a checkout
        return "unknown"
