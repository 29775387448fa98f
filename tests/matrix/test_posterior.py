"""The posterior of two features and one component is that of brute-force quadrature over W."""

import numpy as np
import pytest
from scipy import stats

import bayeslmm as bl
from tests.solvers.dense_factor import Dense, rows

SD_W, SIGMA, MU = 1.2, 0.8, 3.0  # fixed scale of W, HalfNormal of sigma, Normal(0, .) of mu
N = 12


@pytest.fixture(scope="module")
def Y():
    return rows(np.random.default_rng(5), N, np.array([[1.0], [0.6]]), 0.6, 0.4)


@pytest.fixture(scope="module")
def model(Y):
    priors = {"sd_W": SD_W, "sigma": f"HalfNormal({SIGMA})", "mu": f"Normal(0, {MU})"}
    return bl.ppca(Y, 1, priors=priors)


def log_likelihood(Y, C):
    """Of rows with covariance C (..., 2, 2), mu ~ Normal(0, MU) integrated out."""
    n, mean = len(Y), Y.mean(axis=0)
    S = (Y - mean).T @ (Y - mean)

    def half(C, S):
        det = C[..., 0, 0] * C[..., 1, 1] - C[..., 0, 1] ** 2
        trace = C[..., 1, 1] * S[0, 0] + C[..., 0, 0] * S[1, 1] - 2 * C[..., 0, 1] * S[0, 1]
        return np.log(det), trace / det

    log_det, trace = half(C, S)
    value = -0.5 * ((n - 1) * (2 * np.log(2 * np.pi) + log_det) + trace) - np.log(n)
    log_det, trace = half(C / n + MU**2 * np.eye(2), np.outer(mean, mean))
    return value - 0.5 * (2 * np.log(2 * np.pi) + log_det + trace)


@pytest.fixture(scope="module")
def truth(Y):
    """Evidence and posterior means by a grid over W in polar coordinates and log sigma."""
    nodes, weights = np.polynomial.legendre.leggauss(160)
    r, by_r = 4.5 * (nodes + 1), 4.5 * weights
    angle = np.linspace(0.0, 2 * np.pi, 240, endpoint=False)
    s, by_s = np.exp(1.75 * nodes - 0.75), 1.75 * weights
    by_s = by_s * s * 2 * stats.norm(0, SIGMA).pdf(s)
    by_r = by_r * r / (2 * np.pi * SD_W**2) * np.exp(-0.5 * r**2 / SD_W**2)
    w = r[:, None, None] * np.array([np.cos(angle), np.sin(angle)])  # (r, 2, angle)
    C = np.moveaxis(w[:, :, None] * w[:, None], 3, 1)[:, :, None] + (
        s[:, None, None] ** 2 * np.eye(2)
    )
    mass = np.exp(log_likelihood(Y, C) + 40.0)
    mass *= by_r[:, None, None] * (2 * np.pi / angle.size) * by_s
    total = mass.sum()
    mean = np.einsum("ras,rasij->ij", mass, C) / total
    return {
        "log evidence": np.log(total) - 40.0,
        "sigma": (mass.sum(axis=(0, 1)) @ s) / total,
        "sigma2": (mass.sum(axis=(0, 1)) @ s**2) / total,
        "covariance": mean,
    }


def test_the_formula_of_the_quadrature_is_the_dense_normal(Y, model):
    W, sigma = np.array([[0.9], [-0.4]]), 0.5
    dense = Dense(Y - model.fixed.shift, W, sigma, model.fixed)
    assert log_likelihood(Y, W @ W.T + 0.25 * np.eye(2)) == pytest.approx(
        dense.value("evidence"), rel=1e-10
    )


def test_the_coordinates_have_the_evidence_of_the_loadings(model, truth):
    """Sums over a grid of T_11, T_21 and log sigma; they cut off 1e-4 of it."""

    def grid(low, high, count):
        nodes, weights = np.polynomial.legendre.leggauss(count)
        return low + 0.5 * (high - low) * (nodes + 1), 0.5 * (high - low) * weights

    (t, by_t), (x, by_x), (log_s, by_s) = grid(0, 6, 48), grid(-5, 5, 84), grid(-2, 0.9, 28)
    target, unit = model.target(), model.axes.spread
    Z = np.array([[np.log(a / unit), b / unit, c] for a in t for b in x for c in log_s])
    mass = np.exp(target.many(Z).reshape(48, 84, 28) + 40.0)
    total = np.einsum("abc,a,b,c->", mass, by_t / t, by_x / unit, by_s)
    assert np.log(total) - 40.0 == pytest.approx(truth["log evidence"], abs=3e-4)


def test_nuts_draws_the_posterior_of_the_quadrature(model, truth):
    import arviz as az

    fitted = bl.fit(model, bl.NUTS(draws=2000, tune=1000, chains=4), seed=2)
    posterior = fitted["posterior"]
    assert fitted.attrs["converged"] == 1, fitted.attrs["message"]
    error = az.mcse(posterior.dataset)
    for name, at, value in [
        ("sigma", (), truth["sigma"]),
        ("covariance", (0, 0), truth["covariance"][0, 0]),
        ("covariance", (0, 1), truth["covariance"][0, 1]),
        ("covariance", (1, 1), truth["covariance"][1, 1]),
    ]:
        got = posterior[name].values.mean(axis=(0, 1))[at]
        assert abs(got - value) < 4 * error[name].values[at], (name, at, got, value)
    square = posterior.dataset[["sigma"]] ** 2
    assert abs(float(square["sigma"].mean()) - truth["sigma2"]) < 4 * float(
        az.mcse(square)["sigma"]
    )
