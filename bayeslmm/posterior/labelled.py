"""A tree as its labels say, whatever xarray did to it: sorted, transposed, joined, cut, cast.

All else reads arrays by position, so every tree passes here first. Another order of the same labels
is put back; what lacks labels, has them twice, or has others, is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOGETHER = ("posterior", "sample_stats")  # read draw by draw
DRAWN = (*TOGETHER, "log_prior", "log_likelihood", "posterior_predictive")
READ = ("posterior_moments", "observed_data", "constant_data", "variance_parameters")
STILL = (*READ, "elbo")
FIRST = ("chain", "draw", "row", "feature", "feature_2")  # dims that the alphabet does not order


@dataclass(frozen=True, eq=False)
class Wanted:
    """What labels are wanted.

    Attributes
    ----------
    coords : mapping
        Dimension -> labels as the model has them; empty where the model is not known.
    whole : bool
        Whether all of them must be there, or some will do.
    told : str
        How a refusal begins.
    """

    coords: Mapping[str, Any]
    whole: bool
    told: str

    def refuse(self, what: str) -> ValueError:
        return ValueError(f"{self.told}: {what}")


def in_order(tree: Any, wanted: Wanted) -> Any:
    """The tree with every dimension in the model's order; itself where it is so already.

    Raises
    ------
    ValueError
        Where labels are missing, foreign or doubled, or draws have lost what they were.
    """
    held = {name: tree[name].dataset for name in (*DRAWN, *STILL) if name in tree.children}
    _refuse_parts(tree, held["posterior"].attrs, wanted)
    data = {name: _with_draws(name, group, wanted) for name, group in held.items()}
    known = _labels(data, wanted)
    data = {name: _by_label(name, group, known, wanted) for name, group in data.items()}
    data = {name: _in_place(name, group, wanted) for name, group in data.items()}
    if all(data[name] is group for name, group in held.items()):
        return tree
    other = tree.copy()
    for name, group in data.items():
        other[name].dataset = group
    return other


def _refuse_parts(tree: Any, attrs: Mapping[str, Any], wanted: Wanted) -> None:
    """A fit without what tells of which model it is, what was plugged in, and what it kept."""
    lost = {"": "engine" in attrs and "engine" not in tree.attrs}
    lost[" posterior's"] = "model_digest" in tree.attrs and "fixed" not in attrs
    for whose, gone in lost.items():
        if gone:
            raise wanted.refuse(
                f"its{whose} attributes are gone, which tell what was fitted; keep them when "
                f"groups are made anew, by .attrs.update(...)"
            )
    names = str(attrs.get("groups", "posterior")).split(", ")
    absent = [name for name in names if name not in tree.children]
    if absent:
        raise wanted.refuse(f"it lacks {', '.join(absent)}; give all that bayeslmm.fit returned")


def _with_draws(name: str, data: Any, wanted: Wanted) -> Any:
    """A chain or draw that was picked by its number keeps its dimension."""
    for dim in ("draw", "chain"):
        if name in STILL and dim in data.dims:
            raise wanted.refuse(f"its {name} has a dimension {dim}; join the posteriors alone")
        if name in STILL or dim in data.dims or dim not in data.coords:
            continue
        if data[dim].dims:
            stacked = data[dim].dims[0]
            raise wanted.refuse(f"the {dim}s of its {name} are stacked in {stacked!r}; unstack it")
        data = data.expand_dims(dim)
    return data


def _labels(data: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    """Dimension -> the labels that every group is to have, in their order (pandas.Index)."""
    import pandas as pd

    found: dict[str, Any] = {}
    for name, group in data.items():
        for dim, index in group.indexes.items():
            if dim in found:
                continue
            found[dim] = index
            if dim in wanted.coords:
                known = pd.Index(wanted.coords[dim])
                own = _alike(index, known)
                if not wanted.whole:
                    _refuse_foreign(name, dim, own, known, wanted)
                found[dim] = known if wanted.whole else known[known.isin(own)]
            elif dim in ("chain", "draw", "step") and index.is_unique and index.dtype.kind in "iuf":
                found[dim] = index.sort_values()
    return found


def _by_label(name: str, data: Any, known: Mapping[str, Any], wanted: Wanted) -> Any:
    """A group with every dimension in the known order."""
    places = {}
    for dim in data.dims:
        if dim in ("chain", "draw") and name not in TOGETHER:
            continue
        if dim in data.indexes and not data.indexes[dim].equals(known[dim]):
            places[dim] = _places(name, dim, data.indexes[dim], known[dim], wanted)
        elif dim not in data.indexes and dim in wanted.coords:
            raise wanted.refuse(f"the labels of {dim} are gone from its {name}")
    return data.isel(places) if places else data


def _places(name: str, dim: Any, index: Any, known: Any, wanted: Wanted) -> Any:
    """Where each known label stands."""
    index = _alike(index, known)
    if dim in ("chain", "draw"):
        if index.is_unique and known.is_unique and known.isin(index).all():
            return index.get_indexer(known)
        raise wanted.refuse(
            f"its {name} has not the {dim}s of its posterior; select or join both alike"
        )
    if not index.is_unique:
        twice = index[index.duplicated()].tolist()[0]
        raise wanted.refuse(f"its {name} has the label {twice!r} of {dim} more than once")
    missing = known[~known.isin(index)]
    if len(missing):
        raise wanted.refuse(
            f"its {name} lacks {len(missing)} of {len(known)} labels of {dim}, such as "
            f"{missing.tolist()[0]!r}"
        )
    if wanted.whole:
        _refuse_foreign(name, dim, index, known, wanted)
    return index.get_indexer(known)


def _refuse_foreign(name: str, dim: Any, index: Any, known: Any, wanted: Wanted) -> None:
    foreign = index[~index.isin(known)]
    if len(foreign):
        raise wanted.refuse(
            f"its {name} has labels of {dim} that the model has not, such as "
            f"{foreign.tolist()[0]!r}"
        )


def _alike(index: Any, known: Any) -> Any:
    """Labels as the others are, where they are alike as text only: a file may turn 1 into "1"."""
    text = dict(zip(known.map(str), known))
    if index.isin(known).any() or len(text) != len(known) or not len(index):
        return index
    return index.map(lambda label: text.get(str(label), label))


def _in_place(name: str, data: Any, wanted: Wanted) -> Any:
    """Variables with their dimensions in order, and draws in double precision."""
    changed = {}
    for variable, array in data.data_vars.items():
        dims = tuple(sorted(array.dims, key=_rank))
        fixed = array if dims == array.dims else array.transpose(*dims)
        if name.startswith("posterior") and array.dtype != float and array.dtype.kind in "fiuOUSb":
            try:
                fixed = fixed.astype(float)
            except (TypeError, ValueError):
                raise wanted.refuse(f"its {variable} holds what is no number") from None
        if fixed is not array:
            changed[variable] = fixed
    return data.assign(changed) if changed else data


def _rank(dim: Any) -> tuple[int, str]:
    """Where a dimension stands: g before g_effect before g_effect_2, as its variables have them."""
    name = str(dim)
    return (FIRST.index(name) if name in FIRST else len(FIRST)), name
