"""Columns without a name of their own: what a file's row numbers become when a table is read."""

import re
from collections.abc import Sequence

from .errors import DesignError, quoted

# None, of pandas ("Unnamed: 0", in Parquet "__index_level_0__"), of R's readr ("...1").
UNNAMED = re.compile(r"\s*|Unnamed: \d+(\.\d+|_level_\d+)*|__index_level_\d+__|\.\.\.\d+")


def refuse_unnamed(names: Sequence[str], what: str) -> None:
    """Where every column of a table is taken, one that nobody named is no variable.

    Raises
    ------
    DesignError
        Naming it, and its place.
    """
    found = [(place, name) for place, name in enumerate(names) if UNNAMED.fullmatch(name)]
    if found:
        raise DesignError(
            f"{what} has a column without a name, {quoted(name for _, name in found)} (column "
            f"{found[0][0] + 1}), which files have for the numbers of their rows: drop it, or read "
            f"the file with index_col=0; if it is a variable, rename it"
        )
