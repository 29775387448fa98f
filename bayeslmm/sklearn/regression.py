"""Regressors: the relevance vector machine and the Bayesian lasso.

Predicted means are exact: columns times the posterior mean of their coefficients. With plugged-in
scales the standard deviation is exact too, from the conditional covariance of the columns that are
left; else it is that of the draws.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import kernels
from ..coefficients import pieces
from ..design.names import refuse_unnamed
from ..engines.evidence import EmpiricalBayes
from ..engines.gibbs import Gibbs
from ..engines.nuts import NUTS
from ..model import Model
from ..models.lasso import lasso
from ..models.rvm import rvm
from ..reading import fixef
from ..recover import theta_points
from ..selected import block_moments
from ..tree import read_tree
from ..types import Array
from .common import ScoresRows, infer, informative, named, refuse_other_order
from .healing import healed

ALONE = (
    "every feature of X has one value only (or there is no bias beside them), so that nothing is "
    "left to predict from"
)
NUMBERS = 10_000_000  # (draws, rows) held at a time
ENGINES: dict[str, Callable[[], Any]] = {"eb": EmpiricalBayes, "gibbs": Gibbs, "nuts": NUTS}


class RVMRegressor(ScoresRows, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Relevance vector machine for regression (Tipping 2001); see `bayeslmm.rvm`.

    Parameters
    ----------
    kernel : {"gaussian", "linear_spline", "polynomial"}, callable or None
        A kernel by name or as a function of points (n, d) and centres (m, d) that gives (n, m),
        or a basis of `bayeslmm.bases`; None takes the columns of X themselves.
    width : float or "scale"
        Of the Gaussian kernel exp(-d^2 / width^2); "scale" is sqrt(n_features * X.var()).
    degree : int
        Of the polynomial kernel (x . z + offset)^degree.
    offset : float
        Of the polynomial kernel.
    bias : bool
        Whether a column of ones, with a variance of its own, stands beside the others.
    price : float, optional
        What a column must bring to be kept by "eb", in nats: by default zero for a kernel, log P
        for P columns of another kind. At zero P features near the number of rows overfit.
    healed : bool
        Add a function at each new point when predicting (Rasmussen & Quinonero-Candela 2005), so
        that the standard deviation grows away from the data, to that of y. For a kernel, and scales
        that were plugged in.
    engine : {"eb", "nuts", "gibbs"} or engine
        "eb" maximises the evidence, which leaves few columns (the relevance vectors); the others
        integrate over the scales, under their half-t prior. Or a value such as
        ``bl.NUTS(draws=2000)``.
    random_state : int, RandomState or None

    Notes
    -----
    Away from the data the kernel's columns fade to zero, and their share of the standard deviation
    with them: it falls to the noise where least is known (Rasmussen & Quinonero-Candela 2005). Do
    not read it there as certainty; ``healed=True`` mends it.
    Where rows are few, intervals are too narrow among them too: "eb" plugs in the scales
    (``bl.check(machine.tree_)`` counts them); the other engines integrate over them.

    Attributes
    ----------
    coef_ : ndarray (n_columns,)
        Posterior mean weights: of the kernel's centres, of the functions of a basis, or of the
        features where kernel is None. Zero for those that were left out.
    intercept_ : float
        Weight of the column of ones.
    sigma_ : float
        Standard deviation of the noise; its posterior mean where it was drawn.
    relevance_ : ndarray of int
        Which columns were left, whose scale is not zero: of a kernel the rows of X that are
        relevance vectors, else places in `coef_`. All of them where scales were drawn.
    relevance_vectors_ : ndarray (n_relevant, n_features)
        Those rows of X, where there is a kernel.
    dropped_ : ndarray of int
        Features that were left out because they have one value in all rows of X, as a rare level
        does in a fold, or repeat another one: their coefficient is zero. A kernel takes them all.
    model_, tree_
        The model and its fit, for the rest of the package.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> from bayeslmm.sklearn import RVMRegressor
    >>> d = bl.datasets.load("sinc_gauss01")
    >>> machine = RVMRegressor(width=3.0).fit(d[["x"]], d["t"])
    >>> machine.relevance_vectors_.shape
    (4, 1)
    """

    def __init__(
        self,
        kernel: Any = "gaussian",
        *,
        width: Any = "scale",
        degree: int = 3,
        offset: float = 1.0,
        bias: bool = True,
        price: Any = None,
        healed: bool = False,
        engine: Any = "eb",
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.width = width
        self.degree = degree
        self.offset = offset
        self.bias = bias
        self.price = price
        self.healed = healed
        self.engine = engine
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to X (n_samples, n_features) and y (n_samples,), matched by position."""
        refuse_other_order(X, y)
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2, dtype=np.float64)
        refuse_unnamed(getattr(self, "feature_names_in_", ()), "X")
        functions = _kernel(self, X)
        self._kept, self.dropped_ = _split(X, all_of_them=not _by_feature(functions))
        if not self.bias and not self._kept.size:
            raise ValueError(ALONE)
        if functions is None:
            model = rvm(self._table(X), y, price=self.price)
        else:
            model = rvm(X[:, self._kept], y, kernel=functions, bias=self.bias, price=self.price)
        _infer(self, model)
        if self.healed:
            self._refuse_healing()
        weights, _ = block_moments(self.tree_, "w")
        first = int(self.bias)
        self.coef_, self.intercept_ = weights[first:], float(weights[0]) if self.bias else 0.0
        kept = (self.tree_["posterior"]["scale_w"].values > 0.0).any(axis=(0, 1))[first:]
        self.relevance_ = np.flatnonzero(kept)
        if functions is None:
            self.coef_ = _spread(self.coef_, self._kept, X.shape[1])
            self.relevance_ = self._kept[kept]
        centres = model.blocks[0].source.centres
        if centres is not None:
            self.relevance_ = centres[kept]
            self.relevance_vectors_ = X[self.relevance_]
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict; see `BayesianLasso.predict`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        new = self._table(X) if self.kernel is None else X[:, self._kept]
        found = _predict(self.model_, self.tree_, new, return_std)
        if not self.healed:
            return found
        mean, variance = healed(self.model_, read_tree(self.model_, self.tree_), new)
        if not return_std:
            return found + mean
        return found[0] + mean, np.sqrt(found[1] ** 2 + variance)

    def _refuse_healing(self) -> None:
        """Refuse what has no centres, or no single set of scales."""
        centres = getattr(self.model_.blocks[0].source, "centres", None)
        if centres is None or not self.tree_["posterior"].attrs.get("fixed"):
            raise ValueError(
                f"healed=True adds a kernel's function at each new point, given scales that were "
                f"plugged in: it is for kernel='gaussian' and its like with engine='eb'; got "
                f"kernel={self.kernel!r}, engine={self.engine!r}"
            )

    def _table(self, X: Array) -> Any:
        return named(self, X, self._kept, self.bias)


class BayesianLasso(ScoresRows, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Bayesian lasso (Park & Casella 2008); see `bayeslmm.lasso`.

    Parameters
    ----------
    lam : float, optional
        The penalty, for centred columns of unit length; by default lam^2 has a Gamma(1, 1.78)
        prior.
    engine : {"gibbs", "nuts", "eb"} or engine
        "gibbs" and "nuts" draw from the posterior, which is one; "eb" takes lam at its marginal
        maximum. Or a value such as ``bl.Gibbs(draws=10_000)``.
    random_state : int, RandomState or None

    Attributes
    ----------
    coef_ : ndarray (n_features,)
        Posterior mean coefficients of the features as given.
    intercept_ : float
        Of the features as given, not centred.
    sigma_ : float
        Posterior mean of the noise's standard deviation.
    dropped_ : ndarray of int
        Features that were left out because they have one value in all rows of X, as a rare level
        does in a fold, or repeat another one: their coefficient is zero.
    model_, tree_
        The model and its fit; ``bl.selected(tree_)`` is the table of its coefficients.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> from bayeslmm.sklearn import BayesianLasso
    >>> d = bl.datasets.load("diabetes")
    >>> lasso = BayesianLasso(random_state=1).fit(d.drop(columns="y"), d["y"])
    >>> mean, sd = lasso.predict(d.drop(columns="y").iloc[:3], return_std=True)
    >>> bool((sd > lasso.sigma_).all())
    True
    """

    def __init__(self, lam: Any = None, *, engine: Any = "gibbs", random_state: Any = None) -> None:
        self.lam = lam
        self.engine = engine
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to X (n_samples, n_features) and y (n_samples,), matched by position."""
        refuse_other_order(X, y)
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2, dtype=np.float64)
        self._kept, self.dropped_ = _split(X)
        if not self._kept.size:
            raise ValueError(ALONE)
        _infer(self, lasso(named(self, X, self._kept), y, lam=self.lam))
        slopes, _ = block_moments(self.tree_, "beta_")
        centre = self.model_.blocks[0].centre
        self.intercept_ = float(fixef(self.tree_)["mean"].iloc[0] - centre @ slopes)
        self.coef_ = _spread(slopes, self._kept, X.shape[1])
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Posterior mean of y at new rows.

        Parameters
        ----------
        X : array_like (n_samples, n_features)
        return_std : bool
            Return standard deviations too.

        Returns
        -------
        mean : ndarray (n_samples,)
        std : ndarray (n_samples,), where asked for
            Of one new observation, its noise included, as in scikit-learn's BayesianRidge.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return _predict(self.model_, self.tree_, named(self, X, self._kept), return_std)


def _split(X: Array, all_of_them: bool = False) -> tuple[Any, Any]:
    """Places of the features that are taken, and of those that are not."""
    everything = np.arange(X.shape[1])
    kept = everything if all_of_them else informative(X)
    return kept, np.setdiff1d(everything, kept)


def _spread(values: Array, places: Any, size: int) -> Array:
    """Values at their places, zeros elsewhere."""
    whole = np.zeros(size)
    whole[places] = values
    return whole


def _by_feature(functions: Any) -> bool:
    """Whether features become columns one by one, as a kernel's do not."""
    return functions is None or hasattr(functions, "fit")


def _kernel(estimator: RVMRegressor, X: Array) -> Any:
    kernel, width = estimator.kernel, estimator.width
    if kernel is None or not isinstance(kernel, str):
        return kernel
    if kernel == "gaussian":
        if isinstance(width, str) and width == "scale":
            width = float(np.sqrt(X.shape[1] * X.var())) or 1.0
        return kernels.gaussian(width)
    if kernel == "polynomial":
        return kernels.polynomial(estimator.degree, estimator.offset)
    if kernel == "linear_spline":
        return kernels.linear_spline()
    raise ValueError(
        f"kernel must be 'gaussian', 'linear_spline', 'polynomial', a function or None; got "
        f"{kernel!r}"
    )


def _infer(estimator: Any, model: Model) -> None:
    """Fit the model: sets model_, tree_ and sigma_."""
    infer(estimator, model, ENGINES)
    estimator.sigma_ = float(estimator.tree_["posterior"]["sigma"].mean())


def _predict(model: Model, tree: Any, new: Any, with_std: bool) -> Any:
    tree, block = read_tree(model, tree), model.blocks[0]
    columns = block.source.encode(new)
    weights, _ = block_moments(tree, block.name)
    mean = (columns - block.centre) @ weights
    if model.fixed:
        mean += float(fixef(tree)["mean"].iloc[0])
    if not with_std:
        return mean
    posterior = tree["posterior"].dataset
    noise = float((posterior["sigma"] ** 2).mean())
    still = not np.ptp(posterior["sigma"].values) and not model.fixed
    if still and tree["posterior"].attrs.get("fixed"):
        return mean, np.sqrt(_exact_variance(model, posterior, columns) + noise)
    return mean, np.sqrt(_drawn_variance(model, posterior, columns, mean) + noise)


def _exact_variance(model: Model, posterior: Any, columns: Array) -> Array:
    """Diagonal of A (Z'WZ / sigma^2 + S^-2)^-1 A' over the columns whose scale is not zero."""
    from scipy.linalg import solve_triangular

    block = model.blocks[0]
    scales, sigma = theta_points(model, posterior.isel(chain=[0], draw=[0]))
    scale = np.broadcast_to(scales[0], block.Z.shape[1:])
    active = np.flatnonzero(scale > 0.0)
    # In units of the scales, Q = I + S Z'WZ S / sigma^2 is never singular.
    Z = block.Z[:, active] * scale[active] / sigma[0]
    weight = model.precision * model.design.frequency
    root = np.linalg.cholesky(np.eye(active.size) + (Z * weight[:, None]).T @ Z)
    A = (columns[:, active] - block.centre[active]) / block.unit[active] * scale[active]
    half: Array = solve_triangular(root, A.T, lower=True)
    return (half**2).sum(axis=0)


def _drawn_variance(model: Model, posterior: Any, columns: Array, mean: Array) -> Array:
    block = model.blocks[0]
    square, count = np.zeros(mean.size), 0
    step = max(1, NUMBERS // mean.size)
    for _, each in pieces(model, posterior, np.random.default_rng(0)):
        u = each[block.coefficients]
        for at in range(0, len(u), step):
            drawn = block.times(u[at : at + step], columns) - mean
            if model.fixed:
                drawn += each[model.fixed.coefficients][at : at + step]
            square += (drawn**2).sum(axis=0)
            count += len(drawn)
    return square / count
