"""What compiled code returns does not depend on where in memory its arrays lie."""

import ast
from pathlib import Path

import numpy as np
import pytest

from bayeslmm.solvers.low_rank import factor, solve
from bayeslmm.solvers.patterns import _add_slope

PACKAGE = Path(__file__).parents[1] / "bayeslmm"
KEPT = {"min", "max", "abs"}  # functions with which a loop is still made of vectors


def compiled_functions():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and "jit" in map(ast.unparse, node.decorator_list):
                yield path, node


def innermost(function):
    for node in ast.walk(function):
        if isinstance(node, ast.For):
            inside = [x for statement in node.body for x in ast.walk(statement)]
            calls = {ast.unparse(x.func) for x in inside if isinstance(x, ast.Call)}
            if not calls - KEPT and not any(isinstance(x, ast.For | ast.While) for x in inside):
                yield node, inside


def counters(loop, inside):
    """Names that change from turn to turn because the counter does."""
    found = {x.id for x in ast.walk(loop.target) if isinstance(x, ast.Name)}
    for x in inside:
        if isinstance(x, ast.Assign) and found & names(x.value):
            found |= names(x.targets[0])
    return found


def names(node):
    return {x.id for x in ast.walk(node) if isinstance(x, ast.Name)}


def adds(x, to):
    return (
        isinstance(x, ast.AugAssign)
        and isinstance(x.op, ast.Add | ast.Sub)
        and isinstance(x.target, to)
        and not (isinstance(x.value, ast.Constant) and isinstance(x.value.value, int))
    )


def faults(function):
    """Innermost loops that write to an array and add up as well (`solvers/compiled.py`)."""
    for loop, inside in innermost(function):
        moving = counters(loop, inside)
        targets = [t for x in inside if isinstance(x, ast.Assign) for t in x.targets]
        targets += [x.target for x in inside if isinstance(x, ast.AugAssign)]
        writes = any(isinstance(t, ast.Subscript) for t in targets)
        sums = any(adds(x, ast.Name) for x in inside)
        still = any(adds(x, ast.Subscript) and not moving & names(x.target.slice) for x in inside)
        if (writes and sums) or still:
            yield loop.lineno


def test_no_loop_writes_and_adds_up():
    found = [
        f"{path.relative_to(PACKAGE)}:{line} in {function.name}"
        for path, function in compiled_functions()
        for line in faults(function)
    ]
    assert not found, "a sum goes into a name of its own, in a loop that writes nothing: " + str(
        found
    )


@pytest.mark.parametrize(
    "source",
    [
        "for i in range(n):\n        a[i] = b[i]\n        t += b[i]",
        "for i in range(n):\n        a[j] += b[i] * c[i]",
    ],
)
def test_the_rule_finds_what_it_forbids(source):
    function = ast.parse(f"def f(a, b, c, j, n, t):\n    {source}").body[0]
    assert list(faults(function))
    assert not list(faults(ast.parse("def f(a, n):\n    for i in range(n):\n        a[i] += 1.0")))


@pytest.mark.parametrize(("q", "k"), [(2, 4), (2, 7), (3, 13), (2, 40)])
def test_distances_in_memory_leave_every_bit(q, k):
    rng = np.random.default_rng(q * k)
    given = [rng.standard_normal(shape) for shape in [(q, k)] * 4 + [(k,)] * 2 + [(q, q)]]
    given[0] *= 0.3
    features, seen = np.arange(k), set()
    for _ in range(300):
        room, at = np.empty(2000), int(rng.integers(8))
        placed = [None] * len(given)
        for i in rng.permutation(len(given)):  # in any order, and more or less close
            placed[i] = room[at : at + given[i].size].reshape(given[i].shape)
            placed[i][...] = given[i]
            at += given[i].size + int(rng.integers(0, 12))
        B, K, inner, slope, x, line, L = placed
        free = _add_slope(B, 0.3, K, 2.0, features, inner, line, slope)
        quad = solve(B, 0.3, x, line)
        log_det = factor(B, 0.3, L)
        arrays = (slope, line, np.tril(L), B)
        seen.add((free, quad, log_det, *(a.tobytes() for a in arrays)))
    assert len(seen) == 1
