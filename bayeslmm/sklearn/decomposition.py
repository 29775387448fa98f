"""Probabilistic PCA as a transformer, with the names that scikit-learn's PCA has.

With plugged-in loadings (empirical Bayes) everything is told at the maximum. Where loadings were
drawn one model stands for all draws, that of the posterior mean of the covariance: loadings, noise
and scores are its own, so that they fit together as means of what turns and shrinks would not.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from ..engines.evidence import EmpiricalBayes
from ..engines.importance_sampling import ImportanceSampling
from ..engines.nuts import NUTS
from ..models.ppca import ppca
from ..posterior.matrix_rows import density_at, means_of
from ..results.estimates import estimates
from ..results.impute import impute, log_density
from ..solvers.expectation import expected_scores
from ..types import Array
from .common import infer, named

ENGINES: dict[str, Callable[[], Any]] = {
    "eb": lambda: EmpiricalBayes("ml"),
    "nuts": NUTS,
    "is": ImportanceSampling,
}


class PPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Probabilistic PCA (Tipping & Bishop 1999) of rows with missing entries; see `bayeslmm.ppca`.

    Parameters
    ----------
    n_components : int
        q, below the number of features.
    scale : {None, "sd"}
        Take the columns as they are, or each divided by its standard deviation.
    engine : {"eb", "nuts", "is"} or engine
        "eb" maximises the likelihood: in closed form where nothing is missing, else by EM; the
        loadings are then those of classical PCA. "nuts" and "is" (independent draws,
        or NUTS where they cannot be had) draw from the posterior. Or a value such
        as ``bl.NUTS(draws=2000)``.
    random_state : int, RandomState or None

    Attributes
    ----------
    components_ : ndarray (n_components, n_features)
        Principal axes of unit length, by variance; the largest entry of each is positive where
        loadings are plugged in.
    explained_variance_ : ndarray (n_components,)
        Variance along each axis, the noise included: eigenvalues of the covariance.
    explained_variance_ratio_ : ndarray (n_components,)
        Their share of all variance.
    mean_ : ndarray (n_features,)
    noise_variance_ : float
        sigma^2. Axes, variances and noise are those of the columns as the model takes them: with
        scale="sd" of the standardised ones. Everything else is on the scale of X.
    loadings_ : ndarray (n_features, n_components)
        W: what one unit of a score adds to each column.
    n_components_, n_features_in_, feature_names_in_
        As in scikit-learn.
    model_, tree_
        The model and its fit, for the rest of the package: intervals are there.

    Notes
    -----
    Where loadings are drawn, all attributes and `transform` are those of one probabilistic PCA: the
    one of the posterior mean of the covariance, its noise the mean of the smallest eigenvalues.
    `impute` and `score` average over the posterior.

    The divisor of variances is n where "eb" is used, that of the maximum of the likelihood, while
    scikit-learn's PCA has n - 1.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> from bayeslmm.sklearn import PPCA
    >>> iris = bl.datasets.load("iris").drop(columns="Species")
    >>> ppca = PPCA(n_components=2).fit(iris)
    >>> ppca.explained_variance_ratio_.round(3).tolist()
    [0.925, 0.053]
    >>> row = iris.iloc[:1].assign(**{"Petal.Length": float("nan")})  # it was 1.4
    >>> ppca.impute(row).round(1).tolist()
    [[5.1, 3.5, 1.6, 0.2]]
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        scale: Any = None,
        engine: Any = "eb",
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.engine = engine
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to X (n_samples, n_features), NaN where an entry is missing; y is not looked at."""
        X = self._read(X, ensure_min_samples=2, ensure_min_features=2)
        infer(self, ppca(named(self, X), self.n_components, scale=self.scale), ENGINES)
        self.n_components_ = int(self.n_components)
        self._tell()
        return self

    def transform(self, X: Any) -> Array:
        """Means of the scores at `loadings_`, given the entries that each row has.

        Parameters
        ----------
        X : array_like (n_samples, n_features)
            NaN where an entry is missing. A row without any entry has scores of zero.

        Returns
        -------
        ndarray (n_samples, n_components)
            Not the projections of PCA, which are on the scale of the data: scores have unit
            variance in the prior. Beside the projections of ``PCA(whiten=True)`` they are shrunk
            by sqrt(1 - noise / explained variance), and more where entries are missing.
            ``bl.transform(model_, tree_, X)`` averages over the posterior, and has their sds.
        """
        check_is_fitted(self)
        X = self._read(X, reset=False)
        if not self.n_components_:
            return np.zeros((len(X), 0))
        model, (W, sigma, mean) = self.model_, self._inside
        scores, _ = expected_scores(means_of(model).inside(X), W, mean, sigma)
        return scores

    def inverse_transform(self, X: Any) -> Array:
        """Rows at scores X (n_samples, n_components): mu + W z.

        Scores are shrunk, so those of `transform` lead back to a row nearer to the mean than
        PCA's reconstruction.
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=np.float64, ensure_min_features=0)
        if Z.shape[1] != self.n_components_:
            raise ValueError(
                f"inverse_transform takes scores of {self.n_components_} components, got "
                f"{Z.shape[1]} columns"
            )
        rows: Array = self.mean_ + Z @ self.loadings_.T
        return rows

    def impute(self, X: Any, return_std: bool = False) -> Any:
        """X with its missing entries at their posterior means.

        Parameters
        ----------
        X : array_like (n_samples, n_features)
            NaN where an entry is missing.
        return_std : bool
            Return standard deviations too.

        Returns
        -------
        filled : ndarray (n_samples, n_features)
        std : ndarray (n_samples, n_features), where asked for
            Of the measurement that is not there, its noise included; zero where one is.
        """
        check_is_fitted(self)
        X = self._read(X, reset=False)
        found = impute(self.model_, self.tree_, named(self, X))
        gone = np.isnan(X)
        filled, std = X.copy(), np.zeros(X.shape)
        filled[gone], std[gone] = found.entries["mean"], found.entries["sd"]
        return (filled, std) if return_std else filled

    def score_samples(self, X: Any) -> Array:
        """Log density of the entries of each row (n_samples,).

        With plugged-in loadings at `mean_` and `get_covariance()`, as in PCA; where they were
        drawn, of the posterior predictive distribution (`bayeslmm.log_density`).
        """
        check_is_fitted(self)
        X = self._read(X, reset=False)
        if self._plugged:
            return density_at(self.model_, *self._inside, X)
        return log_density(self.model_, self.tree_, named(self, X)).to_numpy()

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log density of the rows; y is not looked at."""
        return float(self.score_samples(X).mean())

    def get_covariance(self) -> Array:
        """Covariance of a row (n_features, n_features): W W' + noise."""
        check_is_fitted(self)
        noise = self.noise_variance_ * means_of(self.model_).unit ** 2
        covariance: Array = self.loadings_ @ self.loadings_.T + np.diag(noise)
        return covariance

    def get_precision(self) -> Array:
        """Inverse of `get_covariance()`."""
        precision: Array = np.linalg.inv(self.get_covariance())
        return precision

    def _read(self, X: Any, **options: Any) -> Array:
        rows: Array = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", **options
        )
        return rows

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    @property
    def _plugged(self) -> bool:
        return "sigma" in self.tree_["posterior"].attrs["fixed"].split(", ")

    @property
    def _inside(self) -> tuple[Array, float, Array]:
        """W, sigma and mu as the model takes the columns."""
        model = self.model_
        means = means_of(model)
        W = self.loadings_ / means.unit[:, None]
        return W, float(np.sqrt(self.noise_variance_)), means.asked(self.mean_)

    def _tell(self) -> None:
        tree, unit = self.tree_, means_of(self.model_).unit
        self.mean_ = _mean(tree, "mu")
        self.noise_variance_ = float((tree["posterior"]["sigma"] ** 2).mean())
        if not self.n_components_:
            self.loadings_, self.components_ = np.zeros((unit.size, 0)), np.zeros((0, unit.size))
            self.explained_variance_ = self.explained_variance_ratio_ = np.zeros(0)
            return
        W = _mean(tree, "W")
        values, axes = np.linalg.eigh(_mean(tree, "covariance") / np.outer(unit, unit))
        values, axes = values[::-1], axes[:, ::-1][:, : self.n_components_]
        axes = axes * np.where((axes * (W / unit[:, None])).sum(axis=0) < 0.0, -1.0, 1.0)
        if not self._plugged:
            self.noise_variance_ = float(values[self.n_components_ :].mean())
            along = values[: self.n_components_] - self.noise_variance_
            W = axes * np.sqrt(along) * unit[:, None]
        self.loadings_, self.components_ = W, axes.T
        self.explained_variance_ = values[: self.n_components_]
        self.explained_variance_ratio_ = self.explained_variance_ / values.sum()


def _mean(tree: Any, name: str) -> Array:
    """Posterior mean of a variable, exact where it is kept."""
    return estimates(tree)[name].told[0]
