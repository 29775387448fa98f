"""Terms that a user adds to a model: a block of columns, and a law for its variances.

    bl.lmm("y ~ 1 + (z | cluster)", data, terms=[bl.horseshoe(X, name="x")])

The prior is stated for standardised columns; the coefficients are always those of the columns as
given. `block_laws` tells the defaults of every parameter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..design import DesignError
from ..design.checks import LARGEST, positive
from ..host.options import one_of, shown

type Scaling = Literal["sd", "norm"] | None
SCALES = ("sd", "norm", None)


@dataclass(frozen=True, eq=False)
class Block:
    """A block of columns as a user declares it; made by `ridge` and its siblings.

    Attributes
    ----------
    kind : {"ridge", "ard", "laplace", "horseshoe"}
    columns : array or table (n, P), or Source
    name : str
    scale : {"sd", "norm", None}
    options : dict
        Of the law: `lam`, `nonzero`, `slab`, `slab_df`.
    bare : bool
        Whether parameters have no name behind them ("tau", not "tau_x").
    """

    kind: str
    columns: Any
    name: str
    scale: Scaling
    options: Mapping[str, Any]
    bare: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise DesignError(
                f"{self.kind}(name=...) must be a name such as 'x' (it becomes part of variables' "
                f"names), got {shown(self.name)}"
            )
        if not one_of(self.scale, SCALES):
            raise DesignError(
                f"{self.kind}(scale=...) is 'sd', 'norm' (unit length) or None, "
                f"got {shown(self.scale)}"
            )

    def __repr__(self) -> str:
        return f"{self.kind}(name={self.name!r}, scale={self.scale!r})"

    def called(self, parameter: str) -> str:
        """Name of one of its parameters."""
        return parameter if self.bare else f"{parameter}_{self.name}"


def ridge(columns: Any, name: str = "ridge", *, scale: Scaling = "sd") -> Block:
    """Columns that share one variance: ridge regression, James-Stein, a block of markers.

    u_j ~ N(0, sd^2) for the standardised columns; lambda of the ridge is sigma^2 / sd^2.

    Parameters
    ----------
    columns : array or table (n, P)
        P may be larger than n.
    name : str
        The coefficients are called ``u_<name>``, their sd ``sd_<name>``.
    scale : {"sd", "norm", None}
        What each centred column is divided by, before the prior is stated. Under None columns
        should be of one size: they share a scale, which sees only the largest.

    Returns
    -------
    Block
        To be given to `lmm` in ``terms=[...]``.

    Raises
    ------
    DesignError
        Where `name` or `scale` cannot be used.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> d = bl.datasets.load("diabetes")
    >>> m = bl.lmm("y ~ 1", d, terms=[bl.ridge(d.drop(columns="y"), name="x")])
    >>> m.parameters
    ('sd_x', 'sigma')
    """
    return Block("ridge", columns, name, scale, {})


def ard(
    columns: Any, name: str = "ard", *, price: float | None = None, scale: Scaling = "sd"
) -> Block:
    """Columns with one variance each: automatic relevance determination (MacKay 1992).

    u_j ~ N(0, scale_j^2). Empirical Bayes maximises the evidence over every scale (flat over its
    log), which sets most of them to zero: the relevance vector machine (Tipping 2001). Under a flat
    prior the posterior is improper; NUTS and ADVI therefore use a half-t on every scale.

    Parameters
    ----------
    columns : array or table (n, P)
    name : str
        The coefficients are called ``u_<name>``, their sds ``scale_<name>``.
    price : float, optional
        Of a maximum only: what a column must bring to be kept, in nats of log evidence. By default
        log P (P counts the columns of all such blocks), the risk inflation criterion (Foster &
        George 1994). At zero, MacKay's evidence as it is, a maximum keeps the more columns that do
        not matter the nearer P comes to n, and lets sigma run to zero beyond.
    scale : {"sd", "norm", None}
        What each centred column is divided by, before the prior is stated.

    Returns
    -------
    Block

    Raises
    ------
    DesignError
        Where `name`, `price` or `scale` cannot be used.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> d = bl.datasets.load("diabetes")
    >>> m = bl.lmm("y ~ 1", d, terms=[bl.ard(d.drop(columns="y"), name="x")])
    >>> m.parameters
    ('scale_x', 'sigma')
    """
    if price is not None and not (
        isinstance(price, int | float | np.number) and 0 <= price < np.inf
    ):
        raise DesignError(f"ard(price=...) must be a number of at least 0, got {shown(price)}")
    return Block("ard", columns, name, scale, {"price": price})


def laplace(
    columns: Any, name: str = "laplace", *, lam: Any = None, scale: Scaling = "norm"
) -> Block:
    """Columns under the Bayesian lasso (Park & Casella 2008, equations 3 and 4).

    u_j ~ N(0, sigma^2 tau_j^2), tau_j^2 ~ Exponential(lam^2 / 2), so that u_j has a Laplace law
    given sigma.

    Parameters
    ----------
    columns : array or table (n, P)
    name : str
        Variables: ``u_<name>``, ``tau_<name>`` (the sd of u_j over sigma), ``lam_<name>`` and its
        square ``lam2_<name>``.
    lam : float, optional
        The penalty, for columns scaled as `scale` says; free (Gamma on its square) by default.
    scale : {"sd", "norm", None}
        What each centred column is divided by; `lam` is stated for these. "norm" as in the paper.
        Under None columns should be of one size: they share lam.

    Returns
    -------
    Block

    Raises
    ------
    DesignError
        Where `lam` is not positive, or `name` or `scale` cannot be used.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> d = bl.datasets.load("diabetes")
    >>> m = bl.lmm("y ~ 1", d, terms=[bl.laplace(d.drop(columns="y"), name="x", lam=0.237)])
    >>> m.parameters
    ('tau_x', 'lam2_x', 'sigma')
    """
    if lam is not None and not positive(lam):
        raise DesignError(
            f"lam must be a positive number up to {LARGEST:g}, got {shown(lam)}; without it its "
            f"square, lam2, has a prior, which priors= can change"
        )
    return Block("laplace", columns, name, scale, {"lam": lam})


def horseshoe(
    columns: Any,
    name: str = "horseshoe",
    *,
    nonzero: float | None = None,
    slab: float | None = None,
    slab_df: float = 4.0,
    scale: Scaling = "sd",
) -> Block:
    """Columns of which few matter (Carvalho, Polson & Scott 2010; Piironen & Vehtari 2017).

    u_j ~ N(0, sd^2 scale_j^2), scale_j ~ HalfCauchy(1), sd ~ HalfNormal(sigma p0 / ((P - p0) sqrt
    n)).

    Parameters
    ----------
    columns : array or table (n, P)
    name : str
        Variables: ``u_<name>``, ``scale_<name>`` (local), ``sd_<name>`` (global).
    nonzero : float, optional
        p0, how many columns are expected to matter; by default a tenth of them, at most n / 10 and
        at least one.
    slab, slab_df : float
        Regularised horseshoe: coefficients far from zero have a Student-t prior of this scale (in
        units of sigma, per standardised column) and degrees of freedom. None is the plain one.
    scale : {"sd", "norm", None}
        What each centred column is divided by, before the prior is stated. Under None columns
        should be of one size: they share a scale, which sees only the largest.

    Returns
    -------
    Block

    Raises
    ------
    DesignError
        Where an option is out of range.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> d = bl.datasets.load("diabetes")
    >>> m = bl.lmm("y ~ 1", d, terms=[bl.horseshoe(d.drop(columns="y"), name="x", nonzero=4)])
    >>> m.parameters
    ('scale_x', 'sd_x', 'sigma')
    """
    for option, value in (("nonzero", nonzero), ("slab", slab), ("slab_df", slab_df)):
        if value is not None and not positive(value):
            raise DesignError(
                f"horseshoe({option}=...) must be a positive number up to {LARGEST:g}, "
                f"got {shown(value)}"
            )
    options = {"nonzero": nonzero, "slab": slab, "slab_df": slab_df}
    return Block("horseshoe", columns, name, scale, options)


MAKERS = (ridge, ard, laplace, horseshoe)
