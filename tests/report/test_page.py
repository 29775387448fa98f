"""The page: one file, nothing fetched, everything escaped, written whole or not at all."""

import re

import numpy as np
import pytest

import bayeslmm as bl

from .pages import Page


@pytest.fixture(scope="module")
def fits():
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    nuts = bl.fit(model, bl.NUTS(draws=200, tune=300, chains=2), seed=1)
    return model, {"NUTS": nuts, "EB": bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)}


def test_a_page_with_two_engines_shows_their_numbers(fits, tmp_path):
    model, trees = fits
    page = Page(bl.report(model, trees, tmp_path / "r.html"))
    text = page.text
    for word in ("NUTS", "EB", "251.4", "sd_Subject[Days]", "LKJ(2)", "95% equal-tailed", "180"):
        assert word in text
    assert sum(tag in ("img", "svg") for tag, _ in page.found) >= 5


@pytest.mark.parametrize("engine", ["NUTS", "EB"])
def test_a_page_with_one_engine_needs_no_dict(fits, tmp_path, engine):
    """It is the page of a dict of one, under the engine's own name."""
    model, trees = fits
    page = Page(bl.report(model, trees[engine], tmp_path / "r.html"))
    name = {"NUTS": "NUTS", "EB": "EB (reml)"}[engine]
    named = Page(bl.report(model, {name: trees[engine]}, tmp_path / "n.html"))
    assert page.text == named.text
    assert [alt for alt, _ in page.figures] == [alt for alt, _ in named.figures]
    chains = "Did the chains mix?"
    assert (chains in page.headings) == (engine == "NUTS")
    days = bl.fixef(trees[engine]).loc["Days", "mean"]
    assert f"{days:.2f}" in page.text


def test_the_page_fetches_nothing(fits, tmp_path):
    model, trees = fits
    path = bl.report(model, trees, tmp_path / "r.html")
    page = Page(path)
    assert not [t for t, _ in page.found if t in ("script", "link", "iframe", "object")]
    for _, attrs in page.found:
        for name in ("src", "href", "srcset"):
            assert (attrs.get(name) or "data:").startswith(("data:", "#"))
    style = re.sub(r'xmlns(:\w+)?="[^"]*"|<dc:[^>]*>|rdf:[^>]*', "", path.read_text("utf-8"))
    assert "url(http" not in style
    assert "@import" not in style


def test_markup_in_names_and_levels_comes_out_escaped(tmp_path):
    rng = np.random.default_rng(0)
    pieces = [
        "<b>",
        "</td>",
        "<script>alert(1)</script>",
        "&amp;",
        '"',
        "'",
        "{{ 7*7 }}",
        "<img src=x>",
    ]
    levels = ["".join(rng.choice(pieces, 3)) + f"{i}" for i in range(100)]
    g = np.repeat(levels, 4)
    names = ["<i>y</i>", "<script>x", "a<b>&g"]
    table = {names[0]: rng.normal(size=400), names[1]: rng.normal(size=400), names[2]: g}
    model = bl.lmm(f"`{names[0]}` ~ `{names[1]}` + (1 | `{names[2]}`)", table)
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=50), seed=1)
    page = Page(bl.report(model, tree, tmp_path / "r.html", title="<script>{{ 7*7 }}</script>"))
    tags = {t for t, _ in page.found}
    assert not {"script", "b", "i"} & tags
    assert not [a for t, a in page.found if t == "img" and a.get("src") == "x"]
    assert (
        page.text.count("<script>{{ 7*7 }}</script>") == 2
    )  # in the window's title and on the page
    assert model.formula in page.text
    forest = next(svg for alt, svg in page.figures if alt.startswith("Random effect"))
    shown = [e.text for e in forest.iter() if e.text and e.text.strip()]
    assert len({text for text in shown if "{{ 7*7 }}" in text}) > 5  # nothing was worked out
    assert not [text for text in shown if text.strip() == "49"]


def test_a_page_that_cannot_be_written_is_refused_and_leaves_nothing(fits, tmp_path):
    model, trees = fits
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        bl.report(model, trees, tmp_path / "no" / "r.html")
    with pytest.raises(IsADirectoryError):
        bl.report(model, trees, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_keeps_the_old_page(fits, tmp_path, monkeypatch):
    model, trees = fits
    path = tmp_path / "r.html"
    path.write_text("old")
    from bayeslmm.report import page

    def fail(view, title):
        raise RuntimeError("half way")

    monkeypatch.setattr(page, "render", fail)
    with pytest.raises(RuntimeError):
        bl.report(model, trees, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_results_of_another_model_are_refused(fits, tmp_path):
    model, trees = fits
    other = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    with pytest.raises(ValueError, match=r"the result .*: this tree is not a fit of this model"):
        bl.report(other, trees, tmp_path / "r.html")
    with pytest.raises(ValueError, match="at least one result"):
        bl.report(model, {}, tmp_path / "r.html")
    with pytest.raises(TypeError, match="takes a model first"):
        bl.report(trees, model, tmp_path / "r.html")
