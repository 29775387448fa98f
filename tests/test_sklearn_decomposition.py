"""The transformer says what scikit-learn's PCA says, and fills in what that refuses.

The divisor of the covariance is n at the maximum of the likelihood, and n - 1 in scikit-learn.
"""

import pickle

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl

pytest.importorskip("sklearn", "1.6")

from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bayeslmm.sklearn import PPCA


@pytest.fixture(scope="module")
def iris():
    return bl.datasets.load("iris").drop(columns="Species")


@pytest.fixture(scope="module")
def holes(iris):
    X = iris.to_numpy().copy()
    X[np.random.default_rng(3).random(X.shape) < 0.2] = np.nan
    X[7] = np.nan
    return X


@pytest.fixture(scope="module")
def drawn(iris):
    return PPCA(2, engine=bl.NUTS(draws=500, tune=500, chains=2), random_state=1).fit(iris)


@pytest.mark.parametrize("q", [1, 2, 3])
def test_it_is_pca_up_to_the_divisor(iris, q):
    ours, peer = PPCA(q).fit(iris), PCA(q).fit(iris)
    n = len(iris)
    share = (n - 1.0) / n
    np.testing.assert_allclose(ours.get_covariance(), share * peer.get_covariance(), rtol=1e-10)
    np.testing.assert_allclose(ours.get_precision() * share, peer.get_precision(), rtol=1e-9)
    np.testing.assert_allclose(ours.explained_variance_, share * peer.explained_variance_)
    np.testing.assert_allclose(ours.explained_variance_ratio_, peer.explained_variance_ratio_)
    assert ours.noise_variance_ == pytest.approx(share * peer.noise_variance_, rel=1e-10)
    signs = np.sign((ours.components_ * peer.components_).sum(axis=1))
    axes = signs[:, None] * peer.components_
    np.testing.assert_allclose(ours.components_, axes, atol=1e-10)
    np.testing.assert_allclose(ours.mean_, peer.mean_, rtol=1e-12)


def test_the_score_is_that_of_pca_at_the_other_divisor(iris):
    """log N(y; mean, s C), s = (n - 1) / n, from log N(y; mean, C): squares and log det scale."""
    ours, peer = PPCA(2).fit(iris), PCA(2).fit(iris)
    n, d = iris.shape
    share = (n - 1.0) / n
    log_det = np.linalg.slogdet(peer.get_covariance())[1] + d * np.log(2.0 * np.pi)
    squares = -2.0 * peer.score_samples(iris) - log_det
    wanted = -0.5 * (squares / share + log_det + d * np.log(share))
    np.testing.assert_allclose(ours.score_samples(iris), wanted, rtol=1e-9)
    assert ours.score(iris) == pytest.approx(wanted.mean(), rel=1e-10)
    assert ours.score(iris) * n == pytest.approx(ours.tree_.attrs["log_marginal"], rel=1e-10)


def test_scores_are_whitened_projections_shrunk(iris):
    ours, peer = PPCA(2).fit(iris), PCA(2, whiten=True).fit(iris)
    n = len(iris)
    shrunk = np.sqrt((1.0 - ours.noise_variance_ / ours.explained_variance_) * n / (n - 1.0))
    signs = np.sign((ours.components_ * peer.components_).sum(axis=1))
    np.testing.assert_allclose(ours.transform(iris), peer.transform(iris) * signs * shrunk)
    back = ours.inverse_transform(ours.transform(iris))
    told = bl.reconstruct(ours.model_, ours.tree_).xs("mean", axis=1, level=1)
    np.testing.assert_allclose(back, told, atol=0.02)  # theirs averages over draws of mu


def test_standardised_columns_are_those_of_a_pipeline(iris):
    ours = PPCA(2, scale="sd").fit(iris)
    Z = StandardScaler().fit_transform(iris)
    inside = PPCA(2).fit(Z)
    share = (len(iris) - 1.0) / len(iris)  # StandardScaler divides by the sd of divisor n
    np.testing.assert_allclose(ours.components_, inside.components_, atol=1e-10)
    np.testing.assert_allclose(ours.explained_variance_, share * inside.explained_variance_)
    np.testing.assert_allclose(ours.transform(iris), inside.transform(Z))
    d = np.sqrt(ours.noise_variance_) * iris.std().to_numpy()
    wanted = ours.loadings_ @ ours.loadings_.T + np.diag(d**2)
    np.testing.assert_allclose(ours.get_covariance(), wanted, rtol=1e-10)
    log_det = np.linalg.slogdet(2.0 * np.pi * wanted)[1]
    off = iris.to_numpy() - ours.mean_
    by_hand = -0.5 * (log_det + (off @ np.linalg.inv(wanted) * off).sum(axis=1))
    np.testing.assert_allclose(ours.score_samples(iris), by_hand, rtol=1e-9)


def test_missing_entries_have_their_conditional_normal(holes):
    ppca = PPCA(2).fit(holes)
    C, mean = ppca.get_covariance(), ppca.mean_
    filled, std = ppca.impute(holes, return_std=True)
    there = ~np.isnan(holes)
    np.testing.assert_array_equal(filled[there], holes[there])
    assert not std[there].any()
    for i in np.flatnonzero(~there.all(axis=1)):
        o, m = there[i], ~there[i]
        gain = C[np.ix_(m, o)] @ np.linalg.inv(C[np.ix_(o, o)])
        # The package averages over draws of mu, whose sd is that of a mean of some 120 rows.
        wanted = mean[m] + gain @ (holes[i, o] - mean[o])
        np.testing.assert_allclose(filled[i, m], wanted, atol=0.02)
        variance = np.diag(C[np.ix_(m, m)] - gain @ C[np.ix_(o, m)])
        np.testing.assert_allclose(std[i, m], np.sqrt(variance), rtol=0.03)
    assert not ppca.transform(holes)[7].any()
    np.testing.assert_allclose(filled[7], mean, atol=0.02)
    rows = ppca.score_samples(holes)
    assert rows[7] == 0.0
    assert rows.sum() == pytest.approx(ppca.tree_.attrs["log_marginal"], rel=1e-8)


@pytest.fixture(scope="module")
def alike():
    """Two components of like length, whose principal axes turn from draw to draw."""
    rng = np.random.default_rng(0)
    W = np.linalg.qr(rng.normal(size=(6, 2)))[0] * 1.7
    Y = rng.normal(size=(40, 2)) @ W.T + 0.3 * rng.normal(size=(40, 6))
    engine = bl.NUTS(draws=200, tune=300, chains=2)
    return Y, PPCA(2, engine=engine, random_state=1).fit(Y)


def rms(values):
    return np.sqrt(np.mean(np.asarray(values) ** 2))


@pytest.mark.parametrize("which", ["iris", "alike"])
def test_drawn_loadings_are_those_of_one_model_that_fits_together(which, iris, drawn, alike):
    """The probabilistic PCA of the posterior mean of the covariance (Tipping & Bishop, eq. 7)."""
    rows, ppca = (iris, drawn) if which == "iris" else alike
    Y = np.asarray(rows)
    C = ppca.tree_["posterior"]["covariance"].mean(("chain", "draw")).values
    values, d = np.linalg.eigvalsh(C)[::-1], len(C)
    np.testing.assert_allclose(ppca.explained_variance_, values[:2])
    assert ppca.noise_variance_ == pytest.approx(values[2:].mean())
    assert np.trace(ppca.get_covariance()) == pytest.approx(np.trace(C))
    both = ppca.loadings_ @ ppca.loadings_.T + ppca.noise_variance_ * np.eye(d)
    np.testing.assert_allclose(ppca.get_covariance(), both, atol=1e-12)
    np.testing.assert_allclose(ppca.components_ @ ppca.components_.T, np.eye(2), atol=1e-12)
    plugged = PPCA(2).fit(rows)
    gap = plugged.components_ @ ppca.components_.T  # the plane, whatever turns in it
    assert (np.linalg.svd(gap)[1] > 0.99).all()
    Z = ppca.transform(rows)  # E[z | y] by the formula for a normal of two parts
    by_hand = (Y - ppca.mean_) @ np.linalg.solve(both, ppca.loadings_)
    np.testing.assert_allclose(Z, by_hand, atol=1e-10)
    wanted = bl.log_density(ppca.model_, ppca.tree_)
    np.testing.assert_allclose(ppca.score_samples(rows), wanted, rtol=1e-9)


def test_rows_come_back_from_their_scores_as_the_posterior_reconstructs_them(alike):
    Y, ppca = alike
    told = bl.reconstruct(ppca.model_, ppca.tree_).xs("mean", axis=1, level=1).to_numpy()
    error = rms(told - Y)
    assert rms(ppca.inverse_transform(ppca.transform(Y)) - Y) == pytest.approx(error, rel=0.02)
    posterior = ppca.tree_["posterior"].dataset.mean(("chain", "draw"))
    W, z, mu = (posterior[name].values for name in ("W", "z", "mu"))
    scores = bl.transform(ppca.model_, ppca.tree_).mean
    for each in (z, scores):  # means of draws that face one way may be multiplied
        assert rms(mu + each @ W.T - Y) == pytest.approx(error, rel=0.02)
    np.testing.assert_allclose(each.std(axis=0), 0.95, atol=0.1)


def test_imputed_entries_and_scores_of_drawn_loadings(iris, drawn):
    filled = drawn.impute(pd.DataFrame([[5.0, np.nan, 1.4, 0.2]], columns=iris.columns))
    assert filled[0, 1] == pytest.approx(3.3, abs=0.3)  # a small flower: setosa's sepals are wide
    np.testing.assert_allclose(
        drawn.transform(iris), bl.transform(drawn.model_, drawn.tree_).mean, atol=0.05
    )


def test_names_go_in_and_out(iris):
    ppca = PPCA(2).set_output(transform="pandas").fit(iris)
    assert ppca.feature_names_in_.tolist() == iris.columns.tolist()
    assert ppca.get_feature_names_out().tolist() == ["ppca0", "ppca1"]
    scores = ppca.transform(iris)
    assert isinstance(scores, pd.DataFrame)
    assert scores.columns.tolist() == ["ppca0", "ppca1"]


def test_it_works_in_a_pipeline_a_search_and_a_pickle(iris):
    pipe = make_pipeline(StandardScaler(), PPCA(2))
    assert pipe.fit_transform(iris).shape == (150, 2)
    rows = iris.sample(frac=1.0, random_state=1)
    search = GridSearchCV(PPCA(), {"n_components": [0, 1, 2, 3]}, cv=5).fit(rows)
    assert search.best_params_ == {"n_components": 3}
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.transform(iris), search.best_estimator_.transform(iris))


def test_without_components_rows_are_noise_about_their_mean(iris):
    ppca = PPCA(0).fit(iris)
    assert ppca.transform(iris).shape == (150, 0)
    np.testing.assert_allclose(ppca.inverse_transform(np.zeros((2, 0))), [ppca.mean_] * 2)
    assert ppca.components_.shape == (0, 4)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_components": 4}, "components must be below the number of columns, 4"),
        ({"n_components": 1.5}, "components must be a whole number"),
        ({"scale": "unit"}, "scale must be"),
        ({"engine": "gibbs"}, "engine must be one of 'eb', 'nuts'"),
    ],
)
def test_what_cannot_be_used_is_told_at_fit(iris, options, told):
    with pytest.raises(ValueError, match=told):
        PPCA(**options).fit(iris)
    with pytest.raises(ValueError, match="scores of 2 components, got 3"):
        PPCA(2).fit(iris).inverse_transform(np.zeros((1, 3)))
