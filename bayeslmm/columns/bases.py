"""Bases: columns that are functions of the inputs, for `rvm` and for any sparse block.

    y(x) = w_0 + sum_j w_j phi_j(x)

A basis is a value that is fitted to the inputs (their names, their range) and then gives the same
columns at any point. The constant is not among them: it is the block's bias, or the intercept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, groupby
from typing import Any, Protocol

import numpy as np

from ..design import DesignError
from ..types import Array
from .kernels import finite_number, whole_number

__all__ = ["Basis", "FittedBasis", "fourier", "polynomial"]


class FittedBasis(Protocol):
    """Functions whose names and constants are known."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the P columns."""
        ...

    def __call__(self, x: Array) -> Array:
        """The columns (n, P) at points (n, d)."""
        ...


class Basis(Protocol):
    """Functions to be fitted to inputs."""

    def count(self, inputs: int) -> int:
        """Number of columns for d inputs, so that memory can be asked for first."""
        ...

    def fit(self, x: Array, inputs: Sequence[str]) -> FittedBasis:
        """The functions for points (n, d) with the names of the d inputs."""
        ...


def polynomial(degree: int) -> "Polynomial":
    """All monomials of the inputs up to a degree: x, y, x^2, x*y, y^2, ...

    Parameters
    ----------
    degree : int
        The largest sum of exponents, at least 1. d inputs have C(d + degree, d) - 1 monomials.

    Returns
    -------
    Polynomial

    Raises
    ------
    ValueError
        The degree is not a whole number above zero.

    Examples
    --------
    >>> import numpy as np
    >>> from bayeslmm import bases
    >>> fitted = bases.polynomial(2).fit(np.ones((1, 2)), ("x", "y"))
    >>> fitted.labels
    ('x', 'y', 'x^2', 'x*y', 'y^2')
    >>> fitted(np.array([[2.0, 3.0]])).tolist()
    [[2.0, 3.0, 4.0, 6.0, 9.0]]
    """
    return Polynomial(whole_number("degree", degree))


def fourier(order: int, period: float | None = None) -> "Fourier":
    """Sines and cosines of the first harmonics: sin(2*pi*k*x/T), cos(2*pi*k*x/T), k = 1 to order.

    Several inputs have theirs side by side, without products.

    Parameters
    ----------
    order : int
        Number of harmonics, at least 1.
    period : float, optional
        T, above zero. By default the range of x, max - min, of each input by itself; the function
        then takes the same value at both ends.

    Returns
    -------
    Fourier

    Raises
    ------
    ValueError
        The order is not a whole number above zero, or the period is not above zero. On fitting, a
        DesignError: an input without any range, and no period.

    Examples
    --------
    >>> import numpy as np
    >>> from bayeslmm import bases
    >>> fitted = bases.fourier(2).fit(np.array([[0.0], [1.0], [4.0]]), ("t",))
    >>> fitted
    fourier(order=2, period=4)
    >>> fitted.labels
    ('sin(2*pi*t/T)', 'cos(2*pi*t/T)', 'sin(4*pi*t/T)', 'cos(4*pi*t/T)')
    >>> fitted(np.array([[1.0]])).tolist()
    [[1.0, 0.0, 0.0, -1.0]]
    """
    given = None if period is None else finite_number("period", period, above=0.0)
    return Fourier(whole_number("order", order), given)


@dataclass(frozen=True, repr=False)
class Polynomial:
    """Monomials up to a degree, not yet fitted."""

    degree: int

    def __repr__(self) -> str:
        return f"polynomial(degree={self.degree})"

    def count(self, inputs: int) -> int:
        return math.comb(inputs + self.degree, inputs) - 1

    def fit(self, x: Array, inputs: Sequence[str]) -> "FittedPolynomial":
        return FittedPolynomial(self.degree, tuple(inputs))


@dataclass(frozen=True, repr=False)
class FittedPolynomial:
    """Monomials of named inputs, by degree."""

    degree: int
    inputs: tuple[str, ...]

    def __repr__(self) -> str:
        return f"polynomial(degree={self.degree})"

    @property
    def factors(self) -> list[tuple[int, ...]]:
        """Of each monomial, its inputs by number, each as often as its exponent says."""
        d = range(len(self.inputs))
        every = range(1, self.degree + 1)
        return [term for k in every for term in combinations_with_replacement(d, k)]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self._label(term) for term in self.factors)

    def _label(self, term: tuple[int, ...]) -> str:
        powers = [(self.inputs[j], len(list(same))) for j, same in groupby(term)]
        return "*".join(name if power == 1 else f"{name}^{power}" for name, power in powers)

    def __call__(self, x: Array) -> Array:
        terms = self.factors
        at = {term: j for j, term in enumerate(terms)}
        out = np.empty((len(x), len(terms)))
        with np.errstate(over="ignore"):  # whoever takes the columns names those not finite
            for j, term in enumerate(terms):  # each is one of a degree less, times an input
                last = x[:, term[-1]]
                out[:, j] = out[:, at[term[:-1]]] * last if len(term) > 1 else last
        return out


@dataclass(frozen=True, repr=False)
class Fourier:
    """Harmonics, not yet fitted."""

    order: int
    period: float | None

    def __repr__(self) -> str:
        period = "range of x" if self.period is None else f"{self.period:.12g}"
        return f"fourier(order={self.order}, period={period})"

    def count(self, inputs: int) -> int:
        return 2 * self.order * inputs

    def fit(self, x: Array, inputs: Sequence[str]) -> "FittedFourier":
        if self.period is not None:
            return FittedFourier(self.order, tuple(inputs), (self.period,) * len(inputs))
        for name, width in zip(inputs, np.ptp(x, axis=0), strict=True):
            if width == 0:
                raise DesignError(
                    f"the default period is the range of x, but '{name}' has the value "
                    f"{x[0, list(inputs).index(name)]:g} in every row; give period="
                )
        return FittedFourier(self.order, tuple(inputs), tuple(np.ptp(x, axis=0).tolist()))


@dataclass(frozen=True, repr=False)
class FittedFourier:
    """Harmonics of named inputs with known periods."""

    order: int
    inputs: tuple[str, ...]
    periods: tuple[float, ...]

    def __repr__(self) -> str:
        periods = ", ".join(f"{period:.12g}" for period in self.periods)
        return f"fourier(order={self.order}, period={periods})"

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(
            f"{function}({2 * k}*pi*{name}/T)"
            for name in self.inputs
            for k in range(1, self.order + 1)
            for function in ("sin", "cos")
        )

    def __call__(self, x: Array) -> Array:
        columns: list[Any] = []
        for values, period in zip(x.T, self.periods, strict=True):
            for k in range(1, self.order + 1):
                turns = np.fmod(k * values, period) / period
                columns += [_sine(turns), _sine(turns + 0.25)]
        return np.column_stack(columns)


def _sine(turns: Array) -> Array:
    """sin(2 pi turns), exactly zero at whole and half turns: a zero column is then seen as one."""
    turns = turns - np.round(turns)
    folded = np.where(np.abs(turns) > 0.25, np.copysign(0.5, turns) - turns, turns)
    sine: Array = np.sin(2.0 * np.pi * folded)
    return sine
