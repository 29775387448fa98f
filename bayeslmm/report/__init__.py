"""One page about a model and its results: a single HTML file that needs nothing else.

`scalars` and `view` read the trees, `tables` and the panels (`densities`, `caterpillar`, `rows`)
say what is shown, `drawing` draws, `page.html` and `page.css` lay out, `files` writes. All of it is
loaded when a page is asked for.
"""

import os
from pathlib import Path
from typing import Any

__all__ = ["report"]


def report(
    model: Any,
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
    from .page import report as write

    return write(model, results, path, title=title)
