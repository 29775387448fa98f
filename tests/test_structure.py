"""The house: data flow left to right, files make no circle, every name stands once."""

import ast
from collections import defaultdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bayeslmm"

# A file may import from its own room and from rooms to its left, inside functions too.
ROOMS = (
    *("types", "host", "datasets", "stats", "solvers", "design", "columns", "model", "models"),
    *("posterior", "engines", "fit", "results", "criticism", "report", "testing", "api"),
    *("cli", "__main__", "sklearn"),
)
TOP = 8  # files beside the rooms
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__")


def name_of(path, package=PACKAGE):
    """A file as its modules are called, without the package."""
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def files_imported(path, known, package=PACKAGE):
    """Files that one imports from, inside functions too."""
    folder = list(path.relative_to(package).parts[:-1])
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


def arrows_of(files, package=PACKAGE):
    names = {name_of(path, package): path for path in files}
    return {
        name: set(files_imported(path, names, package)) & set(names) - {name}
        for name, path in names.items()
    }


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


def backward(arrows):
    """Imports from a room to the right of a file's own."""
    rank = {name: i for i, name in enumerate(ROOMS)}
    return [
        f"{name} imports from {other}, to its right"
        for name, others in sorted(arrows.items())
        for other in sorted(others)
        if rank[name.split(".")[0]] < rank[other.split(".")[0]]
    ]


ARROWS = arrows_of(FILES)


def test_every_file_has_a_room():
    assert {name.split(".")[0] for name in ARROWS} == set(ROOMS)
    assert len(list(PACKAGE.glob("*.py"))) <= TOP


def test_no_import_runs_back():
    assert not backward(ARROWS)


def test_files_make_no_circle():
    assert not circles(ARROWS)


def test_an_arrow_back_and_a_circle_are_seen(tmp_path):
    """In a house of four files, imports inside functions counted."""
    for name, text in {
        "solvers/a.py": "def f():\n    from ..engines import b\n",
        "engines/b.py": "from .c import g\n",
        "engines/c.py": "def h():\n    from . import b\n",
        "types.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    arrows = arrows_of(sorted(tmp_path.rglob("*.py")), tmp_path)
    assert backward(arrows) == ["solvers.a imports from engines.b, to its right"]
    assert circles(arrows) == {frozenset(("engines.b", "engines.c"))}


def test_every_name_of_a_file_and_of_a_class_stands_once():
    stems, classes = defaultdict(list), defaultdict(list)
    for path in FILES:
        if not path.stem.startswith("__"):
            stems[path.stem].append(name_of(path))
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(name_of(path))
    assert not {name: where for name, where in stems.items() if len(where) > 1}
    assert not {name: where for name, where in classes.items() if len(where) > 1}


def code_of(room):
    return {
        name_of(p): ast.parse(p.read_text(encoding="utf-8")) for p in (PACKAGE / room).rglob("*.py")
    }


def attributes(tree):
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def spoken(tree):
    """Strings of the code, docstrings left out."""
    nodes = [
        n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    told = {id(n.body[0].value) for n in nodes if n.body and isinstance(n.body[0], ast.Expr)}
    constants = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in told]
    return [n.value for n in constants if isinstance(n.value, str)]


KINDS = ("lmm", "lasso", "ppca", "mixed model", "relevance vector", "principal component")
SOLVERS = {"Primal", "Dual", "Complete", "Patterns"}
# Of a block's law engines ask two things: whether a maximum chooses its columns, and whether its
# scales are hidden under others.
OF_A_LAW = {
    "selects": {"cavi", "evidence", "selection", "spans", "profile", "collapsed"},
    "mixes": {"evidence", "lam", "collapsed"},
}


@pytest.mark.parametrize(("name", "tree"), code_of("engines").items(), ids=code_of("engines"))
def test_no_engine_knows_which_model_or_which_solver_it_has(name, tree):
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert not {"lmm", "rvm", "lasso", "ppca"} & names
    assert not [text for text in spoken(tree) if any(kind in text.lower() for kind in KINDS)]
    assert "rvm" not in spoken(tree)
    for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
        if getattr(call.func, "id", "") == "isinstance":
            asked = {n.id for n in ast.walk(call.args[1]) if isinstance(n, ast.Name)}
            assert not asked & (SOLVERS | {"Model", "Problem", "MatrixProblem"})


def test_what_engines_ask_of_a_law_is_asked_where_it_is_written_down():
    """Each is a place to look at where a law is added."""
    for question, allowed in OF_A_LAW.items():
        found = {n for n, tree in code_of("engines").items() if question in attributes(tree)}
        assert {name.split(".")[-1] for name in found} <= allowed


WORDS = {"converged", "not converged", "to be trusted", "not to be trusted", "interrupted"}


@pytest.mark.parametrize("room", [room for room in ROOMS if (PACKAGE / room).is_dir()])
def test_no_code_compares_a_message_with_a_word(room):
    """What an engine ended with is a value; its words are for people."""
    for name, tree in code_of(room).items():
        for node in ast.walk(tree):
            parts = []
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                parts = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "startswith":
                parts = node.args
            words = {p.value for p in parts if isinstance(p, ast.Constant)}
            assert not words & WORDS, name


def test_solvers_know_neither_pymc_nor_names():
    for path in (PACKAGE / "solvers").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "pymc" not in source.lower().replace("no pymc", ""), path.name
        assert "Theta" not in source, path.name


OFFSETS = {"at", "widths", "start", "products", "factors", "members", "blocks", "code"}


def test_one_file_alone_knows_where_a_number_of_theta_lies():
    """The space, and the compiled code that it hands its layout to."""
    for path in FILES:
        if name_of(path) in ("model.space", "model.coordinates", "model.loadings"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        asked = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in OFFSETS]
        owners = {ast.unparse(n.value).split(".")[-1] for n in asked}
        assert not owners & {"layout"}, path.name


def test_every_module_can_be_imported():
    for path in FILES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[1] == "sklearn" and not find_spec("sklearn"):
            continue  # the one folder that needs what the package does not ask for
        import_module(".".join(p for p in parts if p != "__init__"))
