"""The Bayesian lasso (Park & Casella 2008, equations 3 to 5).

y = mu + X beta + e

beta_j  ~ N(0, sigma^2 tau_j^2)          given tau_j and sigma
tau_j^2 ~ Exponential(lam^2 / 2)         so that beta_j given sigma has a Laplace law
lam^2   ~ Gamma(1, 1.78)                 or given, or by marginal maximum likelihood
e_i     ~ N(0, sigma^2 / weight_i)
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..columns import keep, read_given, refuse_many_responses, rows_of, select
from ..design import DesignError, build_design, design_from_arrays
from ..model.blocks import Block, Scaling, laplace
from ..model.model import Model
from .lmm import declare


def lasso(
    formula: Any,
    data: Any = None,
    *,
    lam: float | None = None,
    scale: Scaling = "norm",
    name: str = "beta_",
    priors: Mapping[str, Any] | None = None,
    weights: Any = None,
    frequency: Any = None,
    offset: Any = None,
    noise_sd: Any = None,
    missing: str = "error",
) -> Model:
    """Declare a Bayesian lasso.

    Parameters
    ----------
    formula : str, or array or table (n, P)
        Such as ``"y ~ ."``; all columns but the intercept are shrunk, and random effects may stand
        beside them. Or the columns X, with the response as `data`; an intercept is then added.
    data : table, or array (n,)
    lam : float, optional
        The penalty, for columns scaled as `scale` says; by default lam^2 has a Gamma prior.
    scale : {"norm", "sd", None}
        What each centred column is divided by: its length, as in the paper (`lam` is then the
        paper's), its sd, or nothing. Coefficients are those of the columns as given.
    name : str
        The coefficients are called ``u_<name>``; their sds over sigma are ``tau``.
    priors, weights, frequency, offset, noise_sd, missing
        As in `lmm`; ``"lam2"`` names the square of lam, and ``"sigma": "Jeffreys()"`` is the
        paper's prior of the noise, 1 / sigma^2.

    Returns
    -------
    Model

    Raises
    ------
    DesignError
        Where the table, the formula, lam or a prior cannot be used; the message says what to do.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lasso("y ~ .", bl.datasets.load("diabetes"), lam=0.237)
    >>> m.parameters
    ('tau', 'lam2', 'sigma')
    """
    extras = {
        "weights": weights,
        "frequency": frequency,
        "offset": offset,
        "noise_sd": noise_sd,
        "missing": missing,
    }
    if isinstance(formula, str):
        whole = build_design(formula, data, check_rank=False, **extras)
        source = select(whole)
        design = keep(whole, [n for n in whole.fixed if n == "Intercept"])
    else:
        if data is None:
            raise DesignError("bl.lasso(X, y) needs the response y; or a formula and a table")
        refuse_many_responses(data, "bl.lasso")
        given = read_given(formula, "X", gaps=True)
        ones = np.ones((np.size(data), 1))
        whole = design_from_arrays(data, ones, fixed=["Intercept"], beside=[given], **extras)
        source = rows_of(given, whole)
        design = replace(whole, formula=f"y ~ {source.matrix.shape[1]} columns")
    options = laplace(source, name, lam=lam, scale=scale).options
    block = Block("laplace", source, name, scale, options, bare=True)
    return declare(design, {} if priors is None else priors, (block,), "Bayesian lasso")
