"""The set-up from a clone: pins, the search for a Python, and what the Makefile and CI run."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FIND_PYTHON = ROOT / "scripts" / "find_python.sh"

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX shell and make")


def _pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pins.items()}


@pytest.mark.parametrize(
    "requirement", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
)
def test_every_requirement_is_pinned_within_its_range(requirement):
    requirement = Requirement(requirement)
    assert requirement.specifier.contains(_pins()[canonicalize_name(requirement.name)])


def test_constraints_are_plain_pins():
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", line), line
        assert "://" not in line


def _find_python(tmp_path, **env):
    """Run the script with a PATH that holds only what the test puts there, and no other roots."""
    clean = {"HOME": str(tmp_path), "FIND_PYTHON_ROOTS": "", "PATH": str(tmp_path / "bin")} | env
    return subprocess.run(
        ["/bin/sh", FIND_PYTHON], env=clean, cwd=tmp_path, capture_output=True, text=True
    )


def _program(tmp_path, name, text):
    file = tmp_path / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


@posix
def test_find_python_prints_one_that_runs(tmp_path):
    _program(tmp_path, "python3.13", "echo 'no such version' >&2; exit 127")  # a shim of no Python
    _program(tmp_path, "python3.12", f'exec "{sys.executable}" "$@"')
    answer = _find_python(tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == sys.executable


@posix
def test_find_python_takes_the_one_that_is_named(tmp_path):
    answer = _find_python(tmp_path, PYTHON=sys.executable)
    assert answer.stdout.strip() == sys.executable


@posix
def test_find_python_looks_into_pyenv(tmp_path):
    (tmp_path / ".pyenv/versions/3.13.9/bin").mkdir(parents=True)
    link = tmp_path / ".pyenv/versions/3.13.9/bin/python"
    link.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    link.chmod(0o755)
    assert _find_python(tmp_path).stdout.strip() == sys.executable


@posix
def test_find_python_tells_what_it_found_and_what_to_do(tmp_path):
    _program(tmp_path, "python3", "echo old 3.9.1 /somewhere/python3")
    answer = _find_python(tmp_path)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert "3.9.1 /somewhere/python3: too old" in answer.stderr
    assert "install Python 3.13" in answer.stderr


@posix
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_runs_the_whole_fast_suite_and_the_report():
    def recipe(target):
        command = ["make", "--no-print-directory", "-n", target]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    test = recipe("test").splitlines()[-1]
    assert re.search(r"-m pytest( -n 2 --dist worksteal)?$", test), test  # no -k, -m, --ignore
    assert "sleepstudy.csv" in recipe("report")
    assert "--engine nuts --engine eb --seed 1 -o report.html" in recipe("report")


@posix
def test_ci_runs_make_test_and_nothing_weaker():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert commands[-1] == "exec make test"


def test_licence_is_whole():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_all_compiled_code_comes_of_the_one_decorator_that_keeps_it():
    package = Path(__file__).parents[1] / "bayeslmm"
    made = re.compile(r"\bnjit\(|@(numba\.)?n?jit\(|@numba\.|@(cfunc|vectorize|guvectorize)\b")
    found = [p.name for p in package.rglob("*.py") if made.search(p.read_text(encoding="utf-8"))]
    assert found == ["compiled.py"]
