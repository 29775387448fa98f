"""Tables for tests of files, written, read as the shell does, and refused."""

import os

import numpy as np
from typer.testing import CliRunner

from bayeslmm.cli import app
from bayeslmm.cli.tables import Form, Roles, read_table_file
from bayeslmm.design import build_design
from bayeslmm.design.formula import label_columns

USUAL = Form()
N = 24
Y = np.random.default_rng(0).normal(size=N).round(3).tolist()
X = [round(i**1.5, 3) for i in range(N)]


def text(separator=",", **columns):
    """A CSV with these columns, entries as they are."""
    rows = zip(*columns.values(), strict=True)
    lines = [separator.join(columns), *(separator.join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def refused(tmp_path, content, *words, name="t.csv"):
    """The one line on stderr of a fit that is refused."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    words = ["fit", path, *words, "-e", "eb", "-o", tmp_path / "o.nc"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("bayeslmm: ")
    assert done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == [name]
    return done.stderr


def read(tmp_path, content, formula="y ~ x + (1 | g)", group=(), name="t.csv", form=USUAL):
    """The file as the shell reads it for a formula."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    labels, others = label_columns(formula) if formula else (frozenset(), frozenset("."))
    return read_table_file(path, Roles(frozenset(group), labels, others), form)


def levels(file, formula="y ~ x + (1 | g)"):
    return build_design(formula, file.data, missing="drop").groups[0].levels.tolist()
