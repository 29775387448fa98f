"""The dual solver inside a PyTensor graph: value and gradient are the solver's own."""

import cloudpickle
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from bayeslmm.gaussian.dual_op import DualCondense, DualEvidence
from bayeslmm.gaussian.score import lower_product

from .blocks import wide


def inputs(w):
    """Everything that `DualCondense` takes, as the model would give it."""
    g = w.grouped
    rows = [g.y, g.X, g.offset, g.weights, g.frequency]
    rows += [g.prior.H, g.prior.location, g.prior.scale, np.float64(g.prior.log_det)]
    for f in g.factors:
        rows += [f.codes, f.Z, np.int64(f.levels)]
    for b in w.blocks:
        rows += [b.Z, np.int64(b.shared)]
    return rows


def slopes(w):
    """Value, d/d scales and d/d sigma from the solver."""
    value, J, slope = w.solver("evidence").score(w.scales, w.sigma)
    flat, at = J * w.scales, 0
    for f in w.grouped.factors:
        at = lower_product(w.scales, J, flat, at, f.effects)
    return value, flat, slope


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(1)
    sizes = ((14, False), (17, True))
    return wide(rng, 9, 2, ((4, 2), (3, 1)), sizes, prior="joint", extras=True)


@pytest.fixture(scope="module")
def graph(problem):
    scales, sigma = pt.vector("scales"), pt.scalar("sigma")
    value = DualEvidence()(scales, sigma, *DualCondense(2, 2)(*inputs(problem)))[0]
    return scales, sigma, value


@pytest.fixture(scope="module")
def compiled(graph):
    scales, sigma, value = graph
    weighed = 3.0 * value
    return pytensor.function([scales, sigma], [value, *pytensor.grad(weighed, [scales, sigma])])


def test_value_and_gradient_are_the_solvers(problem, compiled):
    truth = slopes(problem)
    value, by_scale, by_sigma = compiled(problem.scales, problem.sigma)
    assert float(value) == pytest.approx(truth[0], rel=1e-12)
    np.testing.assert_allclose(by_scale, 3.0 * truth[1], rtol=1e-10, atol=1e-12)
    assert float(by_sigma) == pytest.approx(3.0 * truth[2], rel=1e-10)


def test_the_rows_are_folded_away(compiled):
    operators = {type(node.op) for node in compiled.maker.fgraph.apply_nodes}
    assert DualEvidence in operators
    assert DualCondense not in operators


def test_where_float64_cannot_hold_the_density_it_is_minus_infinity(problem, compiled):
    value, by_scale, _ = compiled(problem.scales * np.nan, problem.sigma)
    assert value == -np.inf
    assert not by_scale.any()


def test_python_and_compiled_code_give_the_same(problem, graph):
    scales, sigma, value = graph
    plain = pytensor.function([scales, sigma], value, mode=pytensor.compile.mode.Mode("py", None))
    truth = slopes(problem)[0]
    assert float(plain(problem.scales, problem.sigma)) == pytest.approx(truth, rel=1e-12)


def test_the_operators_survive_pickling_and_equal_only_their_own_kind():
    for op in (DualCondense(1, 2), DualEvidence()):
        assert cloudpickle.loads(cloudpickle.dumps(op)) == op
    assert DualCondense(1, 2) != DualCondense(2, 1)


def test_a_graph_survives_pickling(problem, graph):
    scales, sigma, value = cloudpickle.loads(cloudpickle.dumps(graph))
    got = value.eval({scales: problem.scales, sigma: problem.sigma})
    assert float(got) == pytest.approx(slopes(problem)[0], rel=1e-12)


def test_inputs_that_do_not_match_the_declared_terms_are_refused(problem):
    with pytest.raises(ValueError, match="3 for every factor and 2 for every block"):
        DualCondense(1, 2)(*inputs(problem))
