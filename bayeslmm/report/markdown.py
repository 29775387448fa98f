"""The report as Markdown: the same sections as tables and text, figures replaced by their words.

Whatever comes from data is written with character references, so that no name becomes a table's
bar, markup, a link or an HTML tag. GitHub's and plain CommonMark's readers show the same.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..design.visible import visible
from ..results.show import label
from .tables import Row

if TYPE_CHECKING:
    from .content import Content  # all the panels, which only a page needs

SPECIAL = {c: f"&#{ord(c)};" for c in "&<>|`*\\~$@"}


def escaped(text: object) -> str:
    """Text that means itself in Markdown, also inside a table.

    Examples
    --------
    >>> print(escaped("a|b <i> _x_ sd_g[x](y)"))
    a&#124;b &#60;i&#62; &#95;x&#95; sd_g[x]&#40;y)
    """
    line = visible(text)
    out = []
    for i, c in enumerate(line):
        before, after = line[i - 1 : i], line[i + 1 : i + 2]
        # Inside a word an underscore is one; a bracket links only where another follows.
        loose = c == "_" and not (before.isalnum() and after.isalnum())
        linking = c in "([:" and before == "]"
        address = (c == ":" and after == "/") or (c == "." and line[:i].lower().endswith("www"))
        out.append(
            f"&#{ord(c)};" if loose or linking or address else SPECIAL.get(c, c)
        )  # fmt: skip
    return "".join(out)


def markdown(page: "Content") -> str:
    """The whole report."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: "Content") -> Iterator[str]:
    yield f"# {escaped(page.title)}"
    yield from ("", escaped(page.model.kind))
    yield from ("", "## Model", "")
    equations = [page.model.formula, page.model.equation, *page.laws]
    yield from ("    " + visible(line) for line in equations)
    yield from ("", escaped(page.model.sizes), "", "### Data", "")
    yield from table(["", ""], [[name, value] for name, value in page.data])
    yield from ("", "### Priors", "")
    yield from table(
        ["parameter", "prior"], [list(pair) for pair in page.priors.whole or page.priors.rows]
    )
    yield from ("", "## Can it be trusted?", "")
    for each in page.trust:
        yield f"- {each.mark} **{escaped(each.engine)}** {escaped(each.verdict)}"
        if each.message:
            yield f"  - {escaped(each.message)}"
        for check in each.failed:
            wanted = f" (should be: {check.limit})" if check.limit else ""
            what = f". What to do: {check.advice}." if check.advice else ""
            yield f"  - {escaped(f'{check.name}: {check.value}{wanted}{what}')}"
    yield ""
    checks = [[t.engine, c.name, c.value, c.limit, _holds(c)] for t in page.trust for c in t.rows]
    yield from table(["engine", "check", "value", "limit", ""], checks)
    yield from ("", "## Engines", "")
    yield from table(["", *page.engines], [_cells(row) for row in page.runs])
    versions = ", ".join(f"{name} {version}" for name, version in page.versions.items())
    told = f"With these seeds, the data, and {versions} the numbers come out again."
    yield from ("", escaped(told), "", "## Estimates", "")
    heads = [f"{engine}: {h}" for engine, own in page.columns.items() for h in own]
    for section in page.sections:
        yield from (f"### {escaped(section.title)}", "")
        rows = section.whole or section.rows
        if section.total > len(rows):
            yield from (f"The first {len(rows):,} of {section.total:,}.", "")
        yield from table(["", *heads], [_cells(row) for row in rows])
        yield ""
    yield escaped(page.note)
    for panel in page.panels:
        yield from ("", f"## {panel.title}", "", escaped(panel.text), "")
        yield from (f"- Figure left out: {escaped(image.alt)}." for image in panel.images)


def _holds(check: object) -> str:
    ok, limit = getattr(check, "ok", True), getattr(check, "limit", "")
    return "" if ok and not limit else "holds" if ok else "fails"


def _cells(row: Row) -> list[str]:
    return [label(row.name, 160), *(cell.text for cell in row.cells)]


def table(heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    """A table of GitHub's Markdown."""
    yield "| " + " | ".join(escaped(head) for head in heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(escaped(cell) for cell in row) + " |"
