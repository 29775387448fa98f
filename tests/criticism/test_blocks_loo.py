"""Criticism of models with blocks: brute force by quadrature, and what is dropped or thinned."""

import warnings
from functools import cache

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

import bayeslmm as bl
from bayeslmm.criticism.leave_out import theta_draws
from bayeslmm.criticism.leave_out.refit import without
from bayeslmm.criticism.leave_out.units_of import UnitsOf
from bayeslmm.engines.integral import quadrature
from bayeslmm.solvers.dual import Dual

PRIORS = {
    "Intercept": "Normal(0, 3)",
    "sd_x": "HalfNormal(1)",
    "sd_g": "HalfNormal(1)",
    "sigma": "HalfNormal(2)",
}


def declare(columns):
    """Twenty rows in five groups; columns that share one scale."""
    rng = np.random.default_rng(columns)
    X, g = rng.standard_normal((20, columns)), np.arange(20) % 5
    y = 1.0 + X[:, 0] + 0.5 * rng.standard_normal(5)[g] + rng.standard_normal(20)
    terms = [bl.ridge(X, name="x")]
    return bl.lmm("y ~ 1 + (1 | g)", {"y": y, "g": g}, terms=terms, priors=PRIORS)


@pytest.fixture(scope="module", params=[4, 40], ids=["n > P", "n < P"])
def ridge(request):
    model = declare(request.param)
    assert isinstance(model.solver(), Dual) == (request.param == 40)
    return model, bl.fit(model, bl.NUTS(draws=1000, tune=500, chains=4), seed=1)


@cache
def evidence(model):
    return bl.log_evidence(model).value


@cache
def nodes_of(model):
    return quadrature(model)


def brute_force(model, unit, some):
    """log p(y) - log p(y_-I), every variance integrated by quadrature, the priors the same."""
    units, whole = UnitsOf.of(model, unit), evidence(model)
    each = [without(model, units.codes == j) for j in some]
    return np.array([whole - bl.log_evidence(other).value for other in each])


def by_nodes(model, unit):
    """-log E[1 / p(y_I | y_-I, theta)] over the nodes of a quadrature: no Monte Carlo error."""
    nodes = nodes_of(model)
    kept = nodes.weights > 1e-12
    way = UnitsOf.of(model, unit).way(model, None)
    points = zip(*model.roots(model.space.constrain(nodes.z[kept])), strict=True)
    logs = np.array([way.at(scales, float(sigma)).log_density for scales, sigma in points])
    return -logsumexp(np.log(nodes.weights[kept])[:, None] - logs, axis=0)


def quiet(function, *args, **more):
    """Without the warning of k-hat."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*args, **more)


@pytest.mark.parametrize(("unit", "some"), [("row", (0, 7)), ("g", (1,))])
def test_units_left_out_are_the_brute_force_of_every_refit(ridge, unit, some):
    """Exactly over a quadrature's nodes; with 4,000 draws to Monte Carlo error (0.1 was seen)."""
    model, tree = ridge
    exact = by_nodes(model, unit)
    np.testing.assert_allclose(exact[list(some)], brute_force(model, unit, some), atol=1e-3)
    found = quiet(bl.loo, model, tree, unit=unit)
    near = found.pareto_k.values < found.good_k
    assert near.mean() >= 0.8
    np.testing.assert_allclose(found.elpd_i.values[near], exact[near], atol=0.25)


def test_sampling_again_leaves_out_rows_of_the_blocks_too(ridge):
    """Their centre and unit stay: the prior is that of the model."""
    model, _ = ridge
    inside = UnitsOf.of(model, "g").codes == 2
    other, (block,) = without(model, inside), model.blocks
    np.testing.assert_array_equal(other.blocks[0].Z, block.Z[~inside])
    np.testing.assert_array_equal(other.blocks[0].unit, block.unit)


def test_few_rows_and_many_columns_of_which_empirical_bayes_keeps_few():
    """The columns that were dropped say nothing: loo is that of the dense normal without them."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 60))
    y = 2.0 + 3.0 * X[:, 1] - 2.0 * X[:, 5] + 0.5 * rng.standard_normal(40)
    model = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(X, name="x")], priors={"beta": "Normal(0, 5)"})
    tree = bl.fit(model, bl.EmpiricalBayes(draws=10), seed=1)
    scale = tree["posterior"]["scale_x"].values[0, 0]
    kept = np.flatnonzero(scale)
    assert {1, 5} <= set(kept)
    assert kept.size < 10
    draws = theta_draws.draws_of(model, tree, 40)
    small, less = theta_draws.without_absent(model, draws)
    assert isinstance(model.solver(), Dual)
    assert not isinstance(small.solver(), Dual)
    assert less.scales.shape == (1, kept.size)
    half = model.blocks[0].Z * scale
    sigma = float(tree["posterior"]["sigma"][0, 0])
    P = np.linalg.inv(half @ half.T + sigma**2 * np.eye(40) + 25.0 * np.ones((40, 40)))
    sd = 1.0 / np.sqrt(np.diag(P))
    z = (P @ y) * sd
    found = bl.loo(model, tree, refit=False)
    np.testing.assert_allclose(found.elpd_i, norm.logpdf(z) - np.log(sd), rtol=1e-8)
    np.testing.assert_allclose(bl.loo_pit(model, tree, refit=False), norm.cdf(z), rtol=1e-8)


def test_loo_where_empirical_bayes_keeps_no_column_is_that_of_the_model_without_the_block():
    rng = np.random.default_rng(0)
    y, X = rng.standard_normal(30), rng.standard_normal((30, 50))
    model = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(X, name="x", price=20.0)])
    bare = bl.lmm("y ~ 1", {"y": y})
    engine = bl.EmpiricalBayes("reml", draws=10)
    found, truth = (bl.loo(m, bl.fit(m, engine, seed=1)) for m in (model, bare))
    np.testing.assert_allclose(found.elpd_i, truth.elpd_i, rtol=1e-6)


def test_draws_that_take_long_are_thinned_and_the_note_says_so(ridge, monkeypatch):
    model, tree = ridge
    monkeypatch.setattr(theta_draws, "WORK", 500.0 * theta_draws.cost(model))
    found = quiet(bl.loo, model, tree)
    assert found.n_samples == 500
    assert "500 of 4000 draws were used, evenly thinned as each takes long." in found.note
    assert found.elpd == pytest.approx(quiet(bl.loo, model, tree).elpd, abs=0.3)


def test_models_are_compared_where_columns_outnumber_rows(ridge):
    """The evidence by quadrature, whatever the solver; the table has one row a model."""
    model, tree = ridge
    d = model.design
    table = {"y": d.y, "g": d.groups[0].codes}
    priors = {name: PRIORS[name] for name in ("Intercept", "sd_g", "sigma")}
    bare = bl.lmm("y ~ 1 + (1 | g)", table, priors=priors)
    fits = {"columns": tree, "none": bl.fit(bare, bl.NUTS(draws=500, tune=500), seed=1)}
    found = quiet(bl.compare_models, fits).table
    truth = evidence(model)
    assert found.loc["columns", ("log evidence", "")] == pytest.approx(truth, abs=1e-4)
    assert found["row", "elpd"].notna().all()
