"""The relevance vector machine (Tipping 2001, equations 1 to 5).

y = sum_m w_m K(x, x_m) + w_0 + e

w_m ~ N(0, 1 / alpha_m)   one variance for each basis function,    scale_m = alpha_m^-1/2
e_i ~ N(0, sigma^2 / weight_i)

Empirical Bayes maximises the evidence over every alpha (flat over its log), which drives most of
them to infinity: the rows whose functions stay are the relevance vectors. There is no flat
intercept; the bias is a column of ones with an alpha of its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..columns import expand, inputs, keep, refuse_many_responses, rows_of, select
from ..design import DesignError, build_design, design_from_arrays
from ..model.blocks import Block
from ..model.model import Model
from .lmm import declare


def rvm(
    x: Any,
    y: Any = None,
    *,
    kernel: Any = None,
    bias: bool = True,
    name: str = "w",
    price: float | None = None,
    priors: Mapping[str, Any] | None = None,
    weights: Any = None,
    frequency: Any = None,
    offset: Any = None,
    noise_sd: Any = None,
    missing: str = "error",
) -> Model:
    """Declare a relevance vector machine.

    Parameters
    ----------
    x : array (n,) or (n, d), table, or str
        Inputs of the kernel; the basis itself, (n, P), where there is no kernel; or a formula such
        as ``"y ~ x1 + x2"``, with the table as `y`.
    y : array (n,), or table
        The response; the table where `x` is a formula.
    kernel : kernel or basis, optional
        One of `bayeslmm.kernels` or `bayeslmm.bases`, or any function of points (n, d) and centres
        (m, d) that gives (n, m).
    bias : bool
        Put a column of ones, with a variance of its own, before the columns of a kernel. A formula
        without a kernel has the one that it says.
    name : str
        The coefficients are called ``u_<name>``, their sds ``scale_<name>``, and 1 / scale^2
        ``alpha``.
    price : float, optional
        As in `ard`, log P; zero for a kernel, whose columns stand each for a row, as published.
    priors, weights, frequency, offset, noise_sd, missing
        As in `lmm`. By default ``scale_<name>`` has a half-t prior, which empirical Bayes does not
        look at.

    Returns
    -------
    Model

    Raises
    ------
    DesignError
        Where x, y, the kernel or a prior cannot be used; the message says what to do.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> d = bl.datasets.load("sinc_gauss01")
    >>> m = bl.rvm(d["x"], d["t"], kernel=bl.kernels.gaussian(width=3.0))
    >>> eb = bl.fit(m, bl.EmpiricalBayes(), seed=1)
    >>> int((eb["posterior_moments"]["u_w_mean"] != 0.0).sum())
    5
    """
    extras = {
        "weights": weights,
        "frequency": frequency,
        "offset": offset,
        "noise_sd": noise_sd,
        "missing": missing,
    }
    if isinstance(x, str):
        whole = build_design(x, y, check_rank=False, **extras)
        if whole.groups:
            raise DesignError(
                "bl.rvm has no grouping factors; add bl.ard(columns) to bl.lmm(..., terms=[...])"
            )
        source = select(whole, whole.fixed) if kernel is None else select(whole)
        if kernel is not None:
            source = expand(kernel, source, bias=bias)
        design = keep(whole, ())
    else:
        if y is None:
            raise DesignError("bl.rvm(x, y) needs the response y; or a formula and a table")
        refuse_many_responses(y)
        given = inputs(x, kernel, f"term {name!r}")
        design = design_from_arrays(y, None, beside=[given], **extras)
        source = rows_of(given, design)
        if kernel is not None:
            source = expand(kernel, source, bias=bias)
        text = "basis" if kernel is None else repr(kernel)
        design = replace(design, formula=f"y ~ 0 + {text}")
    if price is None and source.centres is not None:
        # The criterion of Tipping (2001) as it is.
        price = 0.0
    block = Block("ard", source, name, None, {"precision": "alpha", "price": price})
    return declare(design, {} if priors is None else priors, (block,), "Relevance vector machine")
