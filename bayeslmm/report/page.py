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
from .content import content
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
    """Write one page about a model and its results.

    The page needs nothing but itself: no script, no font, no address. It is written whole or not at
    all. What it shows follows from the results: the model, its priors and data; whether each engine
    can be trusted, and what to do where not; all estimates; engines compared, densities, random
    effects, coefficients of blocks of columns, the curve of a kernel of one input, residuals,
    calibration, scores and loadings, eigenvalues, covariances, missing entries, chains and bounds,
    where there are any.

    Parameters
    ----------
    model : Model
        What `bayeslmm.lmm`, or another maker of models, returned.
    results : DataTree, or dict of str to DataTree
        What `bayeslmm.fit` returned for this model; several under the names that the page shows.
    path : path-like
        The file, overwritten where it exists. Its ending decides: .html or .htm for one HTML page,
        .md for the same sections in Markdown, each figure replaced by what it shows, in words.
    title : str, optional
        The heading; by default the formula.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError
        Where `model` is no model, or a result no tree with a posterior.
    ValueError
        Where there is no result, or one of another model, or `path` ends in something else.
    OSError
        Where the file cannot be written; nothing has been computed then.

    Examples
    --------
    >>> import bayeslmm as bl, tempfile, pathlib
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = bl.report(m, {"EB": eb}, pathlib.Path(folder) / "report.html")
    ...     page.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    view = View(model, _check(model, results))
    form = ENDINGS.get(Path(path).suffix.lower())
    if form is None and not Path(path).is_dir():
        raise ValueError(f"a report ends in {', '.join(ENDINGS)}; got {Path(path).name!r}")
    target = check_writable(path)
    text = markdown(content(view, title)) if form == "markdown" else render(view, title)
    write(target, text.encode("utf-8", "backslashreplace"))
    return target


def render(view: View, title: str | None = None) -> str:
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
    text = env.get_template("page.html").render(page=content(view, title), key=key(view.trees))
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
