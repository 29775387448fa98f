"""Small classical data sets that the tests, the examples and the documentation use.

Each is one CSV file in ``bayeslmm/data``; where it comes from is in the README beside the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load", "names", "path"]

_FOLDER = Path(__file__).parent / "data"


def names() -> tuple[str, ...]:
    """Names of the data sets.

    Returns
    -------
    tuple of str
        In alphabetical order, whatever the case.

    Examples
    --------
    >>> from bayeslmm import datasets
    >>> datasets.names()[:3]
    ('cake', 'Dyestuff', 'Dyestuff2')
    """
    return tuple(sorted((file.stem for file in _FOLDER.glob("*.csv")), key=str.lower))


def path(name: str) -> Path:
    """Where the CSV file of a data set is, for a tool that reads a file.

    Parameters
    ----------
    name : str
        One of :func:`names`, in the same case.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        No data set has this name.

    Examples
    --------
    >>> from bayeslmm import datasets
    >>> datasets.path("sleepstudy").name
    'sleepstudy.csv'
    """
    known = names()
    if name not in known:
        raise ValueError(f"name should be one of {', '.join(known)} but got {name!r}")
    return _FOLDER / f"{name}.csv"


def load(name: str) -> pd.DataFrame:
    """Read a data set into a table.

    Columns stay as they are in the file: ``Subject`` of sleepstudy holds the numbers 308, 309, ...,
    which a formula uses as labels where they stand right of a bar.

    Parameters
    ----------
    name : str
        One of :func:`names`, in the same case.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        No data set has this name.

    Examples
    --------
    >>> from bayeslmm import datasets
    >>> data = datasets.load("sleepstudy")
    >>> data.shape
    (180, 3)
    >>> data["Subject"].nunique()
    18
    """
    import pandas as pd

    return pd.read_csv(path(name))
