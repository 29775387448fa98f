"""What a page is made of: the model, its results by name, and what several panels need of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..gaussian.sums import Array
from ..model import Model
from .scalars import PROB, Scalar, Z, scalars


@dataclass(frozen=True, eq=False)
class Block:
    """The random effects of one factor: labels, and mean and interval of each (levels, effects)."""

    name: str
    levels: list[str]
    effects: list[str]
    mean: Array
    lower: Array
    upper: Array


@dataclass(frozen=True, eq=False)
class View:
    """A model and its results."""

    model: Model
    trees: Mapping[str, Any]

    @cached_property
    def scalars(self) -> dict[str, list[Scalar]]:
        """Engine -> all its numbers."""
        return {engine: scalars(tree) for engine, tree in self.trees.items()}

    @cached_property
    def first(self) -> tuple[str, Any]:
        """The engine that stands first: panels that show one engine show this."""
        return next(iter(self.trees.items()))

    @cached_property
    def blocks(self) -> dict[str, dict[str, Block]]:
        """Factor -> engine -> its random effects; the factor with fewest levels first."""
        found: dict[str, dict[str, Block]] = {}
        for engine, tree in self.trees.items():
            for block in blocks(tree):
                found.setdefault(block.name, {})[engine] = block
        fewest = sorted(found, key=lambda name: len(next(iter(found[name].values())).levels))
        return {name: found[name] for name in fewest}

    @cached_property
    def fitted(self) -> Array:
        """Posterior mean of every row's mean, (n,), by the first engine."""
        from ..predictive import mean_of

        _, tree = self.first
        posterior = tree["posterior"].dataset
        moments = tree["posterior_moments"].dataset if "posterior_moments" in tree else {}
        means = []
        for name in ("beta", *(t.coefficients for t in self.model.terms)):
            if name in posterior:
                means.append(posterior[name].mean(("chain", "draw")).values)
            elif f"{name}_mean" in moments:
                means.append(moments[f"{name}_mean"].values)
            else:
                means.append(np.zeros(0))
        return mean_of(self.model, means[0], means[1:])


def blocks(tree: Any) -> list[Block]:
    """The random effects that a tree holds, as draws or as moments."""
    posterior = tree["posterior"].dataset
    moments = tree["posterior_moments"].dataset if "posterior_moments" in tree else {}
    plugged = bool(tree["posterior"].attrs.get("fixed"))
    names = [str(v) for v in posterior.data_vars if str(v).startswith("u_")]
    names += [
        name
        for name in (str(v).removesuffix("_mean") for v in moments if str(v).endswith("_mean"))
        if name.startswith("u_") and name not in names
    ]
    found = []
    for name in names:
        exact = f"{name}_mean" in moments and (plugged or name not in posterior)
        if exact:
            array, sd = moments[f"{name}_mean"], moments[f"{name}_sd"].values
            mean = array.values
            lower, upper = mean - Z * sd, mean + Z * sd
            dims = array.dims
        else:
            array = posterior[name].transpose("chain", "draw", ...)
            mean = array.values.mean(axis=(0, 1))
            tails = [0.5 - PROB / 2.0, 0.5 + PROB / 2.0]
            lower, upper = np.quantile(array.values, tails, axis=(0, 1))
            dims = array.dims[2:]
        labels = [[str(v) for v in array[dim].values] for dim in dims]
        found.append(Block(name.removeprefix("u_"), *labels, mean, lower, upper))
    return found
