"""Columns of numbers and products of them: terms that need no formulae, slow to import."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .algebra import Side
from .columns import Column
from .nodes import Name


@dataclass(frozen=True)
class Product:
    """The product of plain numeric columns; the column of ones where there is none."""

    columns: tuple[str, ...]
    name: str

    def eval_new_data(self, frame: Any) -> np.ndarray:
        """The term's one column, (n, 1)."""
        found = np.ones((len(frame), 1))
        for name in self.columns:
            found[:, 0] *= frame[name].to_numpy(dtype=float)
        return found


def products(side: Side, columns: Mapping[str, Column]) -> tuple[Product, ...] | None:
    """The terms of a side where all are plain, else None."""
    factors = [factor for term in side.terms for factor in term]
    if not all(isinstance(f.node, Name) and not columns[f.node.name].categorical for f in factors):
        return None
    found = [Product((), "Intercept")] if side.intercept else []
    for term in side.terms:
        names = tuple(f.node.name for f in term if isinstance(f.node, Name))
        found.append(Product(names, ":".join(f.label for f in term)))
    return tuple(found)
