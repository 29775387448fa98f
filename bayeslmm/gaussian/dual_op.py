"""The dual solver as PyTensor Ops, the siblings of those in `op`.

`DualCondense` scales the columns of the rows; its inputs are constants in a model, so PyTensor
folds it away when it compiles. `DualEvidence` is the log density given the scales, with its
derivatives as further outputs of the same evaluation. Data are inputs, never closed over.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from .compiled import jit, version
from .dual import Dual
from .dual_rows import DualRows
from .dual_score import DualData, dual_evaluate
from .primal import FixedPrior
from .sums import Columns, Factor

PIECES = len(DualData._fields)
DIMS = {
    "columns": 2,
    "grams": 3,
    "codes": 2,
    "Z": 2,
    "layout": 2,
    "K": 2,
    "P0": 2,
}  # one where not named
INTEGERS = ("codes", "layout")
ROWS = 9  # inputs before the factors


class DualCondense(Op):
    """Rows to scaled columns.

    Inputs: y, X, offset, weights, frequency, H, location, scale, log_det; then for each of
    `factors` codes (n,), Z (n, q) and the number of its levels; then for each of `blocks` Z (n, P)
    and whether its scale is shared (0 or 1).
    """

    __props__ = ("factors", "blocks")

    def __init__(self, factors: int, blocks: int) -> None:
        self.factors = factors
        self.blocks = blocks

    def make_node(self, *inputs: Any) -> Apply:
        if len(inputs) != ROWS + 3 * self.factors + 2 * self.blocks:
            raise ValueError(
                f"{self} takes {ROWS} inputs, 3 for every factor and 2 for every block, got "
                f"{len(inputs)}"
            )
        tensors = [pt.as_tensor_variable(i) for i in inputs]
        outputs = [
            pt.tensor(
                dtype="int64" if name in INTEGERS else "float64", shape=(None,) * DIMS.get(name, 1)
            )
            for name in DualData._fields
        ]
        return Apply(self, tensors, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        y, X, offset, weights, frequency, H, location, scale, log_det, *rest = inputs
        end = 3 * self.factors
        factors = tuple(
            Factor(rest[i].astype(np.intp), int(rest[i + 2]), rest[i + 1]) for i in range(0, end, 3)
        )
        blocks = tuple(
            Columns(rest[i], bool(rest[i + 1])) for i in range(end, end + 2 * self.blocks, 2)
        )
        rows = DualRows(y, X, factors, blocks, offset, weights, frequency)
        data = Dual.of(rows, FixedPrior(H, location, scale, float(log_det))).data
        for storage, value in zip(output_storage, data):
            storage[0] = np.ascontiguousarray(value)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False] * PIECES for _ in node.inputs]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        return [DisconnectedType()() for _ in inputs]


class DualEvidence(Op):
    """(scales, sigma, *pieces) -> log density, its derivative in scales, and in sigma."""

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
        scales, sigma, *pieces = inputs
        value, slopes, slope = dual_evaluate(scales, float(sigma), *pieces)
        for storage, result in zip(output_storage, (value, slopes, slope)):
            storage[0] = np.asarray(result)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True, False, False], [True, False, False], *[[False] * 3] * PIECES]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        _, slopes, slope = outputs
        weight = cotangents[0]
        return [weight * slopes, weight * slope, *[DisconnectedType()() for _ in inputs[2:]]]


@register_funcify_default_op_cache_key(DualEvidence)
def compile_dual_evidence(op: DualEvidence, node: Apply, **kwargs: Any) -> Any:
    """Give PyTensor's Numba backend the compiled kernel itself."""

    @jit
    def dual_evidence(
        scales, sigma, columns, y, grams, codes, Z, layout, K, known, P0, h0, constants
    ):
        # Small arrays are copied into plain contiguous ones, so that the kernel is compiled once;
        # `columns` and `grams` are large, and contiguous as `DualCondense` left them.
        value, slopes, slope = dual_evaluate(
            scales.copy(),
            sigma.item(),
            np.ascontiguousarray(columns),
            y.copy(),
            np.ascontiguousarray(grams),
            codes.copy(),
            Z.copy(),
            layout.copy(),
            K.copy(),
            known.copy(),
            P0.copy(),
            h0.copy(),
            constants.copy(),
        )
        return np.asarray(value), slopes, np.asarray(slope)

    return dual_evidence, version(dual_evidence)  # PyTensor keeps a cache of its own
