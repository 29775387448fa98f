"""Columns made of inputs: a kernel at every observed point, or the functions of a basis.

    Phi_nm = K(x_n, x_m)  or  phi_m(x_n),    with a first column of ones, the bias

(Tipping 2001, section 2.1). Centres of a kernel are the unique rows of x in the order in which
they first appear, so tied rows make one column, named by the first of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..design import DesignError
from ..design.checks import refuse_not_finite
from ..host.options import shown
from ..types import Array, Index
from .given import read_given
from .source import Expansion, Source
from .validate import refuse_too_large

BIAS = "bias"


@dataclass(frozen=True, eq=False)
class _Kernel:
    """A kernel with its second argument held at the centres."""

    kernel: Callable[[Array, Array], Array]
    points: Array

    def __call__(self, x: Array) -> Array:
        values = np.asarray(self.kernel(x, self.points))
        shape = (len(x), len(self.points))
        if values.shape != shape or values.dtype.kind not in "fiub":
            raise DesignError(
                f"the kernel must give real numbers of shape {shape} for points (n, d) and centres "
                f"(m, d), got {values.dtype} of shape {values.shape}"
            )
        return values.astype(float, copy=False)


def expand(functions: Any, x: Any, *, bias: bool = True) -> Source:
    """Columns of a kernel or basis at inputs.

    Parameters
    ----------
    functions : kernel or basis
        One of `bayeslmm.kernels` or `bayeslmm.bases`, or any function of points (n, d) and centres
        (m, d) that gives an (n, m) array.
    x : array_like (n,) or (n, d), table, or Source
        The inputs. What `select` makes of a formula serves as well.
    bias : bool
        Put a column of ones, labelled "bias", first. Where the kernel itself is constant at one
        centre (the linear spline at 0), that column is the bias, and is not made twice.

    Returns
    -------
    Source
        The columns of a kernel are labelled by the rows of their centres: by the index of x if it
        has one without repeats, else by position from "0". Those of a basis by its own names.

    Raises
    ------
    DesignError
        If x holds text or is not finite, the functions are no kernel or basis, or the columns
        would not fit into memory.

    Examples
    --------
    >>> from bayeslmm import kernels
    >>> from bayeslmm.columns import expand
    >>> block = expand(kernels.gaussian(2.0), [0.0, 2.0, 2.0, 4.0])
    >>> block.labels
    ('bias', '0', '1', '3')
    >>> block.encode([2.0]).round(3).tolist()
    [[1.0, 0.368, 1.0, 0.368]]
    """
    _check(functions)
    source = _filled(inputs(x, functions))
    make = _at_basis if hasattr(functions, "fit") else _at_centres
    block = make(functions, source, bias)
    _refuse_overflow(block.matrix, block.labels, block.rows, block.what)
    return block


def _refuse_overflow(matrix: Array, labels: tuple[str, ...], rows: Index, what: str) -> None:
    advice = "the inputs are finite, the function is not: scale x, or lower the degree"
    refuse_not_finite(matrix, labels, rows, what, advice)


def inputs(x: Any, functions: Any, what: str = "") -> Source:
    """What functions are evaluated at, or the columns themselves without; some may be missing."""
    if isinstance(x, Source):
        return x
    if functions is None:
        return read_given(x, what, gaps=True)
    _check(functions)
    return read_given(x, f"the input x of {_told(functions)}", inputs=True, gaps=True)


def _check(functions: Any) -> None:
    if not callable(functions) and not hasattr(functions, "fit"):
        raise DesignError(
            "a kernel must be one of bl.kernels or bl.bases, e.g. bl.kernels.gaussian(width=3.0), "
            f"or a function of points and centres, got {shown(functions)}"
        )


def _filled(source: Source) -> Source:
    refuse_not_finite(source.matrix, source.labels, source.rows, source.what)
    if not source.labels or not len(source.matrix):
        n, d = source.matrix.shape
        raise DesignError(f"{source.what} has {n} rows and {d} columns; it needs one of each")
    return source


def _told(functions: Any) -> str:
    return getattr(functions, "__name__", None) or repr(functions)


def _at_centres(kernel: Any, inputs: Source, bias: bool) -> Source:
    what = _told(kernel)
    x = inputs.matrix
    first = _first_of_each(x)
    refuse_too_large(len(x), len(first), what, "give fewer distinct rows of x, or use bl.bases")
    functions = _Kernel(kernel, x[first])
    matrix = _evaluate(functions, x, bias)
    if bias:
        own = matrix[:, 1:]
        flat = np.flatnonzero((own == own[:1]).all(axis=0) & (own[0] != 0) & np.isfinite(own[0]))
        if len(flat) == 1:
            first, matrix = np.delete(first, flat), np.delete(matrix, flat + 1, axis=1)
            functions = _Kernel(kernel, x[first])
    labels = (BIAS,) * bias + _row_names(inputs.rows, first)
    remedy = "choose another width or kernel, which tells these rows of x apart"
    made = Expansion(functions, inputs, bias, partial(expand, kernel, bias=bias), first)
    return _source(what, labels, matrix, remedy, made)


def _at_basis(basis: Any, inputs: Source, bias: bool) -> Source:
    what = repr(basis)
    count = basis.count(len(inputs.labels))
    refuse_too_large(len(inputs.matrix), count, what, "lower the degree or order")
    functions = basis.fit(inputs.matrix, inputs.labels)
    labels = (_bias(functions.labels),) * bias + functions.labels
    matrix = _evaluate(functions, inputs.matrix, bias)
    remedy = "lower the degree or order, or give more distinct rows of x"
    made = Expansion(functions, inputs, bias, partial(expand, basis, bias=bias))
    return _source(what, labels, matrix, remedy, made)


def _source(
    what: str, labels: tuple[str, ...], matrix: Array, remedy: str, made: Expansion
) -> Source:
    inputs = made.inputs
    again = partial(_again, what, labels, made)
    return Source(
        what, labels, matrix, inputs.rows, again, remedy, inputs.index, inputs.reads, made
    )


def _again(what: str, labels: tuple[str, ...], made: Expansion, new: Any) -> Array:
    """The columns at new inputs, (m, P)."""
    columns = _evaluate(made.functions, made.inputs.encode(new), made.bias)
    _refuse_overflow(columns, labels, np.arange(len(columns)), f"{what} in the new rows")
    return columns


def _bias(labels: tuple[str, ...]) -> str:
    """What the bias is called: "bias", or "bias_" where an input is called so."""
    name = BIAS
    while name in labels:
        name += "_"
    return name


def _evaluate(functions: Callable[[Array], Array], x: Array, bias: bool) -> Array:
    columns = functions(x)
    return np.hstack([np.ones((len(x), 1)), columns]) if bias else columns


def _first_of_each(x: Array) -> Index:
    """The first row of each distinct one, in order of appearance; 0.0 and -0.0 are one."""
    x = x + 0.0
    _, first = np.unique(x[:, 0] if x.shape[1] == 1 else x, axis=0, return_index=True)
    return np.sort(first)


def _row_names(rows: Index, first: Index) -> tuple[str, ...]:
    """Row labels as text, or positions where those would not tell the rows apart."""
    names = tuple(str(row) for row in rows[first])
    if len(set(names) | {BIAS}) == len(names) + 1:
        return names
    return tuple(str(row) for row in first)
