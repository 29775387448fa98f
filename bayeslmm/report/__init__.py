"""One page about a model and its results: a single HTML file that needs nothing else.

`scalars` and `view` read the trees, `tables` and the panels (`densities`, `caterpillar`, `rows`)
say what is shown, `drawing` draws, `page.html` and `page.css` lay out, `files` writes.
"""

from .page import report

__all__ = ["report"]
