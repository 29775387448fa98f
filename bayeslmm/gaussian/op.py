"""The solver as a PyTensor Op: the log evidence inside any graph.

`Condense` takes the sums over the rows; its inputs are constants in a model, so PyTensor folds it
away when it compiles and n never enters the sampler. `Evidence` is the log density given the
scales, with its derivatives as further outputs of the same evaluation. Data are inputs, never
closed over; both Ops are without state, equal to each other, and survive pickling.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from .compiled import jit, version
from .equations import Data, scratch
from .primal import FixedPrior, Primal
from .score import lower_product, value_and_score
from .sums import Columns, Factor, accumulate

SUMS = len(Data._fields)
INTEGERS = ("starts", "columns", "layout")
DIMS = {"R": 4, "B": 4, "values": 2, "C": 2, "layout": 2, "K": 2, "P0": 2}  # one where not named


class Condense(Op):
    """Rows to sums: (y, X, offset, weights, frequency, H, location, scale, log_det, *factors).

    Every factor is three inputs: codes (n,), Z (n, q), and the number of its levels; then every
    block of columns two: Z (n, P), and whether its columns share one scale.
    """

    __props__ = ("factors", "blocks")

    def __init__(self, factors: int, blocks: int = 0) -> None:
        self.factors, self.blocks = factors, blocks
        super().__init__()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(i) for i in inputs]
        outputs = [
            pt.tensor(
                dtype="int64" if name in INTEGERS else "float64", shape=(None,) * DIMS.get(name, 1)
            )
            for name in Data._fields
        ]
        return Apply(self, tensors, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        y, X, offset, weights, frequency, H, location, scale, log_det, *rest = inputs
        factors, blocks = terms_of(rest, self.factors)
        known = {"offset": offset, "weights": weights, "frequency": frequency}
        sums = accumulate(y, X, factors, blocks, **known)
        data = Primal.of(sums, FixedPrior(H, location, scale, float(log_det))).data
        for storage, value in zip(output_storage, data):
            storage[0] = np.ascontiguousarray(value)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False] * SUMS for _ in node.inputs]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        return [DisconnectedType()() for _ in inputs]


def terms_of(rest: list[Any], count: int) -> tuple[tuple[Factor, ...], tuple[Columns, ...]]:
    """The factors and blocks that a flat list of inputs holds."""
    factors = tuple(
        Factor(rest[i].astype(np.intp), int(rest[i + 2]), rest[i + 1])
        for i in range(0, 3 * count, 3)
    )
    blocks = range(3 * count, len(rest), 2)
    return factors, tuple(Columns(rest[i], bool(rest[i + 1])) for i in blocks)


class Evidence(Op):
    """(scales, sigma, *sums) -> log density, its derivative in scales, and in sigma."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(i) for i in inputs]
        outputs = [
            pt.scalar(dtype="float64"),
            pt.vector(dtype="float64"),
            pt.scalar(dtype="float64"),
        ]
        return Apply(self, tensors, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        scales, sigma, *sums = inputs
        value, slopes, slope = evaluate(scales, float(sigma), *sums)
        for storage, result in zip(output_storage, (value, slopes, slope)):
            storage[0] = np.asarray(result)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True, False, False], [True, False, False], *[[False] * 3] * SUMS]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        _, slopes, slope = outputs
        weight = cotangents[0]
        return [weight * slopes, weight * slope, *[DisconnectedType()() for _ in inputs[2:]]]


@jit
def evaluate(
    scales, sigma, R, B, starts, columns, values, C, g, shift, layout, K, known, P0, h0, constants
):
    """Value and derivatives from flat inputs; -inf where float64 cannot hold the density."""
    q = R.shape[1]
    data = Data(R, B, starts, columns, values, C, g, shift, layout, K, known, P0, h0, constants)
    work = scratch(data)
    J = np.zeros(scales.size)
    slopes = np.zeros(scales.size)
    value, slope = value_and_score(scales, sigma, data, work, J)
    if not np.isfinite(value):
        return -np.inf, slopes, 0.0
    at = lower_product(scales, J, slopes, 0, q)
    for f in range(layout.shape[0]):
        at = lower_product(scales, J, slopes, at, layout[f, 2])
    return value, slopes, slope


@register_funcify_default_op_cache_key(Evidence)
def compile_evidence(op: Evidence, node: Apply, **kwargs: Any) -> Any:
    """Give PyTensor's Numba backend the compiled kernel itself."""

    @jit
    def evidence(
        scales,
        sigma,
        R,
        B,
        starts,
        columns,
        values,
        C,
        g,
        shift,
        layout,
        K,
        known,
        P0,
        h0,
        constants,
    ):
        # Copies are plain contiguous arrays, so that `evaluate` is compiled once, not once more
        # for every kind of array that a graph may hold; they cost little beside the evaluation.
        value, slopes, slope = evaluate(
            scales.copy(),
            sigma.item(),
            R.copy(),
            B.copy(),
            starts.copy(),
            columns.copy(),
            values.copy(),
            C.copy(),
            g.copy(),
            shift.copy(),
            layout.copy(),
            K.copy(),
            known.copy(),
            P0.copy(),
            h0.copy(),
            constants.copy(),
        )
        return np.asarray(value), slopes, np.asarray(slope)

    return evidence, version(evidence)  # PyTensor keeps a cache of its own
