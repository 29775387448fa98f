"""Small classical data sets that the tests, the examples and the documentation use.

Each is one file in ``bayeslmm/data``: CSV, or npz where digits must be kept in little space. Where
it comes from is in the README beside the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .host.options import one_of, shown

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
    ('cake', 'diabetes', 'diabetes_unitnorm')
    """
    return tuple(sorted(_files(), key=str.lower))


def _files() -> dict[str, Path]:
    return {file.stem: file for kind in ("csv", "npz") for file in _FOLDER.glob(f"*.{kind}")}


def path(name: str) -> Path:
    """Where the file of a data set is, for a tool that reads a file.

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
    if not one_of(name, known):
        raise ValueError(f"name should be one of {', '.join(known)} but got {shown(name)}")
    return _files()[name]


def load(name: str) -> pd.DataFrame:
    """Read a data set into a table.

    Columns stay as they are in the file: ``Subject`` of sleepstudy holds the numbers 308, 309, ...,
    which a formula uses as labels where they stand right of a bar. An array x of p columns in an
    npz file becomes the columns x0, x1, ..., x(p - 1).

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
    import numpy as np
    import pandas as pd

    file = path(name)
    if file.suffix == ".csv":
        return pd.read_csv(file)
    columns: dict[str, np.ndarray] = {}
    with np.load(file, allow_pickle=False) as arrays:
        for key, values in arrays.items():
            several = {f"{key}{j}": column for j, column in enumerate(values.T)}
            columns |= several if values.ndim == 2 else {key: values}
    return pd.DataFrame(columns)
