"""The Gibbs sampler and the rate by marginal maximum likelihood, against numbers from elsewhere."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import integrate, optimize, stats

import bayeslmm as bl
from bayeslmm.engines.sweeps.rate import maximise_rate
from bayeslmm.engines.sweeps.sampler import SweptBlock, advice, reduce_rows, sample
from bayeslmm.model.laws import Law

JEFFREYS = Law("Jeffreys")
RAYLEIGH = Law("Rayleigh", (1.0,))


@pytest.fixture(scope="module")
def diabetes():
    table = bl.datasets.load("diabetes_unitnorm").to_numpy()
    return table[:, :10], table[:, 10]


def test_the_posterior_of_the_lasso_on_diabetes(diabetes, lasso_truth):
    """Medians by NUTS of the model written out with Laplace densities: tests/references."""
    A, y = diabetes
    data, centre = reduce_rows(np.ones((442, 1)), A, y)
    block = SweptBlock(10, local=RAYLEIGH, rate=lasso_truth["lam"] ** 2, power=1)
    rng = np.random.default_rng(1)
    found = sample(data, centre, [block], JEFFREYS, draws=10_000, tune=200, chains=4, rng=rng)
    drawn = np.dstack([found.u, found.beta, found.sigma**2])
    truth, theirs = (
        np.hstack([lasso_truth[f"{name}_{what}"] for name in ("b", "mu", "sigma2")])
        for what in ("median", "error")
    )
    own = [array_stats.mcse(drawn[:, :, j], method="median") for j in range(12)]
    distance = (np.median(drawn, axis=(0, 1)) - truth) / np.hypot(own, theirs)
    assert np.abs(distance).max() < 4.0, distance.round(1)


def test_the_rate_of_the_lasso_on_diabetes(diabetes):
    """0.2364 +- 0.0004 by Monte Carlo EM; Park & Casella (2008) report 0.237."""
    A, y = diabetes
    data, centre = reduce_rows(np.ones((442, 1)), A, y)
    block, rng = SweptBlock(10, local=RAYLEIGH, power=1), np.random.default_rng(2)
    best = maximise_rate(data, centre, [block], JEFFREYS, rng=rng)
    assert best.error[0] < 0.00013
    assert best.lam[0] == pytest.approx(0.2364, abs=4 * best.error[0] + 0.0004)


def test_one_coefficient_has_the_rate_of_quadrature():
    """One column, known noise: p(y | lam) is one integral."""
    rng = np.random.default_rng(3)
    A = rng.normal(size=(12, 1))
    y = A[:, 0] * 1.5 + rng.normal(size=12)
    data, centre = reduce_rows(np.zeros((12, 0)), A, y)
    estimate, sd = (A[:, 0] @ y) / (A[:, 0] @ A[:, 0]), 1 / np.sqrt(A[:, 0] @ A[:, 0])

    def minus_log(eta):
        scale = np.exp(-eta)
        f = lambda u: stats.norm.pdf(estimate, u, sd) * stats.laplace.pdf(u, scale=scale)  # noqa: E731
        return -np.log(integrate.quad(f, -9, 9, points=[0.0, estimate], epsabs=1e-13)[0])

    truth = optimize.minimize_scalar(minus_log, bracket=(-1.0, 0.0), tol=1e-9)
    best = maximise_rate(
        data, centre, [SweptBlock(1, local=RAYLEIGH)], 1.0, rng=np.random.default_rng(4), error=2e-3
    )
    assert abs(np.log(best.lam[0]) - truth.x) < 4.5 * best.error[0] / best.lam[0]
    step = 1e-3
    second = minus_log(truth.x + step) - 2 * truth.fun + minus_log(truth.x - step)
    assert best.spread[0] / best.lam[0] == pytest.approx(step / np.sqrt(second), rel=0.05)


def test_no_effect_at_all_has_no_rate():
    rng = np.random.default_rng(5)
    data, centre = reduce_rows(np.ones((50, 1)), rng.normal(size=(50, 3)), np.tile([1.0, -1.0], 25))
    with pytest.raises(ValueError, match="no effect of block 0"):
        maximise_rate(data, centre, [SweptBlock(3, local=RAYLEIGH, power=1)], JEFFREYS, rng=rng)


def test_a_block_that_is_not_laplace_has_no_rate():
    data, centre = reduce_rows(np.ones((9, 1)), np.eye(9)[:, :2], np.arange(9.0))
    with pytest.raises(ValueError, match="not laplace"):
        maximise_rate(data, centre, [SweptBlock(2)], JEFFREYS, rng=np.random.default_rng(0))


def test_a_seed_tells_all_draws_and_chains_differ():
    rng = np.random.default_rng(6)
    A, y = rng.normal(size=(30, 200)), rng.normal(size=30)  # wide: chains run in threads
    data, centre = reduce_rows(np.ones((30, 1)), A, y)
    blocks, law = [SweptBlock(200, local=RAYLEIGH, rate=4.0, power=1)], Law("LogNormal", (0.0, 0.5))
    runs = [
        sample(data, centre, blocks, law, draws=20, tune=5, chains=3, rng=np.random.default_rng(s))
        for s in (1, 1, 2)
    ]
    assert np.array_equal(runs[0].u, runs[1].u)
    assert not np.array_equal(runs[0].u, runs[2].u)
    assert not np.array_equal(runs[0].u[0], runs[0].u[1])


def test_repeated_rows_are_frequencies():
    """A row three times is a row times sqrt(3) that counts three times."""
    rng = np.random.default_rng(7)
    A, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    often = rng.integers(1, 4, size=20)
    long, _ = reduce_rows(
        np.ones((often.sum(), 1)), np.repeat(A, often, axis=0), np.repeat(y, often)
    )
    root = np.sqrt(often)[:, None]
    short, _ = reduce_rows(root, A * root, y * root[:, 0], size=float(often.sum()))
    assert short.size == long.size
    for name in ("gram", "cross", "score", "XX"):
        np.testing.assert_allclose(getattr(short, name), getattr(long, name), rtol=1e-10)


def wide():
    rng = np.random.default_rng(8)
    A = rng.normal(size=(40, 120))
    return reduce_rows(np.ones((40, 1)), A, A[:, 0] + rng.normal(size=40))


@pytest.mark.parametrize("vague", [True, False])
def test_a_sigma_that_runs_to_zero_is_told(vague):
    """A wide design under a vague prior: the columns follow all rows."""
    data, centre = wide()
    blocks = [SweptBlock(120, local=RAYLEIGH, rate=Law("Gamma", (0.1, 0.01)), power=1)]
    law = Law("HalfFlat") if vague else Law("InverseGamma", (2.0, 1.4))
    rng = np.random.default_rng(9)
    found = sample(data, centre, blocks, law, draws=4000, tune=2000, chains=2, rng=rng)
    told = advice(121, 40.0, float(np.sqrt(data.z @ data.z / data.size)), found.sigma)
    assert len(told) == int(vague), np.quantile(found.sigma, 0.05)
    assert not vague or "keeps off zero" in told[0]


def test_a_chain_that_leaves_float64_says_what_to_do():
    """A column twice, under scales so wide that nothing tells the two coefficients apart."""
    A = np.repeat(np.arange(9.0)[:, None], 2, axis=1)
    data, centre = reduce_rows(np.ones((9, 1)), A, np.arange(9.0) ** 2)
    block, rng = SweptBlock(2, common=1e9), np.random.default_rng(9)
    with pytest.raises(ArithmeticError, match="left float64 after 0 draws: columns are collinear"):
        sample(data, centre, [block], 1.0, draws=10, tune=0, chains=1, rng=rng)


def one_column(t):
    """Forty rows, one column, an estimate that lies t standard errors from zero; known noise."""
    rng = np.random.default_rng(7)
    A = np.linalg.qr(rng.normal(size=(40, 2)))[0]
    y = t * A[:, 0] + np.sqrt(38.0) * A[:, 1]
    return reduce_rows(np.zeros((40, 0)), A[:, :1], y)


def test_an_estimate_within_its_standard_error_has_no_finite_rate():
    """The likelihood falls in the prior variance at zero if and only if |t| < 1."""
    data, centre = one_column(0.95)
    with pytest.raises(ValueError, match=r"no signal.* no effect of block 0; drop it, or keep"):
        maximise_rate(
            data, centre, [SweptBlock(1, local=RAYLEIGH)], 1.0, rng=np.random.default_rng(0)
        )


@pytest.mark.parametrize("t", [1.5, 2.5])
def test_a_weak_signal_has_the_rate_of_quadrature_to_a_tenth_of_what_it_leaves_open(t):
    data, centre = one_column(t)

    def minus_log(eta):
        scale = np.exp(-eta)
        f = lambda u: stats.norm.pdf(t, u, 1.0) * stats.laplace.pdf(u, scale=scale)  # noqa: E731
        return -np.log(integrate.quad(f, -12, 12, points=[0.0, t], epsabs=1e-13)[0])

    truth = optimize.minimize_scalar(minus_log, bounds=(-3.0, 3.0), method="bounded").x
    best = maximise_rate(
        data, centre, [SweptBlock(1, local=RAYLEIGH)], 1.0, rng=np.random.default_rng(1)
    )
    spread = best.spread[0] / best.lam[0]
    assert best.error[0] <= 0.1 * best.spread[0]
    assert abs(np.log(best.lam[0]) - truth) < max(4.5 * best.error[0] / best.lam[0], 0.3 * spread)
    assert best.draws < 500_000
