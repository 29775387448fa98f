"""The README's code runs as it stands, and what it links to exists."""

import re
from pathlib import Path

import pytest

import bayeslmm as bl

from .markdown import blocks, run

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def test_the_code_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = run(README)
    assert len(blocks(README)) >= 5
    assert "1743.628" in capsys.readouterr().out.splitlines()
    assert (tmp_path / "fit.nc").exists()
    assert (tmp_path / "report.html").exists()
    assert names["nuts"].attrs["engine"] == "NUTS"


def test_an_error_tells_the_line_of_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nx = 1\nraise KeyError(x)\n```\n", encoding="utf-8")
    with pytest.raises(KeyError) as error:
        run(page)
    assert error.traceback[-1].lineno + 1 == 5


def test_every_public_name_that_is_mentioned_exists():
    text = README.read_text(encoding="utf-8")
    named = set(re.findall(r"\bbl\.(\w+)", text))
    assert sorted(n for n in named if not hasattr(bl, n)) == []


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:docs|examples|benchmarks)/[\w./]+)`", README.read_text())))
)
def test_files_that_are_named_exist(path):
    assert (ROOT / path).exists()


def test_options_of_the_command_line_exist():
    """Every --option of the README is one of `bayeslmm fit`, or of the program itself."""
    import typer

    from bayeslmm import cli

    app = cli.app
    group = typer.main.get_command(app)
    known = {o for c in (group, group.commands["fit"]) for p in c.params for o in p.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README.read_text(encoding="utf-8")))
    assert sorted(named - known - {"--help"}) == []
