"""Slice steps and inverse Gaussian draws, against the laws of SciPy."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import integrate, stats

from bayeslmm.engines.sweeps.scales import reciprocal_inverse_gaussian
from bayeslmm.engines.sweeps.slices import bounded, log_density, plain, slice_step
from bayeslmm.model.laws import Law

LAWS = [
    (Law("HalfNormal", (2.5,)), stats.halfnorm(scale=2.5)),
    (Law("HalfCauchy", (0.7,)), stats.halfcauchy(scale=0.7)),
    (Law("Exponential", (1.7,)), stats.expon(scale=1 / 1.7)),
    (Law("Gamma", (0.5, 0.8)), stats.gamma(0.5, scale=1 / 0.8)),
    (Law("InverseGamma", (3.5, 2.2)), stats.invgamma(3.5, scale=2.2)),
    (Law("LogNormal", (0.3, 0.9)), stats.lognorm(0.9, scale=np.exp(0.3))),
    (Law("Rayleigh", (1.3,)), stats.rayleigh(scale=1.3)),
]


def row(law):
    return np.concatenate([[law.code], law.table(1)[0]])


def chain(f, draws=8000, width=2.0):
    rng, x, kept = np.random.default_rng(0), 1.0, np.empty(draws)
    for i in range(draws):
        kept[i] = x = slice_step(rng, f, x, width)
    return kept


def assert_uniform(p):
    """Mean and mean square of a chain of uniform numbers, within 4.5 Monte Carlo errors."""
    for power, mean in ((1, 1 / 2), (2, 1 / 3)):
        value = p**power
        error = value.std() / np.sqrt(array_stats.ess(value[None], method="mean"))
        assert abs(value.mean() - mean) < 4.5 * error, (power, value.mean(), error)


@pytest.mark.parametrize(("law", "truth"), LAWS, ids=lambda v: getattr(v, "name", ""))
def test_steps_keep_every_law(law, truth):
    assert_uniform(truth.cdf(chain(plain(row(law), 0.0, 0.0, 2.0))))


@pytest.mark.parametrize("width", [0.05, 2.0, 40.0])
def test_the_width_costs_time_but_not_truth(width):
    """1 / x^2 is gamma where the law is 1 / x and m, c come from normal coefficients."""
    f = plain(row(Law("Jeffreys")), 5.0, 3.0, 2.0)
    draws = chain(f, 20_000 if width < 1 else 6000, width)
    assert_uniform(stats.gamma(2.5, scale=1 / 3.0).cdf(draws**-2.0))


def test_a_bounded_scale_has_the_density_of_its_coefficients():
    """The form with a slab is the product of normal densities, up to a constant."""
    u, local, slab2, law = (
        np.array([0.3, -2.0]),
        np.array([0.5, 4.0]),
        1.7,
        Law("HalfCauchy", (1.0,)),
    )
    of_common = bounded(row(law), 2.0, 0.0, 1 / slab2, local**2, u**2)
    of_rate = bounded(row(law), -1.0, 0.0, 1 / slab2, local**2, u**2)
    of_slab = bounded(row(law), 0.0, 1.0, 1.0, local**2, u**2)

    def direct(x, common=1.0, rate=1.0, slab2=slab2):
        s = local * common / np.sqrt(rate)
        s = s / np.sqrt(1 + s**2 / slab2)
        return stats.halfcauchy().logpdf(x) + np.log(x) + stats.norm(0, s).logpdf(u).sum()

    for f, name in ((of_common, "common"), (of_rate, "rate"), (of_slab, "slab2")):
        x = np.array([0.02, 0.5, 30.0])
        ours = np.array([log_density(f, np.log(v)) for v in x])
        np.testing.assert_allclose(np.diff(ours), np.diff([direct(v, **{name: v}) for v in x]))


@pytest.mark.parametrize("m", [0.0, 1e-12, 0.02, 1.0, 50.0, 1e6])
def test_the_inverse_gaussian_is_scipys(m):
    """1 / x with mean 1 / m, shape 1; at m = 0 (a coefficient of zero) x is Levy."""
    rng = np.random.default_rng(1)
    y = np.array([reciprocal_inverse_gaussian(rng, m) for _ in range(20_000)])
    law = stats.invgauss(1 / m) if m > 1e-6 else stats.levy()
    assert stats.kstest(1.0 / y, law.cdf).pvalue > 1e-4
    assert np.isfinite(y).all()
    assert (y > 0).all()


def test_a_scale_under_a_laplace_law_is_what_the_mixture_integrates_to():
    """The normal with an exponential variance is Laplace (Andrews & Mallows 1974)."""
    u, scale = 0.7, 1.3

    def inner(v):
        return stats.norm.pdf(u, 0.0, scale * np.sqrt(v)) * 0.5 * np.exp(-0.5 * v)

    mixed = integrate.quad(inner, 0.0, np.inf)[0]
    assert mixed == pytest.approx(stats.laplace.pdf(u, scale=scale), rel=1e-7)
