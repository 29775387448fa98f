"""The map from coordinates to variances, its prior, and the gradient in them."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats

import bayeslmm as bl
from bayeslmm.coordinates import log_posterior_many, unpack_many
from bayeslmm.laws import Law
from bayeslmm.space import Correlation, Positive, Space

from .tables import crossed_table

SPACE = Space(
    scales=(
        Positive("sd_g", 4, "g_effect", law=Law("HalfStudentT", (3.0, np.array([1.0, 2, 3, 4])))),
        Positive("sd_h", 2, "h_effect", fixed=np.array([0.0, 1.5])),
        Positive("sd_k", 2, "k_effect", law=Law("Gamma", (2.0, 1.5))),
        Positive("sigma", 1, None, law=Law("HalfNormal", (2.0,))),
    ),
    correlations=(
        Correlation("corr_g", 4, ((0, 2, 3), (1,)), 1.5),
        Correlation("corr_h", 2, ((0, 1),), 3.0),
        Correlation("corr_k", 2, ((0, 1),), fixed=np.array([[1.0, 0.4], [0.4, 1.0]])),
    ),
)
FORMULA = "y ~ x + (x + z | g) + (z || h)"


def gradient(f, z, step=1e-6):
    found = np.empty(z.size)
    for i in range(z.size):
        e = np.zeros(z.size)
        e[i] = step
        found[i] = (f(z + e) - f(z - e)) / (2 * step)
    return found


def test_coordinates_count_what_is_free():
    assert SPACE.size == 4 + 3 + 2 + 1 + 1
    assert SPACE.proper


def test_the_map_and_its_inverse():
    rng = np.random.default_rng(1)
    for _ in range(20):
        z = rng.normal(size=SPACE.size)
        theta = SPACE.constrain(z)
        np.testing.assert_allclose(SPACE.coordinates(theta), z, rtol=1e-9, atol=1e-9)
        K = theta.corr[:16].reshape(4, 4)
        np.testing.assert_allclose((K @ K.T).diagonal(), 1.0)
        assert not (K @ K.T)[1, [0, 2, 3]].any()  # zero between blocks
        assert theta.h[4] == 0.0
        np.testing.assert_allclose((theta.corr[-4:].reshape(2, 2) @ [0.0, 1.0])[1], 0.84**0.5)
        L = theta.scales[:16].reshape(4, 4)
        np.testing.assert_allclose(L, theta.h[:4, None] * K)
        back = SPACE.theta(theta.scales, theta.sigma)
        np.testing.assert_allclose(back.h, theta.h)
        many = unpack_many(z[None], SPACE.layout())
        for got, truth in zip(many, (theta.h, theta.corr, theta.scales), strict=True):
            np.testing.assert_array_equal(got[0], truth)


@pytest.mark.parametrize("eta", [1.0, 2.0, 4.5])
def test_the_prior_of_the_row_coordinates_is_lkj(eta):
    """Change of variables by hand: R(z) below the diagonal, its Jacobian by differences."""
    space = Space((Positive("s", 3, "d", fixed=np.ones(3)), Positive("sigma", 1, fixed=np.ones(1))),
                  (Correlation("c", 3, ((0, 1, 2),), eta),))  # fmt: skip
    rng = np.random.default_rng(2)
    below = np.tril_indices(3, -1)

    def correlations(z):
        K = space.constrain(z).corr.reshape(3, 3)
        return (K @ K.T)[below]

    def logp(z):
        from bayeslmm.coordinates import log_prior

        return log_prior(z, space.layout(), np.ones(4), np.zeros(3))

    def truth(z):
        J = np.array([gradient(lambda a, i=i: correlations(a)[i], z) for i in range(3)])
        K = space.constrain(z).corr.reshape(3, 3)
        log_kernel = (eta - 1.0) * 2.0 * np.log(np.diag(K)).sum()
        return log_kernel + np.linalg.slogdet(J)[1]

    points = rng.normal(size=(5, 3))
    differences = [logp(z) - truth(z) for z in points]
    np.testing.assert_allclose(differences, differences[0], atol=1e-7)
    # The constant: every row of K is a multivariate t, whose normalising constant SciPy knows.
    constant = sum(
        stats.multivariate_t(np.zeros(i), np.eye(i) / nu, df=nu).logpdf(np.zeros(i))
        for i, nu in ((1, 2 * eta + 1), (2, 2 * eta))
    )
    assert logp(np.zeros(3)) == pytest.approx(constant, rel=1e-9)


@pytest.fixture(scope="module")
def model():
    priors = {
        "sigma": "Exponential(0.5)",
        "sd_g": pm.InverseGamma.dist(2.0, 1.5),
        "sd_h": pm.Weibull.dist(1.5, 2.0),  # none of the compiled laws
        "corr_g": "LKJ(3)",
    }
    return bl.lmm(FORMULA, crossed_table(), priors=priors)


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
@pytest.mark.parametrize("prior", [False, True])
def test_the_gradient_of_the_log_posterior(model, criterion, prior):
    target = model.target(criterion, prior=prior)
    rng = np.random.default_rng(3)
    for _ in range(5):
        z = rng.normal(size=model.space.size)
        value, grad = target(z)
        truth = gradient(lambda a: target(a)[0], z, 1e-5)
        np.testing.assert_allclose(grad, truth, rtol=1e-6, atol=1e-6 * np.abs(truth).max())
        assert np.isfinite(value)


def test_the_prior_of_a_model_is_the_sum_of_its_laws(model):
    target, plain = model.target(), model.target(prior=False)
    z = np.random.default_rng(4).normal(size=model.space.size)
    theta = model.space.constrain(z)
    g, h, sigma = theta.h[:3], theta.h[3:5], theta.h[-1]
    truth = stats.invgamma(2.0, scale=1.5).logpdf(g).sum()
    truth += stats.weibull_min(1.5, scale=2.0).logpdf(h).sum()
    truth += stats.expon(scale=2.0).logpdf(sigma) + np.log(theta.h).sum()
    got = target(z)[0] - plain(z)[0]
    row = [stats.multivariate_t(np.zeros(i), np.eye(i) / nu, df=nu) for i, nu in ((1, 7), (2, 6))]
    at = model.layout.blocks[0, 3]
    truth += row[0].logpdf(z[at : at + 1]) + row[1].logpdf(z[at + 1 : at + 3])
    assert got == pytest.approx(truth, rel=1e-8)


def test_many_points_at_once_are_the_points_one_by_one():
    model = bl.lmm(FORMULA, crossed_table())
    target = model.target()
    Z = np.random.default_rng(5).normal(size=(4, model.space.size))
    got = log_posterior_many(Z, model.layout, target.solver.data, target.solver.work())
    np.testing.assert_allclose(got, [target(z)[0] for z in Z], rtol=1e-12)


def test_draws_from_the_prior():
    rng = np.random.default_rng(6)
    thetas = [SPACE.sample(rng) for _ in range(4000)]
    h = np.array([t.h for t in thetas])
    np.testing.assert_allclose(np.median(h[:, :4], axis=0), 0.7649 * np.arange(1, 5), rtol=0.1)
    assert (h[:, 4] == 0.0).all()
    K = np.array([t.corr[:16].reshape(4, 4) for t in thetas])
    R = K @ K.transpose(0, 2, 1)
    assert abs((R[:, 0, 2] ** 2).mean() - 1 / (2 * 1.5 + 2)) < 0.02  # eta 1.5, three effects
    assert not R[:, 0, 1].any()
    L = np.array([t.scales[:16].reshape(4, 4) for t in thetas])
    np.testing.assert_allclose(L, h[:, :4, None] * K)


def test_a_point_outside_float64_is_nan():
    model = bl.lmm(FORMULA, crossed_table())
    z = np.zeros(model.space.size)
    z[0] = 800.0
    assert np.isnan(model.target()(z)[0])
