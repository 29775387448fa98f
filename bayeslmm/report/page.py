"""`report`: choose the panels, fill the template, write the file."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model import Model
from ..scalars import ESS_PER_CHAIN, INTERVAL, RHAT_LIMIT
from ..tree import check_tree
from . import tables
from .caterpillar import caterpillar
from .densities import densities
from .drawing import Image
from .files import check_writable, whole
from .rows import rows
from .view import View


@dataclass(frozen=True)
class Panel:
    """Figures under a heading. One that finds nothing to draw in the trees is left out."""

    title: str
    text: str
    figures: Callable[[View], tuple[list[Image], str]]


PANELS = (
    Panel(
        "Variance parameters",
        "Posterior densities. A dashed line marks a value that was maximised and plugged in.",
        densities,
    ),
    Panel(
        "Random effects",
        f"Mean and {INTERVAL} of each level, in the order of the mean.",
        caterpillar,
    ),
    Panel(
        "Do the rows look like the model's?",
        "Residuals should scatter evenly about zero and follow the line; responses drawn from the "
        "posterior should look like the observed ones.",
        rows,
    ),
)


def report(
    model: Model,
    results: Any,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
) -> Path:
    """Write one HTML page about a model and its results.

    The page needs nothing but itself: no script, no font, no address. It is written whole or not at
    all.

    Parameters
    ----------
    model : Model
        What `bayeslmm.lmm` returned.
    results : DataTree, or dict of str to DataTree
        What `bayeslmm.fit` returned for this model; several under the names that the page shows.
    path : path-like
        The file, overwritten where it exists.
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
        Where there is no result, or one of another model.
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
    target = check_writable(path)
    text = render(view, title)
    with whole(target) as draft:
        draft.write_text(text, encoding="utf-8")
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
    )
    panels = [(panel, *panel.figures(view)) for panel in PANELS]
    attrs = view.first[1].attrs
    return env.get_template("page.html").render(
        title=title or view.model.design.formula,
        model=view.model,
        data=tables.data_summary(view.model),
        engines=list(view.trees),
        runs=tables.engines(view),
        columns=tables.columns(view),
        sections=tables.estimates(view),
        panels=[(p, images, note) for p, images, note in panels if images],
        interval=INTERVAL,
        rhat_limit=RHAT_LIMIT,
        ess_limit=ESS_PER_CHAIN,
        versions={k.removeprefix("version_"): v for k, v in attrs.items() if k[:8] == "version_"},
    )


def _check(model: Any, results: Any) -> dict[str, Any]:
    """The trees by name, each with a posterior of this model's rows."""
    if not isinstance(model, Model):
        raise TypeError(
            f"report takes a model first, such as bl.lmm(formula, data); got {type(model).__name__}"
        )
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
    for name, tree in results.items():
        if not hasattr(tree, "groups") or "posterior" not in tree:
            raise TypeError(f"the result {name!r} has no posterior; give what bl.fit returned")
        try:
            check_tree(model, tree)
        except ValueError as error:
            raise ValueError(f"the result {name!r} is of another model: {error}") from None
    return {str(name): tree for name, tree in results.items()}
