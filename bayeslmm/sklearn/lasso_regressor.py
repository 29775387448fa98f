"""The Bayesian lasso as a regressor of scikit-learn's interface."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..models.lasso import lasso
from ..results.reading import fixef
from ..results.selected import block_moments
from .common import ScoresRows, named, refuse_other_order, split, spread
from .linear import ALONE, infer_rows, predict_rows


class BayesianLasso(ScoresRows, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Bayesian lasso (Park & Casella 2008); see `bayeslmm.lasso`.

    Parameters
    ----------
    lam : float, optional
        The penalty, for centred columns of unit length; by default lam^2 has a Gamma(1, 1.78)
        prior.
    engine : {"gibbs", "nuts", "is", "eb"} or engine
        "gibbs", "nuts" and "is" draw from the posterior, which is one; "eb" takes lam at its
        marginal maximum. Or a value such as ``bl.Gibbs(draws=10_000)``.
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
        self._kept, self.dropped_ = split(X)
        if not self._kept.size:
            raise ValueError(ALONE)
        infer_rows(self, lasso(named(self, X, self._kept), y, lam=self.lam))
        slopes, _ = block_moments(self.tree_, "beta_")
        centre = self.model_.blocks[0].centre
        self.intercept_ = float(fixef(self.tree_)["mean"].iloc[0] - centre @ slopes)
        self.coef_ = spread(slopes, self._kept, X.shape[1])
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
        return predict_rows(self.model_, self.tree_, named(self, X, self._kept), return_std)
