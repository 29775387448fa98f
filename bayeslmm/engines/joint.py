"""NUTS on a PyMC graph: the joint one, or the marginal one where nutpie is missing."""

import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..model.model import Model
from ..model.parameters import RAW
from ..posterior.recover import canonical_draws, coordinates
from ..types import Array
from .convergence import compared, judge
from .engine import Outcome


def sample_graph(
    model: Model, settings: Mapping[str, Any], rng: np.random.Generator, progress: bool
) -> Outcome:
    """Sample `model.graph` by nutpie, or by PyMC's own sampler where nutpie is not installed."""
    sampler = "nutpie" if importlib.util.find_spec("nutpie") else "pymc"
    tree = _sample(model.graph, settings, rng, progress, sampler)
    hidden = {"chain", "draw"}
    variables = {
        name: (tuple(d for d in array.dims if d not in hidden), array.values)
        for name, array in tree["posterior"].data_vars.items()
        if not name.startswith("chol_") and not name.endswith(RAW)
    }
    variables = canonical_draws(model, variables)
    stats = _stats(tree)
    shown = {n: v for n, (_, v) in variables.items()}
    attrs = {"sampler": sampler, **judge(shown, stats, model.moving)}
    return Outcome(variables=variables, sample_stats=stats, attrs=attrs)


def sample_marginal(
    model: Model, settings: Mapping[str, Any], rng: np.random.Generator, progress: bool
) -> Outcome:
    """Sample `model.marginal` by PyMC's own sampler: the fallback where nutpie is missing."""
    tree = _sample(model.marginal, settings, rng, progress, "pymc")
    z = coordinates(model, tree["posterior"].dataset)
    z = z.reshape(settings["chains"], settings["draws"], model.space.size)
    stats, thetas = _stats(tree), model.space.constrain(z)
    attrs = {"sampler": "pymc", **judge(compared(model, thetas, z), stats, ("z", *model.moving))}
    return Outcome(theta=thetas, sample_stats=stats, attrs=attrs)


def _sample(graph: Any, settings: Mapping[str, Any], rng: Any, progress: bool, sampler: str) -> Any:
    import pymc as pm

    with graph:
        return pm.sample(
            **settings,
            random_seed=int(rng.integers(2**31)),
            progressbar=progress,
            nuts_sampler=sampler,
            compute_convergence_checks=False,
        )


def _stats(tree: Any) -> dict[str, Array]:
    return {
        name: array.values
        for name, array in tree["sample_stats"].data_vars.items()
        if array.dims == ("chain", "draw")
    }
