"""Graph, kernel and conditional say the same: three statements of one model, tied at random points.

    log joint(theta, beta, u, y) = log prior(theta) + log p(y | theta) + log N(beta, u; conditional)

(the candidate's identity, Besag 1989). The conditional is the joint normal of the dense oracle.
PyMC keeps some constants in float32, hence 1e-7.
"""

import cloudpickle
import numpy as np
import pymc as pm
import pytest
from scipy import stats

import bayeslmm as bl

from .graph_points import Compiled, blocks, dense_problem, merged, order, slopes, table
from .solvers.dense import FLOAT, dense

TOLERANCE = 1e-7


PYTHON = "FAST_COMPILE"  # in place of machine code, whose compiling takes most of the time


@pytest.fixture(scope="session", params=[slopes, merged, blocks], ids=lambda f: f.__name__)
def compiled(request):
    """One of the graphs as machine code, as samplers have it."""
    return Compiled.of(request.param(), None if request.param is slopes else PYTHON)


def coordinates(model, k=4, seed=1):
    return np.random.default_rng(seed).normal(0.0, 0.7, size=(k, model.space.size))


def test_the_marginal_graph_has_theta_alone_as_its_free_variables(compiled):
    names = {v.name for v in compiled.model.marginal.value_vars}
    assert names == set(order(compiled.model))


def test_the_marginal_graph_is_the_compiled_kernel(compiled):
    model, target = compiled.model, compiled.model.target()
    for z in coordinates(model):
        point = {name: z[index] for name, index in order(model).items()}
        value, grad = target(z)
        assert float(compiled.marginal(point)) == pytest.approx(value, rel=TOLERANCE)
        where = order(model)
        index = np.concatenate([np.atleast_1d(where[v.name]) for v in model.marginal.value_vars])
        np.testing.assert_allclose(compiled.slope(point), grad[index], rtol=1e-6, atol=1e-6)


def test_the_candidates_identity(compiled):
    model, target = compiled.model, compiled.model.target()
    rng = np.random.default_rng(2)
    for z in coordinates(model, 3, 3):
        truth = dense(dense_problem(model, z), "evidence", numbers=FLOAT)
        cov = 0.5 * (truth.cov + truth.cov.T)
        spread = 1.5 * np.linalg.cholesky(cov) @ rng.normal(size=len(cov))
        coefficients = truth.mean + spread
        point = {name: z[index] for name, index in order(model).items()}
        at = len(model.design.fixed)
        point["beta"] = coefficients[:at]
        for term in model.groups:
            point[term.coefficients] = coefficients[at : at + term.columns].reshape(term.shape)
            at += term.columns
        conditional = stats.multivariate_normal(truth.mean, cov).logpdf(coefficients)
        joint = float(compiled.joint(point))
        assert joint == pytest.approx(target(z)[0] + conditional, rel=TOLERANCE)


def test_the_solvers_conditional_is_the_one_in_the_identity(compiled):
    model = compiled.model
    z = coordinates(model, 1, 4)[0]
    p = dense_problem(model, z)
    truth = dense(p, "evidence", numbers=FLOAT)
    got = model.solver().condition(p.scales, p.sigma)
    np.testing.assert_allclose(got.beta, truth.beta, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got.beta_cov, truth.beta_cov, rtol=1e-8, atol=1e-10)
    for mean, m in zip(got.effects, truth.effects, strict=True):
        np.testing.assert_allclose(mean, m, rtol=1e-8, atol=1e-9)


def test_another_response_needs_no_other_prior(compiled):
    """with_data: same priors and layout; the value is the dense normal's for the new y."""
    model = compiled.model
    y = np.random.default_rng(5).normal(size=model.design.y.size)
    other = model.with_data(y)
    z = coordinates(model, 1, 6)[0]
    truth = float(dense(dense_problem(other, z), "evidence", numbers=FLOAT).value)
    assert other.target(prior=False)(z)[0] == pytest.approx(truth, rel=1e-10)
    assert other.space is model.space


def test_a_model_survives_pickling():
    model = slopes()
    back = cloudpickle.loads(cloudpickle.dumps(model))
    z = coordinates(model, 1)[0]
    assert back.target()(z)[0] == model.target()(z)[0]
    graph = cloudpickle.loads(cloudpickle.dumps(model.marginal))
    assert [v.name for v in graph.value_vars] == [v.name for v in model.marginal.value_vars]


@pytest.fixture(scope="session")
def plugged_in():
    """All variances fixed: y is then exactly normal, with a mean and covariance in closed form."""
    priors = {"sd_g": [0.9, 0.5], "corr_g": -0.4, "sd_h": 0.6, "sigma": 0.8}
    priors |= {"Intercept": "Normal(1, 0.5)", "x": "Normal(-1, 0.3)"}
    formula = "y ~ x + (x | g) + (1 | h)"
    return bl.lmm(formula, table(), weights="w", offset="o", priors=priors)


OBJECT_MODE = pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")


# A hint about the machine code that PyTensor makes, where its own cache does not have it yet.
@pytest.mark.filterwarnings("ignore:.*is faster on contiguous arrays")
@OBJECT_MODE
@pytest.mark.parametrize("graph", ["marginal", "graph"])
def test_both_graphs_draw_the_response_from_the_same_normal(plugged_in, graph):
    d = plugged_in.design
    mean = d.offset + d.X @ [1.0, -1.0]
    V = d.X @ np.diag([0.25, 0.09]) @ d.X.T + np.diag(0.64 / d.weights)
    psi = {"g": np.array([[0.81, -0.18], [-0.18, 0.25]]), "h": np.array([[0.36]])}
    for term in plugged_in.groups:
        g = term.grouping
        V += (g.codes[:, None] == g.codes) * (g.Z @ psi[term.name] @ g.Z.T)
    draws = pm.draw(getattr(plugged_in, graph)["y"], draws=4000, random_seed=1, mode=PYTHON)
    centred = draws - mean
    assert np.abs(centred.mean(axis=0) / np.sqrt(np.diag(V) / 4000)).max() < 4.5
    error = np.sqrt((np.outer(np.diag(V), np.diag(V)) + V**2) / 4000)
    assert np.abs((centred.T @ centred / 4000 - V) / error).max() < 4.8  # of 1,176 covariances


def test_with_all_variances_fixed_the_graph_is_the_density_of_that_normal(plugged_in):
    p = dense_problem(plugged_in, np.zeros(0))
    truth = float(dense(p, "evidence", numbers=FLOAT).value)
    assert plugged_in.target()(np.zeros(0))[0] == pytest.approx(truth, rel=1e-10)
    density = plugged_in.marginal.compile_logp(mode=PYTHON)
    assert float(density({})) == pytest.approx(truth, rel=1e-10)


@OBJECT_MODE
def test_a_prior_predictive_of_the_marginal_graph_has_its_shape():
    with slopes().marginal:
        tree = pm.sample_prior_predictive(20, random_seed=1)
    assert tree["prior_predictive"]["y"].shape == (1, 20, 48)
    assert np.isfinite(tree["prior_predictive"]["y"].values).all()
