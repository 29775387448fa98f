"""What an engine is, and what it returns."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..host.options import shown
from ..types import Array, Named
from .endings import Ending


@dataclass(frozen=True, repr=False)
class Outcome:
    """What one run of an engine found.

    Attributes
    ----------
    theta : Theta, optional
        Draws of theta, name -> (chains, draws, ...); all else is then recovered exactly. None
        where the engine has drawn all variables itself (`variables`).
    variables : dict
        Name -> (dims, values with leading chain and draw), in place of `theta`.
    sample_stats : dict
        Name -> array (chains, draws, ...).
    attrs : dict
        Flat strings and numbers that describe the run; `engine` and `options` too where it left
        the work to another engine.
    fixed : tuple of str
        Hyperparameters that were plugged in, not drawn.
    criterion : str
        The criterion whose prior of beta the recovery takes.
    tables : dict
        Further datasets, name -> {variable: (dims, values)}, with their coords in `coords`.
    """

    theta: Any = None
    variables: Named = field(default_factory=dict)
    sample_stats: dict[str, Array] = field(default_factory=dict)
    attrs: dict[str, Any] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    criterion: str = "evidence"
    tables: dict[str, dict[str, tuple[tuple[str, ...], Any]]] = field(default_factory=dict)
    coords: dict[str, Any] = field(default_factory=dict)


def refuse_unknown_columns(engine: Any, model: Any) -> None:
    """Refuse a model whose columns are unknown, where an engine needs coefficients given them."""
    if model.axes is not None:
        raise ValueError(
            f"{type(engine).__name__} is for coefficients of known columns; a {model.kind} has "
            f"unknown ones: use NUTS(), ADVI(marginal=True) or EmpiricalBayes('ml')"
        )


def check_integers(engine: Any, **least: int) -> None:
    """Refuse an option of an engine that is no integer, or below its least value."""
    for name, bound in least.items():
        value = getattr(engine, name)
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < bound:
            raise ValueError(
                f"{type(engine).__name__}({name}=...) must be an integer of at least {bound:,}, "
                f"got {shown(value)}"
            )


def exact_draws(model: Any, chains: int, draws: int) -> Outcome:
    """The outcome of a sampler where theta is fixed, so that there is nothing to sample."""
    attrs = {"message": Ending.EXACT.value, "converged": 1}
    return Outcome(theta=model.space.constrain(np.zeros((chains, draws, 0))), attrs=attrs)


def most_draws(counts: np.ndarray) -> tuple[np.ndarray, int]:
    """The chains, and how many draws of each, that keep most draws in a rectangle."""
    order = np.argsort(-counts, kind="stable")
    kept = counts[order] * np.arange(1, counts.size + 1)
    best = int(np.argmax(kept))
    if kept[best] == 0:
        raise KeyboardInterrupt("interrupted before the first draw after tuning")
    return np.sort(order[: best + 1]), int(counts[order[best]])


def interrupted_words(chains: int, draws: int) -> str:
    """What an interrupt left."""
    return f"interrupted: {draws} draws of each of {chains} chains were kept"


class Engine(Protocol):
    """An algorithm that infers a model.

    An engine sees a `Model`, its `space` and its `target`, and never asks which model it is.
    """

    @property
    def name(self) -> str:
        """Short name, for tables and `attrs["engine"]`."""
        ...

    def run(self, model: Any, rng: np.random.Generator, progress: bool) -> Outcome:
        """Infer the model."""
        ...
