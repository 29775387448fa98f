"""Probabilistic PCA as PyTensor Ops: the log density of a matrix given loadings and noise.

`Gather` turns the entries that are there into patterns once, when PyTensor compiles (without
missing entries there is one, and n never enters the sampler); `FactorEvidence` is the log density
with means and scores integrated out, and its slopes. Both are without state and survive pickling.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from .compiled import jit, version
from .complete import EVIDENCE, REML
from .patterns import Rows, gather, score

ARRAYS = Rows._fields[:-1]  # all but the number of features
INTEGERS = ("starts", "features", "heights")


class Gather(Op):
    """(entries, row, column, shift, unit, rows) -> patterns of (entry - shift) / unit."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(i) for i in inputs]
        outputs = [pt.vector(dtype="int64" if name in INTEGERS else "float64") for name in ARRAYS]
        return Apply(self, tensors, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        entries, row, column, shift, unit, rows = inputs
        Y = np.full((int(rows), shift.size), np.nan)
        Y[row, column] = entries.ravel()
        for storage, value in zip(output_storage, gather((Y - shift) / unit)):
            storage[0] = np.ascontiguousarray(value)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False] * len(ARRAYS) for _ in node.inputs]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        return [DisconnectedType()() for _ in inputs]


class FactorEvidence(Op):
    """(W, sigma, location, variance, *patterns) -> log density, its slope in W, and in sigma.

    With `flat` the means are integrated under density one, else under N(location, variance).
    """

    __props__ = ("flat",)

    def __init__(self, flat: bool = False) -> None:
        self.flat = flat
        super().__init__()

    @property
    def code(self) -> int:
        """What is done with the means."""
        return REML if self.flat else EVIDENCE

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(i) for i in inputs]
        outputs = [
            pt.scalar(dtype="float64"),
            pt.matrix(dtype="float64"),
            pt.scalar(dtype="float64"),
        ]
        return Apply(self, tensors, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        W, sigma, *rest = inputs
        kernel: Any = evaluate
        found = kernel(np.ascontiguousarray(W), float(sigma), *rest, self.code)
        for storage, result in zip(output_storage, found):
            storage[0] = np.asarray(result)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        free = [True, False, False]
        return [free, free, *[[False] * 3 for _ in node.inputs[2:]]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        _, slope, by_sigma = outputs
        weight = cotangents[0]
        return [weight * slope, weight * by_sigma, *[DisconnectedType()() for _ in inputs[2:]]]


@jit
def evaluate(W, sigma, location, variance, counts, starts, features, means, heights, scatter, code):
    """Value and slopes from flat inputs; -inf where float64 cannot hold the density."""
    rows = Rows(counts, starts, features, means, heights, scatter, W.shape[0])
    slope = np.zeros(W.shape)
    value, by_sigma = score(W, sigma, rows, location, variance, code, slope)
    if not np.isfinite(value):
        return -np.inf, np.zeros(W.shape), 0.0
    return value, slope, by_sigma


@register_funcify_default_op_cache_key(FactorEvidence)
def compile_evidence(op: FactorEvidence, node: Apply, **kwargs: Any) -> Any:
    """Give PyTensor's Numba backend the compiled kernel itself."""
    code = op.code

    @jit
    def evidence(W, sigma, location, variance, counts, starts, features, means, heights, scatter):
        # Copies are plain contiguous arrays: `evaluate` is compiled once for all graphs.
        value, slope, by_sigma = evaluate(
            W.copy(),
            sigma.item(),
            location.copy(),
            variance.copy(),
            counts.copy(),
            starts.copy(),
            features.copy(),
            means.copy(),
            heights.copy(),
            scatter.copy(),
            code,
        )
        return np.asarray(value), slope, np.asarray(by_sigma)

    return evidence, version(evidence)
