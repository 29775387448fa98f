"""Data flow left to right: no import runs back, files make no circle, no engine knows a model."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bayeslmm"

# A file may import from its own room and from rooms to its left.
ROOMS = (
    ("types", "host", "options"),
    ("normal", "weights"),
    ("datasets", "seeds"),
    ("gaussian",),
    ("design",),
    ("kernels",),
    ("bases",),
    ("columns",),
    ("laws",),
    ("parameters",),
    ("coordinates",),
    ("space",),
    ("named", "scale_graph", "printed", "handed_out", "labelled"),
    ("shrinkage",),
    ("terms",),
    ("residual",),
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
    ("estimates",),
    ("predict", "reading", "scalars", "testing"),
    ("selected", "impute"),
    ("criticism",),
    ("report",),
    ("components",),
    ("api",),
    ("cli",),
    ("__main__",),
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


# Circles of files, imports inside functions counted: a model and what answers for it, twice. No
# file may join one, and a circle that is gone goes from here.
CIRCLES = {
    frozenset(
        (
            "coefficients",
            "declared",
            "densities",
            "graphs",
            "model",
            "predictive",
            "recover",
            "tree",
        )
    ),
    frozenset(
        f"factors.{name}"
        for name in ("begin", "flat", "graphs", "model", "posterior", "predictive", "rows", "words")
    ),
}


def name_of(path):
    """A file as its modules are called, without the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def files_imported(path, known):
    """Files that one imports from, inside functions too."""
    folder = list(path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = (node.module or "").split(".") if node.module else []
        if node.level:
            base = folder[: len(folder) - node.level + 1] + module
        elif module[:1] == ["bayeslmm"]:
            base = module[1:]
        else:
            continue
        for alias in node.names:
            whole = ".".join([*base, alias.name])
            yield whole if whole in known else ".".join(base)


def circles(arrows):
    """Sets of files each of which reaches all others of its set (Tarjan 1972, by reachability)."""

    def reach(start):
        found, ahead = set(), [start]
        while ahead:
            for other in arrows[ahead.pop()] - found:
                found.add(other)
                ahead.append(other)
        return found

    far = {name: reach(name) for name in arrows}
    return {
        frozenset(other for other in far[name] if name in far[other])
        for name in arrows
        if name in far[name]
    }


def test_files_make_no_circle_but_the_known_ones():
    names = {name_of(path): path for path in FILES}
    arrows = {n: set(files_imported(p, names)) & set(names) - {n} for n, p in names.items()}
    assert circles(arrows) == CIRCLES


ENGINE_FILES = sorted((PACKAGE / "engines").rglob("*.py"))
KINDS = ("lmm", "lasso", "ppca", "mixed model", "relevance vector", "principal component")
# What engines ask of a model's kind or of a block's law: each is a place to look at where a model
# or a law is added. None may come unseen.
ASKED = {
    "protocol": {"kind", "matrix"},
    "cavi": {"kind"},
    "evidence": {"kind", "mixes", "selects"},
    "selection": {"selects"},
    "lam": {"kind", "mixes"},
    "improper": {"matrix"},
    "mode": {"matrix"},
    "spans": {"selects"},
    "profile": {"selects"},
}


def spoken(tree):
    """Strings of the code, docstrings left out."""
    nodes = [
        n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    told = {id(n.body[0].value) for n in nodes if n.body and isinstance(n.body[0], ast.Expr)}
    constants = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in told]
    return [n.value for n in constants if isinstance(n.value, str)]


@pytest.mark.parametrize("path", ENGINE_FILES, ids=name_of)
def test_no_engine_names_a_model(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert not {"lmm", "rvm", "lasso", "ppca", "LMM", "FactorModel", "Dual"} & names
    found = [text for text in spoken(tree) if any(kind in text.lower() for kind in KINDS)]
    assert not found
    assert "rvm" not in spoken(tree)
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    asked = [c for c in calls if getattr(c.func, "id", "") == "isinstance"]
    assert not [c for c in asked if "odel" in ast.dump(c.args[1])]


def test_what_engines_ask_of_a_kind_or_a_law_is_written_down():
    """`model.kind`, `block.law.selects` and their like."""
    questions = {"kind", "matrix", "selects", "mixes", "ard", "dual"}
    found = {}
    for path in ENGINE_FILES:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        asked = {
            n.attr
            for n in nodes
            if isinstance(n, ast.Attribute)
            and n.attr in questions
            and ast.unparse(n.value).split(".")[-1] in ("model", "law")
        }
        if asked:
            found[name_of(path).removeprefix("engines.")] = asked
    assert found == ASKED


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
