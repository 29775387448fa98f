"""From bars to groupings: code each left side, merge the terms of one factor, say what correlates.

``(x || g)`` and ``(1 | g) + (0 + x | g)`` are one grouping with effects Intercept and x in two
blocks; ``(x | g)`` has them in one. ``||`` makes every column a block of its own, also every column
of a categorical predictor (lme4 keeps those of one factor correlated).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .bars import RandomPart
from .cells import check_columns
from .column import Column
from .errors import DesignError
from .grouping import Grouping, GroupingFactor, NewGroup, fit_factor
from .rank import check_rank
from .sides import FittedSide, fit_side


@dataclass(frozen=True)
class FittedRandom:
    """A grouping factor and the sides whose columns are its effects."""

    factor: GroupingFactor
    sides: tuple[FittedSide, ...]

    def encode(self, columns: Mapping[str, Column], rows: np.ndarray) -> NewGroup:
        """The factor in a new table."""
        codes, new_levels = self.factor.encode(columns)
        effects = [side.encode(columns, rows) for side in self.sides]
        return NewGroup(self.factor.name, np.column_stack(effects), codes, new_levels)


def fit_random(
    parts: Sequence[RandomPart], columns: Mapping[str, Column], rows: np.ndarray
) -> list[tuple[FittedRandom, Grouping]]:
    """Groupings of all bars, in the order in which their factors first appear.

    Parameters
    ----------
    parts : sequence of RandomPart
        The bars.
    columns : mapping of str to Column
        The columns that they use, without gaps.
    rows : ndarray (n,)
        Labels of the rows.

    Raises
    ------
    DesignError
        If an effect appears twice on a factor, a factor has one level, or effects are collinear.
    """
    merged: dict[frozenset[str], list[RandomPart]] = {}
    for part in parts:
        merged.setdefault(frozenset(part.factor), []).append(part)
    return [_fit_one(of_factor, columns, rows) for of_factor in merged.values()]


def _fit_one(
    parts: Sequence[RandomPart], columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[FittedRandom, Grouping]:
    factor, codes = fit_factor([columns[name] for name in parts[0].factor])
    refuse_single_level(factor.name, factor.levels)
    fitted = [fit_side(part.side, columns, rows) for part in parts]
    _refuse_repeated(factor.name, parts, [side.names for side, _ in fitted])
    effects = tuple(name for side, _ in fitted for name in side.names)
    Z = np.ascontiguousarray(np.column_stack([matrix for _, matrix in fitted]))
    where = f"the random effects of '{factor.name}'"
    for side, matrix in fitted:
        check_columns(side, matrix, columns, where, rank=True)
    if len(fitted) > 1:
        check_rank(Z, effects, where)
    blocks = _blocks([len(side.names) for side, _ in fitted], [part.correlated for part in parts])
    grouping = Grouping(factor.name, factor.levels, codes, effects, Z, blocks)
    return FittedRandom(factor, tuple(side for side, _ in fitted)), grouping


def _blocks(sizes: Sequence[int], correlated: Sequence[bool]) -> tuple[tuple[int, ...], ...]:
    blocks: list[tuple[int, ...]] = []
    start = 0
    for size, together in zip(sizes, correlated, strict=True):
        members = range(start, start + size)
        blocks.extend([tuple(members)] if together else [(member,) for member in members])
        start += size
    return tuple(blocks)


def refuse_single_level(name: str, levels: np.ndarray) -> None:
    """One group says nothing about the variance between groups."""
    if len(levels) == 1:
        raise DesignError(
            f"the grouping factor '{name}' has one level, '{levels[0]}': its variance cannot be "
            "estimated; drop this random effect"
        )


def _refuse_repeated(
    factor: str, parts: Sequence[RandomPart], effects: Sequence[Sequence[str]]
) -> None:
    """(1 | g) + (x | g) asks for the intercept twice: once alone, once correlated with x."""
    seen: dict[str, RandomPart] = {}
    for part, names in zip(parts, effects, strict=True):
        for name in names:
            if name in seen:
                if seen[name].text == part.text:
                    raise DesignError(
                        f"the random effect {part.text} appears twice; drop one of them"
                    )
                raise DesignError(
                    f"the effect '{name}' appears twice on '{factor}': in {seen[name].text} and in "
                    f"{part.text}. Keep one of them for correlated effects; write "
                    f"(1 | {factor}) + (0 + x | {factor}), or (x || {factor}), for uncorrelated"
                )
            seen[name] = part
