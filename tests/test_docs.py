"""The code in the pages of the documentation runs, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

import bayeslmm as bl

from .markdown import run

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_code_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_and_names(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DOCS / link).exists(), link
    named = set(re.findall(r"\bbl\.(\w+)", text))
    assert sorted(n for n in named if not hasattr(bl, n)) == []


def test_every_page_is_in_the_index():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [p.name for p in PAGES if p.stem != "index" and f"({p.name})" not in index] == []


def test_the_table_of_priors_is_that_of_the_code():
    """Each row of the docstring's table stands in the page, up to markup and longer remarks."""
    from bayeslmm.model import priors

    page = (DOCS / "priors.md").read_text(encoding="utf-8").replace("`", "")
    rows = re.findall(r"^\| ([^|]+) \| ([^|;]+)", priors.__doc__, re.MULTILINE)
    assert len(rows) >= 6
    for name, law in rows:
        shared = law.strip().replace("one per effect", "one for each effect")
        assert f"| {name} | {shared}" in page
