"""No name, level, label or title of the data becomes markup, in the page or in its figures."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.design.visible import visible
from bayeslmm.results.show import label

from .pages import Page

PIECES = (
    "<script>alert(1)</script>", "<b>", "</td>", "</svg>", "-->", "<!--", "&amp;", "&", '"', "'",
    "$x_1$", "$", "\\", "\\n", "\n", "\t", "\x00", "\u202e", "\u200f", "]]>",
    "<img src=x onerror=y>",
    "{{ 7*7 }}", "{% raw %}", "%s", "|", "](http://evil)", "http://evil", "long " * 40, "é",
    "日本", "x",
)  # fmt: skip
TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "p", "h1", "h2", "h3",
    "section", "dl", "dt", "dd", "code", "br", "div", "table", "thead", "tbody", "tr", "th", "td",
    "span", "strong", "ul", "li", "details", "summary", "img", "wbr",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "class", "scope", "colspan", "title", "src", "alt",
    "width", "height", "aria-hidden",
}  # fmt: skip


@pytest.fixture(scope="module")
def nasty():
    """100 random strings: 20 columns, 78 levels, a row's label and an engine."""
    rng = np.random.default_rng(5)
    words = ["".join(rng.choice(PIECES, 3)) + f"#{i}" for i in range(100)]
    columns = words[:20]
    columns[19] = columns[19].replace("/", "")  # a grouping factor's name may have none
    levels, row, engine = words[20:98], words[98], words[99]
    n = 4 * len(levels)
    table = {name: rng.normal(size=n) for name in columns[:18]}
    response, group = columns[18], columns[19]
    table[response] = rng.normal(size=n) + np.repeat(rng.normal(size=len(levels)), 4)
    table[response][3] = 30.0
    table[group] = np.repeat(levels, 4)
    index = [row if i == 3 else f"r{i}" for i in range(n)]
    return pd.DataFrame(table, index=index), columns, levels, engine


def grouped(table, columns):
    *slopes, response, group = (f"`{name}`" for name in columns)
    model = bl.lmm(f"{response} ~ {' + '.join(slopes)} + ({slopes[0]} | {group})", table)
    return model, bl.CAVI(draws=200), bl.EmpiricalBayes("reml", draws=50)


def with_a_block(table, columns):
    """All slopes as a block of columns, and 30 more whose names are as bad."""
    rng = np.random.default_rng(6)
    more = {f"{name}{i}": rng.normal(size=len(table)) for i in (2, 3) for name in columns[:15]}
    block = bl.horseshoe(pd.DataFrame({**table[columns[:18]], **more}), name="x")
    few = bl.Gibbs(draws=60, tune=30, chains=2)
    return bl.lmm(f"`{columns[18]}` ~ 1", table, terms=[block]), few, few


def with_a_curve(table, columns):
    spline = bl.kernels.gaussian(width=2.0)
    model = bl.rvm(f"`{columns[18]}` ~ `{columns[0]}`", table.iloc[:60], kernel=spline)
    return model, bl.EmpiricalBayes(draws=50), bl.EmpiricalBayes("ml", draws=50)


@pytest.fixture(scope="module", params=[grouped, with_a_block, with_a_curve])
def model_and_fits(request, nasty):
    table, columns, _, engine = nasty
    model, first, second = request.param(table, columns)
    return model, {engine: bl.fit(model, first, seed=1), "<i>EB</i>": bl.fit(model, second, seed=2)}


@pytest.fixture
def model(model_and_fits):
    return model_and_fits[0]


@pytest.fixture
def fits(model_and_fits):
    return model_and_fits[1]


def test_the_page_has_only_the_templates_tags_and_attributes(model, fits, nasty, tmp_path):
    page = Page(bl.report(model, fits, tmp_path / "r.html", title="<script>t</script>"))
    assert {tag for tag, _ in page.found} <= TAGS
    assert {name for _, attrs in page.found for name in attrs} <= ATTRIBUTES
    assert page.others == []
    classes = {c for _, a in page.found for c in (a.get("class") or "").split()}
    assert all(c.isalpha() for c in classes)
    _, columns, _, engine = nasty
    for name in columns[:4] if not model.blocks else model.blocks[0].labels[:1]:
        assert label(name, 160) in page.text
    assert visible(engine) in page.text
    assert "<script>t</script>" in page.text
    assert not {"\x00", "\u202e", "\u200f"} & set(page.source)


def test_the_figures_have_only_matplotlibs_tags(model, fits, nasty, tmp_path):
    page = Page(bl.report(model, fits, tmp_path / "r.html"))
    known = {
        "svg", "metadata", "defs", "style", "g", "path", "text", "tspan", "use", "clipPath", "rect",
        "RDF", "Work", "type", "format",
    }  # fmt: skip
    words = set()
    for alt, svg in page.figures:
        for element in svg.iter():
            assert element.tag.split("}")[-1] in known, alt
            for name, value in element.attrib.items():
                bare = name.split("}")[-1]
                assert not bare.startswith("on")
                if bare == "href":
                    assert value.startswith("#")
            words.add(element.text)
    shown = [w for w in words if w and "#" in w]
    # The labels of the levels, of the columns, or of the axes are there, as text.
    assert len(shown) > (40 if model.groups else 25 if model.blocks[0].labels[0] != "bias" else 0)


def test_markdown_takes_names_for_text(model, fits, nasty, tmp_path):
    text = bl.report(model, fits, tmp_path / "r.md", title="`a` | <b>").read_text("utf-8")
    assert text.startswith("# &#96;a&#96; &#124; &#60;b&#62;\n")
    plain = [line for line in text.split("\n") if not line.startswith("    ")]
    assert not [line for line in plain if "<" in line or ">" in line or "`" in line]
    assert "](" not in "\n".join(plain)
    assert "://" not in "\n".join(plain)
    for i, line in enumerate(plain[1:], 1):
        if line.startswith("|") and plain[i - 1].startswith("|"):
            assert line.count("|") == plain[i - 1].count("|")
