"""Probabilistic PCA (Tipping & Bishop 1999, equations 2 to 4).

y_i = mu + W z_i + e_i,    i = 1, ..., n rows of d columns

z_i  ~ N(0, I_q)           so that y_i ~ N(mu, C),  C = W W' + sigma^2 I
e_i  ~ N(0, sigma^2 I_d)

W_jk ~ Normal(0, sd_W)     alike in every direction: W and its rotations W Q are equally probable
sd_W ~ HalfStudentT        one number; with ard one for each component (Bishop 1999)
mu_j ~ Normal,   sigma ~ HalfStudentT
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..design.errors import DesignError
from ..design.matrix import Matrix, read_matrix
from ..design.names import MATRIX
from ..host.options import one_of, shown
from ..model.beta_prior import normal_law
from ..model.laws import Law, operator_parameters
from ..model.model import Model
from ..model.parameters import Loadings
from ..model.priors import WIDE, check_names, positive_prior
from ..model.residual import ByColumn
from ..model.terms import MeansTerm, ScoresTerm
from ..solvers.beta import MeanPrior
from ..solvers.column_moments import column_moments

KIND = "Probabilistic PCA"


def ppca(
    Y: Any,
    components: int,
    *,
    scale: str | None = None,
    ard: bool = False,
    priors: Mapping[str, Any] | None = None,
    name: str = "Y",
) -> Model:
    """Declare a probabilistic principal component analysis.

    Parameters
    ----------
    Y : table, or array_like (n, d)
        Rows of numbers; NaN where an entry is missing (at random). A table names its columns.
    components : int
        q, the number of components: at least 0, below d.
    scale : {None, "sd"}
        Take the columns as they are, or each divided by its standard deviation (divisor n - 1, of
        the entries that are there). The noise is alike in all columns on that scale; loadings,
        means and covariance are reported on the user's, and `noise_sd` is the noise of each.
    ard : bool
        A scale of its own for each component (automatic relevance determination): components that
        the data do not support shrink to nothing.
    priors : dict, optional
        ``"sigma"`` and ``"sd_W"``: an unnamed PyMC distribution, text such as ``"HalfNormal(5)"``,
        or a number, which fixes it; on the scale of the columns as the model takes them.
        ``"mu"``: a normal distribution on the user's scale, for all columns or with a value for
        each, or ``"flat"``.
    name : str
        Name of the matrix in the result.

    Returns
    -------
    Model
        For `fit`, `transform`, `impute`, `choose_components`, `report`.

    Raises
    ------
    DesignError
        Where the matrix, the number of components or a prior cannot be used; the message names
        the column or row, and what to do.

    Notes
    -----
    A missing entry is integrated out, which is right where it is missing at random. A row without
    any entry has its prior. Draws of the loadings are turned to face the principal axes, ordered by
    variance, of the likelihood's maximum (`bayeslmm.gaussian.canonical`).

    References
    ----------
    Tipping & Bishop (1999), J. Royal Statistical Society B 61, 611-622; Bishop (1999), Bayesian
    PCA, Advances in Neural Information Processing Systems 11, 382-388.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> iris = bl.datasets.load("iris").drop(columns="Species")
    >>> eb = bl.fit(bl.ppca(iris, components=2), bl.EmpiricalBayes("ml"), seed=1)
    >>> round(eb.attrs["log_marginal"], 6), round(float(eb["posterior"]["sigma"][0, 0]) ** 2, 8)
    (-404.96278, 0.05068215)
    """
    design = read_matrix(Y, name)
    if name in MATRIX:
        raise DesignError(f"name={name!r} is a variable or dimension of the result; give another")
    _check(design, components, scale)
    priors = {} if priors is None else priors
    check_names(priors, ["mu", *(["sd_W"] if components else []), "sigma"])
    shift, square = column_moments(design.y, design.complete)
    unit = np.ones(shift.size)
    if scale == "sd":
        count = design.there.sum(axis=0)
        unit = np.sqrt(square * count / (count - 1.0))
    spread = float(np.sqrt(np.mean(square / unit**2)))
    law = Law("HalfStudentT", (3.0, spread))
    own = components if ard else 1
    scales = [positive_prior("sigma", 1, None, law, priors.get("sigma"))]
    if components:
        dim = "component" if own > 1 else None
        scales.insert(0, positive_prior("sd_W", own, dim, law, priors.get("sd_W")))
    for each in scales:
        _refuse_flat(each)
    if ard and components > 1 and scales[0].custom is not None:
        raise DesignError(
            "with ard=True sd_W takes a prior that can be written as text, such as "
            "'HalfStudentT(3, 1)' or 'Gamma(2, 1)', not another PyMC distribution"
        )
    mean, words = _mean_prior(priors.get("mu"), design, shift, unit, spread)
    told = ["one for each component" if ard else "", ""][-len(scales) :]
    table = {"W": "Normal(0, sd_W)"} if components else {}
    table |= {s.name: f"{s.prior}{', ' + more if more else ''}" for s, more in zip(scales, told)}
    table["mu"] = words
    means = MeansTerm(design.features, shift, unit, mean.beta)
    residual = ByColumn(scales[-1], unit)
    if not components:
        return Model(KIND, design, (means,), residual, table)
    loadings = Loadings("W", shift.size, int(components), scales[0])
    scores = ScoresTerm(len(design.y), loadings, unit)
    return Model(KIND, design, (means, scores), residual, table)


def _check(design: Matrix, components: Any, scale: Any) -> None:
    d = len(design.features)
    if isinstance(components, bool) or not isinstance(components, int | np.integer):
        raise DesignError(f"components must be a whole number, got {shown(components)}")
    if components < 0:
        raise DesignError(f"components must be at least 0, got {components}")
    if components >= d:
        raise DesignError(
            f"components must be below the number of columns, {d}, got {components}: with as many "
            f"nothing is left for the noise"
        )
    if not one_of(scale, (None, "sd")):
        raise DesignError(f"scale must be None or 'sd', got {shown(scale)}")


def _refuse_flat(scale: Any) -> None:
    if scale.law is not None and not scale.law.proper:
        raise DesignError(
            f"{scale.name} has the flat prior {scale.law.name}, under which the posterior of "
            f"loadings may be improper; give a proper one, such as 'HalfStudentT(3, 1)'"
        )
    if scale.fixed is not None and not np.all(scale.fixed):
        raise DesignError(f"{scale.name} is fixed at zero; ask for fewer components instead")


def _mean_prior(
    given: Any, design: Matrix, shift: np.ndarray, unit: np.ndarray, spread: float
) -> tuple[MeanPrior, str]:
    """The prior of (mu - shift) / unit, and of mu in words."""
    d = shift.size
    if given is None:
        prior = MeanPrior(np.zeros(d), np.full(d, (WIDE * spread) ** 2))
        sd = WIDE * spread * unit
        return prior, f"Normal(mean of the column, {_range(sd)})"
    if type(getattr(getattr(given, "owner", None), "op", None)).__name__ == "NormalRV":
        found = operator_parameters(given)
        if found is None:
            raise DesignError("the prior of mu must have numbers for its mean and sd")
        for value in found:
            if value.ndim and value.size not in (1, d):
                raise DesignError(f"the prior of mu has {value.size} values; there are {d} columns")
        mean, sd = (np.broadcast_to(v, d).astype(float) for v in found)
    else:
        law = normal_law("mu", given)
        if law is None:
            return MeanPrior(np.zeros(d), np.full(d, np.inf)), "flat"
        mean, sd = np.full(d, law[0]), np.full(d, law[1])
    if not np.isfinite(mean).all() or not (np.isfinite(sd).all() and (sd > 0.0).all()):
        raise DesignError("the prior of mu needs finite means and positive sds")
    prior = MeanPrior((mean - shift) / unit, (sd / unit) ** 2)
    return prior, f"Normal({_range(mean)}, {_range(sd)})"


def _range(values: np.ndarray) -> str:
    low, high = f"{values.min():.4g}", f"{values.max():.4g}"
    return low if low == high else f"{low} to {high}"
