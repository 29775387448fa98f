"""`report`: gather what is to be said, write it as HTML or Markdown, whole or not at all."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..design.visible import visible
from ..host.arithmetic import tiny_is_zero
from ..model.declared import model_first
from ..model.model import Model
from ..posterior.tree import read_tree
from ..results.drawing import key
from ..results.show import label
from .files import check_writable, write
from .markdown import markdown
from .view import View

ENDINGS = {".html": "html", ".htm": "html", ".md": "markdown"}


@tiny_is_zero
def report(
    model: Model,
    results: Any,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
) -> Path:
    """See `bayeslmm.report`."""
    from .content import content  # all the panels, which only a page needs

    view = View(model, _check(model, results))
    form = ENDINGS.get(Path(path).suffix.lower())
    if form is None and not Path(path).is_dir():
        raise ValueError(f"a report ends in {', '.join(ENDINGS)}; got {Path(path).name!r}")
    target = check_writable(path)
    page = content(view, title)
    text = markdown(page) if form == "markdown" else render(page, view)
    write(target, text.encode("utf-8", "backslashreplace"))
    return target


def render(page: Any, view: View) -> str:
    """The page as text. Everything that comes from data is escaped by the template."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("bayeslmm", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Escaping leaves what steers text, such as marks of direction and halves of characters.
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    env.filters["label"] = breakable
    text = env.get_template("page.html").render(page=page, key=key(view.trees))
    return text.lstrip()


def breakable(text: object, limit: int) -> Any:
    """A short name as escaped markup that may break after its joints: sd_|group|[column]."""
    from markupsafe import Markup, escape

    parts = re.split(r"(?<=[_:.,/\[])", label(text, limit))
    return Markup("<wbr>").join(escape(part) for part in parts if part)


def _check(model: Any, results: Any) -> dict[str, Any]:
    """The trees by name, each with a posterior of this model's rows."""
    model_first(model, "report")
    # A tree is itself a mapping, from names to groups: one with a posterior is a single result.
    if hasattr(results, "groups") and "posterior" in results:
        results = {str(results.attrs.get("engine", "posterior")): results}
    if not isinstance(results, Mapping):
        raise TypeError(
            f"report takes a result of bl.fit second, or a dict of them such as {{'NUTS': nuts}}; "
            f"got {type(results).__name__}"
        )
    if not results:
        raise ValueError("report needs at least one result; the dict is empty")
    trees = {}
    for name, tree in results.items():
        if not hasattr(tree, "groups") or "posterior" not in tree:
            raise TypeError(f"the result {name!r} has no posterior; give what bl.fit returned")
        try:
            trees[str(name)] = read_tree(model, tree)
        except ValueError as error:
            raise ValueError(f"the result {name!r}: {error}") from None
    return trees
