"""Kernels: one basis function at each observed point, for `rvm` and for any sparse block.

    y(x) = w_0 + sum_m w_m K(x, x_m)

(Tipping 2001, Sparse Bayesian learning and the relevance vector machine, JMLR 1, 211-244,
equation 1). A kernel is any function of (n, d) points and (m, d) centres that gives an (n, m)
matrix; those here are values with a clear repr. It need not be positive definite, because a sparse
linear model takes its columns as they are.
"""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..host.options import shown
from ..types import Array

__all__ = ["Kernel", "gaussian", "linear_spline", "polynomial"]

type Kernel = Callable[[Array, Array], Array]

_BLOCK = 2**15  # entries worked on at a time: they stay in the processor's cache


def gaussian(width: float) -> "Gaussian":
    """Gaussian kernel exp(-d^2 / width^2), d the Euclidean distance.

    There is no 2 in the exponent: ``width`` is sqrt(2) times the sd of the bell. All inputs share
    the width, so bring them to one scale first.

    Parameters
    ----------
    width : float
        Above zero, in the units of x.

    Returns
    -------
    Gaussian
        Called with points (n, d) and centres (m, d) it gives an (n, m) array.

    Raises
    ------
    ValueError
        The width is not a positive number.

    Examples
    --------
    >>> from bayeslmm import kernels
    >>> kernel = kernels.gaussian(width=3.0)
    >>> kernel
    gaussian(width=3)
    >>> kernel([[0.0], [3.0]], [[0.0]]).round(4).tolist()
    [[1.0], [0.3679]]
    """
    return Gaussian(finite_number("width", width, above=0.0))


def linear_spline() -> "LinearSpline":
    """Vapnik's linear spline kernel, the product over inputs of

        1 + x z + x z min(x, z) - (x + z) / 2 min(x, z)^2 + min(x, z)^3 / 3

    (Tipping 2001, equation 24). It is cubic between the points, has no width to choose, and is
    positive definite where no input is below zero.

    Returns
    -------
    LinearSpline
        Called with points (n, d) and centres (m, d) it gives an (n, m) array.

    Examples
    --------
    >>> from bayeslmm import kernels
    >>> kernels.linear_spline()([[2.0]], [[1.0], [3.0]]).round(3).tolist()
    [[3.833, 11.667]]
    """
    return LinearSpline()


def polynomial(degree: int, offset: float = 1.0) -> "PolynomialKernel":
    """PolynomialKernel kernel (x . z + offset)^degree.

    Parameters
    ----------
    degree : int
        At least 1.
    offset : float
        At least 0; with 0 only the terms of the full degree are left.

    Returns
    -------
    PolynomialKernel
        Called with points (n, d) and centres (m, d) it gives an (n, m) array.

    Raises
    ------
    ValueError
        The degree is not a whole number above zero, or the offset is below zero.

    Examples
    --------
    >>> from bayeslmm import kernels
    >>> kernels.polynomial(2)([[1.0, 2.0]], [[3.0, 4.0]]).tolist()
    [[144.0]]
    """
    return PolynomialKernel(
        whole_number("degree", degree), finite_number("offset", offset, least=0.0)
    )


@dataclass(frozen=True, repr=False)
class Gaussian:
    """exp(-d^2 / width^2)."""

    width: float

    def __repr__(self) -> str:
        return f"gaussian(width={self.width:.12g})"

    def __call__(self, x: Any, centres: Any) -> Array:
        x, centres = _points(x, centres)
        out = np.empty((len(x), len(centres)))
        if not out.size:
            return out
        x, centres = x / self.width, centres / self.width
        step = max(1, _BLOCK // len(centres))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            np.exp(_minus_squared_distance(x[rows], centres, out[rows]), out=out[rows])
        return out


def _minus_squared_distance(x: Array, centres: Array, out: Array) -> Array:
    """-|x - c|^2 from differences: |x|^2 - 2 x.c + |c|^2 would cancel far from the origin."""
    if x.shape[1] != 1:
        from scipy.spatial.distance import cdist

        return np.negative(cdist(x, centres, "sqeuclidean"), out=out)
    np.subtract(x, centres[:, 0], out=out)
    with np.errstate(over="ignore"):  # exp(-inf) is 0, as it should be
        np.multiply(out, out, out=out)
    return np.negative(out, out=out)


@dataclass(frozen=True, repr=False)
class LinearSpline:
    """Vapnik's linear spline, a product over inputs."""

    def __repr__(self) -> str:
        return "linear_spline()"

    def __call__(self, x: Any, centres: Any) -> Array:
        x, centres = _points(x, centres)
        out = np.ones((len(x), len(centres)))
        for a, b in zip(x.T[:, :, None], centres.T[:, None, :], strict=True):
            low = np.minimum(a, b)
            product = a * b
            out *= 1.0 + product + low * (product + low * (low / 3.0 - (a + b) / 2.0))
        return out


@dataclass(frozen=True, repr=False)
class PolynomialKernel:
    """(x . z + offset)^degree."""

    degree: int
    offset: float

    def __repr__(self) -> str:
        return f"polynomial(degree={self.degree}, offset={self.offset:.12g})"

    def __call__(self, x: Any, centres: Any) -> Array:
        x, centres = _points(x, centres)
        with np.errstate(over="ignore"):  # whoever takes the columns names those not finite
            base: Array = x @ centres.T + self.offset
            return _power(base, self.degree)


def _power(base: Array, degree: int) -> Array:
    """base^degree by squaring: ten times faster than NumPy's power where base < 0."""
    if degree < 4:
        return base if degree == 1 else base * _power(base, degree - 1)
    half = _power(base, degree // 2)
    return half * half * base if degree % 2 else half * half


def _points(x: Any, centres: Any) -> tuple[Array, Array]:
    x, centres = np.asarray(x, dtype=float), np.asarray(centres, dtype=float)
    if x.ndim != 2 or centres.ndim != 2 or x.shape[1] != centres.shape[1]:
        raise ValueError(
            "a kernel takes points (n, d) and centres (m, d) but got shapes "
            f"{x.shape} and {centres.shape}; write x[:, None] for one input"
        )
    return x, centres


def whole_number(name: str, value: Any) -> int:
    """An option that counts: a whole number, at least one."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} should be a whole number, at least 1, but got {shown(value)}")
    return int(value)


def finite_number(
    name: str, value: Any, *, above: float | None = None, least: float = -math.inf
) -> float:
    """An option that measures: a finite number above, or not below, a limit."""
    number = math.nan
    if not isinstance(value, str | bool):
        with contextlib.suppress(TypeError, ValueError):
            number = float(value)
    good = number >= least if above is None else number > above
    if not (good and number < math.inf):
        limit = f"at least {least:g}" if above is None else f"above {above:g}"
        raise ValueError(f"{name} should be a finite number {limit} but got {shown(value)}")
    return number
