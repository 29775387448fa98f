"""A table in Parquet: every column as it stands, those of an index included."""

from pathlib import Path
from typing import Any

from .form import TableError


def read_parquet(path: Path, raw: bytes) -> Any:
    """A pyarrow.Table.

    Raises
    ------
    TableError
        Where the file is none of Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(
            pa.BufferReader(raw)
        ).read()  # `read_table` minds names that stand twice
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path} is no Parquet file: {str(error).splitlines()[0]}") from None


def plain(name: str, column: Any) -> Any:
    """A column as a pandas Series, whole numbers with gaps exact."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type) and column.null_count:
        ends = pc.min_max(column).as_py()
        large = max(abs(ends["min"] or 0), abs(ends["max"] or 0)) >= 2**53
        return column.to_pandas(integer_object_nulls=large)
    return column.to_pandas()


def labels(name: str, column: Any) -> Any:
    """A column as labels in text, each number as it is; dates as they show."""
    import pandas as pd
    import pyarrow as pa

    from ...design.columns import read_column
    from ...design.levels import level_texts

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    series = column.to_pandas(integer_object_nulls=True)
    if pa.types.is_temporal(column.type):
        return series.map(str, na_action="ignore")
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        series = _text(name, column)
    told = read_column(name, series, pd.RangeIndex(len(series)), "the labels of column")
    found = pd.Series([None] * len(series), dtype=object)
    found[~told.missing] = level_texts(told.take(~told.missing), "the column")
    return found.astype("category")


def _text(name: str, column: Any) -> Any:
    """Bytes as the text that they are, for Parquet may keep it so."""
    import pyarrow as pa

    try:
        return column.cast(pa.large_string()).to_pandas()
    except pa.ArrowInvalid:
        raise TableError(f"column {name!r} holds bytes that are no text in UTF-8") from None
