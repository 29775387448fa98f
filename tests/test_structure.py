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
        if isinstance(node, ast.Import):
            yield from (a.name.removeprefix("bayeslmm.") for a in node.names)
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
            # what is no file of the package itself is a public name, which the package asks api for
            yield whole if whole in known else ".".join(base) or "api"


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
    """In a house of eight files, imports inside functions counted."""
    for name, text in {
        "solvers/a.py": "def f():\n    from ..engines import b\n",
        "engines/b.py": "from .c import g\n",
        "engines/c.py": "def h():\n    from . import b\n",
        "engines/d.py": "import bayeslmm.report.e\n",
        "engines/f.py": "from .. import fixef\n",
        "report/e.py": "",
        "api.py": "",
        "types.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    arrows = arrows_of(sorted(tmp_path.rglob("*.py")), tmp_path)
    assert backward(arrows) == [
        "engines.d imports from report.e, to its right",
        "engines.f imports from api, to its right",
        "solvers.a imports from engines.b, to its right",
    ]
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


def named(node):
    """Last names of all that an expression names."""
    for n in ast.walk(node):
        if isinstance(n, ast.Name | ast.Attribute):
            yield n.id if isinstance(n, ast.Name) else n.attr


def classes_asked(tree):
    """What code compares a value's class with: isinstance, match, type(x) is C."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
            "isinstance",
            "issubclass",
        }:
            yield from named(node.args[1])
        elif isinstance(node, ast.MatchClass):
            yield from named(node.cls)
        elif isinstance(node, ast.Compare):
            yield from named(node)


def defined(room):
    """Classes of a room and the names of their methods."""
    classes = [n for tree in code_of(room).values() for n in tree.body]
    return {
        n.name: {m.name for m in n.body if isinstance(m, ast.FunctionDef)}
        for n in classes
        if isinstance(n, ast.ClassDef)
    }


KINDS = ("lmm", "lasso", "ppca", "mixed model", "relevance vector", "principal component")
SOLVERS = {name for name, methods in defined("solvers").items() if {"cost", "of"} <= methods}
# Of a block's law engines ask two things: whether a maximum chooses its columns, and whether its
# scales are hidden under others.
OF_A_LAW = {
    "selects": {"cavi", "evidence", "selection", "spans", "profile", "collapsed"},
    "mixes": {"evidence", "lam", "collapsed"},
}


def knows(tree):
    """Models and solvers that code names or tells apart."""
    text = spoken(tree)
    told = {kind for kind in KINDS if any(kind in line.lower() for line in text)}
    told |= {"lmm", "rvm", "lasso", "ppca"} & {*named(tree)} | {"rvm"} & {*text}
    return told | {*classes_asked(tree)} & (SOLVERS | {"Model", "Problem", "MatrixProblem"})


@pytest.mark.parametrize(("name", "tree"), code_of("engines").items(), ids=code_of("engines"))
def test_no_engine_knows_which_model_or_which_solver_it_has(name, tree):
    assert not knows(tree)
    assert not [other for other in ARROWS[name] if other.split(".")[0] == "models"]


@pytest.mark.parametrize(
    "line",
    [
        "isinstance(model, Model)",
        "isinstance(model.solver(), dual.Dual)",
        "isinstance(solver, Primal | Dual)",
        "issubclass(type(solver), (int, Patterns))",
        "type(solver) is Complete",
        "match solver:\n    case Dual():\n        pass",
        "if model.kind == 'mixed model': pass",
        "models.ppca(Y)",
        "law == 'rvm'",
    ],
)
def test_an_engine_that_knows_is_seen(line):
    assert {"Primal", "Dual", "Complete", "Patterns"} <= SOLVERS
    assert knows(ast.parse(line))
    assert not knows(ast.parse("def f(model: Model, solver: Dual) -> Model:\n    'A lasso.'"))


def test_what_engines_ask_of_a_law_is_asked_where_it_is_written_down():
    """Each is a place to look at where a law is added."""
    for question, allowed in OF_A_LAW.items():
        found = {n for n, tree in code_of("engines").items() if question in attributes(tree)}
        assert {name.split(".")[-1] for name in found} <= allowed


WORDS = ("converged", "to be trusted", "interrupted", "boundary", "not determined")
SEARCHES = {"startswith", "endswith", "find", "index", "count", "removeprefix", "search", "match"}


def compared_with(tree):
    """Words that code holds a text against, however it does; keys of attributes are no words."""
    for node in ast.walk(tree):
        parts = []
        if isinstance(node, ast.Compare):
            keys = isinstance(node.ops[0], ast.In | ast.NotIn)
            if not (keys and {"attrs"} & {*named(node.comparators[0])}):
                parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in SEARCHES:
            parts = node.args
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        for part in parts:
            each = part.elts if isinstance(part, ast.Tuple | ast.List | ast.Set) else [part]
            yield from (e.value for e in each if isinstance(e, ast.Constant))


def words_compared(tree):
    texts = [value for value in compared_with(tree) if isinstance(value, str)]
    return [text for text in texts if any(word in text for word in WORDS)]


def test_no_code_compares_a_message_with_a_word():
    """What an engine ended with is a value; its words are for people."""
    for path in FILES:
        found = words_compared(ast.parse(path.read_text(encoding="utf-8")))
        assert not found, name_of(path)


@pytest.mark.parametrize(
    "line",
    [
        "message == 'converged'",
        "1 < 2 and 'not converged' in message",
        "message not in ('converged', 'x')",
        "message.startswith(('converged', 'y'))",
        "message.endswith('not to be trusted')",
        "match message:\n    case 'interrupted':\n        pass",
    ],
)
def test_a_message_compared_with_a_word_is_seen(line):
    assert words_compared(ast.parse(line))
    assert not words_compared(ast.parse("'converged' in tree.attrs and attrs['converged'] == 1"))


def test_solvers_know_neither_pymc_nor_names():
    for path in (PACKAGE / "solvers").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "pymc" not in source.lower().replace("no pymc", ""), path.name
        assert "Theta" not in source, path.name


KNOW_THE_LAYOUT = ("model.space", "model.coordinates", "model.vectorised", "model.loadings")


def fields(module, name):
    """Names that a class of the package declares."""
    body = ast.parse((PACKAGE / module).read_text(encoding="utf-8")).body
    (found,) = [n for n in body if isinstance(n, ast.ClassDef) and n.name == name]
    return {n.target.id for n in found.body if isinstance(n, ast.AnnAssign)}


OFFSETS = fields("model/coordinates.py", "Layout") - {"eta"}  # the density of a correlation


def offsets_read(tree):
    """Parts of a layout that code reads."""
    for node in ast.walk(tree):
        part = isinstance(node, ast.Subscript) or getattr(node, "attr", "") in OFFSETS
        if part and "layout" in (getattr(node.value, "id", ""), getattr(node.value, "attr", "")):
            yield ast.unparse(node)


def test_one_file_alone_knows_where_a_number_of_theta_lies():
    """The space, and the compiled code that it hands its layout to (a solver's is its own)."""
    for path in FILES:
        name = name_of(path)
        if name not in KNOW_THE_LAYOUT and not name.startswith("solvers."):
            assert not [*offsets_read(ast.parse(path.read_text(encoding="utf-8")))], name


@pytest.mark.parametrize(
    "line", ["space.layout.at", "layout.code[0]", "self.space.layout[3]", "x = layout.value"]
)
def test_an_offset_that_is_read_is_seen(line):
    assert [*offsets_read(ast.parse(line))]
    assert not [*offsets_read(ast.parse("f(z, space.layout, space.layout.eta)"))]


def test_every_module_can_be_imported():
    for path in FILES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[1] == "sklearn" and not find_spec("sklearn"):
            continue  # the one folder that needs what the package does not ask for
        import_module(".".join(p for p in parts if p != "__init__"))
