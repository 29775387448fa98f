"""Inverse Wishart factors: densities by SciPy, expectations by simulation."""

import numpy as np
import pytest
from scipy import integrate, stats

from bayeslmm.engines.conjugate import Covariance


@pytest.fixture(params=[1, 2, 3], ids="q={}".format)
def factor(request):
    q = request.param
    rng = np.random.default_rng(q)
    guess = np.cov(rng.normal(size=(q, 30))).reshape(q, q)
    law = Covariance.begin(3.0, np.linspace(0.5, 2.0, q), 12.0, guess)
    squares = rng.normal(size=(q, 12))
    return law.update(squares @ squares.T)


def test_a_half_t_scale_is_the_mixture_that_the_updates_assume():
    """v | a ~ IG(nu/2, nu/a), a ~ IG(1/2, 1/A^2) makes sqrt(v) half-t (Wand et al. 2011)."""
    nu, A, sd = 3.0, 1.7, 0.9

    def inner(a):
        v = stats.invgamma(0.5 * nu, scale=nu / a).pdf(sd**2) * 2.0 * sd
        return v * stats.invgamma(0.5, scale=1.0 / A**2).pdf(a)

    mixed = integrate.quad(inner, 0.0, np.inf)[0]
    assert mixed == pytest.approx(2.0 * stats.t.pdf(sd, nu, scale=A), rel=1e-7)


def test_expectations_are_those_of_the_draws(factor):
    rng = np.random.default_rng(0)
    psi = factor.draw(40_000, rng)
    log_det = np.linalg.slogdet(psi)[1]
    assert abs(log_det.mean() - factor.log_det) < 4 * log_det.std() / 200
    inverse = np.linalg.inv(psi)
    error = inverse.std(axis=0) / 200
    assert (np.abs(inverse.mean(axis=0) - factor.precision) < 4.5 * error).all()
    np.testing.assert_allclose(np.linalg.inv(factor.precision), factor.effective, rtol=1e-10)


def test_the_share_of_the_bound_is_the_mean_of_the_log_ratio(factor):
    rng = np.random.default_rng(1)
    q, n = factor.size, 40_000
    psi = factor.draw(n, rng)
    shape = 0.5 * (factor.nu + q)
    a = factor.rate[None] / rng.gamma(shape, size=(n, q))
    log_p = np.zeros(n)
    for i in range(n // 20):  # SciPy takes one scale matrix at a time
        scale = 2.0 * factor.nu * np.diag(1.0 / a[i])
        log_p[i] = stats.invwishart.logpdf(psi[i], factor.prior_degrees, scale)
    some = slice(0, n // 20)
    log_p += stats.invgamma.logpdf(a, 0.5, scale=1.0 / factor.width**2).sum(axis=1)
    log_q = stats.invgamma.logpdf(a, shape, scale=factor.rate).sum(axis=1)
    log_q += stats.invwishart.logpdf(psi.transpose(1, 2, 0), factor.degrees, factor.B)
    ratio = (log_p - log_q)[some]
    assert abs(ratio.mean() - factor.bound) < 4 * ratio.std() / np.sqrt(ratio.size)


def test_the_density_is_that_of_the_sds_and_correlations(factor):
    """log IW plus the log Jacobian of (sd, R) -> Psi, taken numerically."""
    q = factor.size
    psi = factor.draw(3, np.random.default_rng(2))
    lower = np.tril_indices(q, -1)
    for each, value in zip(psi, factor.log_density(psi)):
        sd = np.sqrt(np.diag(each))
        x = np.concatenate([sd, (each / np.outer(sd, sd))[lower]])

        def entries(x):
            R = np.eye(q)
            R[lower] = x[q:]
            R = R + np.tril(R, -1).T
            return (R * np.outer(x[:q], x[:q]))[np.tril_indices(q)]

        step = 1e-6
        columns = [
            (entries(x + step * e) - entries(x - step * e)) / (2 * step) for e in np.eye(x.size)
        ]
        jacobian = np.linalg.slogdet(np.array(columns))[1]
        truth = stats.invwishart.logpdf(each, factor.degrees, factor.B) + jacobian
        assert value == pytest.approx(truth, abs=1e-6)
