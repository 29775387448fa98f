"""What is left out, and what leaving it out answers, with the constants of both."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...stats.normal import LOG_2PI
from ...types import Array, Index
from ..compiled import jit
from .algebra import factor, in_sample, squared


class Left(NamedTuple):
    """The answer at one point of the variances, each (units,)."""

    log_density: Array  # of the unit, given all other rows
    in_sample: Array  # of new responses at the unit's rows, given all rows
    z: Array  # (y_i - mean) / sd given all other rows; NaN where a unit is no single row


class LeftOut(Protocol):
    """Something that can be left out, at any point of the variances."""

    def at(self, scales: Array, sigma: float) -> Left: ...


@dataclass(frozen=True, eq=False, repr=False)
class Units:
    """What is left out at a time.

    Attributes
    ----------
    codes : (n,)
        The unit of each row.
    count : int
    copies : (n,)
        A row that counts f times is f observations. One of so many is left out: 1 for all of them.
    """

    codes: Index
    count: int
    copies: Array

    @classmethod
    def rows(cls, frequency: Array) -> "Units":
        """One observation at a time."""
        n = frequency.size
        return cls(np.arange(n), n, np.asarray(frequency, float))

    @classmethod
    def levels(cls, codes: Index, count: int) -> "Units":
        """All rows of a level at a time."""
        return cls(codes, count, np.ones(codes.size))

    def members(self, order: Index | None = None) -> tuple[Index, Index]:
        """Rows of unit j: members[ends[j] : ends[j + 1]], numbered and sorted as in `order`."""
        inside = self.codes if order is None else self.codes[order]
        ends = np.cumsum(np.bincount(inside, minlength=self.count))
        return np.argsort(inside, kind="stable"), np.concatenate([[0], ends])

    @property
    def alone(self) -> bool:
        """Whether each row is a unit of its own, in the order of the table."""
        return self.count == self.codes.size and np.array_equal(self.codes, np.arange(self.count))

    def constants(self, table: Any) -> tuple[Array, Array]:
        """Observations of each unit, and half of the log of the product of their weights."""
        size = table.frequency / self.copies
        logs = np.bincount(self.codes, size * np.log(table.weights), minlength=self.count)
        return np.bincount(self.codes, size, minlength=self.count), 0.5 * logs


def with_constants(found: Array, sigma: float, constants: tuple[Array, Array]) -> Left:
    """The answer from (units, 3), whose densities lack a constant."""
    count, half = constants
    constant = half - count * (0.5 * LOG_2PI + np.log(sigma))
    return Left(found[:, 0] + constant, found[:, 1] + constant, found[:, 2])


@jit
def predict(Pi, rho, floor, copies, found):
    """found (3,) <- log density left out, of new rows given all of y (no constants), and z."""
    if rho.size == 1:
        predict_row(Pi[0, 0], rho[0], floor[0], copies, found)
    else:
        found[2] = np.nan
        found[1] = in_sample(Pi, rho)
        found[0] = factor(Pi, floor) - 0.5 * squared(Pi, rho.copy())


@jit
def predict_row(pi, rho, floor, copies, found):
    """The same of one row: of `copies` equal ones, one is left out and the others are kept.

    1 - pi is then `copies` times the leverage of one.
    """
    if not pi > floor:
        pi = np.nan
    if copies > 1.0:  # else a sum that the compiler may reorder would lose the digits of pi
        pi = (copies - 1.0 + pi) / copies
    square = rho * rho / copies
    found[0] = 0.5 * (np.log(pi) - square / pi)
    found[1] = -0.5 * (np.log(2.0 - pi) + square / (2.0 - pi))
    found[2] = rho / np.sqrt(copies * pi)
