"""The likelihood may be without bound where the posterior exists: then it is drawn from.

Where the posterior has a pole itself it is refused, by every engine and by the evidence.
"""

import numpy as np
import pytest

import bayeslmm as bl
from bayeslmm.engines.loadings_maximum import lowest, maximum, refuse_pole
from bayeslmm.engines.start import centre
from bayeslmm.solvers.expectation import NoNoise

KEPT_OFF = {"sigma": "InverseGamma(3, 1)"}


def low_rank(n, d, r, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, r)) @ rng.normal(size=(r, d)) + noise * rng.normal(size=(n, d))


@pytest.fixture(scope="module")
def tiny():
    """Two rows, three columns, one component: no noise is left."""
    priors = {"mu": "Normal(0, 1)", "sd_W": 1.0, **KEPT_OFF}
    return bl.ppca(low_rank(2, 3, 3, seed=4), 1, priors=priors)


def test_the_evidence_is_the_mean_likelihood_over_draws_of_the_prior(tiny):
    """Of 100,000 draws of W and sigma, mu integrated by hand."""
    rng, draws, Y = np.random.default_rng(5), 100_000, tiny.design.y
    n, d = Y.shape
    W, sigma = rng.normal(size=(draws, d, 1)), 1.0 / rng.gamma(3.0, 1.0, size=draws)
    C = W @ W.transpose(0, 2, 1) + sigma[:, None, None] ** 2 * np.eye(d)
    joint = np.kron(np.eye(n), np.ones((d, d)))[None] * np.tile(C, (1, n, n))
    joint += np.tile(np.eye(d), (n, n))  # mu is common to the rows
    y = np.broadcast_to(Y.ravel()[:, None], (draws, n * d, 1))
    square = (y * np.linalg.solve(joint, y)).sum(axis=(1, 2))
    logs = -0.5 * (square + np.linalg.slogdet(joint)[1] + n * d * np.log(2.0 * np.pi))
    weights = np.exp(logs - logs.max())
    truth, error = logs.max() + np.log(weights.mean()), weights.std() / weights.mean()
    found = bl.log_evidence(tiny, seed=2)
    assert found.value == pytest.approx(truth, abs=4.0 * np.hypot(found.error, error / draws**0.5))


def test_empirical_bayes_refuses_what_sampling_need_not(tiny):
    for criterion in ("ml", "reml", "evidence"):
        with pytest.raises(NoNoise, match="1 components follow 2 rows of 3 columns exactly"):
            maximum(tiny, criterion)
    refuse_pole(tiny)
    assert np.isfinite(tiny.target()(centre(tiny))[0])
    best = maximum(tiny, "map")  # a prior that keeps off zero gives it a maximum
    assert best.converged
    assert best.sigma > 0.05


@pytest.mark.parametrize(
    "engine",
    [
        bl.NUTS(draws=100, tune=100, chains=2),
        pytest.param(bl.ADVI(marginal=True), marks=pytest.mark.slow),
    ],
    ids=lambda engine: engine.name,
)
def test_sampling_starts_without_the_maximum_of_the_likelihood(engine):
    model = bl.ppca(low_rank(6, 8, 2, noise=0.3), 5, priors=KEPT_OFF)
    sigma = bl.fit(model, engine, seed=1)["posterior"]["sigma"]
    assert 0.05 < float(sigma.mean()) < 1.0


def test_a_scale_for_every_component_is_drawn_where_rows_are_few():
    model = bl.ppca(low_rank(6, 8, 2, noise=0.3), 7, ard=True, priors=KEPT_OFF)
    along = bl.fit(model, bl.NUTS(draws=100, tune=100, chains=2), seed=1)["posterior"]
    assert (np.diff(along["explained_variance"].mean(("chain", "draw"))) < 0).all()


POLES = {
    "columns made of others": (low_rank(30, 6, 2), 3),
    "repeated rows": (np.repeat(low_rank(4, 6, 4), 3, axis=0), 4),
    "holes in a matrix of low rank": (
        np.where(np.random.default_rng(1).random((30, 6)) < 0.1, np.nan, low_rank(30, 6, 2)),
        2,
    ),
}


@pytest.mark.parametrize("kind", POLES)
def test_a_posterior_with_a_pole_is_refused_by_every_engine_and_by_the_evidence(kind):
    Y, q = POLES[kind]
    model = bl.ppca(Y, q)
    told = rf"{q} components follow all {len(Y)} rows exactly.*give sigma a prior that keeps off"
    for engine in (bl.NUTS(), bl.NUTS(marginal=False), bl.ADVI(), bl.ADVI(marginal=True)):
        with pytest.raises(ValueError, match=told):
            bl.fit(model, engine, seed=1)
    with pytest.raises(ValueError, match=told):
        bl.log_evidence(model, seed=1)
    for prior in ("InverseGamma(3, 1)", "LogNormal(0, 1)", 0.5):
        refuse_pole(bl.ppca(Y, q, priors={"sigma": prior}))
    with pytest.raises(ValueError, match=told):
        refuse_pole(bl.ppca(Y, q, priors={"sigma": "Gamma(2, 1)"}))


def test_a_prior_that_falls_as_fast_as_the_likelihood_rises_makes_the_posterior_proper():
    """Rank two, three components, six columns, thirty rows: 1 / sigma to the power 27 times 3."""
    Y, q = POLES["columns made of others"]
    with pytest.raises(ValueError, match="follow all 30 rows exactly"):
        refuse_pole(bl.ppca(Y, q, priors={"sigma": "Gamma(80.9, 1)"}))
    refuse_pole(bl.ppca(Y, q, priors={"sigma": "Gamma(81.1, 1)"}))


def test_rows_in_general_position_have_a_posterior_under_any_prior():
    Y = low_rank(5, 8, 5)
    for q in (4, 6, 7):
        refuse_pole(bl.ppca(Y, q))
        assert lowest(bl.ppca(Y, q)) is not None  # its density has no bound, its mass has
    assert lowest(bl.ppca(Y, 3)) is None
    assert lowest(bl.ppca(Y, 4, priors=KEPT_OFF)) is None


def test_components_that_cannot_be_compared_say_why():
    found = bl.choose_components(low_rank(30, 4, 1), most=3, seed=1)
    assert found.best == 0
    assert "1 follow the rows exactly" in found.limit
    assert "the 30 x 4 matrix has rank 1 about its means" in found.verdict
    assert "raise most" not in found.verdict
    few = bl.choose_components(low_rank(3, 4, 1, noise=0.01), seed=1)
    assert few.best == 1
    assert few.verdict.endswith("3 rows leave no noise to compare 2 with: more rows are needed.")
