"""Any solver inside a PyTensor graph: value and gradient are the solver's own."""

from dataclasses import dataclass

import cloudpickle
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from bayeslmm.solvers.beta import MeanPrior, prior_of
from bayeslmm.solvers.dual import Dual
from bayeslmm.solvers.op import Condense, Evidence, OfMatrix, OfRows, PythonEvidence, log_density
from bayeslmm.solvers.patterns import Patterns
from bayeslmm.solvers.primal import Primal
from bayeslmm.solvers.problem import MatrixProblem
from bayeslmm.solvers.score import lower_product

from .blocks import wide


@dataclass(frozen=True)
class Uncompiled:
    """A solver that answers in Python alone."""

    inner: Primal

    @classmethod
    def of(cls, problem, beta):
        return cls(Primal.of(problem, beta))

    @property
    def problem(self):
        return self.inner.problem

    @property
    def beta(self):
        return self.inner.beta

    def value(self, scales, sigma):
        return self.inner.value(scales, sigma)

    def score(self, scales, sigma):
        return self.inner.score(scales, sigma)


@dataclass(frozen=True)
class Case:
    """A solver at a point, and how the Ops are told of its rows."""

    solver: object
    recipe: object
    y: np.ndarray
    arrays: list
    scales: np.ndarray
    sigma: float


def of_rows(kind, w):
    beta = w.prior
    arrays = [beta.H, beta.location, beta.scale, np.float64(beta.log_det), *w.rows.arrays]
    solver = kind.of(w.rows, beta)
    return Case(solver, OfRows(len(w.factors)), w.y, arrays, w.scales, w.sigma)


def of_matrix(prior):
    rng = np.random.default_rng(2)
    W, shift, unit = rng.normal(size=(4, 2)), rng.normal(size=4), np.array([1.0, 2.0, 0.5, 3.0])
    Y = rng.normal(size=(9, 4)) + 1.0
    Y[[0, 3, 3], [1, 0, 2]] = np.nan
    row, column = np.nonzero(~np.isnan(Y))
    solver = Patterns.of(MatrixProblem((Y - shift) / unit, -1.5, 0.7), prior.beta)
    known = prior_of(solver.beta, 0)
    arrays = [row, column, shift, unit, np.int64(9), np.float64(-1.5), np.float64(0.7)]
    arrays += [known.location, known.scale]
    return Case(solver, OfMatrix(), Y[row, column], arrays, W.ravel(), 0.8)


def slopes(case):
    """Value, d/d scales and d/d sigma from the solver."""
    value, J, slope = case.solver.score(case.scales, case.sigma)
    if isinstance(case.solver, Patterns):
        return value, J, slope
    flat, at = J * case.scales, 0
    for f in case.solver.problem.factors:
        at = lower_product(case.scales, J, flat, at, f.effects)
    return value, flat, slope


KINDS = {"primal": Primal, "dual": Dual, "uncompiled": Uncompiled}
CASES = [*KINDS, "patterns", "patterns, flat"]


@pytest.fixture(scope="module", params=CASES)
def problem(request):
    if request.param.startswith("patterns"):
        variance = np.full(4, np.inf) if "flat" in request.param else np.geomspace(0.5, 9.0, 4)
        return of_matrix(MeanPrior(np.linspace(-1.0, 1.0, 4), variance))
    rng, kind = np.random.default_rng(1), KINDS[request.param]
    sizes = ((14, False), (17, True))
    w = wide(rng, 9, 2, ((4, 2), (3, 1)), sizes, prior="joint", extras=True)
    return of_rows(kind, w)


@pytest.fixture(scope="module")
def graph(problem):
    scales, sigma = pt.vector("scales"), pt.scalar("sigma")
    y, arrays = pt.as_tensor(problem.y), problem.arrays
    value = log_density(problem.solver, problem.recipe, y, arrays, scales, sigma)
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


def test_the_rows_are_folded_away(problem, compiled):
    operators = {type(node.op) for node in compiled.maker.fgraph.apply_nodes}
    assert (PythonEvidence if isinstance(problem.solver, Uncompiled) else Evidence) in operators
    assert Condense not in operators


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
    types = (("float64", 1),)
    one, two = (Condense(Dual, OfRows(k), types) for k in (1, 2))
    for op in (one, Condense(Patterns, OfMatrix(), types), Evidence(Primal), Evidence(Dual)):
        assert cloudpickle.loads(cloudpickle.dumps(op)) == op
    assert one != two
    assert Evidence(Primal) != Evidence(Dual)
    asked = PythonEvidence(Uncompiled, OfRows(1))
    assert cloudpickle.loads(cloudpickle.dumps(asked)) == asked
    assert asked != PythonEvidence(Uncompiled, OfRows(2))


def test_a_graph_survives_pickling(problem, graph):
    scales, sigma, value = cloudpickle.loads(cloudpickle.dumps(graph))
    got = value.eval({scales: problem.scales, sigma: problem.sigma})
    assert float(got) == pytest.approx(slopes(problem)[0], rel=1e-12)


def test_another_response_needs_no_new_graph(problem):
    """As where a graph's data are set anew: nothing of the rows is closed over."""
    y, scales, sigma = pt.vector("y"), pt.vector("scales"), pt.scalar("sigma")
    value = log_density(problem.solver, problem.recipe, y, problem.arrays, scales, sigma)
    plain = pytensor.compile.mode.Mode("py", None)
    function = pytensor.function([y, scales, sigma], value, mode=plain)
    found = function(problem.y, problem.scales, problem.sigma)
    assert float(found) == pytest.approx(slopes(problem)[0], rel=1e-12)
    other, _ = problem.recipe(problem.y + 1.0, *problem.arrays)
    truth = type(problem.solver).of(other, problem.solver.beta)
    found = function(problem.y + 1.0, problem.scales, problem.sigma)
    assert float(found) == pytest.approx(truth.value(problem.scales, problem.sigma), rel=1e-10)
