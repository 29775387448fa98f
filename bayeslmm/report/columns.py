"""Blocks of columns: what each engine says of their coefficients, in one order for the page.

Columns that some engine includes come first, then those furthest from zero in units of their sd.
Where every engine says that a coefficient is exactly zero, the page counts it and shows it nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..model.terms import BlockTerm
from ..results.estimates import INTERVAL, PROB, estimates
from ..results.scalars import Kind, Scalar, chains, numbers
from ..results.selected import block_names, selected
from ..types import Array

MOST = 30  # columns of one block that a figure or a table shows at once
ALIKE = 5.0  # largest ratio of columns' sizes whose coefficients share an axis as they are
ALL = 200  # that unfold below the table; `selected` has the rest


@dataclass(frozen=True, eq=False)
class BlockTables:
    """The coefficients of one block, by every engine that has them.

    Attributes
    ----------
    block : BlockTerm
    tables : dict
        Engine -> what `selected` says, one row a column, in the block's own order.
    trees : dict
        Engine -> its tree.
    """

    block: BlockTerm
    tables: Mapping[str, Any]
    trees: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.block.name

    @property
    def title(self) -> str:
        """A heading for its rows."""
        return f"Coefficients of {self.name} ({self.block.law.kind})"

    @cached_property
    def order(self) -> np.ndarray:
        """Places of the columns that are not zero for all engines, the surest first."""
        votes, distance = np.zeros(self.block.columns), np.zeros(self.block.columns)
        for table in self.tables.values():
            mean, sd = table["mean"].to_numpy(), table["sd"].to_numpy()
            votes += table["included"].to_numpy()
            with np.errstate(invalid="ignore", divide="ignore"):
                distance = np.fmax(distance, np.where(mean == 0.0, 0.0, np.abs(mean) / sd))
        order = np.lexsort((-distance, -votes))
        return order[~self.zero[order]] if not self.zero.all() else order

    @cached_property
    def zero(self) -> np.ndarray:
        """Whether all engines left a column out altogether, (P,)."""
        return np.all([t["sd"].to_numpy() == 0.0 for t in self.tables.values()], axis=0)

    @property
    def listed(self) -> int:
        """How many columns the page lists."""
        return min(self.order.size, ALL)

    @property
    def told(self) -> str:
        """How many of how many are shown, and which."""
        shown, total = min(self.order.size, MOST), self.block.columns
        gone = int(self.zero.sum()) if not self.zero.all() else 0
        if shown == total:
            return ""
        some = f"{shown} of {total:,} columns"
        if shown + gone == total:
            return f"{some}; the other coefficients are exactly zero"
        rest = f"; {gone:,} coefficients are exactly zero" if gone else ""
        return f"{some}, those included and those furthest from zero in units of their sd{rest}"

    @property
    def included(self) -> str:
        """How many columns each engine includes, and by what rule."""
        rules: dict[bool, list[str]] = {}
        for engine, table in self.tables.items():
            kept = bool((table["sd"] == 0.0).any())
            rules.setdefault(kept, []).append(f"{int(table['included'].sum()):,} by {engine}")
        words = {
            False: f"their {INTERVAL} leaves out zero",
            True: "the maximum did not set their scale to zero",
        }
        told = "; ".join(f"{', '.join(found)} ({words[kept]})" for kept, found in rules.items())
        return f"Of {self.block.columns:,} columns of {self.name} are included: {told}."

    def unit(self, frequency: Array) -> tuple[Array, str]:
        """What coefficients are multiplied by to share an axis, and that in words.

        Columns on scales of their own have coefficients that no one axis can show; those times the
        column's sd, or its root mean square where there is no intercept to take up its mean, are
        all in units of the response.
        """
        block = self.block
        centred = bool(block.centre.any())
        share = frequency / frequency.sum()
        spread = block.spread(frequency) if centred else share @ block.Z**2
        size = block.unit * np.sqrt(spread)
        if size.max() <= ALIKE * size.min():
            return np.ones(block.columns), ""
        return size, f" times {'sd' if centred else 'rms'} of its column"

    def scalars(self, engine: str) -> list[Scalar]:
        """The first columns in the order of the page as named numbers, with their draws."""
        tree, kind = self.trees[engine], Kind(self.title, f"u_{self.name}")
        rows = [(self.block.labels[j], (j,)) for j in self.order[: self.listed].tolist()]
        return list(numbers(estimates(tree)[f"u_{self.name}"], kind, rows, chains(tree) > 0))


def columns_of(blocks: tuple[BlockTerm, ...], trees: Mapping[str, Any]) -> dict[str, BlockTables]:
    """Block -> its coefficients by every engine whose tree holds them."""
    found = {}
    for block in blocks:
        held = {e: tree for e, tree in trees.items() if block.name in block_names(tree)}
        tables = {
            engine: selected(tree, block.name, prob=PROB).loc[list(block.labels)]
            for engine, tree in held.items()
        }
        if tables:
            found[block.name] = BlockTables(block, tables, held)
    return found
