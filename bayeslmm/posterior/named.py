"""Draws by name: what recovery gives to the tree; and what each number of a variable is called."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..types import Array, Named

BUDGET = 200e6  # bytes of one variable


@dataclass(frozen=True, repr=False)
class Recovered:
    """Variables by name, each with its dims after (chain, draw), and moments of those too large."""

    variables: Named
    moments: Named = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Reading:
    """What draws (k, D) of an approximation's vector say.

    Attributes
    ----------
    log_target : ndarray (k,)
        Log density that the approximation stands for, on the scale that it lives on.
    judged : dict
        Variables by name, (k, ...), whose widths and places are judged.
    ratios : list
        Widths of coefficients against exact ones, where there are any.
    theta : optional
        Draws of theta, from which all else is recovered exactly; else `variables`.
    variables : dict
        Drawn variables by name, one chain.
    """

    log_target: Array
    judged: Named
    ratios: list
    theta: Any = None
    variables: Named = field(default_factory=dict)


def passes(draws: int, numbers: int) -> bool:
    """Whether so many draws of so many numbers are more than a tree carries."""
    return 8.0 * draws * numbers > BUDGET


def trimmed(variables: Mapping, large: Collection[str], keep: Collection[str] = ()) -> Recovered:
    """Drawn variables (chains, draws, ...); of `large` those past the budget as mean and sd."""
    kept, moments = dict(variables), {}
    for name in large:
        if name in kept and name not in keep and passes(1, kept[name][1].size):
            dims, values = kept.pop(name)
            values = np.asarray(values)
            moments[f"{name}_mean"] = (dims, values.mean(axis=(0, 1)))
            moments[f"{name}_sd"] = (dims, values.std(axis=(0, 1)))
    return Recovered(kept, moments)


def element(name: str, *labels: object) -> str:
    """What one number of a variable is called.

    Examples
    --------
    >>> element("sigma"), element("corr_g", "Intercept", "x")
    ('sigma', 'corr_g[Intercept, x]')
    """
    return f"{name}[{', '.join(map(str, labels))}]" if labels else name


def elements(
    name: str, labels: Sequence[Sequence[Any]], paired: bool = False
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What the numbers of a variable are called, and where they stand.

    One label alone needs no bracket; of a correlation each pair stands once.

    Examples
    --------
    >>> list(elements("sd_g", [["Intercept", "x"]]))
    [('sd_g[Intercept]', (0,)), ('sd_g[x]', (1,))]
    """
    if [len(each) for each in labels] == [1]:
        yield name, (0,)
        return
    for at in np.ndindex(*map(len, labels)):
        if not paired or at[1] < at[0]:
            at = at[::-1] if paired else at
            yield element(name, *(each[i] for each, i in zip(labels, at))), at
