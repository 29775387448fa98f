"""The estimators keep scikit-learn's rules, and say what the rest of the package says."""

import pickle

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl

pytest.importorskip("sklearn", "1.6")

from sklearn.linear_model import ARDRegression, Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from bayeslmm.sklearn import PPCA, BayesianLasso, RVMRegressor

SHORT = bl.Gibbs(draws=200, tune=100, chains=2)


@parametrize_with_checks(
    [
        RVMRegressor(),
        RVMRegressor(kernel=None),
        BayesianLasso(engine=SHORT),
        PPCA(1),
        PPCA(1, scale="sd"),
    ]
)
def test_the_rules_of_estimators(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def sinc():
    d = bl.datasets.load("sinc_gauss01")
    return d[["x"]].to_numpy(), d["t"].to_numpy()


@pytest.fixture(scope="module")
def diabetes():
    d = bl.datasets.load("diabetes")
    return d.drop(columns="y"), d["y"]


def test_relevance_vectors_are_rows_of_x(sinc):
    X, y = sinc
    machine = RVMRegressor(width=3.0, random_state=1).fit(X, y)
    # The best of several starts of three algorithms: 64.108, at four rows and the bias.
    assert machine.tree_.attrs["log_marginal"] >= 64.107
    assert machine.relevance_.size == 4
    assert machine.intercept_ != 0.0
    np.testing.assert_array_equal(machine.relevance_vectors_, X[machine.relevance_])
    assert machine.coef_.shape == (len(X),)
    assert set(np.flatnonzero(machine.coef_)) == set(machine.relevance_)
    kernel = np.exp(-((X - machine.relevance_vectors_[:, 0]) ** 2) / 9.0)
    by_hand = kernel @ machine.coef_[machine.relevance_] + machine.intercept_
    np.testing.assert_allclose(machine.predict(X), by_hand, rtol=1e-9)


@pytest.mark.parametrize("engine", [bl.Gibbs(draws=1000), "eb"])
def test_a_lasso_sees_the_diabetes_data_as_its_paper_does(diabetes, engine):
    """Posterior medians at lam = 0.237 by an independent Gibbs sampler, in units of the norms."""
    X, y = diabetes
    lam = 0.237 if engine != "eb" else None  # empirical Bayes finds that itself
    lasso = BayesianLasso(lam, engine=engine, random_state=2).fit(X, y)
    norm = X.std(ddof=0) * np.sqrt(len(X))
    medians = bl.selected(lasso.tree_)["median"].loc[X.columns] * norm
    wanted = [-3.3, -214.5, 523.7, 307.5, -170.8, -3.1, -152.5, 93.1, 521.0, 63.0]
    np.testing.assert_allclose(medians, wanted, atol=12.0)  # sds of 50 to 200, ESS above 500
    assert lasso.sigma_ == pytest.approx(np.sqrt(2943.0), rel=0.02)


@pytest.mark.parametrize("engine", ["eb", bl.NUTS(draws=300, tune=300, chains=2)])
def test_predictions_agree_with_bl_predict(sinc, engine):
    X, y = sinc
    machine = RVMRegressor(width=3.0, engine=engine, random_state=1).fit(X, y)
    mean, sd = machine.predict(X, return_std=True)
    other = bl.predict(machine.model_, machine.tree_, X, noise=True, seed=1)
    k = len(other.draws)
    assert np.all(np.abs(mean - other.mean) < 5 * other.sd / np.sqrt(k))
    np.testing.assert_allclose(sd, other.sd, rtol=5 / np.sqrt(2 * k))  # relative error of an sd
    assert machine.sigma_ == pytest.approx(float(machine.tree_["posterior"]["sigma"].mean()))


def test_the_exact_sd_is_that_of_the_dense_normal(sinc):
    """y* and y are jointly normal given the scales: no coefficients are needed."""
    X, y = sinc
    machine = RVMRegressor(width=3.0, random_state=1).fit(X, y)
    new = np.array([[-7.5], [0.1], [20.0]])
    scale = machine.tree_["posterior"]["scale_w"].values[0, 0]

    def columns(x):
        return np.column_stack([np.ones(len(x)), np.exp(-((x - X[:, 0]) ** 2) / 9.0)])

    A, B = columns(X) * scale, columns(new) * scale
    V = A @ A.T + machine.sigma_**2 * np.eye(len(X))
    mean, sd = machine.predict(new, return_std=True)
    np.testing.assert_allclose(mean, B @ A.T @ np.linalg.solve(V, y), rtol=1e-8, atol=1e-10)
    variance = np.diag(B @ B.T - B @ A.T @ np.linalg.solve(V, A @ B.T)) + machine.sigma_**2
    np.testing.assert_allclose(sd, np.sqrt(variance), rtol=1e-6)  # the difference cancels


def test_a_lasso_of_a_frame_is_bl_lasso(diabetes):
    X, y = diabetes
    lasso = BayesianLasso(random_state=3).fit(X, y)
    assert lasso.feature_names_in_.tolist() == X.columns.tolist()
    line = lasso.intercept_ + X.to_numpy() @ lasso.coef_
    np.testing.assert_allclose(lasso.predict(X), line, rtol=1e-9)
    table = bl.selected(lasso.tree_).loc[X.columns]
    np.testing.assert_allclose(lasso.coef_, table["mean"], rtol=1e-12)
    new = bl.predict(lasso.model_, lasso.tree_, X)
    np.testing.assert_allclose(lasso.predict(X), new.mean, rtol=1e-9)
    _, sd = lasso.predict(X, return_std=True)
    noise = float((lasso.tree_["posterior"]["sigma"] ** 2).mean())
    np.testing.assert_allclose(sd**2, new.sd**2 + noise, rtol=1e-6)


def test_features_themselves_are_the_columns_where_there_is_no_kernel(diabetes):
    """The evidence of scikit-learn's ARD is the same, but for its priors of nearly nothing."""
    X, y = diabetes
    Z, centred = StandardScaler().fit_transform(X), y.to_numpy() - y.mean()
    machine = RVMRegressor(kernel=None, bias=False, price=0.0).fit(Z, centred)
    peer = ARDRegression(fit_intercept=False, max_iter=2000, tol=1e-8).fit(Z, centred)
    kept = np.abs(peer.coef_) > 1e-2
    assert set(machine.relevance_) == set(np.flatnonzero(kept))
    np.testing.assert_allclose(machine.coef_[kept], peer.coef_[kept], rtol=0.01)  # its own stop
    assert machine.intercept_ == 0.0
    raw = RVMRegressor(kernel=None).fit(X, y)
    np.testing.assert_allclose(raw.predict(X), raw.intercept_ + X.to_numpy() @ raw.coef_)


def test_a_ridge_block_is_scikit_learns_ridge(diabetes):
    X, y = diabetes
    model = bl.lmm(
        "y ~ 1",
        X.assign(y=y),
        terms=[bl.ridge(X, name="x")],
        priors={"sd_x": 8.0, "sigma": 52.0, "beta": "flat"},
    )
    tree = bl.fit(model, bl.EmpiricalBayes(draws=10), seed=1)
    Z = StandardScaler().fit_transform(X)
    peer = Ridge(alpha=(52.0 / 8.0) ** 2, solver="cholesky").fit(Z, y)
    mean = bl.selected(tree)["mean"].loc[X.columns]
    np.testing.assert_allclose(mean * X.std(ddof=0), peer.coef_, rtol=1e-8)


def test_a_fit_is_repeated_by_its_seed_and_survives_a_pickle(sinc):
    X, y = sinc
    engine = bl.NUTS(draws=50, tune=100, chains=1)
    a, b = (RVMRegressor(width=3.0, engine=engine, random_state=7).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(a.coef_, b.coef_)
    again = pickle.loads(pickle.dumps(a))
    np.testing.assert_array_equal(again.predict(X, True), a.predict(X, True))


def test_any_kernel_and_a_pipeline(sinc):
    X, y = sinc
    spline = make_pipeline(StandardScaler(), RVMRegressor(bl.bases.fourier(4, period=3.6)))
    assert spline.fit(X, y).score(X, y) > 0.8  # the noise has a ninth of the signal's variance
    cauchy = RVMRegressor(lambda x, c: 1.0 / (1.0 + (x - c[:, 0]) ** 2)).fit(X, y)
    assert cauchy.score(X, y) > 0.8
    frame = pd.DataFrame(X, columns=["x"])
    named = RVMRegressor("polynomial", degree=6).fit(frame / 10.0, y)
    assert named.feature_names_in_.tolist() == ["x"]


@pytest.mark.parametrize(
    ("options", "told"),
    [({"kernel": "rbf"}, "kernel must be"), ({"engine": "mcmc"}, "engine must be")],
)
def test_what_cannot_be_used_is_told_at_fit(sinc, options, told):
    with pytest.raises(ValueError, match=told):
        RVMRegressor(**options).fit(*sinc)


BOTH = pytest.mark.parametrize(
    "make",
    [
        lambda: RVMRegressor(kernel=None),
        lambda: RVMRegressor(kernel=None, engine=SHORT, random_state=0),
        lambda: BayesianLasso(engine=SHORT, random_state=0),
    ],
    ids=["relevance", "drawn", "lasso"],
)


@BOTH
def test_a_rare_level_that_is_absent_from_a_fold_does_not_stop_a_validation(make):
    rng = np.random.default_rng(0)
    level = rng.integers(0, 4, 50)
    level[:2] = 4  # in the first fold alone
    X = np.column_stack([rng.normal(size=(50, 2)), np.eye(5)[level]])
    y = X[:, 0] + 0.3 * rng.normal(size=50)
    peer = cross_val_score(ARDRegression(), X, y, cv=KFold(5), error_score="raise")
    found = cross_val_score(make(), X, y, cv=KFold(5), error_score="raise")
    np.testing.assert_allclose(found, peer, atol=0.06)


@BOTH
def test_features_that_say_nothing_are_left_out_and_told(make):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 2))
    y = x[:, 0] + 0.1 * rng.normal(size=40)
    whole = make().fit(np.column_stack([np.full(40, 1e8), x, x[:, 0]]), y)
    bare = make().fit(x, y)
    assert whole.dropped_.tolist() == [0, 3]
    assert bare.dropped_.size == 0
    np.testing.assert_allclose(whole.coef_, [0.0, *bare.coef_, 0.0], rtol=1e-10)
    new = np.column_stack([rng.normal(size=5), x[:5], np.zeros(5)])
    for a, b in zip(whole.predict(new, return_std=True), bare.predict(x[:5], return_std=True)):
        np.testing.assert_allclose(a, b, rtol=1e-10)


@BOTH
@pytest.mark.parametrize("name", ["bias", "Intercept", "beta", "w", "y"])
def test_any_name_of_a_feature_will_do(make, name):
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.normal(size=(30, 2)), columns=[name, "gain"])
    y = (X["gain"] + 0.1 * rng.normal(size=30)).rename(name)
    machine = make().fit(X, y)
    np.testing.assert_array_equal(machine.coef_, make().fit(X.to_numpy(), y.to_numpy()).coef_)
    assert machine.score(X, y) > 0.9


@BOTH
def test_units_of_features_change_nothing(make):
    """Metres, counts and pascals: coefficients in their units, of least squares within 5%."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 3)) * [1e-3, 1.0, 1e4] + [0.0, 0.0, 5e4]
    y = 2.0 + X @ [1500.0, 0.5, 1e-4] + 0.3 * rng.normal(size=60)
    truth = np.linalg.lstsq(np.column_stack([np.ones(60), X]), y)[0][1:]
    np.testing.assert_allclose(make().fit(X, y).coef_, truth, rtol=0.05)


def test_labels_in_another_order_are_refused():
    X = pd.DataFrame({"a": np.arange(5.0), "b": np.arange(5.0) ** 2})
    y = pd.Series(np.arange(5.0))[::-1]
    with pytest.raises(ValueError, match=r"another order: give y.loc\[X.index\]"):
        RVMRegressor(kernel=None).fit(X, y)


def test_without_any_feature_that_varies_there_is_nothing_to_predict_from():
    with pytest.raises(ValueError, match="one value only"):
        BayesianLasso().fit(np.ones((6, 2)), np.arange(6.0))


def test_a_healed_machine_is_the_machine_with_one_more_function_at_each_new_point():
    """The dense normal of the rows and the new value, the function's sd that of y."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-5.0, 5.0, (30, 1))
    y = 2.0 + np.sin(x[:, 0]) + 0.1 * rng.normal(size=30)
    machine = RVMRegressor(width=2.0, healed=True).fit(x, y)
    scale = machine.tree_["posterior"]["scale_w"].values[0, 0]
    new = np.array([[0.3], [5.5], [40.0]])
    mean, sd = machine.predict(new, return_std=True)
    for i, point in enumerate(new):
        points = np.vstack([x, point])
        columns = np.column_stack([np.ones(31), np.exp(-((points - x.T) ** 2) / 4.0)])
        own = np.exp(-((points[:, 0] - point) ** 2) / 4.0)
        V = (columns * scale**2) @ columns.T + y.var() * np.outer(own, own)
        V += machine.sigma_**2 * np.eye(31)
        gain = np.linalg.solve(V[:30, :30], V[:30, 30])
        assert mean[i] == pytest.approx(gain @ y, rel=1e-8)
        assert sd[i] == pytest.approx(np.sqrt(V[30, 30] - gain @ V[:30, 30]), rel=1e-8)
    np.testing.assert_array_equal(machine.predict(new), mean)
    plain = RVMRegressor(width=2.0).fit(x, y).predict(new, return_std=True)[1]
    assert plain[2] < plain[0] + 0.02  # the fault
    assert sd[2] > y.std() > 4.0 * sd[0]


@pytest.mark.parametrize("options", [{"kernel": None}, {"engine": SHORT}])
def test_healing_is_refused_where_it_means_nothing(sinc, options):
    with pytest.raises(ValueError, match="healed=True adds a kernel's function"):
        RVMRegressor(healed=True, **options).fit(*sinc)
