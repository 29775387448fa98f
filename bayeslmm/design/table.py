"""Any table as a mapping from names to pandas columns, with labels for its rows.

pandas, polars, pyarrow, a dict of arrays and a structured array are taken; polars needs no pyarrow.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .errors import DesignError, unknown_column
from .labels import UNLABELLED, Labels

_ACCEPTED = (
    "a pandas or polars DataFrame, a pyarrow Table, a dict of arrays or a structured numpy array"
)


@dataclass(frozen=True)
class Table:
    """Columns by name, fetched when asked for, and the labels of the rows."""

    names: tuple[str, ...]
    fetch: Callable[[str], Any]  # name -> pandas.Series with index 0..n-1
    rows: np.ndarray
    labels: Labels = UNLABELLED

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str, role: str = "the predictor") -> Any:
        """One column as a pandas Series.

        Raises
        ------
        DesignError
            If the table has no such column, or two of them.
        """
        if name in self.twice:
            raise DesignError(
                f"the table has {self.names.count(name)} columns called '{name}'; "
                "rename or drop all but one"
            )
        try:
            return self.fetch(name)
        except KeyError:
            raise unknown_column(name, self.names, role) from None

    @cached_property
    def twice(self) -> frozenset[str]:
        """Names that several columns share."""
        return frozenset(name for name, count in Counter(self.names).items() if count > 1)


def with_names(values: Any) -> Any:
    """An array whose columns have labels (xarray) as a table that has them; all else as it is."""
    dims: Any = getattr(values, "dims", ())
    if getattr(values, "ndim", 0) == 2 and len(dims) == 2 and dims[1] in values.coords:
        return values.to_pandas()
    return values


def read_table(data: Any) -> Table:
    """Read a table of any accepted kind.

    Raises
    ------
    DesignError
        If it is none of them, has no rows, or has columns of different lengths.
    """
    if isinstance(data, Table):
        return data
    table = _reader(data)(data)
    if len(table) == 0:
        raise DesignError("the table is empty: it has 0 rows; check how it was read or filtered")
    return table


def _reader(data: Any) -> Callable[[Any], Table]:
    module = type(data).__module__.split(".")[0]
    kind = type(data).__name__
    if any(c.__name__ == "DataFrame" and c.__module__[:6] == "pandas" for c in type(data).__mro__):
        return _from_pandas
    if module == "polars" and kind == "DataFrame":
        return _from_polars
    if module == "pyarrow" and kind in ("Table", "RecordBatch"):
        return _from_arrow
    if isinstance(data, Mapping):
        return _from_dict
    if isinstance(data, np.ndarray) and data.dtype.names:
        return _from_structured
    hint = ""
    if kind == "LazyFrame":
        hint = "; call .collect() first"
    elif isinstance(data, str) or hasattr(data, "__fspath__"):
        hint = "; read the file first, e.g. with pandas.read_csv"
    elif isinstance(data, np.ndarray):
        hint = "; a plain array has no column names: use the form that takes arrays"
    raise DesignError(f"data must be {_ACCEPTED}, got {module}.{kind}{hint}")


def _from_pandas(data: Any) -> Table:
    names = tuple(str(name) for name in data.columns)
    index = data.index
    labels = Labels(index, "the table")
    places = {name: place for place, name in enumerate(names)}

    def fetch(name: str) -> Any:
        return data.iloc[:, places[name]].reset_index(drop=True)

    return Table(names, fetch, labels.rows(len(index)), labels)


def _from_polars(data: Any) -> Table:
    columns = {name: data.get_column(name) for name in data.columns}
    return Table(
        tuple(data.columns), lambda name: _of_polars(columns[name]), np.arange(data.height)
    )


def _of_polars(series: Any) -> Any:
    """A polars Series as one of pandas, no number changed."""
    import pandas as pd

    kind = series.dtype
    gaps = kind.is_integer() and series.null_count() > 0  # to_numpy makes floats of them
    odd = gaps or kind.is_decimal() or str(kind).endswith("128")
    if (kind.is_numeric() or kind.is_temporal()) and not odd:
        return pd.Series(series.to_numpy())
    values = pd.Series(series.to_list(), dtype=object)
    if type(kind).__name__ == "Enum" or str(kind).startswith("Enum"):
        return pd.Series(pd.Categorical(values, categories=kind.categories.to_list()))
    return values


def _from_arrow(data: Any) -> Table:
    names = tuple(data.schema.names)
    places = {name: place for place, name in enumerate(names)}
    return Table(names, lambda name: _of_arrow(data.column(places[name])), np.arange(data.num_rows))


def _of_arrow(column: Any) -> Any:
    """A pyarrow array as a pandas Series, no number changed."""
    return column.to_pandas(integer_object_nulls=True)  # not as floats


def _from_dict(data: Any) -> Table:
    names = [str(name) for name in data]
    columns = {}
    found = [(f"column '{name}' of the table", data[name]) for name in data]
    labels = Labels.first(found)
    for name, (what, values) in zip(names, found, strict=True):
        columns[name] = as_series(labels.align(values, what), what)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
        raise DesignError(f"the columns of the table differ in length: {told}")
    if not columns:
        raise DesignError("the table is empty: it has no columns")
    n = next(iter(lengths.values()))
    return Table(tuple(names), columns.__getitem__, labels.rows(n), labels)


def as_series(values: Any, what: str) -> Any:
    """One column of any kind as a pandas Series with index 0..n-1, no number changed on the way.

    Raises
    ------
    DesignError
        If it has more than one dimension.
    """
    import pandas as pd

    module, kind = type(values).__module__.split(".")[0], type(values).__name__
    if module == "polars" and kind == "Series":
        return _of_polars(values)
    if module == "pyarrow" and kind.endswith("Array"):
        return _of_arrow(values)
    if np.ndim(values) != 1:
        raise DesignError(f"{what} must have one dimension, got shape {np.shape(values)}")
    if isinstance(values, np.ma.MaskedArray):
        masked, values = np.ma.getmaskarray(values), np.ma.getdata(values).astype(object)
        values[masked] = None
    if isinstance(values, np.ndarray) and values.dtype.kind == "U" and (values == "nan").any():
        raise DesignError(
            f"{what} holds the text 'nan', which NumPy makes of a missing value beside text; give "
            f"a list, or an array of dtype=object, in which a gap is None"
        )
    if isinstance(values, list | tuple):  # numpy would turn [1, "a"] into text
        floats = all(type(value) is float for value in values)
        return pd.Series(list(values), dtype=float if floats else object)
    return pd.Series(values).reset_index(drop=True)


def _from_structured(data: Any) -> Table:
    if data.ndim != 1:
        raise DesignError(f"a structured array must have one dimension, got shape {data.shape}")
    return _from_dict({name: data[name] for name in data.dtype.names})
