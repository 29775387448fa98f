"""What a declared model says of empirical Bayes, units, pickles and digests."""

import pickle

import numpy as np
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.engines.start import centre
from bayeslmm.solvers.canonical import covariance
from tests.solvers.dense_factor import Dense


@pytest.fixture(scope="module")
def iris():
    return bl.datasets.load("iris").drop(columns="Species")


@pytest.fixture(scope="module")
def gaps(iris):
    gone = np.random.default_rng(0).random(iris.shape) < 0.15
    return iris.mask(gone)


def loadings(fitted):
    posterior = fitted["posterior"]
    W = posterior["W"].values[0, 0] if "W" in posterior else np.zeros((4, 0))
    return W, float(posterior["sigma"].values[0, 0])


def eb(model, criterion, **options):
    return bl.fit(model, bl.EmpiricalBayes(criterion, **options), seed=1)


# Empirical Bayes


@pytest.mark.parametrize("q", [0, 1, 2, 3])
def test_reml_is_the_principal_components_of_the_covariance_with_divisor_n_less_one(iris, q):
    W, sigma = loadings(eb(bl.ppca(iris, q), "reml"))
    values, vectors = np.linalg.eigh(np.cov(iris.T))
    assert sigma**2 == pytest.approx(values[: 4 - q].mean(), rel=1e-10)
    top = vectors[:, 4 - q :]
    C = top @ np.diag(values[4 - q :] - sigma**2) @ top.T
    np.testing.assert_allclose(W @ W.T, C, atol=1e-10)


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
@pytest.mark.parametrize("table", ["iris", "gaps"])
def test_the_maximum_has_the_dense_density_no_slope_and_no_better_neighbour(
    request, table, criterion
):
    model = bl.ppca(request.getfixturevalue(table).iloc[:60], 2)
    fitted = eb(model, criterion)
    assert fitted.attrs["converged"] == 1
    W, sigma = loadings(fitted)

    def dense(W, sigma):
        return Dense(model.problem.Y, W, sigma, model.fixed).value(criterion)

    best = dense(W, sigma)
    assert fitted.attrs["log_marginal"] == pytest.approx(best, rel=1e-7)
    rng = np.random.default_rng(2)
    for step in (1e-3, 1e-2, 0.1):
        for _ in range(3):
            other = dense(W + step * rng.standard_normal(W.shape), sigma * np.exp(step))
            assert other < best + 1e-7
    for at in [(0, 0), (2, 1), (3, 0)]:
        e = np.zeros_like(W)
        e[at] = 1e-4
        assert abs(dense(W + e, sigma) - dense(W - e, sigma)) / 2e-4 < 0.1
    assert abs(dense(W, sigma + 1e-4) - dense(W, sigma - 1e-4)) / 2e-4 < 0.5


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
@pytest.mark.parametrize("table", ["iris", "gaps"])
def test_mu_is_drawn_around_the_plugged_in_loadings_with_its_own_covariance(
    request, table, criterion
):
    """Under "ml" and "reml" mu is flat; the moments are exact, the draws within their error."""
    model = bl.ppca(request.getfixturevalue(table).iloc[:50], 2, priors={"mu": "Normal(3, 0.2)"})
    fitted = eb(model, criterion, draws=4000)
    W, sigma = loadings(fitted)
    how = "evidence" if criterion == "evidence" else "reml"
    m, V = Dense(model.problem.Y, W, sigma, model.fixed).mu(how)
    moments = fitted["posterior_moments"]
    np.testing.assert_allclose(moments["mu_mean"], m + model.fixed.shift, atol=1e-8)
    np.testing.assert_allclose(moments["mu_sd"], np.sqrt(np.diag(V)), atol=1e-8)
    draws = fitted["posterior"]["mu"].values[0] - model.fixed.shift
    white = np.linalg.solve(np.linalg.cholesky(V), (draws - m).T)
    assert np.abs(white.mean(axis=1)).max() * np.sqrt(4000) < 4.0
    error = (white @ white.T / 4000 - np.eye(4)) * np.sqrt(4000 / (1.0 + np.eye(4)))
    assert np.abs(error).max() < 4.0


@pytest.mark.parametrize("criterion", ["ml", "evidence"])
@pytest.mark.parametrize("table", ["iris", "gaps"])
def test_scores_have_their_dense_moments_with_mu_integrated_out(request, table, criterion):
    model = bl.ppca(request.getfixturevalue(table).iloc[:30], 2)
    fitted = eb(model, criterion, draws=4000)
    W, sigma = loadings(fitted)
    how = "evidence" if criterion == "evidence" else "reml"
    mean, sd = Dense(model.problem.Y, W, sigma, model.fixed).scores(how)
    np.testing.assert_allclose(fitted["posterior_moments"]["z_mean"], mean, atol=1e-8)
    np.testing.assert_allclose(fitted["posterior_moments"]["z_sd"], sd, atol=1e-8)
    z = fitted["posterior"]["z"].values[0]
    error = (z.mean(axis=0) - mean) / sd * np.sqrt(4000)
    assert np.abs(error).max() < 4.5  # the largest of 60
    assert (error**2).mean() == pytest.approx(1.0, abs=0.8)
    np.testing.assert_allclose(z.std(axis=0), sd, rtol=4.5 / np.sqrt(8000))


@pytest.mark.parametrize("table", ["iris", "gaps"])
def test_what_draws_leave_of_the_rows_is_noise_of_the_stated_size(request, table):
    """At the maximum E|y - mu - W z|^2 = sigma^2 an entry, which needs the law of mu with z."""
    model = bl.ppca(request.getfixturevalue(table), 2)
    fitted = eb(model, "evidence", draws=1000)
    posterior = fitted["posterior"].isel(chain=0)
    W, sigma = loadings(fitted)
    fit = posterior["mu"].values[:, None] + posterior["z"].values @ W.T
    squares = np.nanmean((model.design.y - fit) ** 2, axis=(1, 2))
    error = squares.std() / np.sqrt(1000)
    assert abs(squares.mean() - sigma**2) < 4 * error
    assert error < 0.005 * sigma**2


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("table", ["iris", "gaps"])
def test_a_fixed_noise_is_kept_even_where_it_swallows_components(request, table, sigma):
    model = bl.ppca(request.getfixturevalue(table), 2, priors={"sigma": sigma})
    best = {}
    for criterion in ("ml", "reml", "evidence"):
        fitted = eb(model, criterion)
        assert loadings(fitted)[1] == sigma
        assert fitted.attrs["converged"] == 1
        best[criterion] = loadings(fitted)[0]
    for W in best.values():
        np.testing.assert_allclose(W @ W.T, best["ml"] @ best["ml"].T, atol=0.05)
    if table == "iris":
        values = np.linalg.eigvalsh(np.cov(model.problem.Y.T, ddof=0))[::-1][:2]
        lengths = (best["ml"] ** 2).sum(axis=0)
        np.testing.assert_allclose(lengths, np.maximum(values - sigma**2, 0.0), atol=1e-10)


def test_map_with_a_fixed_scale_is_the_largest_density_of_w_and_sigma(iris):
    from scipy import stats

    model = bl.ppca(iris.iloc[:40], 2, priors={"sd_W": 0.7, "sigma": "Gamma(3, 2)"})
    fitted = eb(model, "map")
    W, sigma = loadings(fitted)

    def dense(W, sigma):
        found = Dense(model.problem.Y, W, sigma, model.fixed).value("evidence")
        found += stats.norm(0.0, 0.7).logpdf(W).sum()
        return found + stats.gamma(3.0, scale=0.5).logpdf(sigma)

    best = dense(W, sigma)
    assert fitted.attrs["log_marginal"] == pytest.approx(best, rel=1e-8)
    rng = np.random.default_rng(2)
    for step in (1e-3, 1e-2, 0.1):
        assert dense(W + step * rng.standard_normal(W.shape), sigma * np.exp(step)) < best


def test_map_with_a_free_scale_has_no_maximum_and_says_so(iris):
    with pytest.raises(ValueError, match="no maximum while sd_W is free"):
        eb(bl.ppca(iris, 2), "map")


def test_without_components_the_columns_share_one_noise(iris, gaps):
    for table in (iris, gaps):
        fitted = eb(bl.ppca(table, 0), "ml")
        r = table - table.mean()
        noise = np.sqrt(np.nansum(r**2) / np.isfinite(table).to_numpy().sum())
        assert float(fitted["posterior"]["sigma"][0, 0]) == pytest.approx(noise, rel=1e-9)
        assert "W" not in fitted["posterior"]
        assert "z" not in fitted["posterior"]


# Units


@pytest.mark.parametrize("table", ["iris", "gaps"])
@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
def test_columns_divided_by_their_sds_are_told_on_the_users_scale(request, table, criterion):
    """The model on the user's scale: noise sigma s_j in column j, loadings s_j w_j."""
    data = request.getfixturevalue(table).iloc[:40] * [1.0, 10.0, 100.0, 0.1]
    Y = data.to_numpy()
    fitted = eb(bl.ppca(data, 2, scale="sd"), criterion)
    posterior = fitted["posterior"].isel(chain=0, draw=0)
    unit = np.nanstd(Y, axis=0, ddof=1)
    W, noise = posterior["W"].values, posterior["noise_sd"].values
    np.testing.assert_allclose(noise, float(posterior["sigma"]) * unit, rtol=1e-12)
    C = W @ W.T + np.diag(noise**2)
    np.testing.assert_allclose(posterior["covariance"], C, rtol=1e-10)
    there = ~np.isnan(Y)
    y, A = Y[there], np.eye(4)[np.argwhere(there)[:, 1]]
    row = np.argwhere(there)[:, 0]
    V = (row[:, None] == row) * (A @ C @ A.T)
    # the default prior of mu: 2.5 rms sd of the scaled columns, on each column's own scale
    m = np.nanmean(Y, axis=0)
    spread = np.sqrt(np.mean(np.nanvar(Y / unit, axis=0)))
    D = np.diag((2.5 * spread * unit) ** 2)
    if criterion == "evidence":
        V, r, more = V + A @ D @ A.T, y - A @ m, 0.0
    else:
        P = A.T @ np.linalg.solve(V, A)
        r = y - A @ np.linalg.solve(P, A.T @ np.linalg.solve(V, y))
        more = 0.5 * (4 * np.log(2 * np.pi) - np.linalg.slogdet(P)[1])
        more = more if criterion == "reml" else 0.0
    truth = more - 0.5 * (
        np.linalg.slogdet(V)[1] + r @ np.linalg.solve(V, r) + y.size * np.log(2 * np.pi)
    )
    assert fitted.attrs["log_marginal"] == pytest.approx(truth, rel=1e-7)
    assert fitted.attrs["log_marginal"] == pytest.approx(truth, abs=1e-4)


def test_a_prior_of_mu_is_on_the_users_scale_whatever_the_units(iris):
    prior = {"mu": pm.Normal.dist([5.0, 3.0, 4.0, 1.0], [0.1, 0.2, 0.3, 0.4])}
    model = bl.ppca(iris, 1, scale="sd", priors=prior)
    np.testing.assert_allclose(
        model.beta.location * model.fixed.unit + model.fixed.shift, [5.0, 3.0, 4.0, 1.0]
    )
    sd = model.beta.scale * model.fixed.unit
    np.testing.assert_allclose(sd, [0.1, 0.2, 0.3, 0.4])
    fitted = eb(model, "evidence")
    W, noise = fitted["posterior"]["W"].values[0, 0], fitted["posterior"]["noise_sd"].values[0, 0]
    C = W @ W.T + np.diag(noise**2)
    D = np.diag(sd**2)
    gain = D @ np.linalg.inv(D + C / 150)
    truth = [5.0, 3.0, 4.0, 1.0] + gain @ (iris.mean().to_numpy() - [5.0, 3.0, 4.0, 1.0])
    np.testing.assert_allclose(fitted["posterior_moments"]["mu_mean"], truth, rtol=1e-8)


@pytest.mark.parametrize("table", ["iris", "gaps"])
def test_a_shift_of_the_columns_moves_the_means_alone(request, table):
    data = request.getfixturevalue(table)
    one, other = (eb(bl.ppca(data + far, 2), "evidence") for far in (0.0, 2.0**20))
    assert one.attrs["log_marginal"] == pytest.approx(other.attrs["log_marginal"], abs=1e-5)
    moved = other["posterior_moments"]["mu_mean"] - 2.0**20
    np.testing.assert_allclose(moved, one["posterior_moments"]["mu_mean"], atol=1e-5)


# The declaration


def test_other_data_keep_the_priors_and_the_units(iris, gaps):
    model = bl.ppca(iris, 2, scale="sd")
    other = model.with_data(gaps.to_numpy())
    assert other.prior_table == model.prior_table
    np.testing.assert_array_equal(other.fixed.unit, model.fixed.unit)
    W = np.linalg.svd(model.problem.Y, full_matrices=False)[2][:2].T
    dense = Dense(other.problem.Y, W, 0.5, model.fixed)
    truth = dense.value("evidence") - np.isfinite(gaps).sum().to_numpy() @ np.log(model.fixed.unit)
    assert other.solver().value(W, 0.5) == pytest.approx(truth, rel=1e-9)
    assert other.digest != model.digest
    assert model.with_data(iris.to_numpy()).digest == model.digest


def test_a_pickle_is_the_same_model(gaps):
    model = bl.ppca(gaps, 2, scale="sd", priors={"sigma": pm.Weibull.dist(alpha=3.0, beta=1.0)})
    z = centre(model)
    before = model.target()(z)
    other = pickle.loads(pickle.dumps(model))
    assert other.digest == model.digest
    assert repr(other) == repr(model)
    after = other.target()(z)
    assert after[0] == before[0]
    np.testing.assert_array_equal(after[1], before[1])


def test_equal_declarations_have_one_digest_and_others_another(iris, gaps):
    model = bl.ppca(iris, 2)
    assert bl.ppca(iris.copy(), 2).digest == model.digest
    others = [
        bl.ppca(gaps, 2),
        bl.ppca(iris, 1),
        bl.ppca(iris, 2, scale="sd"),
        bl.ppca(iris, 2, ard=True),
        bl.ppca(iris, 2, priors={"sigma": 1.0}),
        bl.ppca(iris, 2, priors={"sigma": 1.1}),
        bl.ppca(iris, 2, priors={"sd_W": "HalfNormal(1)"}),
        bl.ppca(iris, 2, priors={"mu": "flat"}),
        bl.ppca(iris, 2, priors={"mu": "Normal(0, 10)"}),
        bl.ppca(iris.rename(columns=str.lower), 2),
    ]
    digests = [model.digest, *(o.digest for o in others)]
    assert len(set(digests)) == len(digests)


def test_the_prior_table_tells_what_was_declared(iris):
    text = repr(bl.ppca(iris, 2, priors={"sigma": "HalfNormal(5)", "mu": "flat", "sd_W": 2.0}))
    for line in (
        "W      Normal(0, sd_W)",
        "sd_W   fixed at 2",
        "sigma  HalfNormal(5)",
        "mu     flat",
    ):
        assert line in text


def test_the_result_carries_the_names_and_labels_of_the_table(gaps):
    data = gaps.set_index(np.array([f"r{i}" for i in range(150)]))
    fitted = eb(bl.ppca(data, 2), "ml", draws=3)
    posterior = fitted["posterior"]
    assert posterior["W"].dims == ("chain", "draw", "feature", "component")
    assert posterior["feature"].values.tolist() == list(gaps.columns)
    assert posterior["component"].values.tolist() == ["PC1", "PC2"]
    assert posterior["z"].coords["row"].values[3] == "r3"
    W = posterior["W"].values[0, 0]
    np.testing.assert_allclose(
        posterior["covariance"].values[0, 0],
        covariance(W[None], posterior["sigma"].values[0, :1])[0],
        rtol=1e-12,
    )


def test_a_covariance_with_numbers_that_never_vary_is_compared_by_the_others(iris):
    """Without components all covariances are zero in every draw, and the variances vary."""
    model = bl.ppca(iris, 0)
    nuts = bl.fit(model, bl.NUTS(draws=100, tune=100, chains=2), seed=1)
    table = bl.compare_engines({"a": nuts, "b": nuts}).parameters.loc["covariance"]
    sd = nuts["posterior"]["covariance"].std(("chain", "draw")).values[np.triu_indices(4)]
    np.testing.assert_allclose(table["sd"], np.sqrt(np.mean(sd**2)), rtol=1e-9)
    np.testing.assert_allclose(table["sd ratio"], 1.0)
