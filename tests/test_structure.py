"""Data flow left to right: no import runs back, and no engine knows a model."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bayeslmm"

# A file may import from its own room and from rooms to its left.
ROOMS = (
    ("datasets",),
    ("gaussian",),
    ("design",),
    ("kernels",),
    ("bases",),
    ("columns",),
    ("laws",),
    ("coordinates",),
    ("space",),
    ("named", "scale_graph", "printed", "handed_out"),
    ("shrinkage",),
    ("terms",),
    ("priors",),
    ("fixed", "blocks"),
    ("block_laws",),
    ("target",),
    ("model",),
    ("factors",),
    ("models",),
    ("declared",),
    ("recover", "tree"),
    ("coefficients",),
    ("predictive",),
    ("densities",),
    ("graphs",),
    ("engines",),
    ("fit",),
    ("new_rows",),
    ("predict", "reading", "scalars", "testing"),
    ("selected", "impute"),
    ("criticism",),
    ("report",),
    ("components",),
    ("cli",),
    ("sklearn",),
)
RANK = {name: i for i, room in enumerate(ROOMS) for name in room}
# The arrows back: a model answers what engines ask of it, by files that are loaded when asked.
LAZY = {("model", "graphs"), ("model", "recover"), ("model", "densities"), ("model", "predictive")}


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path):
    """Rooms that a file imports from, inside functions too."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = list(path.relative_to(PACKAGE).parts[:-1])[: depth - node.level]
            parts = base + (node.module.split(".") if node.module else [])
            yield from [parts[0]] if parts else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bayeslmm."):
            yield node.module.split(".")[1]


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_import_runs_back(path):
    own = room(path)
    assert own in RANK, f"{own} has no room: add it to ROOMS where data reaches it"
    for other in imported(path):
        if other != own and (own, other) not in LAZY:
            assert RANK[other] < RANK[own], f"{path.name} imports from {other}, to its right"


@pytest.mark.parametrize("path", sorted((PACKAGE / "engines").glob("*.py")), ids=lambda p: p.stem)
def test_no_engine_names_a_model(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    strings = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    kinds = {"lmm", "rvm", "lasso", "ppca", "LMM", "Linear mixed model"}
    assert not kinds & (names | strings)
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    asked = [c for c in calls if getattr(c.func, "id", "") == "isinstance"]
    assert not [c for c in asked if "odel" in ast.dump(c.args[1])]


def test_gaussian_knows_neither_pymc_nor_a_model():
    for path in (PACKAGE / "gaussian").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "pymc" not in source.lower().replace("no pymc", ""), path.name


def test_every_module_can_be_imported():
    import importlib

    for path in FILES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[1] == "sklearn" and not find_spec("sklearn"):
            continue  # the one folder that needs what the package does not ask for
        importlib.import_module(".".join(p for p in parts if p != "__init__"))
