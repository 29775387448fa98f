"""Which columns a maximum of the evidence keeps, where every column has a variance of its own.

Given all other variances, with the rows whitened by the covariance V that they leave,
    V^-1/2 y ~ N(0, I + V^-1/2 A diag(s^2) A'V^-1/2),
the columns are chosen by the fast sequential search (Tipping & Faul 2003; `solvers.relevance`).
Where there are other variances than the noise, search and maximum over all of them take turns until
the columns stay the same. The maximum itself is found on the model of the columns kept.

Under a flat prior on every log scale the evidence keeps hundreds of columns where there are more
than rows, and the noise runs to zero. A price in nats for every column kept stops that: log P each,
as in the risk inflation criterion (Foster & George 1994).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..model.model import Model
from ..model.parameters import Positive
from ..model.terms import BlockTerm
from ..posterior.recover import recover
from ..solvers.relevance import Relevance, search
from ..types import Theta
from .endings import joined
from .engine import Outcome
from .maximise import Optimum, maximise
from .whitening import whitened

ROUNDS = 20
BACKWARD = 12  # columns up to which the search also begins with all: some help only together
STARTS = 3
NOTHING = 1e-6  # nats beyond its price from which a column is worth having
TINY = 1e-8  # a scale at zero has no logarithm to start from
Kept = dict[str, np.ndarray]


def keep_columns(model: Model, criterion: str) -> tuple[Model, Optimum, Kept]:
    """The model of the columns kept, its maximum, and which columns they are, by block."""
    chosen_of = [b for b in model.blocks if b.law.selects]
    names = [b.name for b in chosen_of]
    price = np.concatenate([np.full(b.columns, b.law.price) for b in chosen_of])
    kept: Kept = {name: np.zeros(0, np.int64) for name in names}
    flat = criterion in ("ml", "reml") or not model.design.fixed
    alone = flat and not model.groups and len(names) == len(model.blocks)
    before: Theta | None = None
    best: tuple[float, Model, Optimum, Kept] | None = None
    if not alone:  # nothing kept is one answer, and its variances whiten the rows
        small = model.restricted(kept)
        top = maximise(small, criterion)
        before, best = top.theta, (top.value, small, top, kept)
    asked = kept
    for number in range(1 if alone else ROUNDS):
        sigma = float(model.space.sigma.fixed[0]) if model.space.sigma.fixed is not None else None
        if before is not None:  # a noise that may be too large at first
            sigma = 1.0 if number else None
        columns, y, count = whitened(model, before, names, criterion)
        found = search(columns, y, sigma=sigma, price=price, starts=STARTS, count=count)
        chosen = _by_block(model, names, found.active)
        if any(_same(chosen, old) for old in (kept, asked) if number):
            break
        asked = chosen
        begin = _begin(model.restricted(chosen), found, before)
        kept, small, top = _worthwhile(model, criterion, chosen, begin)
        before = top.theta
        value = top.value - sum(b.law.price * kept[b.name].size for b in chosen_of)
        if best is None or value > best[0]:
            best = value, small, top, kept
    if price.size <= min(BACKWARD, 0.5 * float(model.design.frequency.sum())):
        every: Kept = {b.name: np.arange(b.columns) for b in chosen_of}
        kept, small, top = _worthwhile(model, criterion, every, None)
        value = top.value - sum(b.law.price * kept[b.name].size for b in chosen_of)
        if best is None or value > best[0] + NOTHING:
            best = value, small, top, kept
    if best is None:
        raise RuntimeError("no round of the search was made")
    return best[1:]


def _same(a: Kept, b: Kept) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


def _worthwhile(
    model: Model, criterion: str, kept: Kept, begin: Theta | None
) -> tuple[Kept, Model, Optimum]:
    """The maximum over all variances, without columns that do not bring their price there.

    A column's worth is what is lost where its scale is set to zero and nothing else moves: a
    maximum without it loses less.
    """
    while True:
        small = model.restricted(kept)
        top = maximise(small, criterion, begin)
        losses = _losses(small, top)
        if not losses or min(losses)[0] > NOTHING:
            return kept, small, top
        _, name, at = min(losses)
        kept = {**kept, name: np.delete(kept[name], at)}
        begin = _without(small, top.theta, name, at)


def _losses(small: Model, top: Optimum) -> list[tuple[float, str, int]]:
    """What each column brings beyond its price: (nats, block, which of its columns)."""
    solver, found = top.chart.target.solver, []
    for block in (b for b in small.blocks if b.law.selects):
        for j in range(block.columns):
            less = _at_zero(block, top.theta, j)
            worth = top.value - solver.value(*small.roots(less))
            found.append((float(worth - block.law.price), block.name, j))
    return found


def _at_zero(block: BlockTerm, theta: Theta, j: int) -> Theta:
    """The point where one column has a scale of zero."""
    name = _scale_of(block)
    scale = theta[name].copy()
    scale[j] = 0.0
    return {**theta, name: scale}


def _scale_of(block: BlockTerm) -> str:
    """Name of the scales by which a block chooses columns."""
    return str(block.law.local.name)  # type: ignore[union-attr]


def _without(small: Model, theta: Theta, name: str, at: int) -> Theta:
    """The same point of the model that lacks one column."""
    scale = next(_scale_of(b) for b in small.blocks if b.name == name)
    return {**theta, scale: np.delete(theta[scale], at)}


def _by_block(model: Model, names: Sequence[str], active: np.ndarray) -> Kept:
    """Indices of the columns kept within each block, from those within all of them."""
    found, at = {}, 0
    for block in model.blocks:
        if block.name in names:
            own = active - at
            found[block.name] = own[(own >= 0) & (own < block.columns)]
            at += block.columns
    return found


def _begin(small: Model, found: Relevance, before: Theta | None) -> Theta:
    """Where the maximum over all variances starts: what the search found, in the units of y.

    The noise found stretches all that whitened the rows.
    """
    left, theta = found.scale, {}
    for scale in small.space.scales:
        if _chosen(small, scale):
            theta[scale.name], left = left[: scale.size], left[scale.size :]
        elif before is not None:
            theta[scale.name] = before[scale.name] * found.sigma
        elif scale is small.space.sigma:
            theta[scale.name] = np.asarray(found.sigma)
        if scale.free:
            theta[scale.name] = np.maximum(theta[scale.name], TINY)
        elif scale.fixed is not None:
            theta[scale.name] = np.reshape(scale.fixed, scale.shape)
    for c in small.space.correlations:  # as they are: at a boundary they have no coordinates
        theta[c.name] = before[c.name]  # type: ignore[index]
    for term in small.groups:  # zero is an ordinary point of these
        theta[term.sd.name] = before[term.sd.name] * found.sigma  # type: ignore[index]
    return theta


def _chosen(model: Model, scale: Positive) -> bool:
    """Whether a parameter is the scales of a block that chooses columns."""
    return any(b.law.selects and b.law.local is scale for b in model.blocks)


def widened(
    model: Model, small: Model, kept: Kept, outcome: Outcome, rng: np.random.Generator
) -> Outcome:
    """The outcome with all columns: those that were not kept have scale and coefficient zero."""
    if outcome.theta is None:
        raise RuntimeError("the maximum has no draws of the variances")
    found = recover(small, outcome.theta, rng, criterion=outcome.criterion)
    variables = dict(found.variables)
    lead = variables["sigma"][1].shape
    tables = {name: dict(table) for name, table in outcome.tables.items()}
    moments = tables.get("posterior_moments", {})
    for block in model.blocks:
        if block.name not in kept:
            continue
        index, size = kept[block.name], block.columns
        full = {block.coefficients: 0.0, str(block.law.local.name): 0.0}  # type: ignore[union-attr]
        if block.law.precision is not None:
            full[block.law.precision] = np.inf
        for name, absent in full.items():
            wide = np.full((*lead, size), absent)
            if index.size:
                wide[..., index] = variables[name][1]
            variables[name] = (block.dims, wide)
        for name in (f"{block.coefficients}_mean", f"{block.coefficients}_sd"):
            wide = np.zeros(size)
            if index.size and name in moments:
                wide[index] = moments[name][1]
            if moments:
                moments[name] = (block.dims, wide)
        variables.setdefault(f"h2_{block.name}", ((), np.zeros(lead)))
    count = sum(index.size for index in kept.values())
    total = sum(b.columns for b in model.blocks if b.name in kept)
    attrs = {**outcome.attrs, "columns_kept": count}
    told = (
        f"{count} of {total:,} columns kept"
        if count
        else (f"none of {total:,} columns kept: the data support no coefficient of theirs")
    )
    attrs["message"] = joined(told, attrs["message"])
    fixed = tuple(p for p in model.parameters)
    return replace(
        outcome, fixed=fixed, theta=None, variables=variables, attrs=attrs, tables=tables
    )
