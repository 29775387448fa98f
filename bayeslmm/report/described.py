"""A model in words: the laws of what its equation adds up, its priors, and its data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..model.model import Model
from ..model.residual import ByColumn, Independent
from ..model.terms import BlockTerm, GroupTerm
from ..results.show import label, number

LONG = 15  # priors from which those of fixed effects are folded
NAMED = 8  # columns that are named


@dataclass(frozen=True)
class Folded:
    """Names and texts; where there are many, some of them, and all to unfold."""

    rows: list[tuple[str, str]]
    whole: list[tuple[str, str]] = field(default_factory=list)


def priors(model: Model) -> Folded:
    """The printed table; of many fixed effects the first few, and all to unfold."""
    whole = list(model.prior_table.items())
    if len(whole) <= LONG:
        return Folded(whole)
    fixed = set(model.design.fixed)
    own = [name for name, _ in whole if name in fixed][LONG // 3 :]
    return Folded([pair for pair in whole if pair[0] not in set(own)], whole)


def laws(model: Any) -> list[str]:
    """The laws of what the equation adds up, one line each."""
    scores, (noise, told) = model.scores, _noise(model.residual)
    lines = [f"z[i] ~ N(0, I), i = 1, ..., {scores.rows:,}"] if scores else []
    lines += [*map(_group, model.groups), *map(_law, model.blocks)]
    lines.append(f"e[i] ~ N(0, {noise}){told}")
    return [*lines, f"so that {model.response}[i] ~ N(mu, W W' + {noise})"] if scores else lines


def _noise(residual: Independent | ByColumn) -> tuple[str, str]:
    """The variance of what the terms leave, and what it is made of."""
    if isinstance(residual, Independent):
        return "sigma²" if np.all(residual.precision == 1.0) else "sigma² / w[i]", ""
    if (residual.unit == 1.0).all():
        return "sigma² I", ""
    return "diag(noise_sd²)", ", noise_sd[j] = sigma times the sd of column j"


def of_matrix(model: Any) -> bool:
    """Whether every row has many responses."""
    return "feature" in model.observed[0]


def _group(term: GroupTerm) -> str:
    """The law of the effects of a factor."""
    name, q = label(term.name, 40), term.shape[1]
    spread = f"sd_{name}²" if q == 1 else f"Psi_{name}"
    made = f"sd_{name} and corr_{name}" if term.correlated else f"sd_{name}, no correlations"
    tail = f", Psi_{name} made of {made}" if q > 1 else ""
    return f"u_{name}[j] ~ N(0, {spread}), j = 1, ..., {term.shape[0]:,}{tail}"


def _law(block: BlockTerm) -> str:
    """The law of a block's coefficients: the variance as the product of what it is made of."""
    law, name = block.law, label(block.name, 40)
    parts = ["sigma²"] if law.noise and law.common is None else []
    parts += [f"{law.common.name}²"] if law.common is not None else []
    parts += [f"{law.local.name}[j]²"] if law.local is not None else []
    scaled = " of scaled columns" if (block.unit != 1.0).any() else ""
    slab = ", the largest held by a slab" if law.slab is not None else ""
    return f"u_{name}[j] ~ N(0, {' '.join(parts)}), j = 1, ..., {block.columns:,}{scaled}{slab}"


def _columns(block: BlockTerm) -> str:
    """How many columns, their law, and the first of their names."""
    return f"{block.columns:,}, {block.law.kind}: {_named(block.labels)}"


def _named(columns: Sequence[str]) -> str:
    """The first of many names."""
    names = ", ".join(label(name, 40) for name in columns[:NAMED])
    return f"{label(names, 160)}{', ...' if len(columns) > NAMED else ''}"


def data_summary(model: Any) -> list[tuple[str, str]]:
    """The data in a few lines."""
    return _matrix(model) if of_matrix(model) else _rows(model)


def _rows(model: Any) -> list[tuple[str, str]]:
    d = model.design
    sd = float(np.std(d.y, ddof=1)) if d.y.size > 1 else np.nan
    low, mean, high = (number(float(f(d.y)), sd) for f in (np.min, np.mean, np.max))
    lines = [
        ("rows", f"{d.y.size:,}"),
        ("rows dropped", f"{d.dropped.size:,}"),
        (f"response {d.response}", f"mean {mean}, sd {number(sd, sd)}, {low} to {high}"),
    ]
    for term in model.groups:
        size = np.bincount(term.grouping.codes, minlength=term.shape[0])
        ends = dict.fromkeys(f"{end:,}" for end in (size.min(), size.max()))
        told = f"{term.shape[0]:,} levels, {' to '.join(ends)} rows each; effects: "
        lines.append((f"groups {term.name}", told + ", ".join(term.grouping.effects)))
    lines += [(f"columns {b.name}", _columns(b)) for b in model.blocks]
    extras = {
        "offset": bool(d.offset.any()),
        "weights": bool((d.weights != 1.0).any()),
        "known noise": d.noise_sd is not None,
        "frequency": bool((d.frequency != 1.0).any()),
    }
    given = [name for name, is_given in extras.items() if is_given]
    return [*lines, ("also given", ", ".join(given))] if given else lines


def _matrix(model: Any) -> list[tuple[str, str]]:
    there, (n, d) = model.design.there, model.design.y.shape
    lines = [
        ("rows", f"{n:,}"),
        ("columns", f"{d:,}: {_named(model.design.features)}"),
        ("components", f"{model.components:,}"),
        *_spread(model),
    ]
    gone = there.size - int(there.sum())
    if not gone:
        return [*lines, ("missing", "none")]
    whole, empty = int(there.all(axis=1).sum()), int((~there.any(axis=1)).sum())
    lines += [
        ("missing", f"{gone:,} of {there.size:,} entries ({gone / there.size:.1%})"),
        ("complete rows", f"{whole:,}"),
    ]
    return [*lines, ("rows without any entry", f"{empty:,}")] if empty else lines


def _spread(model: Any) -> list[tuple[str, str]]:
    """Sds of the columns, and what they were divided by."""
    sd = np.nanstd(model.design.y, axis=0, ddof=1)
    scaled = bool((model.residual.unit != 1.0).any())
    told = f"{number(float(sd.min()))} to {number(float(sd.max()))}"
    return [("sds of columns", told + ("; each was divided by its own" if scaled else ""))]
