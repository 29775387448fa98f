"""No name, level, label or title of the data becomes markup, in the page or in its figures."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.report.show import clean, label

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


@pytest.fixture(scope="module")
def model(nasty):
    table, columns, *_ = nasty
    *slopes, response, group = (f"`{name}`" for name in columns)
    return bl.lmm(f"{response} ~ {' + '.join(slopes)} + ({slopes[0]} | {group})", table)


@pytest.fixture(scope="module")
def fits(nasty, model):
    eb = bl.fit(model, bl.EmpiricalBayes("reml", draws=50), seed=1)
    return {nasty[3]: bl.fit(model, bl.CAVI(draws=200), seed=1), "<i>EB</i>": eb}


def test_the_page_has_only_the_templates_tags_and_attributes(model, fits, nasty, tmp_path):
    page = Page(bl.report(model, fits, tmp_path / "r.html", title="<script>t</script>"))
    assert {tag for tag, _ in page.found} <= TAGS
    assert {name for _, attrs in page.found for name in attrs} <= ATTRIBUTES
    assert page.others == []
    classes = {c for _, a in page.found for c in (a.get("class") or "").split()}
    assert all(c.isalpha() for c in classes)
    _, columns, _, engine = nasty
    for name in columns[:4]:
        assert label(name, 160) in page.text
    assert clean(engine) in page.text
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
    assert len(shown) > 40  # the levels' labels are there, as text


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
