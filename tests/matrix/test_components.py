"""How many components: the evidence against other routes to it, and what it finds."""

import numpy as np
import pytest

import bayeslmm as bl
from bayeslmm.criticism.components import _minka
from bayeslmm.engines.integral import bridged
from bayeslmm.engines.laplace import laplace, laplace_sampled
from bayeslmm.posterior.recover import coordinates


def simulated(n=200, d=8, lengths=(3.0, 1.5), noise=0.6, seed=0):
    rng = np.random.default_rng(seed)
    W = np.linalg.qr(rng.standard_normal((d, len(lengths))))[0] * lengths
    return rng.standard_normal((n, len(lengths))) @ W.T + noise * rng.standard_normal((n, d))


@pytest.fixture(scope="module")
def found():
    return bl.choose_components(simulated(), most=4, seed=1)


def test_the_true_number_of_components_has_the_evidence(found):
    assert found.best == 2
    assert found.verdict == "The evidence is for 2."
    assert found.table["probability"].iloc[2] > 0.99
    assert found.table["probability"].sum() == pytest.approx(1.0)
    assert (found.table["error"] < 0.1).all()
    assert (np.diff(found.table["log likelihood"]) > 0).all()
    assert found.noise == pytest.approx(0.36, rel=0.1)
    values = np.linalg.eigvalsh(np.cov(simulated().T, bias=True))[::-1]
    np.testing.assert_allclose(found.eigenvalues, values, rtol=1e-10)


def test_importance_and_bridge_sampling_agree(found):
    for q in (1, 2):
        model = bl.ppca(simulated(), q)
        tree = bl.fit(model, bl.NUTS(), seed=2)
        rng = np.random.default_rng(3)
        bridge = bridged(model, coordinates(model, tree["posterior"].dataset), rng)
        weighted = laplace_sampled(model, rng)
        error = 4.0 * np.hypot(bridge.error, weighted.error)
        assert abs(bridge.value - weighted.value) < error
        assert abs(bridge.value - found.table["log evidence"].iloc[q]) < error + 0.1
        assert abs(laplace(model)[0] - bridge.value) < 1.5


def test_minkas_formula_ranks_alike(found):
    """Other priors, so other numbers: some nats a component, where the steps are 250 and -7."""
    other = np.array([_minka(bl.ppca(simulated(), q)) for q in (1, 2, 3, 4)])
    assert np.argmax(other) == 1
    steps = np.diff(found.table["log evidence"])[1:]
    assert (np.abs(np.diff(other) - steps) < 5.0).all()
    assert (np.sign(np.diff(other)) == np.sign(steps)).all()


def test_pure_noise_has_no_component():
    noise = np.random.default_rng(5).standard_normal((80, 5))
    assert bl.choose_components(noise, most=2, seed=1).best == 0


def test_missing_entries_do_not_change_the_answer():
    Y = simulated()
    Y[np.random.default_rng(6).random(Y.shape) < 0.1] = np.nan
    assert bl.choose_components(Y, most=3, seed=1).best == 2


def test_it_draws_itself_and_says_what_it_cannot(found):
    axes = found.plot()
    assert axes.get_xlabel() == "component"
    assert "<img" in found._repr_html_()
    assert "The evidence is for 2." in repr(found)
    with pytest.raises(ValueError, match="must be a whole number below the number of columns, 8"):
        bl.choose_components(simulated(), most=8)
    with pytest.raises(ValueError, match="the evidence needs proper priors, but that of mu"):
        bl.choose_components(simulated(), most=1, priors={"mu": "flat"})


def test_an_evidence_that_still_rises_says_so():
    Y = simulated(lengths=(3.0, 2.0, 1.5))
    found = bl.choose_components(Y, most=1, seed=1)
    assert found.verdict.startswith("The evidence still rises at 1")
