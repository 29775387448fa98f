"""The map from coordinates to variances, its prior, and the gradient in them."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from scipy import stats

import bayeslmm as bl
from bayeslmm.model.laws import Law
from bayeslmm.model.parameters import Correlation, Positive
from bayeslmm.model.space import Space

from .tables import crossed_table

SPACE = Space(
    (
        Positive("sd_g", 4, "g_effect", law=Law("HalfStudentT", (3.0, np.array([1.0, 2, 3, 4])))),
        Positive("sd_h", 2, "h_effect", fixed=np.array([0.0, 1.5])),
        Positive("sd_k", 2, "k_effect", law=Law("Gamma", (2.0, 1.5))),
        Correlation("corr_g", 4, ((0, 2, 3), (1,)), 1.5),
        Correlation("corr_h", 2, ((0, 1),), 3.0),
        Correlation("corr_k", 2, ((0, 1),), fixed=np.array([[1.0, 0.4], [0.4, 1.0]])),
        Positive("sigma", 1, None, law=Law("HalfNormal", (2.0,))),
    )
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
        np.testing.assert_allclose(SPACE.unconstrain(theta), z, rtol=1e-9, atol=1e-9)
        K = theta["corr_g"]
        np.testing.assert_allclose((K @ K.T).diagonal(), 1.0)
        assert not (K @ K.T)[1, [0, 2, 3]].any()  # zero between blocks
        assert theta["sd_h"].tolist() == [0.0, 1.5]
        np.testing.assert_allclose((theta["corr_k"] @ [0.0, 1.0])[1], 0.84**0.5)
        assert all(theta[p.name].shape == p.shape for p in SPACE.parameters)
        many = SPACE.constrain(np.broadcast_to(z, (3, 2, z.size)))
        for name, truth in theta.items():
            np.testing.assert_array_equal(many[name], np.broadcast_to(truth, (3, 2, *truth.shape)))
        np.testing.assert_allclose(SPACE.unconstrain(many)[2, 1], z, rtol=1e-9, atol=1e-9)


def test_a_name_tells_where_its_coordinates_lie():
    z = np.random.default_rng(8).normal(size=SPACE.size)
    theta = SPACE.constrain(z)
    assert sorted(np.concatenate(list(SPACE.places.values()))) == list(range(SPACE.size))
    for name, place in SPACE.places.items():
        other = z.copy()
        other[place] += 0.1
        moved = SPACE.constrain(other)
        assert [n for n in theta if not np.array_equal(theta[n], moved[n])] == [name]


@pytest.mark.parametrize("eta", [1.0, 2.0, 4.5])
def test_the_prior_of_the_row_coordinates_is_lkj(eta):
    """Change of variables by hand: R(z) below the diagonal, its Jacobian by differences."""
    sd, noise = Positive("s", 3, "d", fixed=np.ones(3)), Positive("sigma", 1, fixed=np.ones(1))
    space = Space((sd, Correlation("c", 3, ((0, 1, 2),), eta), noise))
    rng = np.random.default_rng(2)
    below = np.tril_indices(3, -1)

    def correlations(z):
        K = space.constrain(z)["c"]
        return (K @ K.T)[below]

    def logp(z):
        from bayeslmm.model.coordinates import log_prior

        return log_prior(z, space.layout, np.ones(4), np.zeros(3))

    def truth(z):
        J = np.array([gradient(lambda a, i=i: correlations(a)[i], z) for i in range(3)])
        K = space.constrain(z)["c"]
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
    g, h, sigma = theta["sd_g"], theta["sd_h"], theta["sigma"]
    truth = stats.invgamma(2.0, scale=1.5).logpdf(g).sum()
    truth += stats.weibull_min(1.5, scale=2.0).logpdf(h).sum()
    truth += stats.expon(scale=2.0).logpdf(sigma) + np.log([*g, *h, sigma]).sum()
    got = target(z)[0] - plain(z)[0]
    row = [stats.multivariate_t(np.zeros(i), np.eye(i) / nu, df=nu) for i, nu in ((1, 7), (2, 6))]
    at = model.space.places["corr_g"][0]
    truth += row[0].logpdf(z[at : at + 1]) + row[1].logpdf(z[at + 1 : at + 3])
    assert got == pytest.approx(truth, rel=1e-8)


def test_many_points_at_once_are_the_points_one_by_one():
    model = bl.lmm(FORMULA, crossed_table())
    Z = np.random.default_rng(5).normal(size=(4, model.space.size))
    for prior in (True, False):
        arrays = model.target("reml", prior)
        compiled = replace(arrays, repeated=True)
        each = [compiled(z) for z in Z]
        values, slopes = arrays.slopes(Z)
        np.testing.assert_allclose(values, [v for v, _ in each], rtol=1e-12)
        np.testing.assert_allclose(slopes, [g for _, g in each], rtol=1e-9)
    with_prior = model.target("reml")
    np.testing.assert_allclose(with_prior.many(Z), with_prior.slopes(Z)[0], rtol=1e-13)


def test_draws_from_the_prior():
    rng = np.random.default_rng(6)
    thetas = [SPACE.sample(rng) for _ in range(4000)]
    h = np.array([t["sd_g"] for t in thetas])
    np.testing.assert_allclose(np.median(h, axis=0), 0.7649 * np.arange(1, 5), rtol=0.1)
    assert all(t["sd_h"][0] == 0.0 for t in thetas)
    K = np.array([t["corr_g"] for t in thetas])
    R = K @ K.transpose(0, 2, 1)
    assert abs((R[:, 0, 2] ** 2).mean() - 1 / (2 * 1.5 + 2)) < 0.02  # eta 1.5, three effects
    assert not R[:, 0, 1].any()


def test_a_point_outside_float64_is_nan():
    model = bl.lmm(FORMULA, crossed_table())
    z = np.zeros(model.space.size)
    z[0] = 800.0
    assert np.isnan(model.target()(z)[0])
