"""A residual law is one class: what it has beside sigma reaches solvers behind the terms' roots."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import bayeslmm as bl
from bayeslmm.model.laws import Law
from bayeslmm.model.parameters import Positive
from bayeslmm.model.residual import Independent
from bayeslmm.model.simulate import simulate_rows
from bayeslmm.model.space import Product
from bayeslmm.posterior.predictive import posterior_noise
from tests.whole import declare, table

RATIO = Positive("ratio", 1, law=Law("HalfNormal", (1.0,)))


@dataclass(frozen=True, eq=False)
class TwoNoises(Independent):
    """The noise of odd rows is `ratio` times that of even ones."""

    ratio: Positive = RATIO
    products = (Product(1, (("ratio", 1.0),)),)
    root_shape = (1,)

    @property
    def parameters(self):
        return (self.ratio, self.sigma)

    def root(self, theta):
        return theta["ratio"][..., None]

    def sd(self, scale, root):
        return super().sd(scale) * np.where(np.arange(self.precision.size) % 2, root, 1.0)

    def noise(self, theta):
        return self.sd(self.scale(theta), self.root(theta))


@pytest.fixture(scope="module")
def model():
    plain = declare(table())
    old = plain.residual
    return replace(plain, residual=TwoNoises(old.sigma, old.precision, old.frequency))


def test_its_parameter_is_one_of_thetas_with_sigma_last(model):
    assert "ratio" in model.parameters
    assert model.space.sigma.name == "sigma"
    z = np.random.default_rng(1).normal(size=(3, model.space.size))
    theta = model.space.constrain(z)
    np.testing.assert_allclose(model.space.unconstrain(theta), z, atol=1e-12)


def test_its_root_stands_behind_those_of_the_terms(model):
    z = 0.3 * np.random.default_rng(2).normal(size=model.space.size)
    theta = model.space.constrain(z)
    vector, _ = model.roots(theta)
    assert vector[-1] == pytest.approx(float(theta["ratio"]), rel=1e-15)
    assert len(vector) == sum(int(np.prod(p.root_shape)) for p in model.parts) + 1


def test_slopes_in_its_root_are_pulled_back_to_its_coordinate(model):
    z, rng = 0.3 * np.random.default_rng(3).normal(size=model.space.size), np.random.default_rng(4)
    slopes = rng.normal(size=model.entries.size)

    def linear(z):
        vector, sigma = model.roots(model.space.constrain(z))
        return slopes @ vector + 0.7 * sigma

    found, h = model.target().pulled(z[None], slopes[None], np.array([0.7]))[0], 1e-6
    for i, e in enumerate(h * np.eye(z.size)):
        assert found[i] == pytest.approx((linear(z + e) - linear(z - e)) / (2 * h), abs=1e-7)


def test_responses_have_its_noise(model):
    """A row's spread over simulated responses, whatever its mean."""
    theta = model.space.constrain(np.zeros(model.space.size))
    theta = theta | {n: 0.0 * theta[n] for n in ("sd_g", "sd_h", "sd_z")}
    theta |= {"ratio": np.array(5.0), "sigma": np.array(2.0)}
    vector, sigma = model.roots(theta)
    rng, fixed = np.random.default_rng(5), {"beta": np.zeros(2)}
    y = np.array([simulate_rows(model, vector, sigma, rng, fixed) for _ in range(4000)])
    wanted = 2.0 / np.sqrt(table()["w"]) * np.where(np.arange(60) % 2, 5.0, 1.0)
    np.testing.assert_allclose(y.std(axis=0), wanted, rtol=0.06)
    np.testing.assert_allclose(model.residual.noise(theta), wanted)


def test_the_noise_of_draws_is_sigma_over_the_root_of_a_weight(whole):
    found = posterior_noise(whole.model, whole.nuts["posterior"].dataset)
    np.testing.assert_allclose(found, whole.noise(whole.nuts), rtol=1e-14)


def test_other_rows_have_the_same_law(whole):
    other = whole.model.residual.at(whole.model.design)
    np.testing.assert_array_equal(other.precision, whole.model.residual.precision)
    new = {"x": [1.0], "g": ["g1"], "h": ["h1"], "w": [4.0], "o": [0.0]}
    new |= {c: [0.0] for c in ("z0", "z1", "z2", "z3")}
    noisy, still = (
        bl.predict(whole.model, whole.nuts, new, noise=noise, seed=3).draws
        for noise in (True, False)
    )
    sigma = whole.nuts["posterior"]["sigma"].values.ravel()
    z = (noisy - still)[:, 0] / (sigma / 2.0)
    assert abs(z.std() - 1.0) < 0.15
