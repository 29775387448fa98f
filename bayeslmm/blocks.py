"""Terms that a user adds to a model: a block of columns, and a law for its variances.

    bl.lmm("y ~ 1 + (z | cluster)", data, terms=[bl.horseshoe(X, name="x")])

| parameter | default |
|---|---|
| sd_<ridge> | HalfStudentT(3, sd y / sqrt P) |
| scale_<ard> | HalfStudentT(3, sd y / sqrt P), one per column |
| lam2_<laplace> | Gamma(1, 1.78) (Park & Casella 2008, section 3.2) |
| tau_<laplace> | tau^2 ~ Exponential(lam2 / 2), one per column, in units of sigma |
| scale_<horseshoe> | HalfCauchy(1), one per column |
| sd_<horseshoe> | HalfNormal(sigma p0 / ((P - p0) sqrt n)) (Piironen & Vehtari 2017, eq. 3.12) |
| slab2_<horseshoe> | InverseGamma(nu / 2, nu slab^2 / 2), in units of sigma^2, where asked for |

P is the number of columns, p0 how many are expected to matter. All scales are those of standardised
columns: centred where the model has an intercept, then divided by their sd ("sd"), by their length
("norm"), or left as they are (None). Coefficients are always those of the columns as given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from .columns import read_given, standardise, validate
from .design import DesignError
from .laws import Law
from .priors import Scales, positive_prior
from .shrinkage import Shrinkage
from .space import Positive
from .terms import BlockTerm

type Scaling = Literal["sd", "norm"] | None
SCALES = ("sd", "norm", None)
LAM2 = Law("Gamma", (1.0, 1.78))


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
                f"names), got {self.name!r}"
            )
        if self.scale not in SCALES:
            raise DesignError(
                f"{self.kind}(scale=...) is 'sd', 'norm' (unit length) or None, got {self.scale!r}"
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
        What each centred column is divided by, before the prior is stated.

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
        log P where P > n + 1, else zero. Without it the evidence keeps hundreds of columns where
        P > n and lets sigma run to zero.
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
        raise DesignError(f"ard(price=...) must be a number of at least 0, got {price!r}")
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
    if lam is not None and not (isinstance(lam, int | float | np.number) and 0 < lam < np.inf):
        raise DesignError(
            f"laplace(lam=...) must be a positive number, got {lam!r}; for a prior on its square "
            f"give priors={{'lam2_{name}': 'Gamma(1, 1.78)'}}"
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
        What each centred column is divided by, before the prior is stated.

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
        number = isinstance(value, int | float | np.number) and 0.0 < value < np.inf
        if value is not None and not number:
            raise DesignError(f"horseshoe({option}=...) must be a positive number, got {value!r}")
    options = {"nonzero": nonzero, "slab": slab, "slab_df": slab_df}
    return Block("horseshoe", columns, name, scale, options)


def build_block(
    block: Block, scales: Scales, rows: np.ndarray, centred: bool, priors: Mapping[str, Any]
) -> BlockTerm:
    """The term: columns read, checked and standardised, and the law of their scales.

    Raises
    ------
    DesignError
        Where the columns or a prior cannot be used.
    """
    source = block.columns
    if not hasattr(source, "encode"):
        source = read_given(source, f"the columns of {block.name!r}")
    validate(source, rows.size, constant=not centred, duplicates=block.kind == "ridge")
    Z, centre, unit = standardise(source.matrix, scales.share, centred, block.scale)
    law = LAWS[block.kind](block, Z.shape[1], scales, rows.size, priors)
    return BlockTerm(block.name, source, Z, centre, unit, law)


def parameters(block: Block) -> list[str]:
    """Names of the parameters that take a prior."""
    return [block.called(name) for name in NAMES[block.kind]]


def _ridge(block: Block, P: int, scales: Scales, n: int, priors: Mapping[str, Any]) -> Shrinkage:
    name = block.called("sd")
    default = Law("HalfStudentT", (3.0, scales.sd / np.sqrt(P)))
    return Shrinkage("ridge", common=positive_prior(name, 1, None, default, priors.get(name)))


def _ard(block: Block, P: int, scales: Scales, n: int, priors: Mapping[str, Any]) -> Shrinkage:
    name = block.called("scale")
    default = Law("HalfStudentT", (3.0, scales.sd / np.sqrt(P)))
    local = positive_prior(name, P, f"{block.name}_column", default, priors.get(name))
    price = block.options.get("price")
    if price is None:
        price = np.log(P) if n + 1 < P else 0.0  # a kernel has its n columns, and the bias
    return Shrinkage(
        "ard", local=local, precision=block.options.get("precision"), price=float(price)
    )


def _laplace(block: Block, P: int, scales: Scales, n: int, priors: Mapping[str, Any]) -> Shrinkage:
    name, lam = block.called("lam2"), block.options["lam"]
    if lam is not None and name in priors:
        raise DesignError(f"lam= and the prior of {name} are both given; give one of them")
    given = priors.get(name) if lam is None else float(lam) ** 2
    ratio = Law("Rayleigh", (1.0,))
    return Shrinkage(
        "laplace",
        local=Positive(block.called("tau"), P, f"{block.name}_column", law=ratio, raw=True),
        rate=positive_prior(name, 1, None, LAM2, given),
        noise=True,
        root=block.called("lam"),
    )


def _horseshoe(
    block: Block, P: int, scales: Scales, n: int, priors: Mapping[str, Any]
) -> Shrinkage:
    local, common, slab = (block.called(name) for name in ("scale", "sd", "slab2"))
    p0 = block.options["nonzero"] or max(1.0, min(P, n) / 10.0)
    if p0 >= P:
        raise DesignError(
            f"horseshoe(nonzero={p0:g}) expects all {P} columns of {block.name} to matter: nothing "
            f"is sparse then; give fewer, or use ridge"
        )
    width = None
    if block.options["slab"] is not None:
        df = block.options["slab_df"]
        law = Law("InverseGamma", (0.5 * df, 0.5 * df * block.options["slab"] ** 2))
        width = positive_prior(slab, 1, None, law, priors.get(slab))
    elif slab in priors:
        raise DesignError(f"{slab} has a prior, but horseshoe(slab=...) was not given")
    total = Law("HalfNormal", (p0 / ((P - p0) * np.sqrt(n)),))
    one = Law("HalfCauchy", (1.0,))
    return Shrinkage(
        "horseshoe",
        local=positive_prior(local, P, f"{block.name}_column", one, priors.get(local)),
        common=_times_sigma(positive_prior(common, 1, None, total, priors.get(common))),
        slab=width,
        noise=True,
    )


def _times_sigma(given: Positive) -> Positive:
    """A scale whose prior is stated in units of sigma."""
    return replace(given, raw=True)


LAWS = {"ridge": _ridge, "ard": _ard, "laplace": _laplace, "horseshoe": _horseshoe}
NAMES = {
    "ridge": ("sd",),
    "ard": ("scale",),
    "laplace": ("lam2",),
    "horseshoe": ("scale", "sd", "slab2"),
}
