"""Estimators of scikit-learn's interface: `RVMRegressor`, `BayesianLasso` and `PPCA`.

    from bayeslmm.sklearn import PPCA, RVMRegressor
    RVMRegressor(width=3.0).fit(X, y).predict(X_new, return_std=True)
    PPCA(n_components=2).fit(X).transform(X_new)

Each declares the model of the same name, fits it with an engine, and keeps both as `model_` and
`tree_`, which every other function of the package takes. scikit-learn is needed here, and nowhere
else.
"""

try:
    from sklearn.utils.validation import validate_data  # noqa: F401  (new in 1.6)
except ImportError as error:  # a dependency of this folder alone
    raise ImportError(
        "bayeslmm.sklearn needs scikit-learn of at least 1.6; install it: pip install -U "
        "scikit-learn"
    ) from error

from .decomposition import PPCA
from .lasso_regressor import BayesianLasso
from .rvm_regressor import RVMRegressor

__all__ = ["PPCA", "BayesianLasso", "RVMRegressor"]
