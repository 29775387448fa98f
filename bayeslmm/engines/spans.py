"""Variances that no data on this design could tell, whatever the response.

    Var(y) = sum_k theta_k V_k,    V_k = Z_i Z_j' within a factor, Z Z' of a block, diag(1/w)

What REML sees of y lies off the span of X. Where the V_k, projected off it, are linearly dependent,
only combinations of the variances can be told (Rao 1972, MINQUE): a factor that the fixed effects
already span, a factor twice, a kernel of the same groups, a slope that takes one value a group. A
sum of matrices is zero where it takes random vectors to zero, so that no n x n matrix is formed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..model.model import Model
from ..model.terms import BlockTerm, GroupTerm
from ..posterior.named import element, elements
from ..types import Array

PROBES = 8  # random vectors that stand for all; one does where the matrices have a high rank
NONE = 1e-8  # share of a matrix under which nothing of it is left
LOCAL = 50  # scales of one block up to which each is looked at
LARGE = 20_000  # rows from which work is spared
MANY = 2_000_000  # repeated rows up to which they are written out

type Times = Callable[[Array], Array]


@dataclass(frozen=True)
class Component:
    """One variance or covariance: whose it is, what it is called, and its matrix V_k."""

    owner: str
    name: str
    times: Times


@dataclass(frozen=True)
class Dependence:
    """Parameters of which the data tell only combinations, and the terms that they belong to."""

    names: tuple[str, ...]
    owners: tuple[str, ...]  # "" stands for the noise

    @property
    def words(self) -> str:
        """Why, in words."""
        others = [owner for owner in self.owners if owner]
        names = _listed(self.names)
        if len(self.owners) == 1:
            if len(self.names) == 1:
                return (
                    f"{names} is not determined: the fixed effects already span the columns of "
                    f"{others[0]}"
                )
            return (
                f"{names} are not determined: the effects of {others[0]} give the rows the same "
                f"covariance in more than one way"
            )
        if "" in self.owners:
            return (
                f"{names} are not determined: {_listed(others)} and the noise give the rows the "
                f"same covariance"
            )
        return (
            f"{names} are not determined, only a sum of them is: {_listed(others)} give the rows "
            f"the same covariance"
        )

    @property
    def advice(self) -> str:
        """What to do about it."""
        others = [owner for owner in self.owners if owner]
        if "" in self.owners:
            return "fix sigma (priors={'sigma': ...}), give noise_sd=, or drop a term"
        if len(others) == 1 and len(self.names) == 1:
            return f"drop {others[0]}, or these fixed effects"
        if len(others) == 1:
            return f"drop an effect of {others[0]}"
        return f"keep one of {_listed(others)}"


def dependences(model: Model) -> tuple[Dependence, ...]:
    """What the design cannot tell, one entry for each set of parameters."""
    if model.design.frequency.sum() > MANY:
        return ()
    rows = np.repeat(np.arange(model.design.y.size), model.design.frequency.astype(np.int64))
    parts = list(_components(model, rows))
    if not parts:
        return ()
    basis, _ = np.linalg.qr(model.design.X[rows])
    narrow = min((p.columns for p in model.parts), default=0) < 4 * len(parts)
    probes = PROBES if narrow or rows.size < LARGE else 1
    W = _off(basis, np.random.default_rng(0).standard_normal((rows.size, probes)))
    columns = []
    for part in parts:
        whole = part.times(W)
        size = np.linalg.norm(whole)
        columns.append(_off(basis, whole).ravel() / (size if size > 0.0 else 1.0))
    return _dependent(np.column_stack(columns), parts)


def _off(basis: Array, W: Array) -> Array:
    return W - basis @ (basis.T @ W)


def _components(model: Model, rows: np.ndarray) -> Iterator[Component]:
    """Every free variance and covariance, the noise last."""
    for term in model.groups:
        yield from _of_factor(term, rows)
    for block in model.blocks:
        yield from _of_block(block, rows)
    if model.space.sigma.free:
        share = (1.0 / model.residual.precision)[rows, None]
        yield Component("", "sigma", lambda W: share * W)


def _of_factor(term: GroupTerm, rows: np.ndarray) -> Iterator[Component]:
    if not term.sd.free:
        return
    codes, Z = term.grouping.codes[rows], term.grouping.Z[rows]
    effects, levels = term.grouping.effects, term.shape[0]

    def times(i: int, j: int, W: Array) -> Array:
        return Z[:, [i]] * _by_group(codes, levels, Z[:, [j]] * W)[codes]

    for name, (i,) in elements(term.sd.name, [effects]):
        yield Component(f"(... | {term.name})", name, partial(times, i, i))
    for part in term.correlation.parts if term.correlation.free else ():
        for k, i in enumerate(part):
            for j in part[:k]:
                name = element(term.correlation.name, effects[j], effects[i])
                yield Component(f"(... | {term.name})", name, partial(_both, times, i, j))


def _both(times: Callable[[int, int, Array], Array], i: int, j: int, W: Array) -> Array:
    return times(i, j, W) + times(j, i, W)


def _by_group(codes: np.ndarray, levels: int, W: Array) -> Array:
    """Sums of the rows of each group, (levels, probes)."""
    return np.column_stack([np.bincount(codes, w, levels) for w in W.T])


def _of_block(block: BlockTerm, rows: np.ndarray) -> Iterator[Component]:
    """The scale of a whole block, or one a column; those hidden under others are left to priors."""
    law = block.law
    Z = block.Z if rows.size == len(block.Z) else block.Z[rows]
    if law.shared and law.common is not None and law.common.free:
        yield Component(block.name, law.common.name, lambda W: Z @ (Z.T @ W))
    if law.selects and law.local is not None and block.columns <= LOCAL:
        for label, z in zip(block.labels, Z.T):
            yield Component(block.name, element(law.local.name, label), partial(_alone, z))


def _alone(z: Array, W: Array) -> Array:
    return np.outer(z, z @ W)


def _dependent(M: Array, parts: Sequence[Component]) -> tuple[Dependence, ...]:
    """Columns that others make up, by a pivoted QR: each with those that it takes."""
    from scipy.linalg import qr, solve_triangular

    R, order = qr(M, mode="r", pivoting=True)
    rank = int((np.abs(np.diag(R)) > NONE).sum())
    top = R[:rank, :rank]
    found = []
    for column in range(rank, len(parts)):
        shares = solve_triangular(top, R[:rank, column]) if rank else np.zeros(0)
        some = [*order[:rank][np.abs(shares) > 1e-6 * max(1.0, np.abs(shares).max(initial=0.0))]]
        own = [parts[i] for i in sorted([*some, order[column]])]
        owners = tuple(dict.fromkeys(part.owner for part in own))
        found.append(Dependence(tuple(part.name for part in own), owners))
    return tuple(found)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
