"""What conformance holds numbers with: a difference that is told, and a gradient by differences."""

from typing import Any

from ..types import Array


def check_gradient(model: Any, z: Array) -> None:
    """Hold the gradient of the target at z to differences of its value."""
    target = model.target()
    grad = target(z)[1]
    for i in range(z.size):
        e = 0.0 * z
        e[i] = 1e-5
        slope = (target(z + e)[0] - target(z - e)[0]) / 2e-5
        close(grad[i], slope, 1e-5 * max(1.0, abs(slope), abs(target(z)[0])), f"gradient {i}")


def close(ours: float, truth: float, allowed: float, what: str) -> None:
    """Fail, telling by how much, where two numbers differ by more than is allowed."""
    if not abs(ours - truth) <= allowed:
        raise AssertionError(
            f"{what} differ: {ours!r} against {truth!r}, by {abs(ours - truth):.3g} "
            f"where {allowed:.3g} is allowed"
        )
