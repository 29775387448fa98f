"""The evidence of models with blocks, where orthogonal columns make it an integral of few.

With orthonormal columns Q, centred, y given sigma splits into independent parts: its mean, each
c_j = q_j'y, and the rest. A lasso's coefficient integrates in closed form (a normal plus a Laplace
variable), so that sigma alone is left to a sum.
"""

import numpy as np
import pytest
from scipy.special import log_ndtr, logsumexp
from scipy.stats import halfnorm, norm

import bayeslmm as bl
from bayeslmm.engines.approximation import affordable
from bayeslmm.solvers.dual import Dual

PRIORS = {"Intercept": "Normal(0, 5)", "sigma": "HalfNormal(2)"}
ROWS = 60


def orthogonal(columns):
    rng = np.random.default_rng(columns)
    ones = np.ones(ROWS)
    Q = np.linalg.qr(np.column_stack([ones, rng.standard_normal((ROWS, columns))]))[0][:, 1:]
    return Q, 1.0 + 6.0 * Q[:, 0] + rng.standard_normal(ROWS)


def lasso(Q, y):
    return bl.lmm("y ~ 1", {"y": y}, terms=[bl.laplace(Q, name="x", lam=1.0)], priors=PRIORS)


def written_out(Q, y):
    """log p(y) of the lasso with lam = 1, by a sum over log sigma."""
    s = np.exp(np.linspace(np.log(0.2), np.log(5.0), 400))
    mean, c = np.sqrt(ROWS) * y.mean(), Q.T @ y
    left = y @ y - mean**2 - c @ c
    t = c[:, None] / s
    parts = np.logaddexp(-t + log_ndtr(t - 1.0), t + log_ndtr(-t - 1.0)) + 0.5 - np.log(2.0 * s)
    logs = parts.sum(axis=0) + norm.logpdf(mean, 0.0, np.sqrt(s**2 + 25.0 * ROWS))
    logs -= 0.5 * (ROWS - 1 - c.size) * np.log(2.0 * np.pi * s**2) + 0.5 * left / s**2
    logs += halfnorm(scale=2.0).logpdf(s) + np.log(s)
    return float(logsumexp(logs) + np.log(np.log(s[1] / s[0])))


@pytest.mark.parametrize("columns", [1, 2], ids=["2 scales", "3 scales"])
def test_up_to_three_scales_by_quadrature(columns):
    Q, y = orthogonal(columns)
    assert bl.log_evidence(lasso(Q, y)).value == pytest.approx(written_out(Q, y), abs=1e-5)


def test_eleven_scales_by_importance_sampling():
    Q, y = orthogonal(10)
    found = bl.log_evidence(lasso(Q, y), seed=1)
    assert found.khat < 0.7
    assert found.value == pytest.approx(written_out(Q, y), abs=max(5.0 * found.error, 0.05))


def test_thirty_seven_scales_are_not_trusted_without_draws_of_the_posterior():
    Q, y = orthogonal(36)
    with pytest.warns(UserWarning, match="not to be trusted: the importance weights have k-hat"):
        found = bl.log_evidence(lasso(Q, y), seed=1)
    assert found.khat > 0.7


def test_twenty_one_scales_by_a_bridge_from_draws_of_the_posterior():
    Q, y = orthogonal(20)
    model = lasso(Q, y)
    tree = bl.fit(model, bl.NUTS(draws=1000, tune=500, chains=4), seed=1)
    found = bl.log_evidence(model, tree, seed=2)
    assert found.value == pytest.approx(written_out(Q, y), abs=max(4.0 * found.error, 0.1))


def test_more_than_forty_scales_are_refused_without_draws():
    model = lasso(*orthogonal(50))
    with pytest.raises(ValueError, match=r"over 51 variance parameters, more than 40: give"):
        bl.log_evidence(model)
    assert affordable(model) == 0


def test_one_scale_for_more_columns_than_rows_is_the_sum_over_a_grid():
    """Ninety columns, thirty rows; the dense normal at every point of (sd, sigma)."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((30, 90))
    y = X @ rng.standard_normal(90) * 0.1 + rng.standard_normal(30)
    terms, priors = [bl.ridge(X, name="x", scale=None)], {**PRIORS, "sd_x": "HalfNormal(0.3)"}
    model = bl.lmm("y ~ 1", {"y": y}, terms=terms, priors=priors)
    assert isinstance(model.solver(), Dual)
    A = model.blocks[0].Z  # centred beside an intercept
    K, mean = A @ A.T, 25.0 * np.ones((30, 30))
    sd, sigma = np.exp(np.linspace(-12.0, 1.0, 130)), np.exp(np.linspace(-12.0, 2.0, 140))
    h, s = (a.ravel() for a in np.meshgrid(sd, sigma, indexing="ij"))
    V = h[:, None, None] ** 2 * K + s[:, None, None] ** 2 * np.eye(30) + mean
    quad = np.einsum("i,kij,j->k", y, np.linalg.inv(V), y)
    logs = -0.5 * (np.linalg.slogdet(V)[1] + quad + 30 * np.log(2.0 * np.pi))
    logs += halfnorm(scale=0.3).logpdf(h) + halfnorm(scale=2.0).logpdf(s) + np.log(h * s)
    step = np.log(sd[1] / sd[0]) * np.log(sigma[1] / sigma[0])
    truth = logsumexp(logs) + np.log(step)
    assert bl.log_evidence(model).value == pytest.approx(truth, abs=2e-3)
    assert affordable(model) == 4000


def hadamard(k):
    """2^k orthogonal columns of +-1, the first constant."""
    return np.ones((1, 1)) if k == 0 else np.kron([[1, 1], [1, -1]], hadamard(k - 1))


def test_a_block_that_is_another_noise_is_refused():
    """Where Z Z' = c I the rows are N(0, (c sd^2 + sigma^2) I): only the sum is in the data."""
    rng = np.random.default_rng(1)
    y, w = rng.standard_normal(16), rng.uniform(0.5, 2.0, 16)
    H = hadamard(4)
    one = np.ones((16, 1))
    for X, Z, weights in (
        (None, np.eye(16), None),
        (one, H[:, 1:], None),  # the identity but for the mean
        (None, np.diag(w**-0.5), w),
        (one, np.hstack([H[:, 1:], 3.0 * H[:, 1:]]), None),
    ):
        m = bl.lmm(y, X, terms=[bl.ridge(Z, "r", scale=None)], weights=weights)
        with pytest.raises(ValueError, match="sd_r and sigma cannot be told apart"):
            bl.fit(m, bl.EmpiricalBayes(), seed=1)
    for X, Z, weights in ((one, H[:, 2:], None), (None, np.eye(16), w)):
        m = bl.lmm(y, X, terms=[bl.ridge(Z, "r", scale=None)], weights=weights)
        bl.fit(m, bl.EmpiricalBayes(draws=1), seed=1)
    known = bl.lmm(y, terms=[bl.ridge(np.eye(16), "r", scale=None)], priors={"sigma": 1.0})
    bl.fit(known, bl.EmpiricalBayes(draws=1), seed=1)


def test_a_block_of_no_use_is_called_a_block():
    """Columns orthogonal to the response have no variance at the maximum."""
    H = hadamard(4)
    m = bl.lmm(H[:, 5], np.ones((16, 1)), terms=[bl.ridge(H[:, 8:12], "r")])
    eb = bl.fit(m, bl.EmpiricalBayes("reml", draws=1), seed=1)
    assert "sd_r is at zero: the data do not support this block" in eb.attrs["message"]


def test_profiles_and_ratios_are_refused_where_columns_are_chosen():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((30, 5))
    y, one = X[:, 0] + rng.standard_normal(30), np.ones((30, 1))
    plain, chosen = bl.lmm(y, one), bl.lmm(y, one, terms=[bl.ard(X, "x")])
    small, large = (bl.fit(m, bl.EmpiricalBayes("ml", draws=5), seed=1) for m in (plain, chosen))
    with pytest.raises(ValueError, match="columns are chosen"):
        bl.confint(chosen, large)
    with pytest.raises(ValueError, match="chose columns"):
        bl.lr_test(small, large)


def test_a_profile_of_a_lasso_is_refused_without_a_word_of_nuts():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((40, 4))
    m = bl.lasso(X, X[:, 0] + rng.standard_normal(40))
    tree = bl.fit(m, bl.EmpiricalBayes(draws=20), seed=1)
    with pytest.raises(ValueError, match="maximised none") as told:
        bl.confint(m, tree)
    assert "NUTS" not in str(told.value)


@pytest.mark.parametrize("columns", [20, 29, 31, 32])
def test_intervals_of_a_maximum_hold_on_both_sides_of_as_many_columns_as_rows(columns):
    """Thirty rows, three columns matter: 88 to 92% over twenty tables; without a price 80 to 55."""
    hold = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(230, columns))
        y = X[:, :3] @ [1.0, -1.0, 0.7] + rng.normal(size=230)
        model = bl.lmm("y ~ 1", {"y": y[:30]}, terms=[bl.ard(X[:30], "x")])
        tree = bl.fit(model, bl.EmpiricalBayes(draws=100), seed=1)
        new = bl.predict(model, tree, terms={"x": X[30:]}, seed=1, noise=True)
        low, high = new.interval(0.95).T
        hold.append(np.mean((low < y[30:]) & (y[30:] < high)))
    assert np.mean(hold) > 0.83


def test_kernels_have_no_price_and_other_columns_the_logarithm_of_their_number():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 1)), rng.normal(size=30)

    def price(*args, **options):
        return bl.rvm(*args, **options).blocks[0].law.price

    assert price(x, y, kernel=bl.kernels.gaussian(1.0)) == 0.0
    assert price(x, y, kernel=bl.kernels.gaussian(1.0), price=2.0) == 2.0
    assert price(x, y, kernel=bl.bases.polynomial(4)) == pytest.approx(np.log(5))
    assert price(rng.normal(size=(30, 12)), y) == pytest.approx(np.log(12))
    assert price(rng.normal(size=(30, 12)), y, price=0.0) == 0.0
