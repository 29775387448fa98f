"""What importance sampling draws from: laws that integrate to one, fitted to what is there."""

import numpy as np
import pytest
from scipy import integrate, stats

from bayeslmm.engines.adaptation import adapted
from bayeslmm.engines.bent import bent
from bayeslmm.engines.proposal import Pilot, Proposal, sobol, uniforms
from bayeslmm.engines.replicates import Plan, replicates, resampled
from bayeslmm.stats.split import Split, split


@pytest.fixture
def law():
    return Split(0.5, np.array([2.0, 0.7]), np.array([0.9, 0.3]))


def test_a_split_law_integrates_to_one_and_is_continuous(law):
    def density(x):
        return float(np.exp(law.scores(np.array([x]))[1][0]))

    total = sum(integrate.quad(density, a, b)[0] for a, b in ((-np.inf, 0.5), (0.5, np.inf)))
    assert total == pytest.approx(1.0, abs=1e-7)
    assert density(0.5 - 1e-9) == pytest.approx(density(0.5), rel=1e-6)


def test_its_quantiles_are_those_of_its_density(law):
    u = np.linspace(0.001, 0.999, 301)
    x, n = law.quantile(u)
    assert law.scores(x)[0] == pytest.approx(n, abs=1e-9)
    slope = np.gradient(u, x)[5:-5]
    assert slope == pytest.approx(np.exp(law.scores(x)[1])[5:-5], rel=0.02)


@pytest.mark.parametrize(
    "true",
    [stats.norm(3.0, 2.0), stats.gumbel_l(1.0, 0.5), stats.logistic(), stats.expon(scale=4.0)],
    ids=["normal", "left", "logistic", "one-sided"],
)
def test_a_split_law_comes_near_what_it_is_fitted_to(true):
    x = true.ppf((np.arange(4000) + 0.5) / 4000)
    found = split(x, np.full(4000, 1 / 4000))
    ratios = true.logpdf(x) - found.scores(x)[1]
    assert ratios.mean() < 0.12  # nats from the truth to it
    assert ratios.max() < 2.5


def banana(z):
    """A bend, a funnel and a skewed coordinate; it integrates to one."""
    first = stats.norm.logpdf(z[:, 0])
    second = stats.norm.logpdf(z[:, 1], 0.5 * (z[:, 0] ** 2 - 1.0), np.exp(0.3 * z[:, 0]))
    return first + second + stats.gumbel_l.logpdf(z[:, 2], 0.3 * z[:, 1])


def test_a_bent_law_integrates_to_one():
    """Its mean over draws of another law is one, whatever it was fitted to."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(2000, 3)) ** 3
    law = bent(z, np.full(2000, 1 / 2000), True)
    u = uniforms(sobol(3, rng), 4096)
    other = bent(law.draw(u), np.full(4096, 1 / 4096), False).wider(1.3, 0.5)
    points = other.draw(u)
    ratios = np.exp(law.log_density(points) - other.log_density(points))
    assert ratios.mean() == pytest.approx(1.0, abs=0.02)


def test_rounds_find_a_bend_and_its_constant():
    rng = np.random.default_rng(2)
    pilot = Pilot([(np.zeros(3), np.eye(3))])
    law = adapted(banana, pilot, 1024, rng).fit(pilot).guarded()
    found, z, logs = replicates(banana, law, (4, 1000), Plan(2048, 3600.0), rng)
    assert found.khat < 0.7
    assert found.efficiency > 0.5
    assert abs(found.log_evidence) < 4.0 * found.error
    assert z.shape == (found.points, 3)
    assert np.array_equal(logs, banana(z))


def test_two_modes_have_a_component_each():
    def two(z):
        each = [stats.norm.logpdf(z, m, 0.4).sum(axis=1) for m in (-4.0, 4.0)]
        return np.logaddexp(each[0] + np.log(0.2), each[1] + np.log(0.8))

    rng = np.random.default_rng(3)
    pilot = Pilot([(np.full(2, m), 0.4 * np.eye(2)) for m in (-4.0, 4.0)])
    law = adapted(two, pilot, 1024, rng).fit(pilot)
    assert law.shares == pytest.approx([0.2, 0.8], abs=0.03)
    found, *_ = replicates(two, law.guarded(), (2, 1000), Plan(2048, 1800.0), rng)
    assert (found.khat < 0.7, abs(found.log_evidence) < 4.0 * found.error) == (True, True)
    assert (found.z[:, :, 0] < 0).mean() == pytest.approx(0.2, abs=0.02)


def test_guards_are_a_tenth():
    z = np.random.default_rng(0).normal(size=(500, 2))
    law = Proposal((bent(z, np.full(500, 1 / 500), False),), np.ones(1)).guarded()
    assert law.shares.tolist() == pytest.approx([0.9, 0.1])
    assert law.columns == 3


def test_no_point_is_taken_twice_where_weights_allow_it():
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 1.5, 2048)
    taken = resampled(weights / weights.sum(), 1000, rng)
    assert np.unique(taken).size == 1000


def test_points_are_taken_in_proportion_to_their_weights():
    rng = np.random.default_rng(0)
    weights = np.array([0.5, 0.25, 0.125, 0.125])
    counts = sum(np.bincount(resampled(weights, 8, rng), minlength=4) for _ in range(400))
    assert counts / 3200 == pytest.approx(weights, abs=0.01)
