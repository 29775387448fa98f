"""Log evidence and posterior moments with theta integrated, against an independent quadrature."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import bayeslmm as bl
from bayeslmm.engines.integral import quadrature

CASES = {
    "Dyestuff  b~N(1500,500) su~HN(100) se~HN(100)": (
        "Yield ~ 1 + (1 | Batch)",
        "Dyestuff",
        {
            "Intercept": "Normal(1500, 500)",
            "sd_Batch": "HalfNormal(100)",
            "sigma": "HalfNormal(100)",
        },
    ),
    "Dyestuff2 b~N(5,10) su~HN(5) se~HN(5)": (
        "Yield ~ 1 + (1 | Batch)",
        "Dyestuff2",
        {"Intercept": "Normal(5, 10)", "sd_Batch": "HalfNormal(5)", "sigma": "HalfNormal(5)"},
    ),
    "sleepstudy RI b~N(250,100),N(0,50) su~HN(50) se~HN(50)": (
        "Reaction ~ Days + (1 | Subject)",
        "sleepstudy",
        {
            "Intercept": "Normal(250, 100)",
            "Days": "Normal(0, 50)",
            "sd_Subject": "HalfNormal(50)",
            "sigma": "HalfNormal(50)",
        },
    ),
    "Rail b~N(50,50) su~HN(50) se~HN(20)": (
        "travel ~ 1 + (1 | Rail)",
        "Rail",
        {"Intercept": "Normal(50, 50)", "sd_Rail": "HalfNormal(50)", "sigma": "HalfNormal(20)"},
    ),
}


def declare(case):
    formula, data, priors = CASES[case]
    return bl.lmm(formula, bl.datasets.load(data), priors=priors)


@pytest.mark.parametrize("case", CASES)
def test_the_log_evidence_is_the_reference_to_1e_3(case, quadrature_truth):
    found = bl.log_evidence(declare(case))
    assert abs(found.value - quadrature_truth[case]["log_evidence"]) < 1e-3


@pytest.mark.parametrize("case", CASES)
def test_posterior_moments_are_the_reference_to_1e_3(case, quadrature_truth):
    model, truth = declare(case), quadrature_truth[case]
    nodes = quadrature(model)
    su, se = np.exp(nodes.z).T
    for name, values in (("su", su), ("se", se), ("icc", su**2 / (su**2 + se**2))):
        mean = nodes.weights @ values
        sd = np.sqrt(nodes.weights @ values**2 - mean**2)
        assert mean == pytest.approx(truth[f"{name}_mean"], rel=1e-3)
        assert sd == pytest.approx(truth[f"{name}_sd"], rel=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_nuts_draws_have_the_reference_moments_within_monte_carlo_error(case, quadrature_truth):
    import arviz as az

    truth = quadrature_truth[case]
    model = declare(case)
    tree = bl.fit(model, bl.NUTS(), seed=3)
    group = model.groups[0].name
    posterior = tree["posterior"].dataset
    names = {"su": f"sd_{group}", "se": "sigma", "icc": f"icc_{group}"}
    for short, name in names.items():
        draws = posterior[name].values.reshape(4, -1)
        error = draws.std() / np.sqrt(float(az.ess(draws)))
        assert abs(draws.mean() - truth[f"{short}_mean"]) < 4 * error
    for j, mean in enumerate(truth["b_mean"]):
        draws = posterior["beta"].values[..., j]
        assert abs(draws.mean() - mean) < 4 * draws.std() / np.sqrt(float(az.ess(draws)))
    np.testing.assert_allclose(posterior["beta"].std(["chain", "draw"]), truth["b_sd"], rtol=0.06)


def test_importance_sampling_agrees_with_quadrature_where_both_can_be_used():
    from bayeslmm.engines.integral import sampled

    model = declare("sleepstudy RI b~N(250,100),N(0,50) su~HN(50) se~HN(50)")
    exact = bl.log_evidence(model).value
    found = sampled(model, np.random.default_rng(1), 20_000)
    assert abs(found.value - exact) < 4 * found.error
    assert found.error < 0.01
    assert found.khat < 0.5


def test_an_improper_prior_has_no_evidence():
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"), priors={"beta": "flat"})
    with pytest.raises(ValueError, match="proper priors, but that of beta is flat"):
        bl.log_evidence(model)


def test_draws_of_the_posterior_bridged_to_a_t_give_the_same_evidence():
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    tree = bl.fit(model, bl.NUTS(), seed=1)
    found, other = bl.log_evidence(model, tree, seed=1), bl.log_evidence(model, seed=1)
    assert found.method.startswith("bridge sampling")
    assert abs(found.value - other.value) < 4 * np.hypot(found.error, other.error)
    assert found.error < 0.02
    with pytest.raises(
        ValueError, match="bridges draws of the posterior, but this tree is by CAVI"
    ):
        bl.log_evidence(model, bl.fit(model, bl.CAVI(draws=200), seed=1))


def test_a_bridge_between_known_laws_is_exact():
    """N(0, 1) without its constant against N(1, 2): the ratio is sqrt(2 pi)."""
    from scipy import stats

    from bayeslmm.engines.bridge import bridge

    rng = np.random.default_rng(0)
    q = stats.norm(1.0, 2.0)
    first, second = rng.normal(size=40_000), q.rvs(20_000, random_state=rng)
    value, error = bridge(*(-0.5 * x**2 - q.logpdf(x) for x in (first, second)))
    assert abs(value - 0.5 * np.log(2.0 * np.pi)) < 4 * error
    assert error < 0.01


def test_a_tree_is_looked_at_before_it_is_not_needed():
    """Three variances: quadrature would not read the tree, but a wrong one is still refused."""
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    other = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff2"))
    with pytest.raises(ValueError, match="not a fit of this model"):
        bl.log_evidence(model, bl.fit(other, bl.NUTS(draws=100, tune=100), seed=1))
    with pytest.raises(ValueError, match="this tree is by CAVI"):
        bl.log_evidence(model, bl.fit(model, bl.CAVI(draws=200), seed=1))


def test_bridging_agrees_with_quadrature_closely():
    from bayeslmm.engines.integral import _bridged

    model = bl.lmm("Reaction ~ Days + (1 | Subject)", bl.datasets.load("sleepstudy"))
    tree = bl.fit(model, bl.NUTS(draws=4000), seed=1)
    found = _bridged(model, tree, np.random.default_rng(1))
    assert abs(found.value - bl.log_evidence(model).value) < max(3 * found.error, 1e-3)
    assert found.error < 0.005


@pytest.mark.parametrize("kind", ["weighted", "autocorrelated"])
def test_the_bridges_error_is_the_spread_of_its_values(kind):
    from scipy import signal, stats

    from bayeslmm.engines.bridge import bridge

    rng, values, errors = np.random.default_rng(0), [], []
    for _ in range(200):
        first, second = rng.normal(size=1000), 1.0 + 1.5 * rng.normal(size=1000)
        weight, r_eff = None, (1.0, 1.0)
        if kind == "weighted":
            first = 1.3 * rng.normal(size=1000)
            weight = stats.norm.logpdf(first) - stats.norm(scale=1.3).logpdf(first)
            weight -= np.log(np.exp(weight).sum())
        else:  # AR(1), rho 0.9: 19 draws are worth one
            noise = np.sqrt(1 - 0.81) * rng.normal(size=1100)
            second = 1.0 + 1.5 * signal.lfilter([1.0], [1.0, -0.9], noise)[100:]
            r_eff = (1.0, 1.0 / 19.0)
        logs = [-0.5 * x**2 - stats.norm(1.0, 1.5).logpdf(x) for x in (first, second)]
        value, error = bridge(*logs, weight, r_eff)
        values.append(value)
        errors.append(error)
    assert np.mean(values) == pytest.approx(0.5 * np.log(2.0 * np.pi), abs=0.02)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


def test_too_few_draws_are_not_bridged():
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    few = bl.fit(model, bl.NUTS(draws=20, tune=100, chains=2), seed=1)
    with pytest.raises(
        ValueError, match=r"at least 400 draws for 4 variance parameters.* holds 40"
    ):
        bl.log_evidence(model, few)
    poor = bl.fit(model, bl.NUTS(draws=450, tune=100, chains=1), seed=1)
    with pytest.warns(UserWarning, match="have not converged: one chain"):
        bl.log_evidence(model, poor)
    with pytest.raises(ValueError, match=r"draws=\.\.\.\) must be at least 400, got 3"):
        bl.log_evidence(model, draws=3)


@pytest.mark.parametrize("P", [24, 40])
def test_the_log_evidence_where_columns_follow_every_row(P):
    """As many columns as rows or more: a sum over log sd and log sigma of dense normals."""
    rng, n = np.random.default_rng(5), 24
    A = rng.standard_normal((n, P))
    y = A[:, 0] + rng.standard_normal(n)
    sd, sigma, mean = 0.3, 1.5, 4.0
    m = bl.lmm(
        y,
        np.ones((n, 1)),
        terms=[bl.ridge(A, name="x", scale=None)],
        priors={
            "sd_x": f"HalfStudentT(3, {sd})",
            "sigma": f"HalfStudentT(3, {sigma})",
            "Intercept": f"Normal(0, {mean})",
        },
    )
    Z, logs = A - A.mean(axis=0), np.linspace(-12.0, 5.0, 300)
    # Centred columns and the constant are orthogonal: one basis serves every sd and sigma.
    values, vectors = np.linalg.eigh(Z @ Z.T)
    J = (vectors.T @ np.ones(n)) ** 2
    constant = np.argmax(J)
    values = np.maximum(values, 0.0)
    values[constant] = 0.0
    assert J[constant] == pytest.approx(n)
    a, b = np.exp(logs)[:, None, None], np.exp(logs)[None, :, None]
    variance = a**2 * values + b**2
    variance[..., constant] += n * mean**2
    density = stats.norm.logpdf(vectors.T @ y, 0.0, np.sqrt(variance)).sum(axis=-1)
    for axis, width in ((logs[:, None], sd), (logs[None, :], sigma)):
        density = density + np.log(2.0) + stats.t(3, scale=width).logpdf(np.exp(axis)) + axis
    truth = logsumexp(density) + 2.0 * np.log(logs[1] - logs[0])
    assert bl.log_evidence(m).value == pytest.approx(truth, abs=1e-3)
