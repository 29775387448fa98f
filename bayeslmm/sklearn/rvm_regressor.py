"""The relevance vector machine as a regressor of scikit-learn's interface."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..columns import kernels
from ..design.names import refuse_unnamed
from ..models.rvm import rvm
from ..posterior.tree import read_tree
from ..results.selected import block_moments
from ..types import Array
from .common import ScoresRows, named, refuse_other_order, split, spread
from .healing import healed
from .linear import ALONE, infer_rows, predict_rows


class RVMRegressor(ScoresRows, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Relevance vector machine for regression (Tipping 2001); see `bayeslmm.rvm`.

    Parameters
    ----------
    kernel : {"gaussian", "linear_spline", "polynomial"}, callable or None
        A kernel by name or as a function of points (n, d) and centres (m, d) that gives (n, m),
        or a basis of `bayeslmm.columns.bases`; None takes the columns of X themselves.
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
    engine : {"eb", "nuts", "is", "gibbs"} or engine
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
        self._kept, self.dropped_ = split(X, all_of_them=not _by_feature(functions))
        if not self.bias and not self._kept.size:
            raise ValueError(ALONE)
        if functions is None:
            model = rvm(self._table(X), y, price=self.price)
        else:
            model = rvm(X[:, self._kept], y, kernel=functions, bias=self.bias, price=self.price)
        infer_rows(self, model)
        if self.healed:
            self._refuse_healing()
        weights, _ = block_moments(self.tree_, "w")
        first = int(self.bias)
        self.coef_, self.intercept_ = weights[first:], float(weights[0]) if self.bias else 0.0
        kept = (self.tree_["posterior"]["scale_w"].values > 0.0).any(axis=(0, 1))[first:]
        self.relevance_ = np.flatnonzero(kept)
        if functions is None:
            self.coef_ = spread(self.coef_, self._kept, X.shape[1])
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
        found = predict_rows(self.model_, self.tree_, new, return_std)
        if not self.healed:
            return found
        mean, variance = healed(self.model_, read_tree(self.model_, self.tree_), new)
        if not return_std:
            return found + mean
        return found[0] + mean, np.sqrt(found[1] ** 2 + variance)

    def _refuse_healing(self) -> None:
        """Refuse what has no centres, or no single set of scales."""
        centres = self.model_.blocks[0].source.centres
        if centres is None or not self.tree_["posterior"].attrs.get("fixed"):
            raise ValueError(
                f"healed=True adds a kernel's function at each new point, given scales that were "
                f"plugged in: it is for kernel='gaussian' and its like with engine='eb'; got "
                f"kernel={self.kernel!r}, engine={self.engine!r}"
            )

    def _table(self, X: Array) -> Any:
        return named(self, X, self._kept, self.bias)


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
