"""EM ends where the likelihood is largest, and nowhere below where plain EM ends."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import subspace_angles

import bayeslmm as bl
from bayeslmm.solvers.expectation import expectation_maximisation
from bayeslmm.solvers.likeliest import closed_form

from .dense_factor import Dense, complete, flat, patterns, rows

IRIS = [(1, 0.11413908, -470.669458), (2, 0.05068215, -404.962780), (3, 0.02367619, -379.914630)]
VIRUS = [
    (1, 3.08979921, -1400.096577),
    (2, 1.62690885, -1245.932486),
    (3, 1.23914291, -1197.230123),
]


@pytest.fixture(scope="module")
def iris():
    return bl.datasets.load("iris").drop(columns="Species").to_numpy(dtype=float)


@pytest.fixture(scope="module")
def virus(shared_data):
    return pd.read_csv(shared_data / "ppca" / "tobamovirus.csv").to_numpy(dtype=float)


@pytest.fixture(scope="module")
def masked(virus, shared_data):
    name = shared_data / "ppca" / "tobamovirus_missing_mask.csv"
    mask = pd.read_csv(name, header=None).to_numpy(dtype=bool)
    return np.where(mask, np.nan, virus)


def simulated(seed, n, d, q, missing, sigma=0.5):
    rng = np.random.default_rng(seed)
    return rows(rng, n, rng.standard_normal((d, q)), sigma, 2.0, missing)


def plain(Y, q, steps, sigma=0.7, seed=0):
    """EM as Tipping & Bishop write it, row by row, from random loadings; log likelihoods."""
    rng = np.random.default_rng(seed)
    n, d = Y.shape
    W, mu, s = rng.standard_normal((d, q)), np.nanmean(Y, axis=0), sigma**2
    there, path = ~np.isnan(Y), []
    for _ in range(steps):
        value, Z, second = 0.0, np.zeros((n, q + 1)), np.zeros((n, q + 1, q + 1))
        for i in range(n):
            o = there[i]
            r, Wo = (Y[i] - mu)[o], W[o]
            C = Wo @ Wo.T + s * np.eye(o.sum())
            value -= 0.5 * (o.sum() * np.log(2 * np.pi) + np.linalg.slogdet(C)[1])
            value -= 0.5 * r @ np.linalg.solve(C, r)
            M = np.linalg.inv(s * np.eye(q) + Wo.T @ Wo)
            Z[i] = [*(M @ Wo.T @ r), 1.0]
            second[i] = np.outer(Z[i], Z[i])
            second[i, :q, :q] += s * M
        path.append(value)
        V = np.empty((d, q + 1))
        for j in range(d):
            o = there[:, j]
            V[j] = np.linalg.solve(second[o].sum(axis=0), Z[o].T @ Y[o, j])
        total = 0.0
        for i, j in np.argwhere(there):
            total += Y[i, j] ** 2 - 2 * Y[i, j] * V[j] @ Z[i] + V[j] @ second[i] @ V[j]
        W, mu, s = V[:, :q], V[:, q], total / there.sum()
    return np.array(path)


# Published and independent numbers


def near(solver_value, sigma, truth):
    _, noise, value = truth
    assert sigma**2 == pytest.approx(noise, abs=0.6e-8)  # as many digits as are stated
    assert solver_value == pytest.approx(value, abs=0.6e-6)


@pytest.mark.parametrize("truth", IRIS, ids=lambda t: f"q={t[0]}")
def test_iris_has_the_published_noise_and_likelihood(iris, truth):
    best = closed_form(complete(iris, flat(4), "ml"), truth[0])
    near(best.value, best.sigma, truth)
    found = expectation_maximisation(iris, truth[0])
    near(found.value, found.sigma, truth)


@pytest.mark.parametrize("truth", VIRUS, ids=lambda t: f"q={t[0]}")
def test_tobamovirus_has_the_published_noise_and_likelihood(virus, truth):
    best = closed_form(complete(virus, flat(18), "ml"), truth[0])
    near(best.value, best.sigma, truth)
    found = expectation_maximisation(virus, truth[0])
    assert found.value == pytest.approx(truth[2], rel=1e-8)
    assert found.sigma**2 == pytest.approx(truth[1], rel=1e-5)  # first order in what EM lacks


def test_tobamovirus_with_136_entries_hidden(masked):
    assert np.isnan(masked).sum() == 136
    found = expectation_maximisation(masked, 2)
    assert found.settled
    assert found.value == pytest.approx(-946.53016, abs=1e-5)
    assert found.sigma**2 == pytest.approx(1.222417, abs=1e-5)


# The closed form of complete rows


@pytest.mark.parametrize("q", [0, 1, 2, 3])
@pytest.mark.parametrize("criterion", ["ml", "reml"])
def test_the_closed_form_is_principal_components_of_the_dense_covariance(iris, q, criterion):
    best = closed_form(complete(iris, flat(4), criterion), q)
    S = np.cov(iris.T, ddof=0 if criterion == "ml" else 1)
    values, vectors = np.linalg.eigh(S)
    assert best.sigma**2 == pytest.approx(values[: 4 - q].mean(), rel=1e-10)
    C = vectors[:, 4 - q :] @ np.diag(values[4 - q :] - best.sigma**2) @ vectors[:, 4 - q :].T
    np.testing.assert_allclose(best.W @ best.W.T, C, atol=1e-10)
    dense = Dense(iris[:40], best.W, best.sigma, flat(4))
    some = complete(iris[:40], flat(4), criterion)
    assert some.value(best.W, best.sigma) == pytest.approx(dense.value(criterion), rel=1e-10)
    solver = complete(iris, flat(4), criterion)
    assert solver.value(best.W, best.sigma) == pytest.approx(best.value, rel=1e-12)


@pytest.mark.parametrize("shape", [(150, 4, 2), (12, 30, 3), (40, 120, 3), (200, 120, 3)], ids=str)
@pytest.mark.parametrize("sigma", [None, 0.3, 1.7])
@pytest.mark.parametrize("criterion", ["ml", "reml"])
def test_the_closed_form_has_no_slope_and_no_better_neighbour(shape, sigma, criterion):
    n, d, q = shape
    Y = simulated(3, n, d, q, 0.0)
    best = closed_form(complete(Y, flat(d), criterion), q, sigma)
    solver = complete(Y, flat(d), criterion)
    value, slope, by_sigma = solver.score(best.W.ravel(), best.sigma)
    assert value == pytest.approx(best.value, rel=1e-11)
    size = n * d / best.sigma
    np.testing.assert_allclose(slope, 0.0, atol=1e-9 * size)
    if sigma is None:
        assert abs(by_sigma) < 1e-9 * size
    rng = np.random.default_rng(0)
    for step in (1e-2, 0.3, 3.0):
        other = best.W + step * rng.standard_normal(best.W.shape)
        assert solver.value(other, best.sigma) < best.value


def test_the_loadings_span_the_principal_subspace(iris, virus):
    for Y in (iris, virus):
        _, _, axes = np.linalg.svd(Y - Y.mean(axis=0), full_matrices=False)
        best = closed_form(complete(Y, flat(Y.shape[1]), "ml"), 2)
        assert subspace_angles(best.W, axes[:2].T).max() < 1e-8


def test_scikit_learn_scores_the_same_model(iris, virus):
    """Its covariance has the divisor n - 1; its score is the mean log density of a row."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    for Y in (iris, virus):
        n, d = Y.shape
        for q in (1, 2, 3):
            peer = decomposition.PCA(q, svd_solver="full").fit(Y)
            best = closed_form(complete(Y, flat(d), "reml"), q)
            assert best.sigma**2 == pytest.approx(peer.noise_variance_, rel=1e-10)
            solver = complete(Y, flat(d), "ml")
            assert solver.value(best.W, best.sigma) / n == pytest.approx(peer.score(Y), rel=1e-10)
            # at the maximum the whole covariance is (n - 1) / n of that
            ml = closed_form(solver, q)
            assert ml.sigma**2 == pytest.approx(peer.noise_variance_ * (n - 1) / n, rel=1e-10)
            half = d * (np.log((n - 1) / n) + 1.0 - (n - 1) / n)
            assert ml.value / n == pytest.approx(peer.score(Y) - 0.5 * half, rel=1e-10)


def test_components_that_leave_no_noise_are_refused():
    Y = simulated(0, 3, 6, 2, 0.0)
    with pytest.raises(ValueError, match="2 components follow 3 rows of 6 columns exactly"):
        closed_form(complete(Y, flat(6), "ml"), 2)


# EM


@pytest.mark.parametrize("shape", [(150, 6, 2), (60, 12, 3), (30, 40, 2)], ids=str)
def test_em_of_complete_rows_ends_at_the_closed_form(shape):
    n, d, q = shape
    Y = simulated(1, n, d, q, 0.0)
    found = expectation_maximisation(Y, q)
    best = closed_form(complete(Y, flat(d), "ml"), q)
    assert found.settled
    assert found.value == pytest.approx(best.value, abs=1e-6)
    assert found.value <= best.value + 1e-8 * abs(best.value)
    assert found.sigma == pytest.approx(best.sigma, rel=1e-4)
    np.testing.assert_allclose(found.mean, Y.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(found.W @ found.W.T, best.W @ best.W.T, atol=2e-3)


def cases():
    yield "iris", None, 2
    for shape in [(80, 8, 2, 0.2), (60, 12, 3, 0.5), (25, 40, 2, 0.3), (200, 5, 1, 0.6)]:
        yield str(shape), shape, shape[2]


@pytest.mark.parametrize(("name", "shape", "q"), list(cases()), ids=lambda v: str(v))
def test_em_ends_without_slope_and_at_its_own_value(iris, name, shape, q):
    if shape is None:
        Y = np.where(np.random.default_rng(0).random(iris.shape) < 0.2, np.nan, iris)
    else:
        Y = simulated(2, *shape)
    found = expectation_maximisation(Y, q)
    d = Y.shape[1]
    solver = patterns(Y, flat(d), "ml")
    value, slope, by_sigma = solver.score(found.W.ravel(), found.sigma)
    assert found.settled
    assert -1e-9 < value - found.value < 1e-6  # mu is maximised there, and nearly so by EM
    assert np.abs(slope * np.abs(found.W).max()).max() < 0.02
    assert abs(by_sigma * found.sigma) < 0.02


@pytest.mark.parametrize("missing", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("q", [1, 3])
def test_em_never_ends_below_plain_em(missing, q):
    Y = simulated(5, 50, 7, 3, missing)
    found = expectation_maximisation(Y, q)
    path = plain(Y, q, 120)
    assert (np.diff(path) > -1e-8).all()
    assert found.value > path[-1] - 1e-5


def test_em_of_masked_tobamovirus_never_ends_below_plain_em(masked):
    assert expectation_maximisation(masked, 2).value > plain(masked, 2, 100)[-1] - 1e-5


def test_em_of_no_component_is_every_columns_mean_and_one_noise():
    Y = simulated(6, 30, 4, 1, 0.3)
    found = expectation_maximisation(Y, 0)
    r = Y - np.nanmean(Y, axis=0)
    count = np.isfinite(Y).sum()
    noise = np.nansum(r**2) / count
    assert found.sigma**2 == pytest.approx(noise, rel=1e-10)
    assert found.value == pytest.approx(-0.5 * count * (np.log(2 * np.pi * noise) + 1), rel=1e-12)


def test_em_takes_rows_without_any_entry_for_nothing():
    Y = simulated(7, 60, 6, 2, 0.3)
    more = np.insert(Y, [0, 30, 60], np.nan, axis=0)
    one, other = (expectation_maximisation(each, 2) for each in (Y, more))
    assert one.value == pytest.approx(other.value, abs=1e-6)
    assert one.sigma == pytest.approx(other.sigma, rel=1e-4)


def test_em_of_a_known_noise_maximises_the_rest():
    Y = simulated(8, 60, 6, 2, 0.2)
    for sigma in (0.3, 0.8):
        found = expectation_maximisation(Y, 2, sigma)
        solver = patterns(Y, flat(6), "ml")
        value, slope, _ = solver.score(found.W.ravel(), sigma)
        assert found.sigma == sigma
        assert -1e-9 < value - found.value < 1e-6
        assert np.abs(slope).max() < 0.02


def test_means_of_a_hundred_million_change_nothing_but_the_means():
    Y = np.round(simulated(9, 60, 6, 2, 0.2) * 2**20) / 2**20  # so that the sum is exact
    one, other = (expectation_maximisation(Y + far, 2) for far in (0.0, 2.0**26))
    assert one.value == pytest.approx(other.value, abs=1e-5)
    np.testing.assert_allclose(other.mean - 2.0**26, one.mean, atol=1e-4)


@pytest.mark.parametrize("sigma", [1e-4, 1e-6])
def test_noise_of_a_ten_thousandth_and_a_millionth_of_the_signal(sigma):
    """Of the noise's share of the squares, sigma^2, float64 knows eps / sigma^2 of itself."""
    Y = simulated(10, 60, 6, 2, 0.2, sigma)
    found = expectation_maximisation(Y, 2)
    r = Y - found.mean
    left = 0.0
    for y, there in zip(r, ~np.isnan(Y)):  # noise by least squares, which cancels nothing
        left += np.linalg.lstsq(found.W[there], y[there])[1].sum()
    free = np.isfinite(Y).sum() - 2 * len(Y)
    assert found.sigma**2 * free / np.isfinite(Y).sum() < 2 * sigma**2
    assert found.sigma == pytest.approx(np.sqrt(left / np.maximum(free, 1)), rel=0.1)


@pytest.mark.parametrize("sigma", [0.0, 1e-9])
def test_rows_without_noise_are_refused(sigma):
    with pytest.raises(ValueError, match=r"2 components follow .* exactly.*fix sigma"):
        expectation_maximisation(simulated(11, 40, 5, 2, 0.1, sigma), 2)
    found = expectation_maximisation(simulated(11, 40, 5, 2, 0.1, sigma), 2, sigma=0.1)
    assert np.isfinite(found.value)
