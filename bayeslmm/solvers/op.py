"""Any solver inside a PyTensor graph: the log density with the coefficients integrated out.

`Condense` makes of the rows what a solver's compiled code reads; its inputs are constants in a
model, so PyTensor folds it away when it compiles and n never enters the sampler. `Evidence` is the
log density given the scales, with its derivatives as further outputs of the same evaluation. Data
are inputs, never closed over; the Ops survive pickling, and are equal where they do the same. A
solver without compiled code is asked in Python (`PythonEvidence`), for no more than its `score`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import (
    generate_fallback_impl,
    register_funcify_and_cache_key,
    register_funcify_default_op_cache_key,
)

from ..types import Array
from .beta import FLAT, Beta, FixedPrior, prior_of
from .compiled import frozen, jit, version
from .patterns import Patterns
from .problem import MatrixProblem, Problem


@dataclass(frozen=True)
class OfRows:
    """A problem with one response: (y, H, location, scale, log_det, *Problem.arrays)."""

    factors: int

    def __call__(self, y: Any, *arrays: Any) -> tuple[Problem, Beta]:
        H, location, scale, log_det, *rows = arrays
        prior = FixedPrior(H, location, scale, float(log_det))
        return Problem.of_arrays(y, rows, self.factors), prior


@dataclass(frozen=True)
class OfMatrix:
    """A matrix: (entries, row, column, shift, unit, n, constant, log_det_T, location, scale)."""

    def __call__(self, entries: Any, *arrays: Any) -> tuple[MatrixProblem, Beta]:
        row, column, shift, unit, n, constant, log_det_T, location, scale = arrays
        Y = np.full((int(n), shift.size), np.nan)
        Y[row, column] = entries.ravel()
        prior = FixedPrior.independent(location, scale) if location.size else FLAT
        return MatrixProblem((Y - shift) / unit, float(constant), float(log_det_T)), prior


def density_of_entries(
    problem: MatrixProblem, beta: Beta, shift: Array, unit: Array, y: Any, scales: Any, sigma: Any
) -> Any:
    """Log density of a matrix's entries y, a variable, on the user's scale."""
    solver, (row, column) = Patterns.of(problem, beta), np.nonzero(problem.there)
    prior, count = prior_of(beta, 0), np.int64(len(problem.Y))
    known = np.float64(problem.constant), np.float64(problem.log_det_T)
    arrays = [row, column, shift, unit, count, *known, prior.location, prior.scale]
    return log_density(solver, OfMatrix(), y, arrays, scales, sigma)


def density_of_rows(solver: Any, y: Any, scales: Any, sigma: Any) -> Any:
    """Log density of y, a variable, by a solver of rows that integrates beta."""
    problem, beta = solver.problem, prior_of(solver.beta, solver.problem.X.shape[1])
    arrays = [beta.H, beta.location, beta.scale, np.float64(beta.log_det), *problem.arrays]
    return log_density(solver, OfRows(len(problem.factors)), y, arrays, scales, sigma)


def log_density(
    solver: Any, recipe: Any, y: Any, arrays: Sequence[Any], scales: Any, sigma: Any
) -> Any:
    """Log density of y, a variable, at the variables scales (m,) and sigma.

    Parameters
    ----------
    solver : Solver
        Of its kind, and with data of its types.
    recipe : OfRows or OfMatrix
        Makes the problem, and what is done with beta, from y and the arrays.
    """
    if not hasattr(solver, "evaluate"):
        asked: Any = PythonEvidence(type(solver), recipe)(scales, sigma, y, *arrays)
        return asked[0]
    types = tuple((a.dtype.name, a.ndim) for a in solver.data)
    data: Any = Condense(type(solver), recipe, types)(y, *arrays)
    found: Any = Evidence(type(solver))(scales, sigma, *data)
    return found[0]


class Condense(Op):
    """(y, *arrays) -> a solver's data, array by array, of the given dtypes and dimensions."""

    __props__ = ("solver", "recipe", "types")

    def __init__(self, solver: Any, recipe: Any, types: tuple[tuple[str, int], ...]) -> None:
        self.solver, self.recipe, self.types = solver, recipe, types
        super().__init__()

    def make_node(self, *inputs: Any) -> Apply:
        outputs = [pt.tensor(dtype=dtype, shape=(None,) * ndim) for dtype, ndim in self.types]
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        data = self.solver.of(*self.recipe(*inputs)).data
        for storage, value in zip(output_storage, data):
            storage[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False] * len(self.types) for _ in node.inputs]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        return [DisconnectedType()() for _ in inputs]


class Differentiable(Op):
    """(scales, sigma, *data) -> log density, its derivative in scales, and in sigma."""

    def make_node(self, *inputs: Any) -> Apply:
        outputs = [pt.tensor(dtype="float64", shape=(None,) * ndim) for ndim in (0, 1, 0)]
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], outputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        free = [True, False, False]
        return [free, free, *[[False] * 3 for _ in node.inputs[2:]]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        _, slopes, slope = outputs
        weight = cotangents[0]
        return [weight * slopes, weight * slope, *[DisconnectedType()() for _ in inputs[2:]]]


class Evidence(Differentiable):
    """By compiled code, from a solver's data."""

    __props__ = ("solver",)

    def __init__(self, solver: Any) -> None:
        self.solver = solver
        super().__init__()

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        scales, sigma, *data = inputs
        known = frozen(self.solver.data_type(*data))
        found = self.solver.evaluate(scales.copy(), float(sigma), known)
        for storage, result in zip(output_storage, found):
            storage[0] = np.asarray(result)


class PythonEvidence(Differentiable):
    """By any solver, from the rows: (scales, sigma, y, *arrays) as the recipe reads them."""

    __props__ = ("solver", "recipe")

    def __init__(self, solver: Any, recipe: Any) -> None:
        self.solver, self.recipe = solver, recipe
        super().__init__()

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        scales, sigma, *rows = inputs
        solver = self._made(rows)
        value, J, slope = solver.score(scales.copy(), float(sigma))
        found = (value, slopes_of(solver.problem, scales, J), slope)
        if not np.isfinite(value):
            found = (-np.inf, np.zeros_like(scales), 0.0)
        for storage, result in zip(output_storage, found):
            storage[0] = np.asarray(result)

    def _made(self, rows: list[Any]) -> Any:
        """The solver of these rows, which are constants: made once."""
        held, solver = getattr(self, "_held", ((), None))
        if len(held) != len(rows) or any(a is not b for a, b in zip(held, rows)):
            solver = self.solver.of(*self.recipe(*rows))
            self._held = (rows, solver)
        return solver

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_held"}


def slopes_of(problem: Problem, scales: Array, J: Array) -> Array:
    """Derivatives in a solver's scales from its J: lower part of J L, and J s."""
    slopes, at = J * scales, 0
    for f in problem.factors:
        own = slice(at, at + f.effects**2)
        L = scales[own].reshape(f.effects, -1)
        slopes[own] = np.tril(J[own].reshape(L.shape) @ L).ravel()
        at = own.stop
    return slopes


@register_funcify_default_op_cache_key(Evidence)
def compile_evidence(op: Evidence, node: Apply, **kwargs: Any) -> Any:
    """Give PyTensor's Numba backend the compiled kernel itself.

    Constants of a graph are arrays that cannot be written to, as a solver's data are.
    """
    kernel, data_type = op.solver.evaluate, op.solver.data_type

    @jit
    def evidence(scales, sigma, *data):
        value, slopes, slope = kernel(scales.copy(), sigma.item(), data_type(*data))
        return np.asarray(value), slopes, np.asarray(slope)

    return evidence.made, version(evidence)  # PyTensor keeps a cache of its own


@register_funcify_and_cache_key(PythonEvidence)
def call_python(op: PythonEvidence, node: Apply, **kwargs: Any) -> Any:
    """Let PyTensor's Numba backend go back to Python, and keep no machine code of it."""
    with catch_warnings():
        simplefilter("ignore", UserWarning)  # that it does so
        return generate_fallback_impl(op, node), None
