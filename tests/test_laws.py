"""The laws that compiled code evaluates are PyMC's: value, slope, draws, and the way back."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import stats

from bayeslmm.model.laws import NAMES, Law, density, law_of, lkj_constant, lkj_sample, parse_law


class Folded:
    """The absolute value of a symmetric law."""

    def __init__(self, law):
        self.law = law

    def logpdf(self, x):
        return np.log(2.0) + self.law.logpdf(x)


LAWS = [
    Law("HalfFlat"),
    Law("HalfNormal", (2.5,)),
    Law("HalfStudentT", (3.0, 25.0)),
    Law("HalfCauchy", (0.7,)),
    Law("Exponential", (1.7,)),
    Law("Gamma", (2.5, 0.8)),
    Law("InverseGamma", (3.5, 2.2)),
    Law("LogNormal", (0.3, 0.9)),
    Law("Rayleigh", (1.3,)),
]
SCIPY = {
    "HalfNormal": stats.halfnorm(scale=2.5),
    "HalfStudentT": Folded(stats.t(3.0, scale=25.0)),
    "HalfCauchy": stats.halfcauchy(scale=0.7),
    "Exponential": stats.expon(scale=1 / 1.7),
    "Gamma": stats.gamma(2.5, scale=1 / 0.8),
    "InverseGamma": stats.invgamma(3.5, scale=2.2),
    "LogNormal": stats.lognorm(0.9, scale=np.exp(0.3)),
    "Rayleigh": stats.rayleigh(scale=1.3),
}
FLOAT32 = 5e-9  # PyMC keeps log 2 in float32
POINTS = np.exp(np.random.default_rng(1).normal(0.0, 2.0, size=40))
MOMENTS = {  # mean and variance, by the textbook
    "HalfNormal": (2.5 * np.sqrt(2 / np.pi), 2.5**2 * (1 - 2 / np.pi)),
    "Exponential": (1 / 1.7, 1 / 1.7**2),
    "Gamma": (2.5 / 0.8, 2.5 / 0.8**2),
    "InverseGamma": (2.2 / 2.5, 2.2**2 / (2.5**2 * 1.5)),
    "LogNormal": (np.exp(0.3 + 0.405), (np.exp(0.81) - 1) * np.exp(0.6 + 0.81)),
    "Rayleigh": (1.3 * np.sqrt(np.pi / 2), 1.3**2 * (2 - np.pi / 2)),
}
MEDIANS = {"HalfStudentT": 25.0 * 0.7648923284, "HalfCauchy": 0.7}  # t_3 quantile of 0.75


def ours(law, x):
    a, b, constant = law.table(1)[0]
    return density(law.code, a, b, constant, x)


def test_every_law_is_in_this_list():
    assert {law.name for law in LAWS} | {"Jeffreys"} == set(NAMES)  # which PyMC does not have


def test_jeffreys_density_is_one_over_x():
    for x in (1e-3, 0.7, 40.0):
        assert ours(Law("Jeffreys"), x) == pytest.approx((-np.log(x), -1.0 / x))
    assert not Law("Jeffreys").proper


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_the_density_is_that_of_pymc(law):
    x = pt.vector("x", dtype="float64")
    theirs = pytensor.function([x], pm.logp(law.dist(), x), mode="FAST_COMPILE")
    got = np.array([ours(law, value)[0] for value in POINTS])
    np.testing.assert_allclose(got, theirs(POINTS), rtol=1e-10, atol=FLOAT32)


@pytest.mark.parametrize("law", LAWS[1:], ids=repr)
def test_the_density_is_that_of_scipy(law):
    got = np.array([ours(law, value)[0] for value in POINTS])
    np.testing.assert_allclose(got, SCIPY[law.name].logpdf(POINTS), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_the_slope_is_the_slope_of_the_density(law):
    for x in POINTS:
        step = 1e-5 * x
        slope = (ours(law, x + step)[0] - ours(law, x - step)[0]) / (2 * step)
        assert ours(law, x)[1] == pytest.approx(slope, rel=1e-6, abs=1e-9 / x)


@pytest.mark.parametrize("law", LAWS[1:], ids=repr)
def test_draws_follow_the_law(law):
    x = law.sample(np.random.default_rng(2), 100_000)
    assert x.shape == (100_000,)
    assert (x > 0).all()
    if law.name in MOMENTS:
        mean, variance = MOMENTS[law.name]
        assert abs(x.mean() - mean) < 4.5 * np.sqrt(variance / x.size)
        squares = (x - mean) ** 2
        assert abs(squares.mean() - variance) < 4.5 * squares.std() / np.sqrt(x.size)
    else:
        assert abs((x < MEDIANS[law.name]).mean() - 0.5) < 4.5 * 0.5 / np.sqrt(x.size)


def test_an_improper_law_cannot_be_drawn_from():
    assert not LAWS[0].proper
    with pytest.raises(ValueError, match="HalfFlat is improper"):
        LAWS[0].sample(np.random.default_rng(1), 3)


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_a_law_comes_back_from_its_distribution(law):
    for size in (None, 3):
        back = law_of(law.dist(size))
        assert back.name == law.name
        for got, truth in zip(back.parameters, law.parameters, strict=True):
            np.testing.assert_allclose(got, truth, rtol=1e-12)


def test_a_law_with_one_parameter_for_each_element():
    law = Law("HalfStudentT", (3.0, np.array([1.0, 20.0])))
    values = pm.logp(law.dist(2), np.array([0.5, 30.0])).eval(mode="FAST_COMPILE")
    got = [density(law.code, *row, x)[0] for row, x in zip(law.table(2), [0.5, 30.0], strict=True)]
    np.testing.assert_allclose(got, values, atol=FLOAT32)
    draws = np.array([law.sample(np.random.default_rng(i), 2) for i in range(2000)])
    np.testing.assert_allclose(np.median(draws, axis=0), 0.7649 * np.array([1.0, 20.0]), rtol=0.1)


def test_another_distribution_is_not_a_law():
    assert law_of(pm.Weibull.dist(3.0, 1.0)) is None
    assert law_of(pm.HalfNormal.dist(pm.HalfNormal.dist(1.0))) is None


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_a_law_is_read_from_its_own_text(law):
    text = f"{law.name}({', '.join(str(p) for p in law.parameters)})"
    assert parse_law(text) == law
    assert parse_law(f"  {text} ") == law


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Half(2)", "is not a law"),
        ("HalfNormal", "is not a law"),
        ("HalfNormal(a)", "not a number"),
        ("HalfNormal(1, 2)", "has 2 parameters; HalfNormal takes 1: sigma"),
        ("HalfStudentT()", "has 0 parameters; HalfStudentT takes 2: nu, sigma"),
    ],
)
def test_text_that_is_no_law_is_refused_with_advice(text, told):
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        parse_law(text)


@pytest.mark.parametrize("eta", [0.6, 1.0, 2.0, 7.0])
def test_the_constant_of_two_correlated_effects_is_a_beta_function(eta):
    """n = 2: (r + 1) / 2 ~ Beta(eta, eta)."""
    from scipy.integrate import quad

    area = quad(lambda t: np.sin(t) ** (2 * eta - 1), 0, np.pi)[
        0
    ]  # r = cos t: (1 - r^2)^(eta-1) dr
    assert lkj_constant(2, eta) == pytest.approx(-np.log(area), rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("eta", [1.0, 2.5])
def test_correlations_that_are_drawn_have_the_moments_of_lkj(n, eta):
    """Every r is 2 Beta(a, a) - 1 with a = eta + n/2 - 1: variance 1 / (2 a + 1)."""
    rng = np.random.default_rng(3)
    L = np.array([lkj_sample(n, eta, rng) for _ in range(20_000)])
    R = L @ L.transpose(0, 2, 1)
    np.testing.assert_allclose(np.diagonal(R, axis1=1, axis2=2), 1.0)
    variance = 1.0 / (2.0 * eta + n - 1.0)
    for i, j in zip(*np.tril_indices(n, -1), strict=True):
        r = R[:, i, j]
        assert abs(r.mean()) < 4.5 * np.sqrt(variance / r.size)
        assert abs((r**2).mean() - variance) < 4.5 * (r**2).std() / np.sqrt(r.size)
    if n > 2:  # different correlations are uncorrelated
        products = R[:, 1, 0] * R[:, 2, 0]
        assert abs(products.mean()) < 4.5 * products.std() / np.sqrt(products.size)
