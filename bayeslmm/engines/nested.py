"""Whether one fit's model lies within another's: by the span of columns, never by their names.

    y ~ N(o + X beta, sigma^2 / w + sum_t Z_t (I x Psi_t) Z_t')

The fixed effects of a model lie within another's where X_1 = X_2 T. Random effects of the same
grouping of the rows, with Z_1 = Z_2 A, give the covariance Z_2 A Psi A'Z_2': they lie within the
other's where its law has A Psi A' for every Psi of theirs. A full covariance has them all; one
without correlations, (x || g), only those that are diagonal, so that another origin of x matters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..posterior.named import elements
from ..posterior.tree import model_of
from ..types import Array

ALIKE = 1e-6  # share of a column's length that may lie outside of a span
SQUARE = 2_000  # rows up to which blocks are compared by a matrix of the rows


@dataclass(frozen=True, repr=False)
class Effects:
    """The law of one factor's random effects: which entries of Psi are free, which held."""

    name: str
    codes: np.ndarray  # (n,)
    Z: Array  # (n, q)
    free: np.ndarray  # (q, q) whether an entry of Psi is free
    held: Array  # (q, q) sds and correlations that are fixed; zero elsewhere

    @property
    def pattern(self) -> np.ndarray:
        """Entries of Psi that may differ from zero."""
        return self.free | (self.held != 0.0)


def effects_of(tree: Any) -> list[Effects]:
    """The random effects of a fit.

    Raises
    ------
    ValueError
        Where the tree has no columns of them, and its model is gone.
    """
    data, posterior = tree["constant_data"].dataset, tree["posterior"].dataset
    free = set(tree["variance_parameters"]["parameter"].values.tolist())
    found = []
    for variable in (str(v) for v in data.data_vars if str(v).startswith("codes_")):
        name = variable.removeprefix("codes_")
        labels = [str(e) for e in posterior[f"{name}_effect"].values]
        held, loose = _entries(posterior, name, labels, free)
        found.append(Effects(name, data[variable].values, _columns(tree, name), loose, held))
    return found


def _entries(posterior: Any, name: str, labels: list[str], free: set[str]) -> tuple[Array, Any]:
    """What is held of sds (on the diagonal) and correlations, and which entries are free."""
    q = len(labels)
    values = np.zeros((q, q))
    if f"corr_{name}" in posterior:
        values[:] = posterior[f"corr_{name}"].values.reshape(-1, q, q)[0]
    np.fill_diagonal(values, posterior[f"sd_{name}"].values.reshape(-1, q)[0])
    loose = np.zeros((q, q), bool)
    for label, (i,) in elements(f"sd_{name}", [labels]):
        loose[i, i] = label in free
    for label, (j, i) in elements(f"corr_{name}", [labels, labels], paired=True):
        loose[i, j] = loose[j, i] = label in free
    return np.where(loose, 0.0, values), loose


def _columns(tree: Any, name: str) -> Array:
    """Columns (n, q) of one factor's effects: of ones where the tree keeps none."""
    data, posterior = tree["constant_data"].dataset, tree["posterior"].dataset
    if f"columns_{name}" in data:
        return np.asarray(data[f"columns_{name}"].values, float)
    if posterior[f"{name}_effect"].values.tolist() == ["Intercept"]:
        return np.ones((data.sizes["row"], 1))
    found = [t for t in getattr(model_of(tree), "groups", ()) if t.name == name]
    if not found:
        raise ValueError(
            f"the file of this fit does not hold the columns of its random effects by {name}, so "
            f"that nesting cannot be seen: fit the model again"
        )
    return np.asarray(found[0].grouping.Z)


def lost_effects(small: Any, large: Any) -> str:
    """The first random effects of one fit that are not in the other; empty where all are."""
    theirs = effects_of(large)
    for own in effects_of(small):
        if not any(within(own, other) for other in theirs):
            return own.name
    return ""


def held_effects(small: Any, large: Any) -> str:
    """The first random effects that the larger fit holds off zero and the smaller one lacks."""
    ours = effects_of(small)
    for other in effects_of(large):
        if other.held.any() and not any(same_groups(own.codes, other.codes) for own in ours):
            return other.name
    return ""


def within(small: Effects, large: Effects) -> bool:
    """Whether every covariance that one law allows is one of the other's."""
    if not same_groups(small.codes, large.codes):
        return False
    A = combination(small.Z, large.Z)
    if A is None:
        return False
    size = np.abs(A) * np.sqrt((large.Z**2).mean(axis=0))[:, None]
    A[size < ALIKE * size.max(axis=0)] = 0.0
    if not large.free.all() and (large.held[~large.free] != 0.0).any():
        return _held_alike(small, large, A)
    shape = np.zeros(large.free.shape, bool)
    for i, j in zip(*np.nonzero(np.tril(small.pattern))):
        pair = np.outer(A[:, i], A[:, j])
        shape |= (pair + pair.T) != 0.0
    return bool((large.free | ~shape).all())


def _held_alike(small: Effects, large: Effects, A: Array) -> bool:
    """Whether what the larger law fixes is fixed at the same numbers, column by column."""
    order = np.argmax(np.abs(A), axis=0)
    if len(set(order.tolist())) != A.shape[1] or A.shape[0] != A.shape[1]:
        return False
    if not np.allclose(A[:, np.argsort(order)], np.eye(A.shape[0])):
        return False
    free, held = large.free[np.ix_(order, order)], large.held[np.ix_(order, order)]
    return bool((free | (~small.free & np.isclose(small.held, held, rtol=1e-9))).all())


def same_groups(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two factors put the same rows together, whatever the levels are called."""
    pairs = np.unique(np.stack([one, other], axis=1), axis=0)
    return len(pairs) == np.unique(one).size == np.unique(other).size


def combination(columns: Array, of: Array) -> Array | None:
    """T with columns = of T, or None where a column lies outside of the span.

    A column far from its mean is judged by what it has beside a constant, where the span has one.
    """
    if of.shape[1] == 0 or columns.shape[1] > of.shape[1]:
        return np.zeros((0, 0)) if columns.shape[1] == 0 else None
    if columns.shape[1] == 0:
        return np.zeros((of.shape[1], 0))
    scale = np.abs(of).max(axis=0)
    ones = np.ones(of.shape[0])
    constant = np.linalg.lstsq(of / scale, ones, rcond=None)[0]
    has_constant = bool(np.abs(of / scale @ constant - 1.0).max() < 1e-8)
    means = (of.mean(axis=0), columns.mean(axis=0)) if has_constant else (0.0, 0.0)
    inner, outer = of - means[0], columns - means[1]
    length = np.sqrt((inner**2).sum(axis=0))
    flat = length <= 1e-12 * np.sqrt((of**2).sum(axis=0))
    size = np.where(flat, 1.0, length)
    T = np.linalg.lstsq(np.where(flat, 0.0, inner / size), outer, rcond=None)[0] / size[:, None]
    rest = outer - np.where(flat, 0.0, inner) @ T
    allowed = ALIKE * np.sqrt((outer**2).sum(axis=0)) + 1e-11 * np.sqrt((columns**2).sum(axis=0))
    if (np.sqrt((rest**2).sum(axis=0)) > allowed).any():
        return None
    if has_constant:
        T = T + np.outer(constant / scale, means[1] - means[0] @ T)
    return T


def lost_block(small: Any, large: Any, X: Array) -> str:
    """The first block of columns of one fit that is not in the other; empty where all are.

    Columns are compared off the span of X: of all fixed effects under REML, which sees nothing
    else; under ML of the constant alone, which the model takes off blocks.
    """
    theirs = [_block(large, name) for name in _blocks(large)]
    for name in _blocks(small):
        own = _block(small, name)
        if not any(_same_law(own, other, X) for other in theirs):
            return name
    return ""


def held_block(small: Any, large: Any, X: Array) -> str:
    """The first block that the larger fit holds off zero and the smaller one lacks."""
    ours = [_block(small, name) for name in _blocks(small)]
    for name in _blocks(large):
        other = _block(large, name)
        if other.fixed and not any(_same_law(own, other, X) for own in ours):
            return name
    return ""


@dataclass(frozen=True, repr=False)
class SharedBlock:
    """A block of columns that share one sd; `fixed` is that sd where it is no parameter."""

    Z: Array  # (n, P) as the prior takes them, but for their centre
    fixed: float | None


def _blocks(tree: Any) -> list[str]:
    data = tree["constant_data"].dataset
    return [str(v).removeprefix("unit_") for v in data.data_vars if str(v).startswith("unit_")]


def _block(tree: Any, name: str) -> SharedBlock:
    data, posterior = tree["constant_data"].dataset, tree["posterior"].dataset
    if f"columns_{name}" in data:
        Z = data[f"columns_{name}"].values / data[f"unit_{name}"].values
    else:
        found = [b for b in getattr(model_of(tree), "blocks", ()) if b.name == name]
        if not found:
            raise ValueError(
                f"the file of this fit does not hold the columns of {name}, so that nesting cannot "
                f"be seen: fit the model again"
            )
        Z = found[0].Z
    free = f"sd_{name}" in tree["variance_parameters"]["parameter"].values
    sd = float(posterior[f"sd_{name}"].values.ravel()[0])
    return SharedBlock(np.asarray(Z, float), None if free else sd)


def _same_law(small: SharedBlock, large: SharedBlock, X: Array) -> bool:
    """Whether Z Z' of the two are one but for a factor, beside what the fixed effects take off."""
    if large.fixed is not None and small.fixed is None:
        return False
    basis = np.linalg.qr(X)[0]
    one, other = (Z - basis @ (basis.T @ Z) for Z in (small.Z, large.Z))
    if one.shape == other.shape:
        factor = float(np.sqrt((one**2).sum() / (other**2).sum()))
        alike = np.allclose(one, factor * other, rtol=0.0, atol=ALIKE * np.abs(one).max())
    if one.shape != other.shape or not alike:
        if X.shape[0] > SQUARE:
            return False
        one, other = one @ one.T, other @ other.T
        factor = float(np.sqrt(np.trace(one) / np.trace(other)))
        alike = np.allclose(one, factor**2 * other, rtol=0.0, atol=ALIKE * np.abs(one).max())
    if large.fixed is not None and small.fixed is not None:
        return bool(alike and np.isclose(small.fixed * factor, large.fixed, rtol=ALIKE))
    return bool(alike)
